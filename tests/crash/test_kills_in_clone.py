"""A clone killed before any change of the disk: the same command ends it, and nothing else is lost."""

import random
import shutil
from collections.abc import Callable
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
from tests.support.far import NearEnd
from tests.support.model import Files, read_folder
from tests.support.repos import ticking

from tether.api import remotes
from tether.api.remotes import CloneRequest
from tether.api.repo import Repo, find_repository
from tether.errors import AlreadyExists, Unavailable
from tether.repo.repository import Repository
from tether.repo.unfinished import marked_source
from tether.sync import download
from tether.sync.places import FarPlace

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

MINE = "mine/notes.txt"
WEIGHTS = random.Random(7).randbytes(5_000_000)


def clone_from_afar(repo: Repo) -> None:
    """Clone the working copy as from a hub, with packs sent whole: large files land while they come."""
    end = NearEnd(repo.root / ".tether")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(download, "_MANY", 1)
        patched.setattr(download, "PACK_JOBS", 1)
        patched.setattr(remotes, "hub_place", lambda *_: FarPlace(end))  # type: ignore[arg-type]
        request = CloneRequest("http://hub/ada/photos", repo.root.parent / "copy")
        Repo.clone_with(request, clock=ticking())[0].close()


def run_clone(repo: Repo, *, url: bool, bare: bool) -> None:
    """Clone the working copy into the folder beside it."""
    address = f"file://{repo.root}" if url else str(repo.root)
    request = CloneRequest(address, repo.root.parent / "copy", bare=bare)
    Repo.clone_with(request, clock=ticking())[0].close()


def state_of(copy: Path, *, bare: bool) -> tuple[Snapshot, Files]:
    """Check a clone and return what is in it."""
    repository = Repository.open(copy if bare else copy / ".tether", clock=ticking())
    verify(repository)
    found = snapshot(repository), {} if bare else read_folder(copy)
    repository.close()
    return found


def refuses_with_a_file(both: Path, *, url: bool) -> None:
    """Put a file of the user's into an unfinished clone: it stays, and so does all else."""
    copy = both / "copy"
    (copy / MINE).parent.mkdir()
    (copy / MINE).write_bytes(b"mine")
    before = read_folder(copy)
    repo = open_repo(both / "work")
    with pytest.raises(AlreadyExists):
        run_clone(repo, url=url, bare=False)
    repo.close()
    assert read_folder(copy) == before
    shutil.rmtree((copy / MINE).parent)


def look_after(both: Path, *, url: bool, bare: bool) -> None:
    """Check right after a kill that an unfinished clone is not taken for a repository."""
    copy = both / "copy"
    directory = copy if bare else copy / ".tether"
    if marked_source(directory) is None:
        return
    for place in (copy, directory):
        with pytest.raises(Unavailable, match="not finished"):
            find_repository(place)
    if not bare:
        refuses_with_a_file(both, url=url)


@pytest.mark.parametrize(
    ("url", "bare", "exists"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, False)],
)
def test_a_kill_at_any_step(room: Path, *, url: bool, bare: bool, exists: bool) -> None:
    """Until the clone is whole every other command says what to do, and the same clone again ends it."""
    both = room / "both"
    places.begin(both / "work")
    if exists:
        (both / "copy").mkdir()

    def command(repo: Repo) -> None:
        run_clone(repo, url=url, bare=bare)

    kill_at_steps(room, command, lambda: look_after(both, url=url, bare=bare), bare=bare)


def test_a_kill_while_files_land(room: Path) -> None:
    """What landed of them is made anew by the same clone, and nothing of it is left."""
    both = room / "both"
    places.begin(both / "work")
    repo = open_repo(both / "work")
    (both / "work/weights").write_bytes(WEIGHTS)
    (both / "work/images/cats").mkdir(parents=True)
    for number in range(20):
        (both / f"work/images/cats/{number}").write_bytes(b"%d" % number)
    repo.add()
    repo.commit("weights")
    repo.close()
    kill_at_steps(room, clone_from_afar, lambda: None, bare=False)
    assert not (both / "copy/.tether/worktree/landing").exists()


def kill_at_steps(room: Path, command: Command, look: Callable[[], None], *, bare: bool) -> None:
    """Kill a clone at steps of its way, look at what is left, and end it by the same command."""
    both = room / "both"
    # Addresses are in the clone, so each run is where the last one was.
    sound = fresh_copy(both, room / "sound")

    def reset() -> None:
        shutil.rmtree(both)
        fresh_copy(sound, both)

    repo = open_repo(both / "work")
    command(repo)
    repo.close()
    new = state_of(both / "copy", bare=bare)
    reset()
    total = count_steps(both / "work", command)
    assert total > 20

    for step in steps_to_try(total, 40):
        reset()
        assert kill_in_child(both / "work", command, step), step
        look()
        repo = open_repo(both / "work")
        try:
            command(repo)
        except AlreadyExists:  # it was done
            assert step >= total - 3
        repo.close()
        assert state_of(both / "copy", bare=bare) == new, step
        assert marked_source(both / "copy/.tether") is marked_source(both / "copy") is None
