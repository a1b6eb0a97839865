"""Small files that land while packs arrive: what is moved, and what is left to the checkout."""

import errno
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from tests.support.model import read_folder
from tests.support.objects import DictStore, build_tree, file_entry

from tether.core.tree import EntryKind
from tether.core.treefiles import files_by_folder
from tether.errors import Unavailable
from tether.worktree import landedtree, landing
from tether.worktree.folders import Folders, lstat_record, split
from tether.worktree.landing import Landing
from tether.worktree.plan import Write

CONTENTS = {
    b"a/deep/one": b"1",
    b"a/three": b"333",
    b"a/two": b"22",
    b"b/four": b"4444",
    b"top": b"top",
}


class Room:
    """A working copy, and files that may land beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.landing = Landing(root / ".tether")
        store = DictStore()
        entries = {path: file_entry(path, data) for path, data in CONTENTS.items()}
        entries[b"a/run"] = file_entry(b"", b"run", EntryKind.EXECUTABLE)
        entries[b"b/again"] = file_entry(b"", b"22")
        entries[b"b/link"] = file_entry(b"", b"four", EntryKind.SYMLINK)
        entries[b"b/none"] = file_entry(b"", b"")
        self.entries = {path: entry._replace(name=split(path)[1]) for path, entry in entries.items()}
        self.chosen = self.landing.choose_small(files_by_folder(store, build_tree(store, entries)))

    def put(self, *datas: bytes) -> None:
        """Write contents that passed together."""
        digests = b"".join(file_entry(b"", data).digest for data in datas)
        self.landing.write_small(digests, list(map(len, datas)), b"".join(datas))

    def writes(self) -> list[Write]:
        """Return what a checkout writes."""
        return [Write(path, entry, replaces=False) for path, entry in sorted(self.entries.items())]

    def move(self) -> tuple[dict[bytes, bytes], list[bytes]]:
        """Return the records of what was moved, by path, and the paths that are left."""
        moved, rest = self.landing.move_small(self.root, self.writes())
        found = {
            each.folder + b"/" + name: record
            for each in moved
            for name, record in zip(each.names, each.records, strict=True)
        }
        return found, [write.path for write in rest]


def here(room: Room) -> dict[bytes, bytes]:
    """Return the files of the working copy."""
    return {path.encode(): found.data for path, found in read_folder(room.root).items()}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Return a room with small files that were chosen."""
    made = Room(tmp_path)
    with made.landing:
        assert made.chosen
        yield made
    assert not (tmp_path / ".tether/worktree/landing").exists()


LEFT = [b"b/again", b"b/link", b"b/none", b"top"]
"""The second file of a content, what is no file, and what lies at the top."""


def test_what_came_is_moved_with_its_folders(room: Room) -> None:
    """The records are those of the files, modes and contents are right, and the rest is left."""
    room.put(b"333", b"other", b"1", b"22")
    room.put(b"run", b"4444", b"top", b"")
    records, left = room.move()
    assert left == LEFT
    assert sorted(records) == sorted({*room.entries} - {*LEFT})
    assert here(room) == {path: CONTENTS.get(path, b"run") for path in records}
    with Folders(room.root) as folders:
        for path, record in records.items():
            folder, name = split(path)
            assert record == lstat_record(name, folders.open(folder))
    assert (room.root / "a/run").stat().st_mode & 0o100
    assert not (room.root / "a/two").stat().st_mode & 0o100


def test_what_did_not_come_is_left(room: Room) -> None:
    """Its neighbours are moved all the same; a folder of which nothing came is not made."""
    room.put(b"333")
    records, left = room.move()
    assert list(records) == [b"a/three"]
    assert sorted(left) == sorted({*room.entries} - {b"a/three"})
    assert here(room) == {b"a/three": b"333"}


def test_contents_come_from_threads_and_twice(room: Room) -> None:
    """As of a pack that was cut and sent again."""
    datas = [*CONTENTS.values(), b"run"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(room.put, datas * 5))
    records, left = room.move()
    assert sorted(left) == sorted(LEFT)
    assert len(records) == 5


def test_a_folder_that_is_there_stays(room: Room) -> None:
    """Its files are left to the checkout, which tells what is in the way; the other folder is moved."""
    room.put(b"333", b"4444")
    (room.root / "a").mkdir()
    (room.root / "a/mine").write_bytes(b"mine")
    records, left = room.move()
    assert list(records) == [b"b/four"]
    assert b"a/three" in left
    assert here(room) == {b"a/mine": b"mine", b"b/four": b"4444"}


@pytest.mark.parametrize("change", ["left out", "another content", "replaces"])
def test_nothing_is_moved_that_is_not_asked_for(room: Room, change: str) -> None:
    """Where the checkout is of other files than those that landed, it writes them all."""
    room.put(b"333", b"4444")
    entry = room.entries.pop(b"a/three")
    writes = room.writes()
    if change == "another content":
        writes.append(Write(b"a/three", file_entry(b"three", b"3"), replaces=False))
    if change == "replaces":
        writes.append(Write(b"a/three", entry, replaces=True))
    assert room.landing.move_small(room.root, writes) == ([], writes)
    assert not here(room)


