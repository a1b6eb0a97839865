"""Commands that are killed in a child process before any change of the disk, and what must be left."""

import os
import shutil
import signal
import sys
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
from tether.repo.repository import FOLDER, Repository
from tether.storage.local import LocalBackend

Command = Callable[[Repo], object]
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_EVENTS = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate"}
)


@dataclass(frozen=True)
class Snapshot:
    """What users see of a repository, by value; commits by what they hold and say."""

    branch: str | None
    refs: dict[str, tuple[str, Files]]
    stage: Files
    merging: bool


def open_repo(root: Path, *, before_write: Callable[[str], None] | None = None) -> Repo:
    """Open a working copy with a clock that starts anew, so that what is done twice comes out the same."""
    backend = LocalBackend(root / FOLDER, before_write=before_write) if before_write else None
    return Repo(Repository.open(root / FOLDER, clock=ticking(), backend=backend), author=ADA)


def snapshot(repository: Repository) -> Snapshot:
    """Return what is in a repository now, every content read from its packs."""
    root = repository.root()
    refs = {}
    for name, value in root.refs.items():
        message = Commit.decode(repository.objects.get(ObjectKind.COMMIT, value)).message
        refs[name] = (message, read_commit(repository, value))
    branch = root.head.ref.removeprefix(BRANCHES) if root.head.ref else None
    return Snapshot(branch, refs, read_tree(repository, root.stage), root.state is not None)


def verify(repository: Repository) -> None:
    """Fail unless every byte of the repository is sound."""
    assert check_repository(repository, CheckOptions(full=True)).problems == []


def kill_in_child(root: Path, command: Command, step: int) -> bool:
    """Run a command in a child that is killed before its change number `step`; tell whether it was.

    Every system call that changes the disk counts: those of the backend by its hook, all others by the
    audit events of the interpreter, for which files are read and written without the native module.
    """
    sys.stdout.flush()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        code = 1
        try:
            _run_and_die(root, command, step)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"the command failed before step {step}"
    return False


def _run_and_die(root: Path, command: Command, step: int) -> None:  # pragma: no cover - another process
    from tether.worktree import files, files_pure

    left = step

    def count(_name: str) -> None:
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS or (event == "open" and int(str(arguments[2] or 0)) & _WRITING):
            count(event)

    vars(files)["_implementation"] = files_pure
    repo = open_repo(root, before_write=count)
    sys.addaudithook(audit)
    command(repo)


def steps_to_try(total: int, limit: int) -> Iterable[int]:
    """Return all steps, or where there are more than `limit` the ends and a spread of the others."""
    if total <= limit:
        return range(total)
    return sorted({*range(0, total, -(-total // limit)), total - 1, total - 2})


def fresh_copy(source: Path, target: Path) -> Path:
    """Copy a working copy with its repository."""
    shutil.copytree(source, target, symlinks=True)
    return target


def count_steps(root: Path, command: Command) -> int:
    """Return how many changes of the disk a command makes, by killing it at growing numbers."""
    low, high = 0, 4096
    while low < high:
        middle = (low + high) // 2
        place = fresh_copy(root, root.with_name(f"{root.name}-count"))
        if kill_in_child(place, command, middle):
            low = middle + 1
        else:
            high = middle
        shutil.rmtree(place)
    return low
