"""The stat cache: what is put comes back, and damage is as good as absence."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.worktrees import BOOT, make_worktree

from tether.core.digest import Digest, hash_bytes
from tether.worktree import statcache
from tether.worktree.block import Block
from tether.worktree.files import RECORD
from tether.worktree.rows import Rows, from_items, splice
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree

ONE, TWO = hash_bytes(b"1"), hash_bytes(b"2")


def record(size: int) -> bytes:
    """Return a stat record."""
    return RECORD.pack(0o100644, 0, size, 5, 6, 7, 8)


def block(count: int = 3, stage: Digest = ONE) -> Block:
    """Return a block with something in every list."""
    return Block(
        stage,
        from_items((b"f%05d" % number, record(number)) for number in range(count)),
        b"rules",
        {b"child": TWO},
        {b"f00001": ONE, b"f00002": None},
        (b"new", b"folder/"),
        (b"x.log",),
        (b"pipe",),
        (b"gone",),
        (b"f00000",),
        (b"f00000", b"f00001"),
        BOOT,
    )


@pytest.fixture
def worktree(tmp_path: Path) -> WorkTree:
    """Return a working copy without files."""
    return make_worktree(tmp_path)


def saved(worktree: WorkTree, blocks: dict[bytes, Block | None]) -> StatCache:
    """Save blocks and return the cache opened anew."""
    cache = StatCache(worktree)
    for path, each in blocks.items():
        if each is None:
            cache.drop(path)
        else:
            cache.put(path, each)
    with worktree.exclusive():
        assert cache.save()
    return StatCache(worktree)


def test_blocks_come_back(worktree: WorkTree) -> None:
    """Every part of a block is kept; an unknown folder has none."""
    cache = saved(worktree, {b"": block(), b"a/b": block(2000, TWO)})

    assert cache.block(b"") == block()
    assert cache.block(b"a/b") == block(2000, TWO)
    assert cache.block(b"a") is None


def test_changes_are_appended_and_folded(worktree: WorkTree) -> None:
    """Small changes of a large folder are small in the journal; a large journal becomes a new base."""
    big = block(30_000)
    saved(worktree, {b"": big, b"other": block()})
    base, journal = worktree.state_dir / "stat.base", worktree.state_dir / "stat.journal"
    assert base.stat().st_size > 30_000 * 48
    assert not journal.exists()

    for number in range(5):
        changes: dict[bytes, bytes | None] = {b"f%05d" % number: record(99), b"g%d" % number: record(1)}
        big = replace(big, rows=splice(big.rows, {**changes, b"f2000%d" % number: None}), stage=TWO)
        cache = saved(worktree, {b"": big})
        assert cache.block(b"") == big
    assert journal.stat().st_size < 5 * 1500
    assert saved(worktree, {b"other": None}).block(b"other") is None
    cache = saved(worktree, {b"new": block(30_000)})
    assert not journal.exists()
    assert cache.block(b"") == big
    assert cache.block(b"new") == block(30_000)
    assert cache.block(b"other") is None


def test_a_large_folder_is_copied_once(worktree: WorkTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many changes of it were appended; the last change of a row counts, also one that removes it."""
    rows, cache = block(2000).rows, saved(worktree, {b"": block(2000)})
    for number in range(20):
        changed = {
            b"f00100": record(number + 10),
            b"f%05d" % number: None,
            b"g%05d" % (number % 3): record(1),
        }
        if number % 2:
            changed[b"f00000"] = record(number)
        rows = splice(rows, changed)
        cache = saved(worktree, {b"": replace(block(), rows=rows)})
    copied = []

    def counted(rows: Rows, changes: Mapping[bytes, bytes | None]) -> Rows:
        copied.append(rows.total)
        return splice(rows, changes)

    monkeypatch.setattr("tether.worktree.block.splice", counted)
    assert cache.block(b"") == replace(block(), rows=rows)
    assert copied == [2000]


def test_unsynced_rows_of_another_boot_are_not_trusted(worktree: WorkTree) -> None:
    """After a restart, rows that were not synced count as untrusted; without a boot id, at once."""
    saved(worktree, {b"": block()})

    for boot in (b"another", b""):
        found = StatCache(make_worktree(worktree.root, boot_id=boot)).block(b"")
        assert found is not None
        assert set(found.untrusted) == {b"f00000", b"f00001"}
        assert found.unsynced == ()


def test_another_writer_wins(worktree: WorkTree) -> None:
    """A cache that was changed since it was opened is left as it is."""
    first, second = StatCache(worktree), StatCache(worktree)
    first.put(b"", block())
    second.put(b"", block(5))
    with worktree.exclusive():
        assert first.save()
        assert not second.save()
    assert StatCache(worktree).block(b"") == block()


def test_renamed_folder(worktree: WorkTree) -> None:
    """Blocks follow a rename of their folder, with all folders in it."""
    saved(worktree, {b"a": block(), b"a/b": block(4), b"ab": block(5)})
    cache = StatCache(worktree)
    cache.move(b"a", b"n/m")
    with worktree.exclusive():
        cache.save()

    found = StatCache(worktree)
    assert [found.block(path) for path in (b"a", b"a/b")] == [None, None]
    assert (found.block(b"n/m"), found.block(b"n/m/b"), found.block(b"ab")) == (block(), block(4), block(5))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Block, Block, Path]:
    """Return a large block, it after a change, and the folder of a cache that has both in its files."""
    worktree = make_worktree(tmp_path_factory.mktemp("large"))
    old = block(25_000)
    newer = replace(old, rows=splice(old.rows, {b"f00005": record(77)}))
    saved(worktree, {b"a": old, b"b": block(4)})
    saved(worktree, {b"a": newer, b"c": block(6)})
    return old, newer, worktree.state_dir


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_damage_is_absence(
    tmp_path_factory: pytest.TempPathFactory, large: tuple[Block, Block, Path], data: st.DataObject
) -> None:
    """Whatever is changed or cut off, a block comes back as it was, as before a change, or not at all."""
    old, newer, state = large
    worktree = make_worktree(tmp_path_factory.mktemp("cache"))
    shutil.copytree(state, worktree.state_dir, dirs_exist_ok=True)
    name = data.draw(st.sampled_from(["stat.base", "stat.journal"]))
    path = worktree.state_dir / name
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    else:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)

    cache = StatCache(worktree)

    assert cache.block(b"a") in (None, old, newer)
    assert cache.block(b"b") in (None, block(4))
    assert cache.block(b"c") in (None, block(6))
    assert saved(worktree, {b"d": block()}).block(b"d") == block()


@pytest.mark.parametrize("room", [0, 4, 1 << 17])
def test_blocks_that_were_read_are_kept_as_far_as_there_is_room(
    worktree: WorkTree, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """What is read again is the same, also after it was put or saved."""
    monkeypatch.setattr(statcache, "_KEPT", room)
    cache = saved(worktree, {b"a": block(), b"b": block(4)})
    first = cache.block(b"a")
    assert (cache.block(b"a"), cache.block(b"b"), cache.block(b"c")) == (first, block(4), None)
    assert sum(each.rows.total for each in cache._read.values() if each is not None) <= room

    cache.put(b"a", block(2, TWO))
    assert cache.block(b"a") == block(2, TWO)
    with worktree.exclusive():
        assert cache.save()
    assert cache.block(b"a") == StatCache(worktree).block(b"a") == block(2, TWO)
