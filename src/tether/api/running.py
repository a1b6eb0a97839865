"""Running a command, or a block of Python, so that it is known what it read, did and made."""

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tether.api.endpoint import ADDRESS, Endpoint
from tether.api.opened import Opened
from tether.api.pinned import check_out
from tether.api.working import branch_of, tree_of, writing
from tether.core.identity import Person, Time
from tether.core.names import RUNS, display
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeread import find
from tether.core.ulid import DRAWN_BITS, make_ulid
from tether.errors import InvalidInput, NotFound
from tether.repo.revision import find_entry, split_place
from tether.repo.transaction import Transaction
from tether.runs.child import Task, run_task
from tether.runs.environment import describe
from tether.runs.gitcode import CodeState, git_state
from tether.runs.journal import ENVIRONMENT, FOLDER, METRICS, OUTPUTS, PATCH, Journal, journals
from tether.runs.rundoc import (
    Code,
    DataInput,
    RunRecord,
    Scalar,
    Status,
    Work,
    canonical,
    check_name,
    scalar,
    stamp,
)
from tether.runs.sealing import DATA, WORK, Ending, pin, recover, seal, unpin
from tether.worktree.staging import stage_paths

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
RUN_ID, RUN_FOLDER, METRICS_FILE = "TETHER_RUN_ID", "TETHER_RUN_FOLDER", "TETHER_METRICS"
DATA_PREFIX, PARAMETER_PREFIX = "TETHER_DATA_", "TETHER_PARAM_"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is run.

    Attributes:
        command: Program and arguments.
        folder: Where.
        environ: The environment.
        name: What people call it.
        data: What it reads, each `NAME=REV:PATH`, or `REV:PATH` named after the last part of the path.
        parameters: By name.
        seeds: By name.
        artefacts: Files and folders to keep when it ends, relative to `folder`.
        checkout: Give it folders with the data.
        mlflow: Give it an MLflow server of its own, unless the environment names another one.
    """

    command: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    name: str | None = None
    data: tuple[str, ...] = ()
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    artefacts: tuple[str, ...] = ()
    checkout: bool = True
    mlflow: bool = True


class Begun(NamedTuple):
    """A run that is under way."""

    journal: Journal
    lock: int
    """The open file that shows it."""
    variables: Mapping[str, str]
    """What the environment of the command has besides."""
    folders: Mapping[str, Path]
    """The data, by name."""


class Outcome(NamedTuple):
    """How a command ended."""

    record: RunRecord
    code: int
    """As a shell would give it."""


class _Read(NamedTuple):
    """Something that a run reads."""

    about: DataInput
    entry: Entry
    place: bytes


def run_command(
    repo: Opened,
    request: RunRequest,
    show: Mapping[str, Callable[[bytes], object]],
    *,
    terminal: bool = False,
) -> Outcome:
    """Run a command to its end, and store what is known of it.

    Args:
        repo: Where the run is kept.
        request: What is run.
        show: Takes what it prints, for `stdout` and `stderr`.
        terminal: Whether a terminal sends Ctrl-C to the command itself.

    Raises:
        NotFound: There is no such command, revision or path.
        InvalidInput: The request is not sound, or nobody has said who runs it.
    """
    if not request.command:
        raise InvalidInput("no command to run", hint="write it behind '--'")
    with begun(repo, request) as run:
        outputs = {name: (run.journal.folder / name, show[name]) for name in OUTPUTS}
        endpoint = Endpoint(repo, run.journal, request.environ) if _wants_mlflow(request) else None
        given = {} if endpoint is None else endpoint.variables
        environ = {"PYTHONUNBUFFERED": "1", **request.environ, **run.variables, **given}
        task = Task(request.command, request.folder, environ, outputs, terminal, (run.lock,))
        with described(run.journal, request), endpoint.serving() if endpoint else nullcontext():
            done = run_task(task)
        run.journal.kept = True
        for path in request.artefacts:
            with suppress(NotFound):  # a command that failed may not have made it
                run.journal.artefact(request.folder / path, artefact_name(path))
        ending = Ending(done.status, done.exit, done.resources, done.output)
        if endpoint is not None:
            endpoint.close(done.status)
        record = seal(repo.repository, run.journal, ending, repo.author)
        if endpoint is not None:
            endpoint.store(done.status)
    return Outcome(record, done.code)


def _wants_mlflow(request: RunRequest) -> bool:
    return request.mlflow and not request.environ.get(ADDRESS)


def artefact_name(path: str) -> str:
    """Return the name under which a file or folder is kept: its path, or the last part of one elsewhere."""
    plain = os.path.normpath(path)
    outside = plain.startswith(("/", "..")) or plain == "."
    return Path(plain).resolve().name if outside else plain


@contextmanager
def begun(repo: Opened, request: RunRequest) -> Iterator[Begun]:
    """Pin what a run reads and begin its journal; what an earlier run left behind is stored first.

    When the block ends by an exception, nothing of the run is left unless its journal is `kept`.
    """
    author = repo.author
    recover_all(repo, author)
    _check(request)
    reads = [_read(repo, text) for text in request.data]
    names = [each.about.name for each in reads]
    if len(set(names)) < len(names):
        raise InvalidInput("two inputs have one name", hint="write --data NAME=REV:PATH")
    now = repo.clock()
    run = make_ulid(now.micros, secrets.randbits(DRAWN_BITS), _newest(repo))
    start = _Start(request, run, now, reads, git_state(request.folder, request.environ))
    with Journal.begin(repo.repository.directory / FOLDER / run) as (journal, lock):
        try:
            work = _pin(repo, start, author)
            given = [each for each in reads if request.checkout]
            folders = {each.about.name: check_out(repo, each.entry, each.place) for each in given}
            record = start.record(work, _own_code(repo, request.folder, work))
            if start.git is not None and start.git.patch:
                journal.write(PATCH, start.git.patch)
            journal.tell(record)
            yield Begun(journal, lock, _variables(journal, record, folders), folders)
        except BaseException:
            if not journal.kept:
                journal.remove()
                unpin(repo.repository, journal.folder.parent)
            raise


@dataclass(frozen=True, slots=True)
class _Start:
    """What is known of a run before it begins."""

    request: RunRequest
    run: str
    now: Time
    reads: list[_Read]
    git: CodeState | None

    def record(self, work: Work | None, own: Code | None) -> RunRecord:
        request = self.request
        return RunRecord(
            id=self.run,
            status=Status.RUNNING,
            command=tuple(map(_text, request.command)),
            started=stamp(self.now),
            name=request.name,
            parameters={name: scalar(value) for name, value in request.parameters.items()},
            seeds=dict(request.seeds),
            data=tuple(each.about for each in self.reads),
            work=work,
            code=self.git.code if self.git is not None else own,
        )


def _text(given: str) -> str:
    """Return a word of a command as text that JSON can hold."""
    return given.encode("utf-8", "surrogateescape").decode(errors="backslashreplace")


def _check(request: RunRequest) -> None:
    for name in request.parameters:
        check_name(name, "parameter")
    for name, value in request.seeds.items():
        check_name(name, "seed")
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"the seed {name} is too large: {value}")
    if request.name is not None:
        check_name(request.name, "run")


def _variables(journal: Journal, record: RunRecord, folders: Mapping[str, Path]) -> dict[str, str]:
    found = {
        RUN_ID: record.id,
        RUN_FOLDER: str(journal.folder),
        METRICS_FILE: str(journal.folder / METRICS),
    }
    found |= {variable(DATA_PREFIX, name): str(path) for name, path in folders.items()}
    for name, value in record.parameters.items():
        text = value if isinstance(value, str) else canonical(value).decode().strip()
        if "\0" not in text:
            found[variable(PARAMETER_PREFIX, name)] = text
    return found


def variable(prefix: str, name: str) -> str:
    """Return the variable of the environment for a name: capitals, digits and `_`."""
    return prefix + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _newest(repo: Opened) -> str | None:
    refs = (name.removeprefix(RUNS) for name in repo.repository.root().refs if name.startswith(RUNS))
    return max((*refs, *(each.id for each in journals(repo.repository.directory))), default=None)


def _read(repo: Opened, text: str) -> _Read:
    """Return what `NAME=REV:PATH` means."""
    name, equals, rev = text.partition("=")
    if not equals:
        name, rev = "", text
    place, entry = find_entry(repo.repository, rev)
    name = name or os.fsdecode(place.path.rpartition(b"/")[2]) or DATA
    if _NAME.match(name) is None:
        hint = "letters, digits, '_', '.' and '-': --data NAME=REV:PATH"
        raise InvalidInput(f"not a name of data: {name!r}", hint=hint)
    if entry.kind == EntryKind.SYMLINK:
        raise InvalidInput(f"{rev} is a link", hint="name the file that it leads to")
    about = DataInput(
        name=name,
        rev=split_place(rev)[0],
        commit=place.commit.hex() if place.commit is not None else None,
        path=display(place.path) if place.path else "",
        kind=entry.kind.name.lower(),
        digest=entry.digest.hex(),
        files=entry.files,
        bytes=entry.size,
    )
    return _Read(about, entry, place.path)


def _pin(repo: Opened, start: _Start, author: Person) -> Work | None:
    """Name what a run reads, so that it stays; return the working copy where it is a part of that.

    It is where no data is declared, or where it may be the only place that has the code.
    """
    entries = {f"{DATA}/{each.about.name}": each.entry for each in start.reads}
    command = f"run {start.run} begins"
    if repo.repository.worktree is None or (start.reads and start.git is not None):
        if entries:
            with repo.repository.transaction(command) as transaction:
                pin(transaction, start.run, entries, author, start.now)
        return None
    with writing(repo, "run") as worktree, repo.repository.transaction(command) as transaction:
        tree = stage_paths(worktree, transaction, (), tracked_only=True).tree
        transaction.set_stage(transaction.root.stage)
        found = find(transaction.objects, tree, b"") if tree != EMPTY_TREE else None
        if found is not None:
            entries[WORK] = found
        if entries:
            pin(transaction, start.run, entries, author, start.now)
        return None if found is None else _work(repo, transaction, found)


def _work(repo: Opened, transaction: Transaction, tree: Entry) -> Work:
    head = transaction.root.head_commit()
    return Work(
        commit=head.hex() if head is not None else None,
        digest=tree.digest.hex(),
        modified=tree.digest != tree_of(repo, head),
        files=tree.files,
        bytes=tree.size,
    )


def _own_code(repo: Opened, folder: Path, work: Work | None) -> Code | None:
    """Return the version of code that lies in the repository itself."""
    if work is None:
        return None
    here, top = os.path.realpath(folder), os.path.realpath(repo.root)
    if here != top and not here.startswith(top.rstrip("/") + "/"):
        return None
    return Code(
        system="tether",
        commit=work.commit,
        branch=branch_of(repo.repository.root()),
        dirty=work.modified,
        folder=_text(os.path.relpath(here, top)),
    )


@contextmanager
def described(journal: Journal, request: RunRequest) -> Iterator[None]:
    """Find out what a command runs on while it runs."""

    def describe_it() -> None:
        about = describe(request.command, request.folder, request.environ)
        journal.write(ENVIRONMENT, canonical(about))

    thread = threading.Thread(target=describe_it, name="environment", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def recover_all(repo: Opened, author: Person | None = None) -> list[RunRecord]:
    """Store the runs whose process is gone, as far as they came."""
    found = []
    for journal in journals(repo.repository.directory):
        record = recover(repo.repository, journal, author or repo.author)
        if record is not None:
            found.append(record)
    unpin(repo.repository, repo.repository.directory / FOLDER)
    return found
