"""Which runs and releases were trained on some contents: for takedowns, leaks and wrong labels.

What decides is the content. The trees that a run read are in its own commit, so the answer holds after a
file was renamed or deleted, and after branches were rebased or removed. Who judged a model with it is told
apart, and so is who merely had it in the working copy.
"""

import math
import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal

from tether.core.digest import Digest, parse_digest
from tether.core.tree import Entry, EntryKind
from tether.errors import InvalidInput, NotFound, TetherError
from tether.releases.contained import Found
from tether.releases.graph import Node, node_document
from tether.releases.manifest import Data
from tether.releases.reading import KnownRelease
from tether.repo.repository import Repository
from tether.runs.pinning import WORK
from tether.runs.reading import KnownRun

How = Literal["trained", "judged", "there"]
"""What somebody did with contents: train, validate or test with them, or have them in the working copy."""
OPENED, WORKING_COPY = "opened", "working copy"
"""Roles beside those of declared inputs: a Python was seen to open it; it lay there."""
_TRAINING = frozenset(["train", OPENED])


def how_of(roles: AbstractSet[str] | tuple[str, ...]) -> How:
    """Return the strongest of what some roles say."""
    if not _TRAINING.isdisjoint(roles):
        return "trained"
    return "judged" if set(roles) - {WORKING_COPY} else "there"


def role_of_part(part: Data) -> str:
    """Return what data of a release was for; the working copy of a run without data only lay there."""
    source = part.source
    lay_there = part.name == WORK and source is not None and not source.path
    return WORKING_COPY if lay_there else part.role


@dataclass(frozen=True, slots=True)
class RunUse:
    """A run that had some of the contents.

    Attributes:
        id: Of the run.
        run: The run; None while it is under way.
        found: Where in its tree they lie: among its inputs, or where none are there, in the working copy.
        roles: What it had them for: `train`, `validation`, `test`, `evaluation` and `bench` are of declared
            inputs, `opened` of files that it was seen to open besides; `working copy` is none of these.
        undeclared: Files that it opened without having declared them, as it recorded their paths.
        may_have_read: Whether it may have read what lay in the working copy: it declared no data, or it
            opened files there that are not named.
        where: The repositories that have it, where there are several.
    """

    id: str
    run: KnownRun | None
    found: Found
    roles: tuple[str, ...]
    undeclared: tuple[str, ...] = ()
    may_have_read: bool = False
    where: tuple[str, ...] = ()

    @property
    def how(self) -> How:
        """What it did with them."""
        return how_of(self.roles)


@dataclass(frozen=True, slots=True)
class ReleaseUse:
    """A release that was trained on some of the contents, was judged with them, or had them lying there.

    Attributes:
        release: The release.
        found: Where in its data they lie.
        roles: As for runs, of its data and of its runs together.
        by_run: Whether its training, or one of its evaluations or benches, had them.
        where: As for runs.
    """

    release: KnownRelease
    found: Found
    roles: tuple[str, ...]
    by_run: bool
    where: tuple[str, ...] = ()

    @property
    def how(self) -> How:
        """What its makers did with them."""
        return how_of(self.roles)


@dataclass(slots=True)
class Users:
    """Some runs and releases.

    Attributes:
        runs: The newest first.
        releases: By name and version.
    """

    runs: list[RunUse] = field(default_factory=list)
    releases: list[ReleaseUse] = field(default_factory=list)


