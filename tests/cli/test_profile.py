"""`tether profile`, and the profile that a release has of its data."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.support.cli import Room

from tether.api.repo import Repo
from tether.releases.profiles.document import Profile

FILE = "profiles/train/profile.json"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with data that is committed, and weights."""
    made = Room(tmp_path_factory.mktemp("profiled"))
    made.inside = True
    made.do("init", "-q")
    rows = "".join(f"{n},{'owl' if n % 3 else 'emu'},{n * 0.5}\n" for n in range(30))
    made.write("train/birds.csv", f"id,label,weight\n{rows}")
    made.write("train/note.txt", "Seen in spring.\n")
    made.write("train/odd.parquet", "no table")
    made.do("add", "-q", ".")
    made.do("commit", "-q", "-m", "Birds")
    np.save(made.work / "w.npy", np.zeros(3, np.float32))
    return made


def test_a_place_is_told_in_words_and_as_json(room: Room) -> None:
    """Of the disk and of a revision the same; what could not be read is named and is no failure."""
    shown = room.do("profile", "train")

    assert "30 rows, 3 columns" in shown
    assert "label: owl 20, emu 10" in shown
    assert "not read: odd.parquet: not a Parquet file that can be read" in shown
    assert room.do("profile", "main:train") == shown
    document = json.loads(room.do("profile", "main:train", "--json"))
    assert document["files"]["count"] == 3
    wrote = room.do("profile", "main:train", "-o", "train.json")
    assert wrote.startswith("wrote ")
    data = (room.work / "train.json").read_bytes()
    assert json.loads(data) == document
    with Repo.open(room.work) as repo:
        assert repo.profile("main:train").encode() == data
        assert repo.profile("main:train/birds.csv", labels=["id"]).tables[0].columns[0].label


def test_it_needs_no_repository(room: Room, tmp_path: Path) -> None:
    """A path of the disk is read anywhere; a place of a revision is not."""
    (tmp_path / "a.csv").write_text("a\n1\n")

    assert "1 row, 1 column" in room.do("-C", str(tmp_path), "profile", "a.csv")
    assert room.run("-C", str(tmp_path), "profile", "main:a.csv").code == 3
    (tmp_path / "empty").mkdir()
    assert room.do("-C", str(tmp_path), "profile", "empty") == "0 files, 0 B\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("main:none",), 3, "no such file: main:none"),
        (("none",), 3, "no such file or revision: none"),
        (("train/birds.csv", "--label", "x"), 2, "no table has a column x"),
        (("w.bin",), 9, "a file of this form is not looked into"),
    ],
)
def test_what_cannot_be_profiled_is_told(
    room: Room, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """With the word for it."""
    room.write("w.bin", "1")
    done = room.run("profile", *arguments)

    assert done.code == code, done
    assert f"error: {message}" in done.err


def test_a_release_has_the_profile_of_its_data(room: Room) -> None:
    """Made by its role alone, the same bytes as the command gives, also of private data and from a file."""
    create = ("release", "create", "-q", "--weights", "w.npy", "--data", "train=main:train")
    room.do(*create, "--profile", "train", "bird@1")
    room.do(*create, "--profile", "train", "--private", "train", "bird@2")
    room.write("release.toml", 'weights = "w.npy"\nprofiles = "train"\n[data]\ntrain = "main:train"\n')
    room.do("release", "create", "-q", "--from", "release.toml", "bird@3")
    room.do("profile", "main:train", "-o", "p.json", "-q")

    expected = (room.work / "p.json").read_bytes()
    with Repo.open(room.work) as repo:
        for version in "123":
            release = repo.release(f"bird@{version}")
            [part] = release.manifest.profiles
            assert (part.path, part.data) == (FILE, "data/train/train")
            assert release.read(FILE) == expected
            assert release.verify().ok
    assert Profile.decode(expected).rows == 30
    assert "30 rows, 3 columns, 1 text, 2 labels, 1 not read" in room.do("release", "show", "bird@1")


def test_a_profile_that_is_named_still_goes_in(room: Room) -> None:
    """Whatever it is; without data of its role there is none to make."""
    room.write("own.json", '{"mean": 1}')
    create = ("release", "create", "-q", "--weights", "w.npy")
    room.do(*create, "--data", "train=main:train", "--profile", "train=own.json", "bird@4")

    with Repo.open(room.work) as repo:
        assert repo.release("bird@4").read("profiles/train/own.json") == b'{"mean": 1}'
    assert "own.json" in room.do("release", "show", "bird@4")
    lacking = room.run(*create, "--profile", "train", "bird@5")
    assert (lacking.code, "no data for train" in lacking.err) == (3, True)
    wrong = room.run(*create, "--profile", "all", "bird@5")
    assert (wrong.code, "not a profile of a release: all" in wrong.err) == (2, True)
