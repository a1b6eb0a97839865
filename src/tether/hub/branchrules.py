"""What a rule of branches or tags says; `tether.hub.rules` keeps them, `tether.hub.guarding` applies them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from tether.core.names import check_path, path_bytes
from tether.core.wildmatch import translate
from tether.errors import InvalidInput
from tether.hub.access import Role

DEFAULT_BRANCH = "HEAD"
"""As the pattern of a rule: the branch that a clone checks out, whatever it is called."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is in a repository.

    Attributes:
        role: With the token that was shown.
        account_id: None for the command line.
        teams: Ids of the owner's teams that they are in.
    """

    role: Role
    account_id: str | None
    teams: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grant:
    """Some people: all from a role on, and users and teams; in the tables by id, in documents by name."""

    role: Role | None = None
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "Grant":
        """Return what `as_json` wrote."""
        role = None if value["role"] is None else Role[value["role"].upper()]
        return cls(role, tuple(value["users"]), tuple(value["teams"]))

    def as_json(self) -> dict[str, Any]:
        """Return a value for a document or a table."""
        role = None if self.role is None else self.role.name.lower()
        return {"role": role, "users": list(self.users), "teams": list(self.teams)}

    def includes(self, who: Standing) -> bool:
        """Say whether somebody is one of them; the grant is by id."""
        by_role = self.role is not None and who.role >= self.role
        return by_role or who.account_id in self.users or not who.teams.isdisjoint(self.teams)


@dataclass(frozen=True, slots=True)
class ProtectedPath:
    """A file, or a folder with all below it, that only some may change."""

    path: str
    who: Grant


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for pushes to the branches, or to the tags, that a pattern matches.

    Attributes:
        name: Of the rule, in its repository.
        branches: A pattern as in `.tetherignore`, or `HEAD`; empty in a rule of tags.
        tags: A pattern of tags; empty in a rule of branches.
        push: Who may push, and make tags; None for all who may write.
        force: Whether a branch may lose commits, or a tag be moved.
        delete: Whether a branch or tag may be deleted.
        review: Whether changes come by pull requests alone; nobody but the exempt may push.
        approvals: How many people must approve a pull request, where changes are reviewed.
        fresh: Whether an approval counts for the head alone that it was given for.
        checks: Names of checks of the head that must have succeeded.
        paths: What only some may change.
        exempt: For whom the rule does not hold.
    """

    name: str
    branches: str
    push: Grant | None = None
    force: bool = False
    delete: bool = False
    review: bool = False
    paths: tuple[ProtectedPath, ...] = ()
    exempt: Grant = field(default_factory=Grant)
    tags: str = ""
    approvals: int = 1
    fresh: bool = False
    checks: tuple[str, ...] = ()

    @classmethod
    def read(cls, name: str, branches: str, value: Mapping[str, Any]) -> "Rule":
        """Return what `as_json` wrote."""
        push = None if value["push"] is None else Grant.read(value["push"])
        paths = tuple(ProtectedPath(each["path"], Grant.read(each["who"])) for each in value["paths"])
        flags = {flag: value[flag] for flag in ("force", "delete", "review")}
        tags = value.get("tags") or ""  # older rules know of none, nor of the last three
        found = cls(name, branches, push, **flags, paths=paths, exempt=Grant.read(value["exempt"]), tags=tags)
        fresh, checks = value.get("fresh", False), tuple(value.get("checks", ()))
        return replace(found, approvals=value.get("approvals", 1), fresh=fresh, checks=checks)

    def as_json(self) -> dict[str, Any]:
        """Return a value for a document or a table, without the name and the pattern."""
        return {
            "tags": self.tags or None,
            "push": None if self.push is None else self.push.as_json(),
            "force": self.force,
            "delete": self.delete,
            "review": self.review,
            "approvals": self.approvals,
            "fresh": self.fresh,
            "checks": list(self.checks),
            "paths": [{"path": each.path, "who": each.who.as_json()} for each in self.paths],
            "exempt": self.exempt.as_json(),
        }

    def with_grants(self, change: Callable[[Grant], Grant]) -> "Rule":
        """Return the rule with every grant changed: names for ids, or ids for names."""
        push = None if self.push is None else change(self.push)
        paths = tuple(ProtectedPath(each.path, change(each.who)) for each in self.paths)
        return replace(self, push=push, paths=paths, exempt=change(self.exempt))

    def matches(self, branch: str, default_branch: str | None) -> bool:
        """Say whether the rule is about a branch."""
        if self.branches == DEFAULT_BRANCH:
            return branch == default_branch
        return _matches(self.branches, branch)

    def matches_tag(self, tag: str) -> bool:
        """Say whether the rule is about a tag."""
        return _matches(self.tags, tag)

    def check(self) -> None:
        """Refuse a pattern that nothing can match, and paths that cannot be in a repository.

        Raises:
            InvalidInput: Such a one is there, or the rule is not about branches or tags alone.
        """
        if (self.branches == "") == (self.tags == ""):
            raise InvalidInput("a rule is about branches or about tags", hint="give one of the two patterns")
        if self.tags and (self.review or self.paths):
            raise InvalidInput("a rule of tags says nothing of reviews and paths", hint="leave them out")
        if (self.fresh or self.checks) and not self.review:
            raise InvalidInput("checks and fresh approvals are of reviewed changes", hint="set review too")
        pattern = self.branches or self.tags
        if _compiled(pattern) is None or not pattern.isprintable():
            hint = f"write it as main, release/* or **, or {DEFAULT_BRANCH} for the default branch"
            hint = hint if self.branches else "write it as v1, v* or **"
            what = "branch" if self.branches else "tag"
            raise InvalidInput(f"no {what} can match {pattern!r}", hint=hint)
        for each in self.paths:
            tree_path(each.path)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    expression = translate(pattern)
    return None if expression is None else re.compile(expression)


def _matches(pattern: str, name: str) -> bool:
    expression = _compiled(pattern) if pattern else None
    return expression is not None and expression.fullmatch(name) is not None


def tree_path(text: str) -> bytes:
    """Return a path in a repository that was given as text.

    Raises:
        InvalidInput: It cannot be one; a slash at the end is refused too.
    """
    if "\0" in text or not text.isprintable():
        raise InvalidInput("a path here holds no character that cannot be printed")
    return check_path(path_bytes(text))


def of_default_branch() -> Rule:
    """Return the rule with which repositories begin."""
    return Rule("default-branch", DEFAULT_BRANCH, exempt=Grant(Role.MAINTAIN))
