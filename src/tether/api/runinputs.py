"""What a run is asked for, what it reads, and how that is named before its command begins."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tether.api.opened import Opened
from tether.core.digest import parse_digest
from tether.core.identity import Person, Time
from tether.core.names import display, path_bytes
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeread import find
from tether.errors import InvalidInput
from tether.repo.revision import find_entry, split_place
from tether.runs.asked import Asked, Parent
from tether.runs.pinning import DATA, WORK, pin
from tether.runs.rundoc import Code, DataInput, RunRecord, Scalar, Status, Work, check_name, scalar, stamp

if TYPE_CHECKING:
    from tether.repo.transaction import Transaction

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")


class RunRequest(msgspec.Struct, frozen=True):
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
        observe: See which files its Python opens.
        mlflow: Give it an MLflow server of its own, unless the environment names another one.
        parent: What it repeats.
        room: Where it runs apart from the working copy, if it does.
    """

    command: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    name: str | None = None
    data: tuple[str, ...] = ()
    parameters: Mapping[str, Scalar] = {}
    seeds: Mapping[str, int] = {}
    artefacts: tuple[str, ...] = ()
    checkout: bool = True
    observe: bool = True
    mlflow: bool = True
    parent: Parent | None = None
    room: "Room | None" = None


class Room(msgspec.Struct, frozen=True):
    """A folder apart from the working copy, made of what a run recorded.

    Attributes:
        work: What it has of the working copy of that run.
        code: The version of its code, where that is not a Git repository.
        folder: Where the command runs, from the top of that working copy.
        is_git: Whether the code is a Git repository.
        lock: An open file that the command inherits; None for none.
    """

    work: Work | None
    code: Code | None
    folder: str | None
    is_git: bool
    lock: int | None = None


class Read(NamedTuple):
    """Something that a run reads."""

    about: DataInput
    entry: Entry
    place: bytes


class Start(msgspec.Struct, frozen=True):
    """What is known of a run before it begins."""

    request: RunRequest
    run: str
    now: Time
    reads: list[Read]
    in_git: bool
    """Whether its code is in a Git repository."""

    def record(self, work: Work | None, code: Code | None) -> RunRecord:
        """Return the record as it is at the start."""
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
            code=code,
        )


def read_input(repo: Opened, text: str) -> Read:
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
    return Read(about, entry, place.path)


@contextmanager
def pathless(rev: str) -> Iterator[None]:
    """Let what is wrong with data say that it is a whole revision, where no path was written behind that."""
    try:
        yield
    except InvalidInput as error:
        if split_place(rev)[1]:
            raise
        raise InvalidInput(str(error), hint=f"name a file or folder of it: {rev}:PATH") from None


def check_request(request: RunRequest) -> None:
    """Refuse names and numbers that a record cannot have.

    Raises:
        InvalidInput: There is one.
    """
    for name in request.parameters:
        check_name(name, "parameter")
    for name, value in request.seeds.items():
        check_name(name, "seed")
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"the seed {name} is too large: {value}")
    if request.name is not None:
        check_name(request.name, "run")


def asked_for(repo: Opened, request: RunRequest) -> Asked:
    """Return what is asked for, as far as the record does not say."""
    folder = request.room.folder if request.room is not None else None
    if request.room is None and repo.repository.worktree is not None:
        top = os.path.realpath(repo.root)
        folder = _text(os.path.relpath(os.path.realpath(request.folder), top))
    return Asked(
        parameters=tuple(sorted(request.parameters)),
        artefacts=tuple(map(_text, request.artefacts)),
        checkout=request.checkout,
        folder=folder,
        parent=request.parent,
    )


def _text(given: str) -> str:
    """Return a word of a command as text that JSON can hold."""
    return given.encode("utf-8", "surrogateescape").decode(errors="backslashreplace")


def pin_inputs(repo: Opened, start: Start, author: Person) -> Work | None:
    """Name what a run reads, so that it stays; return the working copy where it is a part of that.

    It is where no data is declared, or where it may be the only place that has the code.
    """
    entries = {f"{DATA}/{each.about.name}": each.entry for each in start.reads}
    command = f"run {start.run} begins"
    if start.request.room is not None:
        return _pin_room(repo, start, entries, author)
    if repo.repository.worktree is None or (start.reads and start.in_git):
        if entries:
            with repo.repository.transaction(command) as transaction:
                pin(transaction, start.run, entries, author, start.now)
        return None
    # Half of what a command imports, which one with declared data and code in Git need not wait for.
    from tether.api.working import writing
    from tether.worktree.staging import stage_paths

    with writing(repo, "run") as worktree, repo.repository.transaction(command) as transaction:
        tree = stage_paths(worktree, transaction, (), tracked_only=True).tree
        transaction.set_stage(transaction.root.stage)
        found = find(transaction.objects, tree, b"") if tree != EMPTY_TREE else None
        if found is not None:
            entries[WORK] = found
        if entries:
            pin(transaction, start.run, entries, author, start.now)
        return None if found is None else _work(repo, transaction, found)


def _pin_room(repo: Opened, start: Start, entries: dict[str, Entry], author: Person) -> Work | None:
    """Name what a run reads that has nothing of the working copy of now."""
    work = start.request.room.work if start.request.room is not None else None
    if work is not None:
        digest = parse_digest(work.digest)
        entries[WORK] = Entry(path_bytes(WORK), EntryKind.DIRECTORY, work.bytes, digest, work.files)
    if entries:
        with repo.repository.transaction(f"run {start.run} begins") as transaction:
            pin(transaction, start.run, entries, author, start.now)
    return work


def _work(repo: Opened, transaction: "Transaction", tree: Entry) -> Work:
    from tether.api.working import tree_of

    head = transaction.root.head_commit()
    return Work(
        commit=head.hex() if head is not None else None,
        digest=tree.digest.hex(),
        modified=tree.digest != tree_of(repo, head),
        files=tree.files,
        bytes=tree.size,
    )


def own_code(repo: Opened, folder: Path, work: Work | None) -> Code | None:
    """Return the version of code that lies in the repository itself."""
    if work is None:
        return None
    from tether.api.working import branch_of

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
