"""Files that land while packs arrive: parts in any order, by several threads, and what cannot be written."""

import errno
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tether.core.digest import Digest, hash_bytes
from tether.repo.delta import Span
from tether.worktree.landing import Landing

DATA = random.Random(2).randbytes(5_000_000)
FILE = hash_bytes(DATA)
OTHER = hash_bytes(b"other")


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    """Return one that has chosen a file."""
    with Landing(tmp_path / ".tether") as made:
        assert set(made.choose([FILE, FILE])) == {FILE}
        yield made


@pytest.fixture
def dirfd(tmp_path: Path) -> Iterator[int]:
    """Return the open folder that files are moved to."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def put(landing: Landing, start: int, stop: int, file: Digest = FILE) -> None:
    """Write a part of the file."""
    landing.write(file, start, memoryview(DATA)[start:stop])


def test_parts_in_any_order_make_the_file(landing: Landing, dirfd: int, tmp_path: Path) -> None:
    """Also when they come from threads, and twice; what was moved is not there a second time."""
    parts = [(at, min(at + 70_001, len(DATA))) for at in range(0, len(DATA), 70_001)]
    random.Random(3).shuffle(parts)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: put(landing, *part), [*parts, *parts[:5]]))
    assert landing.move(FILE, len(DATA), dirfd, b"weights") == [Span(0, len(DATA))]
    assert (tmp_path / "weights").read_bytes() == DATA
    assert landing.move(FILE, len(DATA), dirfd, b"again") is None
    assert not (tmp_path / "again").exists()


def test_holes_are_told(landing: Landing, dirfd: int, tmp_path: Path) -> None:
    """In order, between what came."""
    put(landing, 3_000_000, 5_000_000)
    put(landing, 100, 1_000_000)
    assert landing.move(FILE, len(DATA), dirfd, b"weights") == [
        Span(100, 1_000_000),
        Span(3_000_000, 5_000_000),
    ]
    found = (tmp_path / "weights").read_bytes()
    assert found[100:1_000_000] == DATA[100:1_000_000]
    assert found[3_000_000:] == DATA[3_000_000:]


def test_little_of_a_file_is_not_worth_it(landing: Landing, dirfd: int, tmp_path: Path) -> None:
    """It is removed: the checkout writes all of it."""
    put(landing, 0, 1_000_000)
    assert landing.move(FILE, len(DATA), dirfd, b"weights") is None
    assert not list((tmp_path / ".tether/worktree/landing").iterdir())


def test_what_was_not_chosen_is_not_written(landing: Landing, dirfd: int, tmp_path: Path) -> None:
    """Whoever sends it."""
    put(landing, 0, 1000, OTHER)
    assert landing.move(OTHER, 1000, dirfd, b"other") is None
    assert not list((tmp_path / ".tether/worktree/landing").iterdir())


def test_a_full_disk_ends_the_landing_of_a_file(
    landing: Landing, dirfd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room that it took is given back, and nothing is told of it: the checkout meets the disk too."""
    put(landing, 0, 3_000_000)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        put(landing, 3_000_000, 4_000_000)
    put(landing, 4_000_000, 5_000_000)
    assert landing.move(FILE, len(DATA), dirfd, b"weights") is None
    assert not list((tmp_path / ".tether/worktree/landing").iterdir())


def test_another_file_system_cannot_be_moved_to(
    landing: Landing, dirfd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout writes the file then."""
    put(landing, 0, len(DATA))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "rename", refuse)
    assert landing.move(FILE, len(DATA), dirfd, b"weights") is None


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """What was not moved goes, and what a stopped clone had left before."""
    folder = tmp_path / ".tether/worktree/landing"
    folder.mkdir(parents=True)
    (folder / "old").write_bytes(b"old")
    with Landing(tmp_path / ".tether") as made:
        made.choose([FILE])
        assert not list(folder.iterdir())
        put(made, 0, 10)
        assert [each.name for each in folder.iterdir()] == [FILE.hex()]
    assert not folder.exists()


def test_without_room_nothing_is_chosen(tmp_path: Path) -> None:
    """A file stands where the folder would be."""
    (tmp_path / ".tether").write_bytes(b"")
    with Landing(tmp_path / ".tether") as made:
        assert not made.choose([FILE])
        put(made, 0, 10)
