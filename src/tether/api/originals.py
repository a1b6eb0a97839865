"""The run that is repeated: of this repository, or as a release has it, and what it needs."""

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tether.api.opened import Opened
from tether.core.names import path_bytes
from tether.core.tree import Entry
from tether.core.treeread import find
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.releases.manifest import RunPart
from tether.releases.reading import KnownRelease, find_release
from tether.repo.revision import find_entry
from tether.runs.asked import Asked, Parent, Relation
from tether.runs.gitcode import tracked_files
from tether.runs.journal import RECORD
from tether.runs.purposes import made_here
from tether.runs.reading import KnownRun, asked_of, find_run
from tether.runs.rundoc import DataInput, RunRecord, Scalar

_MOST_RECORD = 64 << 20
_SHORT = 12
_MEASURED = {"evaluation": "an evaluation", "bench": "a bench"}


@dataclass(frozen=True, slots=True)
class Original:
    """What is repeated.

    Attributes:
        run: The run, which only the release may have.
        asked: What was asked for then.
        release: The release that was named, if it was one.
    """

    run: KnownRun
    asked: Asked
    release: KnownRelease | None = None

    @property
    def record(self) -> RunRecord:
        """The record of the run."""
        return self.run.record

    def parent(self, relation: Relation) -> Parent:
        """Return how a new run names this one."""
        return Parent(relation, self.run.id, self.release.label if self.release is not None else None)

    @property
    def parameters(self) -> dict[str, Scalar]:
        """The parameters that were given, without those that the command recorded itself."""
        return {
            name: value for name, value in self.record.parameters.items() if name in self.asked.parameters
        }


def find_original(repo: Opened, text: str) -> Original:
    """Return the run, or the training of the release, that a user means.

    Raises:
        NotFound: There is neither, or the release has no run.
        InvalidInput: It can be several, the run is under way, or has no command that could be run again: it
            is an evaluation, a bench, or was only logged.
    """
    if "@" not in text and not text.startswith(("releases/", "refs/releases/")):
        try:
            run = find_run(repo.repository, text)
        except NotFound:
            run = None
        if run is not None:
            if run.tree is None:
                raise InvalidInput(f"run {run.id} is not stored yet", hint="wait until it has ended")
            _check_command(run.record)
            return Original(run, asked_of(repo.repository, run))
    try:
        release = find_release(repo.repository, text)
    except NotFound:
        raise NotFound(f"no run or release {text}", hint="'tether runs list' lists runs") from None
    run = _training(repo, release)
    _check_command(run.record)
    return Original(run, asked_of(repo.repository, run), release)


def _check_command(record: RunRecord) -> None:
    """Refuse a run that a process of Tether made itself: what it did is no command of a clean room."""
    kind = made_here(record)
    if kind is not None:
        hint = f"measure again: {shlex.join(_as_read(record))}"
        raise InvalidInput(
            f"run {record.id} is {_MEASURED[kind]}, no command that can be repeated", hint=hint
        )
    if not record.command:
        raise InvalidInput(f"run {record.id} was logged by a client, which told no command")


def _as_read(record: RunRecord) -> Iterator[str]:
    """Yield the words of a command of Tether; what it read stands for itself, wherever its branch is now."""
    exact = {
        f"{each.rev}:{each.path}" if each.path else each.rev: f"{each.commit[:_SHORT]}:{each.path}"
        for each in record.data
        if each.commit is not None
    }
    return (exact.get(word, word) for word in record.command)


def _training(repo: Opened, release: KnownRelease) -> KnownRun:
    """Return the run of a release: as it is here, or the part of it that the release has."""
    part = release.manifest.run
    if part is None:
        raise NotFound(f"release {release.label} has no run", hint="it was made without --run")
    try:
        known = find_run(repo.repository, f"runs/{part.id}")
    except NotFound:
        return _part_of(repo, release, part)
    return (
        known
        if known.commit is not None and known.commit.hex() == part.commit
        else _part_of(repo, release, part)
    )


def _part_of(repo: Opened, release: KnownRelease, part: RunPart) -> KnownRun:
    folder = find(repo.repository.objects, release.tree, path_bytes(part.path))
    entry = find(repo.repository.objects, folder.digest, path_bytes(RECORD)) if folder is not None else None
    if folder is None or entry is None or entry.size > _MOST_RECORD:
        raise Corrupt(f"release {release.label} lacks its run", hint="'tether release verify' says more")
    record = RunRecord.decode(repo.repository.contents.read(entry.digest), part.id)
    return KnownRun(record, folder.digest, release.commit)


def data_texts(
    repo: Opened, original: Original, replaced: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the inputs as `NAME=REV:PATH`, each at a place that has exactly what was read.

    Args:
        repo: Where.
        original: What is repeated.
        replaced: Other data, as such texts by name.

    Raises:
        NotFound: The data of an input is not here.
    """
    own = {each.name: each for each in original.record.data}
    others = dict(replaced or {})
    kept = tuple(others.pop(name, "") or _data_text(repo, original, each) for name, each in own.items())
    return (*kept, *others.values())


def _data_text(repo: Opened, original: Original, each: DataInput) -> str:
    for place in _places(original, each):
        try:
            entry = find_entry(repo.repository, place)[1]
        except (NotFound, InvalidInput):
            continue
        if entry.digest.hex() == each.digest:
            return f"{each.name}={place}"
    release = original.release
    hint = "fetch it, or ask who made the release for it" if release is not None else "run 'tether fetch'"
    raise NotFound(f"the data {each.name} is not here: {each.digest[:12]}", hint=hint)


def _places(original: Original, each: DataInput) -> Iterator[str]:
    if each.commit is not None:
        yield f"{each.commit}:{each.path}"
    yield f"refs/runs/{original.run.id}:data/{each.name}"
    if original.release is not None:
        manifest = original.release.manifest
        for part in manifest.data:
            if part.digest == each.digest and part.included:
                yield f"refs/releases/{manifest.name}/{manifest.version}:{part.path}"


def printed_by(repo: Opened, run: KnownRun) -> Entry | None:
    """Return what a run printed."""
    return None if run.tree is None else find(repo.repository.objects, run.tree, b"stdout")


def folder_now(repo: Opened, record: RunRecord, folder: Path, environ: Mapping[str, str]) -> Path:
    """Return where the command of a run runs in the code as it is now; `folder` where that cannot be told."""
    code = record.code
    if code is None:
        return folder
    top: Path | None = None
    if code.system == "git":
        found = tracked_files(folder, environ)
        top = Path(os.fsdecode(found[0])) if found is not None else None
    elif repo.repository.worktree is not None:
        top = Path(repo.root)
    place = top / code.folder if top is not None else folder
    inside = top is not None and (
        place.resolve() == top.resolve() or top.resolve() in place.resolve().parents
    )
    return place if inside and place.is_dir() else folder
