"""A revision is a read-only folder that stays as it is."""

import random
from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking

from tether.api.repo import Repo
from tether.errors import InvalidInput, NotFound

BIG = random.Random(3).randbytes(900_000)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a repository with one commit of files, folders and links."""
    repo = Repo.init(tmp_path, clock=ticking())
    repo.author = ADA
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "data/a").write_bytes(b"text\n")
    (tmp_path / "data/link").symlink_to("../big")
    (tmp_path / "data/out").symlink_to("/etc/passwd")
    (tmp_path / "data/loop").symlink_to("loop")
    (tmp_path / "data/deep/x").write_bytes(b"x")
    repo.add()
    repo.commit("first")
    return repo


def test_files_open_and_seek(repo: Repo) -> None:
    """Any range reads back, through links too; writing is not possible."""
    snapshot = repo.at("HEAD")

    with snapshot.open("data/link") as file:
        assert file.seek(500_000) == 500_000
        assert file.read(10) == BIG[500_000:500_010]
        assert file.seek(-5, 2) == len(BIG) - 5
        assert file.read() == BIG[-5:]
        assert not file.writable()
    assert snapshot.read_bytes("big") == BIG
    assert snapshot.read_text("data/a") == "text\n"
    assert snapshot.read_link("data/link") == "../big"
    with pytest.raises(InvalidInput, match="not utf-8 text"):
        snapshot.read_text("big")


def test_a_snapshot_does_not_move(repo: Repo) -> None:
    """Later commits are not seen through it."""
    snapshot = repo.at("main")
    (repo.root / "data/a").write_bytes(b"changed\n")
    repo.add()
    repo.commit("second")

    assert snapshot.read_bytes("data/a") == b"text\n"
    assert repo.at("main").read_bytes("data/a") == b"changed\n"
    assert repo.at("main~").id == snapshot.id
    assert repo.at("").id is None


def test_folders_are_listed_and_walked(repo: Repo) -> None:
    """One folder with totals, or every file below."""
    snapshot = repo.at("HEAD")

    assert [(info.path, info.kind) for info in snapshot.ls()] == [("big", "file"), ("data", "directory")]
    assert [info.path for info in snapshot.ls("data/")] == [
        "data/a",
        "data/deep",
        "data/link",
        "data/loop",
        "data/out",
    ]
    assert [info.path for info in snapshot.walk("data/deep")] == ["data/deep/x"]
    assert [info.path for info in snapshot.walk("big")] == ["big"]
    assert (snapshot.info("data").files, snapshot.info("big").size) == (5, len(BIG))
    assert snapshot.info().files == 6
    assert snapshot.exists(Path("data/a"))
    assert not snapshot.exists("absent")


def test_what_is_no_file_is_refused(repo: Repo) -> None:
    """Folders, links that lead away or in circles, and missing paths."""
    snapshot = repo.at("HEAD")

    with pytest.raises(InvalidInput, match="is a folder"):
        snapshot.open("data")
    with pytest.raises(InvalidInput, match="out of the repository"):
        snapshot.open("data/out")
    with pytest.raises(InvalidInput, match="too many links"):
        snapshot.open("data/loop")
    with pytest.raises(InvalidInput, match="no symbolic link"):
        snapshot.read_link("big")
    with pytest.raises(NotFound, match="absent"):
        snapshot.read_bytes("absent")
    with pytest.raises(NotFound, match="no such revision"):
        repo.at("nowhere")
