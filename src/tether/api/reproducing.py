"""Repeating a run in a clean room made of what it recorded, and saying how the two compare."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from blake3 import blake3

from tether.api.cleanroom import (
    CodeSource,
    RoomPlan,
    code_of_run,
    entry_of,
    lacking,
    make_room,
    plan_room,
    work_of,
)
from tether.api.models import Model
from tether.api.opened import Opened
from tether.api.originals import Original, data_texts, printed_by
from tether.api.rooms import RoomPlace
from tether.api.runinputs import Room, RunRequest
from tether.api.running import Ended, Outcome, run_command
from tether.core.digest import parse_digest
from tether.core.tree import Entry
from tether.errors import TetherError
from tether.releases.reading import KnownRelease, read_part
from tether.releases.statements import VERDICT_PREDICATE
from tether.releases.verdict import Result, Rules, Verdict, compare_runs, package_changes
from tether.runs.environment import KEPT_VARIABLES
from tether.runs.journal import ENVIRONMENT, VERDICT, Journal
from tether.runs.reading import environment_of, patch_of
from tether.runs.rebuilding import build, find_lock, inside, interpreter_for, plan_packages, versions_of
from tether.runs.rundoc import Artefact, Status

_BLOCK = 1 << 20
EnvironmentChoice = Literal["recorded", "current"]


@dataclass(frozen=True, slots=True)
class ReproRequest:
    """How a run is repeated.

    Attributes:
        original: What is repeated.
        environ: The environment of whoever repeats it.
        code: Folders in whose Git repositories the code may be.
        environment: `recorded` makes a new environment of Python by the lock of the code, or by the packages
            that were recorded; `current` takes the one that is there.
        rules: What counts as equal.
    """

    original: Original
    environ: Mapping[str, str]
    code: tuple[Path, ...] = ()
    environment: EnvironmentChoice = "recorded"
    rules: Rules = field(default_factory=Rules)

    def __repr__(self) -> str:
        return f"ReproRequest({self.original.run.id!r}, environment={self.environment!r})"


@dataclass(frozen=True, slots=True)
class ReproPlan:
    """What will be done.

    Attributes:
        request: What was asked for.
        data: The inputs, each as `NAME=REV:PATH`.
        room: Code and working copy.
        python: The version that was recorded; empty where the command was no Python.
    """

    request: ReproRequest
    data: tuple[str, ...]
    room: RoomPlan
    python: str

    def __repr__(self) -> str:
        return f"ReproPlan({self.request.original.run.id!r}, {len(self.data)} inputs)"


class Reproduced(NamedTuple):
    """How it went."""

    outcome: Outcome
    verdict: Verdict

    @property
    def was_stopped(self) -> bool:
        """Whether somebody stopped it by Ctrl-C or a signal, which says nothing of what it repeats.

        What the command made of that does not count: one that catches the signal may end with any code. One
        that dies of a signal which nobody sent through us has failed: it crashed, or memory was short.
        """
        return self.outcome.told is not None or self.outcome.record.status == Status.INTERRUPTED

    @property
    def code(self) -> int:
        """As a shell would give it: that of the signal which stopped it, or else that of the command."""
        return self.outcome.code if self.outcome.told is None else 128 + self.outcome.told


def plan_repro(repo: Opened, request: ReproRequest) -> ReproPlan:
    """Find everything that is needed; nothing is written or run.

    Raises:
        NotFound: Data or code is not here.
    """
    original = request.original
    record, run = original.record, original.run
    source = _code(repo, request)
    code = record.code
    if source is None and code is not None and code.system == "git":
        raise lacking(record)
    work = work_of(repo, run.tree)
    if work is None and code is not None and code.system == "tether" and source is None:
        raise lacking(record)
    room = plan_room(record, original.asked, source, work)
    python, _ = versions_of(environment_of(repo.repository, run))
    return ReproPlan(request, data_texts(repo, original), room, python)


def _code(repo: Opened, request: ReproRequest) -> CodeSource | None:
    """Return where the code is: a Git repository that has the commit, or else a part of the release."""
    original = request.original
    patch = patch_of(repo.repository, original.run)
    places = [*request.code, *_place_then(repo, original)]
    found = code_of_run(original.record, patch, places, request.environ)
    release = original.release
    if found is not None or release is None:
        return found
    placed = _placed(repo, original, release)
    if placed:
        return CodeSource(placed=placed)
    for part in release.manifest.code:
        entry = entry_of(repo, release.tree, part.path) if part.role == "training" else None
        if entry is not None and part.kind == "directory":
            own = read_part(repo.repository, release, part.patch) if part.patch is not None else None
            return CodeSource(tree=entry.digest, patch=own or b"", folder=part.folder)
    return None


def _placed(repo: Opened, original: Original, release: KnownRelease) -> tuple[tuple[str, Entry], ...]:
    """Return the code of a release with its paths in the working copy, if that of the training has one.

    It has where it was named as a part of that, such as `main:code`; the command still begins where it did.
    """
    code, found, roles = original.record.code, [], set()
    if code is None or code.system != "tether":
        return ()
    for part in release.manifest.code:
        entry = entry_of(repo, release.tree, part.path)
        if entry is not None and part.source is not None and part.source.path:
            found.append((part.source.path, entry))
            roles.add(part.role)
    return tuple(found) if "training" in roles else ()


def _place_then(repo: Opened, original: Original) -> list[Path]:
    """Return where the command ran, as far as that is a place in the working copy of now."""
    if original.asked.folder is None or repo.repository.worktree is None:
        return []
    return [Path(repo.root) / original.asked.folder]


def execute_repro(
    repo: Opened,
    plan: ReproPlan,
    place: RoomPlace,
    show: Mapping[str, Callable[[bytes], object]],
    *,
    terminal: bool = False,
) -> Reproduced:
    """Make the room, run the command in it as a new run, and compare.

    Args:
        repo: Where.
        plan: What is done.
        place: An empty folder for the room; the command has its lock too.
        show: Takes what the command prints, for `stdout` and `stderr`.
        terminal: Whether a terminal sends Ctrl-C to the command itself.

    Raises:
        NotFound: A content, or the program, is not here.
        Unavailable: The room could not be made.
        Conflict: The recorded patch does not apply.
    """
    request, original = plan.request, plan.request.original
    folder = make_room(repo, plan.room, place.folder / "code", request.environ)
    target, missing = _environment(repo, plan, place.folder, folder)
    environ = _variables(repo, original, request.environ)
    command, environ = inside(original.record.command, environ, target)
    notes = (*plan.room.notes, *missing)
    verdicts: list[Verdict] = []

    def compare(ended: Ended) -> None:
        verdict = _compared(repo, plan, ended, notes)
        ended.journal.write(VERDICT, verdict.encode())
        verdicts.append(verdict)

    asked = original.asked
    code = original.record.code
    is_git = plan.room.source is not None and plan.room.source.git is not None
    run = RunRequest(
        command,
        folder,
        environ,
        data=plan.data,
        parameters=original.parameters,
        seeds=original.record.seeds,
        artefacts=asked.artefacts,
        checkout=asked.checkout,
        parent=original.parent("reproduces"),
        room=Room(
            original.record.work if plan.room.work is not None else None,
            code,
            asked.folder,
            is_git,
            place.lock,
        ),
    )
    outcome = run_command(repo, run, show, terminal=terminal, before_sealing=compare)
    return Reproduced(outcome, verdicts[0])


def attest_verdict(repo: Opened, done: Reproduced, release: KnownRelease, key: Path | None) -> str | None:
    """Say of a release how its training was reproduced, signed; return the id of that.

    Args:
        repo: Where.
        done: How it went.
        release: What was reproduced.
        key: The file of a key; None is that of the setting `signing.key`, and without that nothing is said.
            Nothing is said either of one that was stopped.

    Raises:
        InvalidInput: It is no key.
        NotFound: There is no such file.
    """
    from tether.api.releases import attest
    from tether.releases.attesting import Said

    if done.was_stopped or (key is None and not repo.repository.config.get("signing.key")):
        return None
    said = {"run": done.outcome.record.id, **msgspec.to_builtins(done.verdict)}
    return attest(repo, release, Said(VERDICT_PREDICATE, said), key).id


def _environment(
    repo: Opened, plan: ReproPlan, place: Path, folder: Path
) -> tuple[Path | None, tuple[str, ...]]:
    """Make the environment of Python that was asked for; return where, and what of it could not be had."""
    if not plan.python or plan.request.environment == "current":
        return None, ()
    _, recorded = versions_of(environment_of(repo.repository, plan.request.original.run))
    packages = plan_packages(find_lock(folder, place / "code"), recorded)
    interpreter = interpreter_for(plan.python, plan.request.environ)
    target = place / "env"
    repo.progress.start(f"installing packages ({packages.source})", len(packages.lines) or 1, "packages")
    failed = build(packages, interpreter, target, plan.request.environ)
    repo.progress.finish()
    return target, (*packages.notes, *failed)


def _variables(repo: Opened, original: Original, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the recorded variables as they were, set or not."""
    found = environment_of(repo.repository, original.run).get("variables")
    recorded = found if isinstance(found, dict) else {}
    own = {name: value for name, value in environ.items() if name not in KEPT_VARIABLES}
    return own | {name: str(recorded[name]) for name in KEPT_VARIABLES if name in recorded}


