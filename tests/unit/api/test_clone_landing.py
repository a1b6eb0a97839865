"""Clones from a far end write large files while their packs arrive, and read the packs no second time."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.farclones import FarRoom, far_room
from tests.support.model import read_folder
from tests.support.repos import ticking

from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.core.digest import Digest
from tether.core.outline import FAST
from tether.core.progress import Progress
from tether.errors import NotFound
from tether.repo.contents import ContentReader
from tether.repo.delta import Span
from tether.worktree import landing, patching, writing

pytestmark = pytest.mark.skipif(not FAST, reason="no compiled modules")

ONE = random.Random(5).randbytes(6_000_000)
ZEROS = bytes(2_000_000)


Room = FarRoom[NearEnd]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """Return a room in which every pack is sent whole."""
    with far_room(tmp_path, monkeypatch, NearEnd) as made:
        yield made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what says how many bytes of large files were read from packs to be written."""
    told: list[int] = []
    fill, renew = writing._fill, patching.renew

    def filling(descriptor: int, pieces: Iterator[bytes], progress: Progress) -> None:
        held = list(pieces)
        told.extend(map(len, held))
        fill(descriptor, held, progress)

    def renewing(
        descriptor: int, contents: ContentReader, digest: Digest, spans: Iterator[Span], progress: Progress
    ) -> None:
        held = list(spans)
        told.extend(stop - start for start, stop in held)
        renew(descriptor, contents, digest, iter(held), progress)

    monkeypatch.setattr(writing, "_fill", filling)
    monkeypatch.setattr(writing, "renew", renewing)
    return told


def test_a_large_file_is_not_read_again(room: Room, written: list[int]) -> None:
    """It is whole, has its mode and is clean; nothing of the landing is left."""
    (room.work.root / "weights").write_bytes(ONE)
    (room.work.root / "weights").chmod(0o755)
    (room.work.root / "small").write_bytes(b"small")
    room.commit("weights", "small")
    room.end.cut_packs = True
    with room.clone() as repo:
        assert read_folder(room.copy) == read_folder(room.work.root)
        assert (room.copy / "weights").stat().st_mode == (room.work.root / "weights").stat().st_mode
        assert repo.status().work.is_clean
    assert sum(written) == 0
    assert not (room.copy / ".tether/worktree/landing").exists()


@pytest.mark.parametrize("size", [100, 300_000])
def test_small_files_are_not_read_again(room: Room, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Those in folders come with them, of one chunk and of several; the clone is clean."""
    asked = list[int]()
    small_batches = ContentReader.small_batches

    def batches(self: ContentReader, items: list[tuple[Digest, int]]) -> Iterator[list[tuple[int, bytes]]]:
        asked.append(len(items))
        return small_batches(self, items)

    monkeypatch.setattr(ContentReader, "small_batches", batches)
    for number in range(40):
        path = room.work.root / f"folder/{number % 3}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(number).randbytes(size + number))
    path.chmod(0o755)
    (room.work.root / "top").write_bytes(b"top")
    room.commit("folder", "top")
    room.end.cut_packs = True
    with room.clone() as repo:
        assert read_folder(room.copy) == read_folder(room.work.root)
        assert repo.status().work.is_clean
    assert asked == [1]
    copied = room.copy / path.relative_to(room.work.root)
    assert copied.stat().st_mode == path.stat().st_mode
    assert not (room.copy / ".tether/worktree/landing").exists()


def test_what_a_file_repeats_is_filled_in(room: Room, written: list[int]) -> None:
    """Chunks pass once: their other places, and a second path, are written by the checkout."""
    for name, data in (("zeros", ONE + ZEROS), ("again", ONE + ZEROS)):
        (room.work.root / name).write_bytes(data)
    room.commit("zeros", "again")
    with room.clone() as repo:
        assert read_folder(room.copy) == read_folder(room.work.root)
        assert repo.status().work.is_clean
    assert len(ONE + ZEROS) < sum(written) <= len(ONE + ZEROS) + len(ZEROS)


def test_versions_that_are_not_checked_out_do_not_land(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anything of a bare clone."""
    landed = set[bytes]()
    write = landing.Landing.write

    def note(self: landing.Landing, file: bytes, offset: int, data: memoryview) -> None:
        landed.add(file)
        write(self, file, offset, data)  # type: ignore[arg-type]

    monkeypatch.setattr(landing.Landing, "write", note)
    for data in (ONE[::-1], ONE):
        (room.work.root / "weights").write_bytes(data)
        room.commit("weights")
    with room.clone() as repo:
        assert len(landed) == 1
        assert (room.copy / "weights").read_bytes() == ONE
        assert repo.status().work.is_clean
    landed.clear()
    room.copy.rename(room.copy.with_name("first"))
    room.clone(bare=True).close()
    assert not landed


def test_a_branch_that_is_not_there_is_refused_as_ever(room: Room) -> None:
    """Nothing is left of the clone."""
    (room.work.root / "weights").write_bytes(ONE)
    room.commit("weights")
    request = CloneRequest("http://hub/ada/photos", room.copy, branch="absent")
    with pytest.raises(NotFound, match="absent"):
        Repo.clone_with(request, clock=ticking())
    assert not room.copy.exists()