@dataclass(slots=True)
class Uses:
    """Who had some contents, by what they did with them.

    Attributes:
        trained: Who was trained on them.
        judged: Who did not train on them, and validated, tested, evaluated or measured with them.
        there: Who only had them in the working copy, and is not known to have read them.
        further: What came from those that were trained on them: later runs, their models and releases.
        looked_at: How many `runs`, `releases` and `nodes` of trees were read.
        problems: What could not be looked into.
    """

    trained: Users = field(default_factory=Users)
    judged: Users = field(default_factory=Users)
    there: Users = field(default_factory=Users)
    further: list[Node] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)
    problems: list[TetherError] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Uses({len(self.trained.runs)} runs, {len(self.trained.releases)} releases)"

    @property
    def runs(self) -> list[RunUse]:
        """The runs that were trained on them, the newest first."""
        return self.trained.runs

    @property
    def releases(self) -> list[ReleaseUse]:
        """The releases that were trained on them, by name and version."""
        return self.trained.releases

    def add(self, use: RunUse | ReleaseUse) -> None:
        """Put a use where it belongs."""
        users: Users = getattr(self, use.how)
        if isinstance(use, RunUse):
            users.runs.append(use)
        else:
            users.releases.append(use)

    def all_runs(self) -> list[RunUse]:
        """Return the runs, whatever they did."""
        return [*self.trained.runs, *self.judged.runs, *self.there.runs]

    def all_releases(self) -> list[ReleaseUse]:
        """Return the releases, whatever was done."""
        return [*self.trained.releases, *self.judged.releases, *self.there.releases]


def wanted_below(repository: Repository, entry: Entry, most: float = math.inf) -> dict[Digest, bytes]:
    """Return what is asked for with a file, or with a folder: all files in it.

    Raises:
        InvalidInput: The folder is empty, or has more than so many names.
    """
    from tether.core.treeread import walk

    if entry.kind != EntryKind.DIRECTORY:
        return {entry.digest: entry.name}
    found: dict[Digest, bytes] = {}
    for number, (path, each) in enumerate(walk(repository.objects, entry.digest)):
        if number >= most:
            raise InvalidInput(
                f"the folder has more than {most:,} names", hint="name a folder in it, or a file"
            )
        if each.kind != EntryKind.DIRECTORY:
            found.setdefault(each.digest, path)
    if not found:
        raise InvalidInput("an empty folder has no content to look for")
    return found


def wanted_by_digest(text: str) -> dict[Digest, bytes]:
    """Return what is asked for with a digest.

    Raises:
        NotFound: It is none.
    """
    try:
        return {parse_digest(text): text.encode()}
    except InvalidInput:
        raise NotFound(f"no such file, revision or digest: {text}") from None


def users_document(wanted: Mapping[Digest, bytes], found: Uses) -> dict[str, Any]:
    """Return which runs and releases were trained on some contents, and who else had them, as JSON has it."""
    return {
        "contents": [{"digest": digest.hex(), "path": os.fsdecode(name)} for digest, name in wanted.items()],
        **_users_document(found.trained),
        "judged": _users_document(found.judged),
        "there": _users_document(found.there),
        "further": [node_document(node) for node in found.further],
        "looked_at": found.looked_at,
        "problems": [str(problem) for problem in found.problems],
    }


def _users_document(users: Users) -> dict[str, list[dict[str, Any]]]:
    return {
        "runs": [_run_document(use) for use in users.runs],
        "releases": [_release_document(use) for use in users.releases],
    }


def _run_document(use: RunUse) -> dict[str, Any]:
    record = use.run.record if use.run is not None else None
    return {
        "id": use.id,
        "name": record.name if record is not None else None,
        "status": str(record.status) if record is not None else "running",
        "count": use.found.total,
        "paths": [os.fsdecode(path) for path, _ in use.found.places],
        "roles": list(use.roles),
        "undeclared": list(use.undeclared),
        "may_have_read": use.may_have_read,
        **_where(use),
    }


def _release_document(use: ReleaseUse) -> dict[str, Any]:
    return {
        "release": use.release.label,
        "id": use.release.id,
        "count": use.found.total,
        "paths": [os.fsdecode(path) for path, _ in use.found.places],
        "roles": list(use.roles),
        "by_run": use.by_run,
        **_where(use),
    }


def _where(use: RunUse | ReleaseUse) -> dict[str, list[str]]:
    return {"repositories": list(use.where)} if use.where else {}