def _compared(repo: Opened, plan: ReproPlan, ended: Ended, notes: Sequence[str]) -> Verdict:
    original, rules = plan.request.original, plan.request.rules
    journal = ended.journal
    copies = journal.artefacts()
    printed = printed_by(repo, original.run)
    output = journal.folder / "stdout"
    result = Result(
        status=ended.done.status,
        artefacts={path: _hashed(place) for path, place in copies.items()},
        metrics=journal.metrics().summaries(),
        printed=_hashed(output) if output.is_file() and output.stat().st_size else None,
    )

    def same_tensors(first: Artefact) -> bool:
        return _same_tensors(repo, first, copies[first.path])

    shown = printed.digest.hex() if printed is not None else None
    level, files, metrics = compare_runs(original.record, shown, result, rules, same_tensors)
    return Verdict(
        verdict=level,
        reproduces=original.parent("reproduces"),
        status=ended.done.status,
        artefacts=files,
        metrics=metrics,
        packages=package_changes(environment_of(repo.repository, original.run), _written(journal)),
        ignored=tuple(sorted(rules.ignored)),
        notes=tuple(notes),
    )


def _written(journal: Journal) -> dict[str, object]:
    import json

    found = json.loads(journal.read(ENVIRONMENT) or b"{}")
    return found if isinstance(found, dict) else {}


def _hashed(place: Path) -> str:
    hasher = blake3()
    with place.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def _same_tensors(repo: Opened, first: Artefact, second: Path) -> bool:
    """Say whether two model files have the same tensors; False for what is no model file."""
    old = io.BufferedReader(repo.repository.contents.open(parse_digest(first.digest)))
    try:
        with Model(old, first.path) as one, Model.open(second) as two:
            return one.digest() == two.digest()
    except TetherError:
        return False
