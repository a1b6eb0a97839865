"""Partial clones, and what makes them grow, killed before any change of the disk and run again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.crash import places
from tests.support.crash import count_steps, fresh_copy, kill_in_child, open_repo, steps_to_try, verify
from tests.support.model import Files, read_folder
from tests.support.repos import ticking

from tether.api import partial, remotes
from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.core.pathfilter import PathFilter
from tether.errors import AlreadyExists
from tether.repo.check import check_repository
from tether.repo.history import shallow_commits
from tether.repo.partial import Partial, partial_of
from tether.repo.repository import Repository
from tether.repo.unfinished import marked_source
from tether.sync.wire import MOST_DEPTH

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

LAZY = Partial(lazy=True)
FOLDER = Partial(shown=PathFilter([b"d"]))
NOTHING = Partial(lazy=True, shown=PathFilter([]))


class State(NamedTuple):
    """What is in a partial clone."""

    refs: dict[str, bytes]
    absent: set[bytes]
    cut: tuple[bytes, ...]
    shown: tuple[bytes, ...]
    files: Files


def state_of(copy: Path) -> State:
    """Check a partial clone and return what is in it."""
    repository = Repository.open(copy / ".tether", clock=ticking())
    verify(repository)
    root = repository.root()
    absent = {bytes(digest) for digest, _ in check_repository(repository).absent}
    shown = partial_of(root).shown.patterns
    state = State(dict(root.refs), absent, shallow_commits(root), shown, read_folder(copy))
    repository.close()
    return state


def clone(repo: Repo, what: Partial, depth: int | None) -> None:
    """Clone the working copy into the folder beside it."""
    copy = repo.root.parent / "copy"
    request = CloneRequest(f"file://{repo.root}", copy, branch="side", depth=depth, partial=what)
    Repo.clone_with(request, clock=ticking())[0].close()


@pytest.mark.parametrize(
    ("what", "depth"),
    [(LAZY, None), (FOLDER, None), (NOTHING, 1), (Partial(), 1)],
    ids=["lazy", "paths", "nothing", "depth"],
)
def test_a_partial_clone_is_killed(room: Path, what: Partial, depth: int | None) -> None:
    """The same clone again ends it, and comes out as one that nobody stopped."""
    both = room / "both"
    places.begin(both / "work")
    sound = fresh_copy(both, room / "sound")

    def reset() -> None:
        shutil.rmtree(both)
        fresh_copy(sound, both)

    def command(repo: Repo) -> None:
        clone(repo, what, depth)

    repo = open_repo(both / "work")
    command(repo)
    repo.close()
    new = state_of(both / "copy")
    reset()
    total = count_steps(both / "work", command)

    for step in steps_to_try(total, 25):
        reset()
        assert kill_in_child(both / "work", command, step), step
        repo = open_repo(both / "work")
        try:
            command(repo)
        except AlreadyExists:  # it was done
            assert step >= total - 3
        repo.close()
        assert state_of(both / "copy") == new, step
        assert marked_source(both / "copy/.tether") is None


GROW: dict[str, tuple[Partial, int | None, Callable[[Repo], object]]] = {
    "show more": (FOLDER, None, lambda repo: partial.show_more(repo, [b"big.bin", b"a*"])),
    "show more lazily": (NOTHING, None, lambda repo: partial.show_more(repo, [b"big.bin", b"d", b"turns"])),
    "prefetch": (NOTHING, None, lambda repo: partial.prefetch(repo, all_commits=True)),
    "deepen": (LAZY, 1, lambda repo: remotes.fetch(repo, depth=MOST_DEPTH)),
    "switch": (LAZY, None, lambda repo: repo.checkout("origin/main")),
}


@pytest.mark.parametrize("name", GROW)
def test_growing_is_killed(room: Path, name: str) -> None:
    """The same command again ends it; in between nothing is lost and nothing counts as damage."""
    what, depth, command = GROW[name]
    both = room / "both"
    places.begin(both / "work")
    repo = open_repo(both / "work")
    repo.switch("side")
    (repo.root / "d/three").write_bytes(b"three")
    repo.add()
    repo.commit("three")
    clone(repo, what, depth)
    repo.close()
    sound = fresh_copy(both, room / "sound")

    def reset() -> None:
        shutil.rmtree(both)
        fresh_copy(sound, both)

    def run() -> State:
        repo = open_repo(both / "copy")
        command(repo)
        repo.close()
        return state_of(both / "copy")

    new = run()
    reset()
    total = count_steps(both / "copy", command)
    assert total > 5

    for step in steps_to_try(total, 25):
        reset()
        assert kill_in_child(both / "copy", command, step), step
        state_of(both / "copy")
        repo = open_repo(both / "copy")
        repo.add()  # ends or takes back what was begun, and finds no deleted file
        assert not list(repo.status().staged), step
        repo.close()
        assert run() == new, step
