"""Several processes at once on one repository and on one remote: nothing is lost, nobody waits for ever.

`TETHER_PROCESSES_ROUNDS` makes the processes work longer.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.cli import TETHER, Room
from tests.support.holding import Other
from tests.support.model import read_commit
from tests.support.repos import ADA, ticking

from tether.api import operations, remotes
from tether.api.repo import Repo
from tether.errors import Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.history import History
from tether.repo.repository import Repository

ROUNDS = int(os.environ.get("TETHER_PROCESSES_ROUNDS", "4"))
_LONGEST_S = 250.0


@pytest.fixture
def place() -> Iterator[Path]:
    """Return an empty folder, in memory where there is one: all that is written is synced."""
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="tether-processes-", dir=base) as folder:
        yield Path(folder)


def begin(place: Path) -> Repo:
    """Return a repository with a commit, and a bare remote that has it."""
    repo = Repo.init(place / "work")
    repo.author = ADA
    (repo.root / "first").write_text("first\n")
    repo.add()
    repo.commit("first")
    remotes.add_remote(repo, "origin", str(place / "bare"))
    remotes.push(repo, "origin")
    return repo


def start(role: str, folder: Path, me: str, rounds: int = ROUNDS) -> Other:
    """Start a process in a role; see `tests.support.worker`."""
    return Other("from tests.support.worker import main; main()", role, str(folder), me, str(rounds))


def finish(others: Sequence[Other]) -> None:
    """Wait for all; what one said that failed is among what the test printed."""
    with ExitStack() as stack:
        for other in others:
            stack.callback(other.close)
        assert [other.process.wait(_LONGEST_S) for other in others] == [0] * len(others)


def assert_sound(folder: Path) -> Repository:
    """Fail unless every byte of the repository in a folder is sound; return it."""
    repository = Repository.open(folder, clock=ticking())
    assert check_repository(repository, CheckOptions(full=True)).problems == []
    return repository


def messages(repository: Repository, ref: str) -> list[str]:
    """Return the first lines of all commits of a ref, sorted."""
    history = History.of(repository)
    tip = repository.root().refs[ref]
    return sorted(history.commit(each).message.strip() for each in history.ancestors([tip]))


def test_writers_readers_and_gc_at_once(place: Path) -> None:
    """Every commit is in the one line of history, every branch and tag is there, every reader read well."""
    begin(place).close()
    roles = ("commits", "commits", "names", "names", "reads", "collects", "exchanges", "exchanges")
    finish([start(role, place / "work", f"{role}{number}") for number, role in enumerate(roles)])

    repository = assert_sound(place / "work" / ".tether")
    made = {f"commit commits{each}/{number}" for each in (0, 1) for number in range(ROUNDS)}
    assert messages(repository, "refs/heads/main") == sorted({"first", *made})
    refs = repository.root().refs
    wanted = {f"{each}-{number}" for each in ("names2", "names3") for number in range(ROUNDS)}
    assert {f"refs/heads/branch-{name}" for name in wanted} <= refs.keys()
    assert {f"refs/tags/tag-{name}" for name in wanted} <= refs.keys()
    head = repository.root().head_commit()
    assert head is not None
    files = read_commit(repository, head)
    assert set(files) == {"first", *(name.removeprefix("commit ") for name in made)}
    there = assert_sound(place / "bare").root().refs
    pushed = {f"pushed-{each}-{n}" for each in ("exchanges6", "exchanges7") for n in range(ROUNDS)}
    assert all(there[f"refs/heads/{name}"] == refs[f"refs/heads/{name}"] for name in pushed)
    log = [operation.command for operation in operations.list_operations(Repo.open(place / "work"))]
    assert sum(line == "commit" for line in log) <= 2 * ROUNDS + 1


def test_clones_that_push_to_one_branch(place: Path) -> None:
    """Of several pushes at once one wins, the others fetch, merge and push again; gc runs there beside."""
    begin(place).close()
    people = ("ada", "bob", "eve")
    for person in people:
        Repo.clone(place / "bare", place / person).close()
    processes = [start("contends", place / person, person) for person in people]
    finish([*processes, start("collects", place / "bare", "gc")])

    bare = assert_sound(place / "bare")
    made = {f"commit {person}/{number}" for person in people for number in range(ROUNDS)}
    assert made <= set(messages(bare, "refs/heads/main"))
    tip = bare.root().refs["refs/heads/main"]
    assert {name for name in read_commit(bare, tip) if "/" in name} == {
        name.removeprefix("commit ") for name in made
    }


def test_a_killed_holder_is_not_waited_for(place: Path) -> None:
    """The locks of a process that SIGKILL ended are free at once, and the repository is as it was."""
    begin(place).close()
    holder = start("holds", place / "work", "holder", 1)
    assert holder.line() == "held\n"
    repo = Repo.open(place / "work")
    repo.repository.wait = lambda _holder: False
    with pytest.raises(Unavailable, match=rf"`tether add` \(pid {holder.pid}\)"):
        repo.add()

    holder.close()
    repo.add()
    repo.gc()

    assert_sound(place / "work" / ".tether")


def test_who_is_waited_for_is_told(place: Path) -> None:
    """A command says after a second for whom it waits, and goes on when that one is done."""
    room = Room(place / "room")
    begin(place / "room").close()
    holder = start("holds", room.work, "holder", 1)
    assert holder.line() == "held\n"
    command: list[str | Path] = [TETHER, "-C", str(room.work), "rm", "--cached", "first"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=room.environ, stdout=pipe, stderr=pipe, text=True) as waiting:
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        holder.say()
        waiting.communicate()
    finish([holder])

    assert told == f"waiting for `tether add` (pid {holder.pid})\n"
    assert waiting.returncode == 0
    assert room.ok("status", "--short") == "D  first\n?? first\n"
