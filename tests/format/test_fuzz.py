"""No decoder of stored bytes gives anything for damaged ones but an error of ours, and none hangs."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from blake3 import blake3
from tests.support.damage import altered, damaged
from tests.support.pages import hex_blocks
from tests.support.repos import make_repository, ticking

from tether.core import codec
from tether.core.compression import Codec, Compressor, decompress
from tether.core.digest import Digest, derive
from tether.core.objects import Commit, Tag
from tether.core.recipe import decode_page, decode_recipe
from tether.core.tree import decode_node
from tether.errors import Corrupt, TetherError, Unsupported
from tether.repo.frames import decode_table, parse_frame, read_frames
from tether.repo.mergestate import state_references
from tether.repo.operations import decode_segment, encode_segment
from tether.repo.packindex import PackIndex, merge_indexes
from tether.repo.packs import pack_key, read_contents
from tether.repo.repository import Repository
from tether.repo.root import decode_root
from tether.storage.locks import LockFile
from tether.storage.memory import MemoryBackend
from tether.worktree.block import decode_block, path_and_kind
from tether.worktree.journal import pending
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree

FILE = Digest(bytes.fromhex("8dc7560382f8fcacee229e6991d7045cc356cbdc8f9ed09acc4ec4ab491bc9a9"))
NAME = Digest(blake3(b"pack").digest())

[PACK] = hex_blocks("pack")
[INDEX] = hex_blocks("packindex")
FLAT, PAGE, PAGED, OUTLINED = hex_blocks("recipe")
_, ROOT = hex_blocks("root")
LEAF, _, INNER = hex_blocks("tree")
[COMMIT] = hex_blocks("commit")
[TAG] = hex_blocks("tag")
[STATE] = hex_blocks("state")
BASE, JOURNAL = hex_blocks("statcache")
SEGMENT = encode_segment(decode_root(ROOT).operations, NAME)


def check(decoder: Callable[[bytes], object], data: bytes) -> None:
    """Decode; only the errors for damage and for newer versions may come out."""
    try:
        decoder(data)
    except (Corrupt, Unsupported):
        pass
    except Exception as error:
        raise AssertionError(f"{error!r} for {data.hex()}") from error


def use_index(data: bytes) -> None:
    """Do everything with an index that its readers do."""
    index = PackIndex(data)
    index.verify()
    list(index.rows_from(b"\x8e"))
    for row in range(index.count):
        index.place(row)
    index.row(FILE)
    merge_indexes([index], frozenset(index.packs))


def use_pack(data: bytes) -> None:
    """Find the frames of a pack by its table."""
    backend = MemoryBackend()
    backend.write_new(pack_key(NAME), data)
    list(read_contents(backend, NAME))


def use_frames(data: bytes) -> None:
    """Find the frames of a pack by their headers."""
    list(read_frames(data))


def seal_root(body: bytes) -> bytes:
    """Return a root with a seal that fits."""
    return body + blake3(body).digest()


def seal_recipe(body: bytes) -> bytes:
    """Return a recipe with a seal that fits."""
    return body + derive("tether 2026 recipe v1", FILE + body)


def read_recipe(data: bytes) -> object:
    """Read a recipe of the example file."""
    return decode_recipe(FILE, data)


DECODERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "pack": (PACK, use_pack),
    "frames": (PACK, use_frames),
    "frame": (PACK[16:64], lambda data: parse_frame(data, 16)),
    "table": (PACK[125:225], lambda data: decode_table(data, 2)),
    "index": (INDEX, use_index),
    "recipe": (FLAT, read_recipe),
    "paged": (PAGED, read_recipe),
    "outlined": (OUTLINED, read_recipe),
    "page": (PAGE, decode_page),
    "root": (ROOT, decode_root),
    "operations": (SEGMENT, decode_segment),
    "leaf": (LEAF, decode_node),
    "inner": (INNER, decode_node),
    "commit": (COMMIT, Commit.decode),
    "tag": (TAG, Tag.decode),
    "state": (STATE, state_references),
}

ENCODED: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "recipe": (FLAT[:-32], lambda body: read_recipe(seal_recipe(body))),
    "paged": (PAGED[:-32], lambda body: read_recipe(seal_recipe(body))),
    "outlined": (OUTLINED[:-32], lambda body: read_recipe(seal_recipe(body))),
    "page": (PAGE, decode_page),
    "root": (ROOT[:-32], lambda body: decode_root(seal_root(body))),
    "operations": (SEGMENT, decode_segment),
    "leaf": (LEAF, decode_node),
    "inner": (INNER, decode_node),
    "commit": (COMMIT, Commit.decode),
    "tag": (TAG, Tag.decode),
    "state": (STATE, state_references),
}


@pytest.mark.parametrize("name", DECODERS)
def test_damaged_bytes(name: str) -> None:
    """Bytes that were cut, flipped or overwritten are read, or are damage; the whole ones are read."""
    sample, decoder = DECODERS[name]
    decoder(sample)

    for data in damaged(sample, name):
        check(decoder, data)


@pytest.mark.parametrize("name", ENCODED)
def test_values_of_the_wrong_kind(name: str) -> None:
    """Canonical bytes under a seal that fits, with fields of another type or range, are damage at most."""
    sample, decoder = ENCODED[name]
    decoder(sample)

    for data in altered(sample, name):
        check(decoder, data)


@pytest.mark.parametrize("name", ["recipe", "paged", "root"])
def test_damaged_bytes_under_a_good_seal(name: str) -> None:
    """The same holds for damaged bytes that somebody has sealed again."""
    sample, decoder = ENCODED[name]

    for data in damaged(sample, f"sealed {name}"):
        check(decoder, data)


@pytest.mark.parametrize("level", ["fast", "default", "smallest"])
def test_damaged_frames_of_every_codec(level: str) -> None:
    """Damaged stored bytes, read with any codec, give bytes of the length asked for, or are damage."""
    compressor = Compressor(level)
    numbers = b"".join((1000 + 3 * n).to_bytes(4, "little") for n in range(500))
    for content in (b"text and more text\n" * 50, numbers, bytes(range(256)) * 4):
        _, stored = compressor.compress(content, compressor.choose(content[:512]))
        for data in damaged(bytes(stored), level):
            for codec_number in (*Codec, 7, 255):
                for length in (0, 1, len(content), 131_072):
                    read_frame(codec_number, data, length)


def read_frame(number: int, data: bytes, length: int) -> None:
    """Undo a codec; what comes out has the length that was asked for."""
    try:
        found = decompress(number, data, length)
    except Corrupt:
        return
    assert len(found) == length


def test_a_root_that_no_writer_writes() -> None:
    """Refs out of order, or twice, are damage: a writer could never swap such a root for another."""
    fields = codec.decode(ROOT[:-32], "root")
    one, two = ["refs/heads/a", b"\1" * 32], ["refs/heads/b", b"\2" * 32]
    for refs, good in (([one, two], True), ([two, one], False), ([one, one], False)):
        data = seal_root(codec.encode([*fields[:4], refs, *fields[5:]]))
        if good:
            assert decode_root(data).encode() == data
        else:
            with pytest.raises(Corrupt):
                decode_root(data)


@pytest.mark.parametrize("name", ["stat.base", "stat.journal"])
def test_a_damaged_stat_cache_is_absent(tmp_path: Path, name: str) -> None:
    """Whatever the files of the cache hold, what is read of them is a block or nothing."""
    files = {"stat.base": BASE, "stat.journal": JOURNAL}
    for data in damaged(files[name], name):
        for other, sample in files.items():
            (tmp_path / other).write_bytes(data if other == name else sample)
        cache = StatCache(WorkTree(tmp_path, tmp_path, LockFile(tmp_path / "lock")))
        assert cache.block(b"") is None or name == "stat.journal" or data[:36] == BASE[:36]


@pytest.mark.parametrize("name", ["base", "journal"])
def test_damaged_records_under_a_good_checksum(name: str) -> None:
    """A record of the cache that was damaged before it was written is refused, or reads as a block."""
    record = BASE[36:176] if name == "base" else JOURNAL[60:]
    for data in damaged(record, name):
        with suppress(ValueError):
            path_and_kind(data)
            decode_block([BASE[36:176], data])


def test_a_damaged_checkout_journal(tmp_path: Path) -> None:
    """A journal that does not fit its checksum is damage; one that is empty is none."""
    [sample] = hex_blocks("checkout-journal")
    worktree = WorkTree(tmp_path, tmp_path, LockFile(tmp_path / "lock"))
    for data in damaged(sample, "journal"):
        (tmp_path / "checkout.journal").write_bytes(data)
        check(lambda _: pending(worktree), data)
    for body in altered(sample[34:], "journal"):
        data = sample[:18] + blake3(body).digest()[:16] + body
        (tmp_path / "checkout.journal").write_bytes(data)
        check(lambda _: pending(worktree), data)


def test_a_damaged_format_file(tmp_path: Path) -> None:
    """Whatever the format file holds, opening gives the repository or an error of ours."""
    make_repository(tmp_path).close()
    path = tmp_path / ".tether/format"
    sample = path.read_bytes()
    path.chmod(0o644)
    strange = [
        b"version = 1",
        b"features = 1\n",
        sample + b"x = 2030-01-01\n",
        b"\xff",
        sample + b"features = 1\n",
    ]
    strange += [sample.replace(b"[]", other) for other in (b"1", b"[1]", b"[[]]", b'{a = "b"}', b'"x"')]

    for data in (*damaged(sample, "format"), *strange):
        path.write_bytes(data)
        try:
            Repository.open(tmp_path / ".tether", clock=ticking()).close()
        except TetherError:
            pass
        except Exception as error:
            raise AssertionError(f"{error!r} for {data!r}") from error
