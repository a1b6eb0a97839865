"""Where a change goes: to the branch that was looked at, or to a new one, as a form says it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlencode

from tether.core.names import BRANCHES
from tether.errors import InvalidInput, TetherError
from tether.hub.pages.forms import Form

NEW = "new"
_PROPOSE = "propose"
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Aim:
    """What the form offers.

    Attributes:
        branch: That was looked at.
        refusal: Why it may not be changed directly; None where it may.
        new: Whether a new branch is chosen.
        name: Of the new branch: what was typed, or a free one.
        propose: Whether a pull request of the new branch comes next.
    """

    branch: str
    refusal: TetherError | None
    new: bool
    name: str
    propose: bool


def aim_of(branch: str, refusal: TetherError | None, form: Form, user: str, refs: Iterable[str]) -> Aim:
    """Return what a form offers, which was sent before or not yet."""
    new = form.get("to", "") == NEW or refusal is not None
    name = form.get("branch") or free_name(user, refs)
    return Aim(branch, refusal, new, name, refusal is not None or _PROPOSE in form)


def new_branch_in(form: Form) -> str | None:
    """Return the name of the new branch that a form wants; None where it wants none.

    Raises:
        InvalidInput: It wants one without a name.
    """
    if form.get("to") != NEW:
        return None
    name = form.get("branch", "").strip()
    if not name:
        raise InvalidInput("the new branch has no name", hint="give it one, as in 'new-labels'")
    return name


def page_after(form: Form, base: str, into: str, otherwise: str) -> str:
    """Return the page that follows a commit: a new pull request if the form wants one of its new branch.

    Args:
        form: What was sent.
        base: Address of the repository.
        into: The branch that the change would go to.
        otherwise: The page where no pull request is wanted.
    """
    name = new_branch_in(form)
    if name is None or name == into or _PROPOSE not in form:
        return otherwise
    return f"{base}/pulls/new?{urlencode({'source': name, 'target': into})}"


def free_name(user: str, refs: Iterable[str]) -> str:
    """Return a name of a branch that is not there: `ada-change-1`."""
    there, start = set(refs), _UNFIT.sub("-", user).strip("-") or "some"
    return next(name for name in (f"{start}-change-{at}" for at in count(1)) if BRANCHES + name not in there)
