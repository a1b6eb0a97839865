"""Checks of commits: what a machine found of one, told to the hub that a remote is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tether.api.opened import Opened
from tether.api.remotes import default_remote, remotes
from tether.core.digest import Digest
from tether.errors import InvalidInput, NotFound
from tether.repo.revision import resolve
from tether.sync.address import HubAddress, parse_repository_address
from tether.sync.http import HttpClient
from tether.sync.hubend import repository_path

LONGEST_SUMMARY = 10_000
"""Characters that a hub takes."""
_CUT = "\n\n_The rest is left out._"
_FOLDED, _FOLD_END = "<details>", "\n\n</details>"


@dataclass(frozen=True, slots=True)
class Check:
    """What a machine found.

    Attributes:
        name: As the rule of a branch has it.
        state: `pending`, `success`, `failure` or `error`.
        summary: Markdown of at most `LONGEST_SUMMARY` characters.
        url: Leads to more of it; empty for nowhere.
    """

    name: str
    state: str
    summary: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that no address can have."""
        if not self.name.strip() or not self.name.isprintable():
            raise InvalidInput("the name of a check is one line of text")


@dataclass(frozen=True, slots=True)
class Checked:
    """A commit of a repository on a hub."""

    address: HubAddress
    commit: Digest


def checked(repo: Opened, rev: str, remote: str | None = None) -> Checked:
    """Return the commit that `rev` names here, with the hub of a remote; the hub is not asked.

    Args:
        repo: Has the commit and the remote.
        rev: A revision.
        remote: The name of a remote, or an address; that of the current branch if not given.

    Raises:
        NotFound: There is no such revision or remote.
        InvalidInput: The remote is not on a hub.
    """
    name = remote if remote is not None else default_remote(repo)
    known = remotes(repo)
    location = known.get(name, name)
    if name not in known and "://" not in name:
        hint = "'tether remote list' lists them; or write https://HOST/OWNER/NAME"
        raise NotFound(f"no remote named {name}", hint=hint)
    if not location.startswith(("http://", "https://")):
        raise InvalidInput(f"{name} is not on a hub, and only hubs have checks", hint="name one by --remote")
    return Checked(parse_repository_address(location), resolve(repo.repository, rev))


def report(client: HttpClient, of: Checked, check: Check) -> dict[str, Any]:
    """Tell a hub of a check, in the place of what it was told before; return its document.

    Raises:
        NotFound: The hub has no such commit.
        Forbidden: Who asks may not write there.
    """
    place = f"{_path(of.address, of.commit.hex())}/{quote(check.name, safe='')}"
    told = {"state": check.state, "summary": check.summary, "url": check.url}
    try:
        made: dict[str, Any] = client.json("PUT", place, told)
    except NotFound as error:
        there = f"{of.address.owner}/{of.address.name}"
        raise NotFound(
            f"there is no {there} with commit {of.commit.hex()[:12]}, or you may not see it",
            hint="push the commit first",
        ) from error
    return made


def list_checks(client: HttpClient, address: HubAddress, commit: str) -> list[dict[str, Any]]:
    """Return the documents of all checks of a commit, by name."""
    found: list[dict[str, Any]] = client.json("GET", _path(address, commit))
    return found


def summary_of(lines: Iterable[str]) -> str:
    """Return lines of Markdown as a summary: whole lines, as many as a hub takes."""
    room = LONGEST_SUMMARY - len(_FOLD_END) - len(_CUT)
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            text = "\n".join(kept)
            # A fold that is left open would swallow what comes after the summary on a page.
            folds = text.count(_FOLDED) - text.count(_FOLD_END.strip())
            return text + _FOLD_END * folds + _CUT
        kept.append(line)
    return "\n".join(kept)


def _path(address: HubAddress, commit: str) -> str:
    return f"{repository_path(address.owner, address.name)}/commits/{commit}/checks"