def test_a_full_disk_leaves_all_to_the_checkout(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which meets it too; whatever comes afterwards is not written."""
    room.put(b"333")

    def full(_: int, names: Sequence[bytes], *__: object) -> tuple[list[int], bytes]:
        return [errno.ENOSPC] * len(names), bytes(48 * len(names))

    with monkeypatch.context() as patched:
        patched.setattr(landedtree, "write_files", full)
        room.put(b"4444")
    room.put(b"22")
    assert room.move() == ({}, sorted(room.entries))
    assert not here(room)
    assert not (room.root / ".tether/worktree/landing/tree").exists()


def test_a_folder_that_cannot_be_opened_leaves_all_to_the_checkout(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where no descriptor is free: whoever brings the packs hears nothing of it."""

    def refuse(*_: object) -> None:
        raise Unavailable("too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Folders, "__init__", refuse)
        room.put(b"333")
    room.put(b"22")
    assert room.move() == ({}, sorted(room.entries))


def test_a_disk_that_fails_early_is_not_trusted(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells of that once: what it may have lost is written again, small files and large ones."""
    large = file_entry(b"", bytes(300_000))
    assert set(room.landing.choose([large.digest])) == {large.digest}
    room.landing.write(large.digest, 0, memoryview(bytes(300_000)))
    room.put(b"333")
    assert room.landing.has(large.digest, 300_000)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(landing, "syncfs", fail)
    room.landing.sync()
    room.landing.settle()
    assert room.move() == ({}, sorted(room.entries))
    assert not room.landing.has(large.digest, 300_000)


def test_the_disk_begins_before_the_last_file_came(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many bytes, while more come, but not twice at once; then as always."""
    monkeypatch.setattr(landing, "_SYNC_OFTEN", 4)
    begun, may, syncs = Event(), Event(), list[int]()

    def wait(fd: int) -> None:
        syncs.append(fd)
        begun.set()
        assert may.wait(20)

    monkeypatch.setattr(landing, "syncfs", wait)
    room.put(b"333")
    assert not syncs
    room.put(b"22")
    assert begun.wait(20)
    room.put(b"4444")  # the disk is at it still
    may.set()
    room.landing.sync()
    room.landing.settle()
    assert len(syncs) == 2
    assert list(room.move()[0]) == [b"a/three", b"a/two", b"b/four"]


def test_a_disk_that_fails_on_the_way_is_not_trusted(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it says at the end that all is well: it tells of what it lost only once."""
    monkeypatch.setattr(landing, "_SYNC_OFTEN", 1)
    answers = iter([OSError(errno.EIO, "input/output error")])

    def fail_once(_: int) -> None:
        for error in answers:
            raise error

    monkeypatch.setattr(landing, "syncfs", fail_once)
    room.put(b"333")
    room.landing.sync()
    room.landing.settle()
    assert room.move() == ({}, sorted(room.entries))


def test_what_was_told_to_the_disk_is_moved(room: Room) -> None:
    """Nothing more is taken then."""
    room.put(b"333")
    room.landing.sync()
    room.put(b"22")
    room.landing.settle()
    assert list(room.move()[0]) == [b"a/three"]


def test_a_length_that_is_not_that_of_the_tree_is_left(tmp_path: Path) -> None:
    """The checkout refuses such a tree."""
    store = DictStore()
    lie = file_entry(b"", b"five!")._replace(size=3)
    with Landing(tmp_path / ".tether") as made:
        assert made.choose_small(files_by_folder(store, build_tree(store, {b"a/lie": lie})))
        made.write_small(lie.digest, [5], b"five!")
        writes = [Write(b"a/lie", lie._replace(name=b"lie"), replaces=False)]
        assert made.move_small(tmp_path, writes) == ([], writes)


def test_the_rows_that_are_kept_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders without small files take none; what is beyond the bound, or very deep, is not wanted."""
    monkeypatch.setattr(landedtree, "_MOST", 2)
    store = DictStore()
    files = {b"a/%d" % number: file_entry(b"", b"x")._replace(size=1 << 20) for number in range(3)}
    files |= {b"b/%d" % number: file_entry(b"", b"%d" % number) for number in range(2)}
    files |= {b"c/%d" % number: file_entry(b"", b"c%d" % number) for number in range(2)}
    files[b"/".join([b"d"] * 70)] = file_entry(b"", b"d")
    with Landing(tmp_path / ".tether") as made:
        assert made.choose_small(files_by_folder(store, build_tree(store, files)))
        for data in (b"0", b"1", b"c0", b"c1", b"d"):
            made.write_small(file_entry(b"", data).digest, [len(data)], data)
        found = {
            path.name for path in (tmp_path / ".tether/worktree/landing/tree").rglob("*") if path.is_file()
        }
    assert len(found) == 2


def test_another_file_system_cannot_be_moved_to(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is left to the checkout."""
    room.put(b"333", b"4444")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "rename", refuse)
    assert room.move() == ({}, sorted(room.entries))


def test_without_room_nothing_is_chosen(tmp_path: Path) -> None:
    """A file stands where the folder would be."""
    (tmp_path / ".tether").write_bytes(b"")
    room = Room(tmp_path)
    with room.landing:
        assert not room.chosen
        room.put(b"333")
        assert room.move() == ({}, sorted(room.entries))


def test_a_tree_without_small_files_below_the_top_is_not_wanted(tmp_path: Path) -> None:
    """Then nobody looks at what passes."""
    store = DictStore()
    files = {b"top": file_entry(b"", b"top"), b"a/none": file_entry(b"", b"")}
    tree = build_tree(store, files)
    with Landing(tmp_path / ".tether") as landing:
        assert not landing.choose_small(files_by_folder(store, tree))
