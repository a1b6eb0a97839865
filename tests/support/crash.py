"""Commands that are killed in a child process before any change of the disk, and what must be left."""

import os
import shutil
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.model import Files, read_commit, read_tree
from tests.support.repos import ADA, ticking

from tether.api.repo import Repo
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES
from tether.core.objects import Commit
from tether.repo.check import CheckOptions, check_repository
from tether.repo.oplog import read_operations
from tether.repo.repository import FOLDER, Repository

Command = Callable[[Repo], object]
STEPS = "TETHER_CRASH_STEPS"
"""Names the variable that says how many steps of a command are tried: a number, or `all`."""
_FEW = 10
_STASH = "refs/stash/"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_EVENTS = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate"}
)
_CALLS = ("write", "writev", "pwrite", "fsync", "sync")
"""Calls that change the disk, or order its changes, of which the interpreter tells nobody."""


@dataclass(frozen=True)
class Snapshot:
    """What users see of a repository, by value; commits by what they hold and say, stashes by their age."""

    branch: str | None
    refs: dict[str, tuple[str, Files]]
    stage: Files
    merging: bool


def open_repo(root: Path) -> Repo:
    """Open a working copy with a clock that starts anew, so that what is done twice comes out the same."""
    return Repo(Repository.open(root / FOLDER, clock=ticking()), author=ADA)


def snapshot(repository: Repository) -> Snapshot:
    """Return what is in a repository now, every content read from its packs."""
    root = repository.root()
    refs, stashes = {}, 0
    for name, value in sorted(root.refs.items()):
        shown = name
        if name.startswith(_STASH):  # the rest of the name is drawn
            shown, stashes = f"{_STASH}{stashes}", stashes + 1
        message = Commit.decode(repository.objects.get(ObjectKind.COMMIT, value)).message
        refs[shown] = (message, read_commit(repository, value))
    branch = root.head.ref.removeprefix(BRANCHES) if root.head.ref else None
    return Snapshot(branch, refs, read_tree(repository, root.stage), root.state is not None)


def contents_kept(repository: Repository) -> set[bytes]:
    """Return what refs, stage and the operations with what they rescued have of contents."""
    root = repository.root()
    found: set[bytes] = set()
    for value in root.refs.values():
        found |= {thing.data for thing in read_commit(repository, value).values()}
    trees = {root.stage}
    for operation in read_operations(repository):
        trees |= {operation.before.stage, operation.after.stage}
        trees |= {operation.rescued} if operation.rescued is not None else set()
    for tree in trees:
        found |= {thing.data for thing in read_tree(repository, tree).values()}
    return found


def verify(repository: Repository) -> None:
    """Fail unless every byte of the repository is sound."""
    assert check_repository(repository, CheckOptions(full=True)).problems == []


def kill_in_child(root: Path, command: Command, step: int) -> bool:
    """Run a command in a child that is killed before its change number `step`; tell whether it was."""
    _, killed = _in_child(root, command, step)
    return killed


def count_steps(root: Path, command: Command) -> int:
    """Return how many changes of the disk a command makes, by running it on a copy."""
    place = fresh_copy(root, root.with_name(f"{root.name}-count"))
    count, killed = _in_child(place, command, sys.maxsize)
    assert not killed
    shutil.rmtree(place)
    return count


def _in_child(root: Path, command: Command, step: int) -> tuple[int, bool]:
    sys.stdout.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        code = 1
        signal.alarm(60)
        try:
            send = os.write
            count = run_watched(root, command, _killer(step))
            send(writing, struct.pack("<Q", count))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return step, True
    assert os.WEXITSTATUS(status) == 0, f"the command failed before step {step}"
    return struct.unpack("<Q", told)[0], False


def _killer(step: int) -> Callable[[int], None]:
    def look(number: int) -> None:  # pragma: no cover - another process
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return look


def run_watched(root: Path, command: Command, look: Callable[[int], None]) -> int:
    """Run a command in this process, which is never the same again; return how many changes it made.

    Every system call that changes the disk counts, in whichever repository: the interpreter tells of most
    by its audit events, the others are wrapped. Working files are written without the native module.

    Args:
        root: The working copy, or a folder for a command that opens what it needs itself.
        command: What to run.
        look: Called with the number of each change, from 0, before it is made.
    """
    from tether.worktree import files, files_pure

    count, one_at_a_time, here = 0, threading.Lock(), threading.local()

    def step() -> None:
        nonlocal count
        if getattr(here, "looks", False):  # what is done to look does not count; what other threads do does
            return
        with one_at_a_time:
            here.looks = True
            number, count = count, count + 1
            look(number)
            here.looks = False

    def watched(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            step()
            return call(*arguments)

        return wrapped

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS or (event == "open" and int(str(arguments[2] or 0)) & _WRITING):
            step()

    for name in ("_scan", "_transfer"):
        setattr(files, name, files_pure)
    repo = open_repo(root)
    for name in _CALLS:
        setattr(os, name, watched(getattr(os, name)))
    sys.addaudithook(audit)
    command(repo)
    return count


def steps_to_try(total: int, few: int = _FEW) -> Iterable[int]:
    """Return all steps, or where there are more than are to be tried the ends and a spread of the others."""
    wanted = os.environ.get(STEPS, str(few))
    limit = total if wanted == "all" else int(wanted)
    if total <= limit:
        return range(total)
    return sorted({*range(0, total, -(-total // limit)), total - 1, total - 2})


def fresh_copy(source: Path, target: Path) -> Path:
    """Copy a working copy with its repository."""
    shutil.copytree(source, target, symlinks=True)
    return target
