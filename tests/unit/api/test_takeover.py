"""An unfinished clone is taken over by the same clone only, and only if nothing of the user's is in it."""

from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking
from tests.support.worktrees import write_files

from tether.api import takeover
from tether.api.repo import Repo
from tether.errors import AlreadyExists, TetherError, Unavailable
from tether.repo.unfinished import MARK, is_torn, marked_source, write_mark


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a clone of `work` that was stopped before its mark was removed."""
    repo = Repo.init(tmp_path / "work", clock=ticking())
    repo.author = ADA
    write_files(repo.root, {"a": b"12345", "d/x": b"x"})
    (repo.root / "link").symlink_to("a")
    repo.add()
    repo.commit("one")
    repo.close()
    again(tmp_path)
    write_mark(tmp_path / "copy/.tether", str(tmp_path / "work"))
    return tmp_path / "copy"


def again(tmp_path: Path) -> None:
    """Clone."""
    Repo.clone(tmp_path / "work", tmp_path / "copy", clock=ticking()).close()


def test_files_that_are_begun_are_written_anew(copy: Path, tmp_path: Path) -> None:
    """The beginning of a file, and one that is missing, are fine."""
    (copy / "a").write_bytes(b"123")
    (copy / "d/x").unlink()
    again(tmp_path)
    assert ((copy / "a").read_bytes(), (copy / "d/x").read_bytes()) == (b"12345", b"x")
    assert Repo.open(copy, clock=ticking()).status().work.is_clean


@pytest.mark.parametrize("name", ["a", "new", "d/x/y", "link", ".tether/hooks"])
def test_what_is_not_from_the_clone_stays(copy: Path, tmp_path: Path, name: str) -> None:
    """A changed, a new and a replaced file are named, and nothing is removed."""
    place = copy / name
    if name == "d/x/y":
        (copy / "d/x").unlink()
        (copy / "d/x").mkdir()
    place.unlink(missing_ok=True)
    place.write_bytes(b"mine")
    before = {path for path in copy.rglob("*") if "locks" not in path.parts}
    with pytest.raises(AlreadyExists, match="not from it"):
        again(tmp_path)
    assert place.read_bytes() == b"mine"
    assert {path for path in copy.rglob("*") if "locks" not in path.parts} == before


def test_another_source_is_refused(copy: Path, tmp_path: Path) -> None:
    """The unfinished clone is named with its source."""
    Repo.init(tmp_path / "other", clock=ticking()).close()
    with pytest.raises(AlreadyExists, match="unfinished clone of"):
        Repo.clone(tmp_path / "other", copy, clock=ticking())


def test_commits_in_an_unfinished_clone_stay(copy: Path, tmp_path: Path) -> None:
    """If somebody worked in it all the same, its files are theirs."""
    (copy / ".tether" / MARK).unlink()
    with Repo.open(copy, clock=ticking()) as repo:
        repo.author = ADA
        write_files(copy, {"b": b"b"})
        repo.add()
        repo.commit("two")
    write_mark(copy / ".tether", str(tmp_path / "work"))
    with pytest.raises(AlreadyExists, match="work was done in it"):
        again(tmp_path)
    assert (copy / "b").read_bytes() == b"b"


def test_a_clone_that_is_under_way_is_left_alone(copy: Path, tmp_path: Path) -> None:
    """A second process waits for nobody and removes nothing."""
    with takeover.claimed(copy, str(tmp_path / "work"), ticking(), bare=False):
        with pytest.raises(Unavailable, match="in use"):
            again(tmp_path)
        with pytest.raises(Unavailable, match="not finished"):
            Repo.clone(copy, tmp_path / "third", clock=ticking())


def test_a_torn_mark_is_a_beginning(tmp_path: Path) -> None:
    """An empty mark, a part of one and zeros are torn; anything else is not a mark."""
    for data, torn in ((b"", True), (b"tether cl", True), (b"\0" * 20, True), (b"other", False)):
        (tmp_path / MARK).write_bytes(data)
        assert (is_torn(tmp_path), marked_source(tmp_path)) == (torn, None)
    write_mark(tmp_path, "/a b\n\udcff")
    assert (is_torn(tmp_path), marked_source(tmp_path)) == (False, "/a b\n\udcff")


def test_a_folder_of_the_users_is_not_claimed(tmp_path: Path) -> None:
    """Folders named like ours, and links, are not taken for a clone that has begun."""
    Repo.init(tmp_path / "work", clock=ticking()).close()
    (tmp_path / "copy/.tether/locks").mkdir(parents=True)
    (tmp_path / "copy/.tether/locks/mine").write_bytes(b"mine")
    with pytest.raises(TetherError):
        again(tmp_path)
    assert (tmp_path / "copy/.tether/locks/mine").read_bytes() == b"mine"
