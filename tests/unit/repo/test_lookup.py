"""Finding objects when packs come and go."""

import pytest

from tether.core.digest import Buffer, Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.repo import packindex
from tether.repo.frames import DATA, Stored, Table
from tether.repo.lookup import Lookup
from tether.repo.packindex import PackIndex, build_index, merge_indexes
from tether.repo.packs import PackWriter
from tether.storage.memory import MemoryBackend


def write_pack(backend: MemoryBackend, *contents: bytes) -> tuple[Digest, Table]:
    """Store a pack of raw chunks."""
    writer = PackWriter(backend, DATA)
    for data in contents:
        writer.add(Stored(ObjectKind.CHUNK, 0, len(data), hash_bytes(data), data))
    return writer.finish()


def test_an_object_in_two_packs_is_found_while_one_of_them_is_live() -> None:
    """Rows of both are in one index; whichever pack goes, the other row is used."""
    backend = MemoryBackend()
    packs = [write_pack(backend, b"shared", b"one"), write_pack(backend, b"shared", b"two")]
    Lookup(backend, []).extend(packs)

    for kept, _ in packs:
        place = Lookup(backend, [kept]).find(hash_bytes(b"shared"))
        assert place is not None
        assert place.pack == kept


class _Merging(MemoryBackend):
    """Another process merges each index into its own as soon as it is written."""

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value, and take it away again if it is an index."""
        super().write_new(key, data)
        if key.startswith("index/"):
            self.delete(key)


def test_indexes_that_another_process_merges_are_used_all_the_same() -> None:
    """What was written is found, from memory, though its file is gone before it is mapped."""
    backend = _Merging()
    lookup = Lookup(backend, [])
    for number in range(9):  # so many that they are merged here too
        lookup.extend([write_pack(backend, b"%d" % number)])

    assert list(backend.list("index/")) == []
    assert None not in lookup.find_many([hash_bytes(b"%d" % number) for number in range(9)])


class _Mending(MemoryBackend):
    """Another process mends the damaged index in the moment in which it is to be written again."""

    sound = b""

    def delete(self, key: str) -> None:
        """Remove a value; an index is there again at once, and sound."""
        super().delete(key)
        if key.startswith("index/"):
            super().write_new(key, self.sound)


def test_an_index_that_another_process_mends_is_used() -> None:
    """Of two that find damage the second one takes what the first one wrote."""
    backend = _Mending()
    packs = [write_pack(backend, b"one")]
    Lookup(backend, []).extend(packs)
    [(key, size)] = backend.list("index/")
    backend.sound = backend.read(key)
    MemoryBackend.delete(backend, key)
    backend.write_new(key, bytes(size))

    assert Lookup(backend, [packs[0][0]]).find(hash_bytes(b"one")) is not None
    assert backend.read(key) == backend.sound


def test_a_compacted_index_knows_only_live_packs() -> None:
    """What was in a removed pack alone is gone, and one index is left in use."""
    backend = MemoryBackend()
    packs = [write_pack(backend, b"shared", b"one"), write_pack(backend, b"shared", b"two")]
    lookup = Lookup(backend, [])
    lookup.extend(packs)
    lookup.extend([], [packs[0][0]])

    key = lookup.compact()

    for other, _ in list(backend.list("index/")):
        if other != key:
            backend.delete(other)
    fresh = Lookup(backend, [packs[1][0]])
    assert fresh.find(hash_bytes(b"one")) is None
    assert fresh.find(hash_bytes(b"two")) is not None
    assert [name for name, _ in backend.list("index/")] == [key]


def test_large_and_small_indexes_are_built_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """As arrays or row by row, of packs that share an object too: the same bytes."""
    backend = MemoryBackend()
    packs = [write_pack(backend, b"shared", b"%d" % number, b"x" * number) for number in range(6)]

    for some in (packs, packs[:1]):
        by_rows = build_index(some)
        with monkeypatch.context() as patch:
            patch.setattr(packindex, "_NUMPY_FROM", 0)
            assert build_index(some) == by_rows


def test_large_and_small_indexes_merge_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merged as arrays or row by row, each object of a live pack is found, and no other."""
    backend = MemoryBackend()
    packs = [write_pack(backend, b"shared", b"%d" % number, b"x%d" % number) for number in range(6)]
    indexes = [PackIndex(build_index(packs[at : at + 2])) for at in (0, 2, 4)]
    live = frozenset(name for name, _ in packs[1:5])

    by_rows = PackIndex(merge_indexes(indexes, live))
    monkeypatch.setattr(packindex, "_NUMPY_FROM", 0)
    by_arrays = PackIndex(merge_indexes(indexes, live))

    for number in range(6):
        digest = hash_bytes(b"x%d" % number)
        assert (by_rows.row(digest) >= 0) == (by_arrays.row(digest) >= 0) == (1 <= number <= 4)
        if 1 <= number <= 4:
            assert by_rows.place(by_rows.row(digest)) == by_arrays.place(by_arrays.row(digest))
            assert by_rows.place(by_rows.row(digest)).pack == packs[number][0]
    for merged in (by_rows, by_arrays):
        assert merged.verify()
        assert merged.place(merged.row(hash_bytes(b"shared"))).pack in live
