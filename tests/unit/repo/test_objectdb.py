"""Reading objects: in bounded memory, whatever an index says, and when packs come and go."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from tests.support.packs import pack
from tests.support.repos import commit_files, make_repository, put_tree, ticking

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.tree import decode_node
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.repo.frames import DATA, META, Stored
from tether.repo.objectdb import ObjectDb
from tether.repo.packs import pack_key
from tether.repo.repack import merge_packs
from tether.repo.repository import Repository
from tether.storage.memory import MemoryBackend


def masks(count: int) -> dict[str, bytes]:
    """Return files of 100 kB that take a few bytes each when they are stored."""
    return {f"{number:04}.npy": b"%06d" % number + bytes(100_000) for number in range(count)}


def test_a_batch_of_files_that_compress_well_is_bounded(tmp_path: Path) -> None:
    """Four hundred files that lie in some 20 kB of a pack and are 40 MB in memory come in several batches."""
    repository = make_repository(tmp_path)
    files = masks(400)
    commit_files(repository, files, "masks")
    digests = [hash_bytes(data) for data in files.values()]

    sizes = [sum(len(d) for _, d in part) for part in repository.objects.scan(ObjectKind.CHUNK, digests)]

    assert sum(sizes) == 400 * 100_006
    assert max(sizes) < 17_000_000


def test_a_tree_node_of_many_megabytes_is_damage(tmp_path: Path) -> None:
    """Its values would take a hundred times as much; it is refused before it is decompressed."""
    repository = make_repository(tmp_path)
    payload = b"\xdd\x00\x80\x00\x00" + b"\x90" * (8 << 20)
    with repository.transaction("hostile") as transaction:
        digest = hash_bytes(b"any")
        codec, data = transaction.objects.compressor.compress(
            payload, transaction.objects.compressor.choose(b"")
        )
        transaction.objects.append(META, Stored(ObjectKind.TREE, codec, len(payload), digest, data))
        transaction.record()

    for reader in (repository, Repository.open(tmp_path / ".tether", clock=ticking())):
        with pytest.raises(Corrupt, match="impossible length"):
            reader.objects.get(ObjectKind.TREE, digest)
        with pytest.raises(Corrupt, match="impossible length"):
            reader.objects.get_many(ObjectKind.TREE, [digest, digest])


def test_what_no_reader_accepts_is_not_written(tmp_path: Path) -> None:
    """A commit with a message of five megabytes is refused when it is made, not when it is read."""
    repository = make_repository(tmp_path)
    with pytest.raises(InvalidInput, match="too large to be stored"):
        commit_files(repository, {"a": b"a"}, "x" * (5 << 20))
    assert repository.root().refs == {}


def test_a_size_in_a_damaged_index_is_not_believed(tmp_path: Path) -> None:
    """A file is as long as its frame says; a flipped bit in an index neither cuts nor stretches it."""
    repository = make_repository(tmp_path)
    content = b"0123456789" * 300
    commit_files(repository, {"a": content}, "one")
    frame = repository.objects.find(hash_bytes(content))
    assert frame is not None
    for path in (tmp_path / ".tether/index").iterdir():
        raw = (len(content)).to_bytes(4, "little")
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(raw, (len(content) - 1000).to_bytes(4, "little")))

    opened = Repository.open(tmp_path / ".tether", clock=ticking()).contents

    assert opened.size(hash_bytes(content)) == len(content)
    assert opened.open(hash_bytes(content)).readall() == content


def test_an_object_is_never_given_for_one_of_another_kind(tmp_path: Path) -> None:
    """What is known as a commit is no tree, also when it was read a moment ago."""
    repository = make_repository(tmp_path)
    commit = commit_files(repository, {"a": b"a"}, "one")
    repository.objects.get(ObjectKind.COMMIT, commit)

    with pytest.raises(Corrupt, match="another kind"):
        repository.objects.get(ObjectKind.TREE, commit)
    with pytest.raises(Corrupt, match="another kind"):
        repository.objects.get_many(ObjectKind.TREE, [commit])


def test_frames_are_found_again_when_their_pack_was_merged(tmp_path: Path) -> None:
    """A long copy out of a repository goes on when another process merges the packs that it reads."""
    repository = make_repository(tmp_path)
    contents = [b"content %d" % number for number in range(4)]
    for number, data in enumerate(contents):
        commit_files(repository, {str(number): data}, "more")
    reader = Repository.open(tmp_path / ".tether", clock=ticking())
    places = [reader.objects.find(hash_bytes(data)) for data in contents]
    old = repository.root().data_packs

    merged, table = merge_packs(repository.backend, 0, old)
    with repository.transaction("merge packs") as transaction:
        transaction.adopt([merged], [])
        transaction.record()
    root = repository.root()
    _list_only(repository, merged, old)
    assert len(table.kinds) == 4

    frames = reader.objects.read_frames(sorted(place for place in places if place is not None))
    assert sorted(data for batch in frames for _, data in batch) == contents
    assert root.generation < reader.root().generation


class _Restless(MemoryBackend):
    """Another process merges the live packs in the moments in which somebody looks at them.

    Attributes:
        live: Names of the live packs.
        moves: How often they are still to be merged.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.live = (self._put(content),)
        self.moves, self._numbers = 0, count()

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes; packs are merged before."""
        self._move()
        return super().read(key, offset, length)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield keys; packs are merged before."""
        self._move()
        return super().list(prefix)

    def _put(self, content: bytes) -> Digest:
        name, data = pack(DATA, (ObjectKind.CHUNK, content))
        self.write_new(pack_key(name), data)
        return name

    def _move(self) -> None:
        moves, self.moves = self.moves, 0
        if moves:
            old = self.live
            self.live = (merge_packs(self, DATA, [*old, self._put(b"%d" % next(self._numbers))])[0],)
            for name in old:
                self.delete(pack_key(name))
            self.moves = moves - 1


