"""A process killed while it works with two repositories: both are old or new, and once more ends it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.crash import places
from tests.support.crash import (
    Command,
    Snapshot,
    count_steps,
    fresh_copy,
    kill_in_child,
    open_repo,
    snapshot,
    steps_to_try,
    verify,
)
from tests.support.model import Files, read_folder
from tests.support.repos import ticking

from tether.api import remotes
from tether.api.repo import Repo
from tether.repo.repository import Repository
from tether.sync.exchange import PushOptions

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@dataclass(frozen=True)
class State:
    """A working copy and what it pushes to; None while that is not a repository yet."""

    here: Snapshot
    files: Files
    there: Snapshot | None


def publish(root: Path) -> None:
    """Push everything to a bare repository beside the working copy, and go on here."""
    name_remote(root)
    repo = open_repo(root)
    remotes.push(repo, options=PushOptions(("main", "side")))
    repo.close()
    places.commit_on_main(root)


def name_remote(root: Path) -> None:
    """Name a remote that does not exist yet."""
    repo = open_repo(root)
    remotes.add_remote(repo, "origin", "../bare")
    repo.close()


def fall_behind(root: Path) -> None:
    """Let the bare repository have a commit and a tag that are not here, and this side one of its own."""
    publish(root)
    other = fresh_copy(root, root.with_name("other"))
    repo = open_repo(other)
    (other / "theirs.txt").write_bytes(b"theirs\n" + places.BIG)
    repo.add()
    repo.commit("theirs")
    repo.create_tag("v1")
    remotes.push(repo, options=PushOptions(("main",), tags=True))
    repo.close()
    shutil.rmtree(other)


def pull(repo: Repo) -> object:
    """Fetch and merge, as `tether pull` does."""
    return repo.merge(remotes.fetch_upstream(repo).upstream)


CASES: dict[str, tuple[Callable[[Path], None], Command]] = {
    "push": (publish, remotes.push),
    "push to a new place": (name_remote, remotes.push),
    "fetch": (fall_behind, remotes.fetch),
    "pull": (fall_behind, pull),
}


def state_of(folder: Path) -> State:
    """Check both repositories and return what is in them."""
    repo = open_repo(folder / "work")
    verify(repo.repository)
    here = snapshot(repo.repository)
    repo.close()
    if not (folder / "bare/root").exists():
        return State(here, read_folder(folder / "work"), None)
    repository = Repository.open(folder / "bare", clock=ticking())
    verify(repository)
    there = snapshot(repository)
    repository.close()
    return State(here, read_folder(folder / "work"), there)


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_step(name: str, room: Path) -> None:
    """Each side is old or new, whole, and the same command brings both to the end."""
    prepare, command = CASES[name]
    both = room / "both"
    places.begin(both / "work")
    prepare(both / "work")
    old = state_of(both)
    done = fresh_copy(both, room / "done")
    run(done / "work", command)
    new = state_of(done)
    counted = fresh_copy(both, room / "counted")
    total = count_steps(counted / "work", command)

    for step in steps_to_try(total):
        place = fresh_copy(both, room / "killed")
        assert kill_in_child(place / "work", command, step), step
        now = state_of(place)
        assert now.here in (old.here, new.here) or name == "pull"  # two operations: fetch, then merge
        assert now.there in (old.there, new.there) or is_empty(now.there), step
        run(place / "work", command)
        assert state_of(place) == new, step
        shutil.rmtree(place)


def is_empty(there: Snapshot | None) -> bool:
    """Say whether a repository was made and has nothing yet."""
    return there is not None and not there.refs


def run(root: Path, command: Command) -> None:
    """Run a command."""
    repo = open_repo(root)
    command(repo)
    repo.close()
