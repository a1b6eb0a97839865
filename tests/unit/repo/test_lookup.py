"""Finding objects when packs come and go."""

import pytest

from tether.core.digest import Buffer, Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.errors import Corrupt
from tether.repo import lookup as lookup_module
from tether.repo.frames import DATA, Stored, Table
from tether.repo.lookup import IndexWriter, Lookup
from tether.repo.packindex import PackIndex, Place, build_index, merge_indexes
from tether.repo.packs import PackWriter, pack_key
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


def test_merged_indexes_find_what_is_in_live_packs() -> None:
    """Each object of a live pack is found in that pack, and no other."""
    backend = MemoryBackend()
    packs = [write_pack(backend, b"shared", b"%d" % number, b"x%d" % number) for number in range(6)]
    indexes = [PackIndex(build_index(packs[at : at + 2])) for at in (0, 2, 4)]
    live = frozenset(name for name, _ in packs[1:5])

    merged = PackIndex(merge_indexes(indexes, live))

    assert merged.verify()
    assert frozenset(merged.packs) == live
    for number, (name, table) in enumerate(packs):
        row = merged.row(hash_bytes(b"x%d" % number))
        assert (row >= 0) == (1 <= number <= 4)
        if row >= 0:
            frames = [frame for frame in table if frame.digest == hash_bytes(b"x%d" % number)]
            assert merged.place(row) == Place(name, frames[0])
    first = merged.row(hash_bytes(b"shared"))
    assert [merged.pack(first + at) for at in range(4)] == [name for name, _ in packs[1:5]]


@pytest.fixture(params=[24 + 32 + 8 + 8, 24 + 32 + 8 + 8 + 32], ids=["digest", "pack"])
def damaged(request: pytest.FixtureRequest) -> tuple[MemoryBackend, Digest]:
    """Return storage with one pack, of `first`, and an index of it with a changed byte; and the pack."""
    backend = MemoryBackend()
    pack = write_pack(backend, b"first")
    Lookup(backend, []).extend([pack])
    [(key, _)] = backend.list("index/")
    changed = bytearray(backend.read(key))
    changed[request.param] ^= 7
    backend.delete(key)
    backend.write_new(key, bytes(changed))
    return backend, pack[0]


def test_a_damaged_index_is_mended_before_it_is_merged(damaged: tuple[MemoryBackend, Digest]) -> None:
    """Else what is wrong with it would be in an index that seems sound, and its objects would be lost."""
    backend, name = damaged
    lookup = Lookup(backend, [name])
    for number in range(9):  # so many that they would be merged
        lookup.extend([write_pack(backend, b"%d" % number)])

    everything = [hash_bytes(b"first"), *(hash_bytes(b"%d" % number) for number in range(9))]
    assert None not in Lookup(backend, lookup.live).find_many(everything)
    assert len(list(backend.list("index/"))) < 9


def test_a_damaged_index_is_mended_before_it_is_compacted(damaged: tuple[MemoryBackend, Digest]) -> None:
    """Garbage collection goes on, and nothing is lost."""
    backend, name = damaged
    Lookup(backend, [name]).compact()

    assert Lookup(backend, [name]).find(hash_bytes(b"first")) is not None


def test_a_row_of_a_pack_that_is_not_named_is_refused() -> None:
    """Nothing is made of it."""
    backend = MemoryBackend()
    sound = bytearray(build_index([write_pack(backend, b"first")]))
    sound[24 + 32 + 8 + 8 + 32] = 7
    index = PackIndex(bytes(sound))
    with pytest.raises(Corrupt, match="does not name"):
        merge_indexes([index], frozenset(index.packs))


def test_indexes_of_packs_at_hand_are_written_without_reading_them() -> None:
    """A look-up that finds such an index opens no pack, though none of them is live when it is written."""
    backend = MemoryBackend()
    packs = [write_pack(backend, b"%d" % number) for number in range(3)]

    writer = IndexWriter(backend)
    for name, table in packs:
        writer.add(name, table)
    writer.write()
    writer.write()  # nothing is left

    assert len(list(backend.list("index/"))) == 1
    for name, _ in packs:
        backend.delete(pack_key(name))
    lookup = Lookup(backend, [name for name, _ in packs])
    assert None not in lookup.find_many([hash_bytes(b"%d" % number) for number in range(3)])


def test_tables_at_hand_do_not_gather_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """From so many rows on they are written at once, in an index of their own."""
    monkeypatch.setattr(lookup_module, "_MOST", 2)
    backend = MemoryBackend()
    writer = IndexWriter(backend)
    for number in range(4):
        writer.add(*write_pack(backend, b"%d" % number))
    assert len(list(backend.list("index/"))) == 2