@pytest.mark.parametrize("moves", [1, 2, 3, 7])
def test_packs_that_are_merged_again_and_again_are_followed(moves: int) -> None:
    """Whoever reads is not told that an object is not there while it is, however often its pack changes."""
    data, digest = b"content", hash_bytes(b"content")
    backend = _Restless(data)
    objects = ObjectDb(backend, lambda: backend.live)
    backend.moves = moves
    assert objects.find(digest) is not None
    backend.moves = moves
    assert objects.get(ObjectKind.CHUNK, digest) == data
    backend.moves = moves
    assert objects.frame(digest) is not None
    [place] = objects.find_many([digest])
    assert place is not None
    backend.moves = moves
    assert [read for batch in objects.read_frames([place]) for _, read in batch] == [data]
    backend.moves = moves
    assert objects.find(hash_bytes(b"other")) is None


def _list_only(repository: Repository, kept: Digest, gone: tuple[Digest, ...]) -> None:
    """Take packs out of the root and off the disk, as a merge does."""
    from dataclasses import replace

    root = repository.root()
    new = replace(root, data_packs=(kept,), generation=root.generation + 1)
    repository.backend.swap("root", root.encode(), new.encode())
    for name in gone:
        repository.backend.delete(pack_key(name))


def test_a_transaction_reads_its_own_objects_by_kind(tmp_path: Path) -> None:
    """What a transaction just wrote is given for its own kind alone."""
    repository = make_repository(tmp_path)
    with repository.transaction("put") as transaction:
        tree = put_tree(transaction, {"a": b"a"})
        assert transaction.objects.get_many(ObjectKind.TREE, [tree])
        with pytest.raises(Exception, match="not in this repository"):
            transaction.objects.get_many(ObjectKind.COMMIT, [tree])


def test_what_was_just_stored_is_read_from_memory(tmp_path: Path) -> None:
    """A checkout reads the nodes that came with the fetch before it: no pack is opened for them."""
    repository = make_repository(tmp_path)
    with repository.transaction("add") as transaction:
        trees = [put_tree(transaction, {f"{number}": b"%d" % number}) for number in range(50)]
        transaction.record()
    for key, _ in list(repository.backend.list("packs/")):
        repository.backend.delete(key)

    nodes = [repository.objects.get(ObjectKind.TREE, tree) for tree in trees]

    assert repository.objects.get_many(ObjectKind.TREE, trees) == nodes
    assert [decode_node(node).names for node in nodes] == [[b"%d" % number] for number in range(50)]
    with pytest.raises(NotFound):
        repository.objects.get(ObjectKind.COMMIT, trees[0])
    repository.objects.reset()
    with pytest.raises(NotFound):
        repository.objects.get(ObjectKind.TREE, trees[0])


def test_what_has_no_room_in_memory_is_read_from_the_disk(tmp_path: Path) -> None:
    """Nor does it push out what is there; what was given up is not kept at all."""
    repository = make_repository(tmp_path)
    with repository.transaction("small") as transaction:
        small = put_tree(transaction, {"a": b"a"})
        transaction.record()
    repository.objects.cache_bytes = 300
    with repository.transaction("large") as transaction:
        large = put_tree(transaction, {f"{number}": b"%d" % number for number in range(50)})
        transaction.record()
    with suppress(KeyboardInterrupt), repository.transaction("given up") as transaction:
        dropped = put_tree(transaction, {"b": b"b"})
        raise KeyboardInterrupt
    for key, _ in list(repository.backend.list("packs/")):
        repository.backend.delete(key)

    assert decode_node(repository.objects.get(ObjectKind.TREE, small)).names == [b"a"]
    for digest in (large, dropped):
        with pytest.raises(NotFound):
            repository.objects.get(ObjectKind.TREE, digest)
