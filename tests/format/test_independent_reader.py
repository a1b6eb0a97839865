"""A reader written from the format pages alone gives back every file of every commit, byte for byte."""

import math
import random
import struct
import subprocess
import sys
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from blake3 import blake3
from tests.format import reader
from tests.support.repos import ADA, make_repository

from tether.core import planes, planes_pure, zstd
from tether.core.compression import Codec, Compressor
from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit, Tag
from tether.core.planes import Mode, Shape
from tether.core.recipe import ChunkList, Recipe, encode_page
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.repo.frames import DATA, Stored
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043")


class Item(NamedTuple):
    """What lies at a path."""

    kind: EntryKind
    data: bytes


def weights(code: str, count: int) -> bytes:
    """Return normal numbers as float32 (`f`), or as bfloat16 (`b`): the high halves of float32."""
    random_source = random.Random(code)
    numbers = struct.pack(f"<{count}f", *(random_source.gauss(0, 0.02) for _ in range(count)))
    return numbers if code == "f" else b"".join(numbers[i + 2 : i + 4] for i in range(0, len(numbers), 4))


def wave(typecode: str, count: int, height: float) -> bytes:
    """Return a slow wave with a little noise as integers of one width."""
    noise = random.Random(typecode)
    values = (int(height * math.sin(n / 700)) + noise.randrange(64) for n in range(count))
    return array(typecode, values).tobytes()


def safetensors(name: str, data: bytes, dtype: str) -> bytes:
    """Return a file with the layout of safetensors."""
    header = f'{{"{name}":{{"dtype":"{dtype}","shape":[{len(data)}],"data_offsets":[0,{len(data)}]}}}}'
    return struct.pack("<Q", len(header)) + header.encode() + data


def first_files() -> dict[bytes, Item]:
    """Return files of many kinds by path."""
    noise = random.Random(1)
    contents = {
        b"empty": b"",
        b"one byte": b"x",
        b"README.md": b"# Animals\n" * 40,
        b"log.txt": b"".join(b"%d epoch loss %f\n" % (n, 1 / (n + 1)) for n in range(60_000)),
        b"noise.bin": noise.randbytes(1_500_000),
        b"zeros.bin": bytes(3_000_000),
        b"img/cat.jpg": JPEG + noise.randbytes(30_000),
        b"img/deep/er/dog.jpg": JPEG + noise.randbytes(200_000),
        b"model/a.safetensors": safetensors("w", weights("b", 300_000), "BF16"),
        b"model/b.safetensors": safetensors("w", weights("f", 200_000), "F32"),
        b"signal/short.pcm": wave("h", 300_000, 9000),
        b"signal/int.pcm": wave("i", 150_000, 9e7),
        b"signal/long.pcm": wave("q", 80_000, 9e15),
        "umlaut/\u00e4\u6f22.txt".encode(): b"text\n",
        b"bytes/\xff\xfe\n": b"a name that is not UTF-8\n",
    }
    files = {path: Item(EntryKind.FILE, data) for path, data in contents.items()}
    files[b"run.sh"] = Item(EntryKind.EXECUTABLE, b"#!/bin/sh\nexit 0\n")
    files[b"latest"] = Item(EntryKind.SYMLINK, b"model/a.safetensors")
    files[b"nothing/here"] = Item(EntryKind.DIRECTORY, b"")
    return files


def second_files() -> dict[bytes, Item]:
    """Return the first files with changes and a flat folder of 5,000 files."""
    files = first_files()
    log = files[b"log.txt"].data
    files[b"log.txt"] = Item(EntryKind.FILE, log[:400_000] + b"inserted\n" + log[400_000:])
    del files[b"img/cat.jpg"]
    for number in range(5000):
        files[b"flat/%05d.txt" % number] = Item(EntryKind.FILE, b"label %d\n" % (number % 3000))
    return files


def store(transaction: Transaction, item: Item, path: bytes) -> Entry:
    """Put one item into a transaction, large ones as a stream."""
    name, (kind, data) = path.rpartition(b"/")[2], item
    if kind == EntryKind.DIRECTORY:
        return Entry(name, kind, 0, EMPTY_TREE, 0)
    if len(data) < 1 << 20:
        [digest] = transaction.contents.add_files([data], [name])
        return Entry(name, kind, len(data), digest)
    view, at = memoryview(data), 0

    def read_into(buffer: memoryview) -> int:
        nonlocal at
        count = min(len(buffer), len(data) - at)
        buffer[:count] = view[at : at + count]
        at += count
        return count

    digest, size = transaction.contents.add_stream(read_into, name)
    return Entry(name, kind, size, digest)


def commit(repository: Repository, files: Mapping[bytes, Item], message: str) -> Digest:
    """Commit `files` on main and return the commit."""
    with repository.transaction(message) as transaction:
        entries = {path: store(transaction, item, path) for path, item in files.items()}
        tree = edit_tree(transaction.objects, EMPTY_TREE, entries).digest
        parent = transaction.ref("refs/heads/main")
        now = repository.clock()
        made = Commit(tree, (parent,) if parent else (), ADA, now, ADA, now, message)
        digest = transaction.objects.put(ObjectKind.COMMIT, made.encode())
        transaction.set_ref("refs/heads/main", digest)
        transaction.set_stage(tree)
    return digest


def read_commit(folder: Path, digest: Digest) -> dict[bytes, Item]:
    """Return the files of a commit as the independent reader sees them."""
    found = reader.Reader(folder)
    return items(found, dict(found.commits())[digest])


def items(found: reader.Reader, fields: list[Any]) -> dict[bytes, Item]:
    """Return the files of a commit by its fields."""
    return {path: Item(EntryKind(kind), data) for path, kind, data in found.tree(fields[1])}


@pytest.mark.parametrize("level", ["fast", "default", "smallest"])
def test_every_file_of_every_commit(tmp_path: Path, level: str) -> None:
    """Files of many kinds, changed over two commits, come back as they were put in, at each level."""
    repository = make_repository(tmp_path)
    repository.config.set(tmp_path / ".tether/config.toml", "storage.compression", level)
    repository = Repository.open(tmp_path / ".tether", clock=repository.clock)
    assert repository.config.get("storage.compression") == level
    first, second = first_files(), second_files()

    old, new = commit(repository, first, "first"), commit(repository, second, "second")

    assert read_commit(tmp_path / ".tether", old) == first
    assert read_commit(tmp_path / ".tether", new) == second


def test_many_operations_and_merged_packs(tmp_path: Path) -> None:
    """After so many commits that packs were merged and operations moved out, all of them are read."""
    repository = make_repository(tmp_path, bare=True)
    versions = [{b"a": Item(EntryKind.FILE, b"%d" % number)} for number in range(70)]
    made = [commit(repository, files, str(number)) for number, files in enumerate(versions)]

    found = reader.Reader(tmp_path)
    contents = {
        digest: {p: Item(EntryKind(k), d) for p, k, d in found.tree(f[1])} for digest, f in found.commits()
    }

    assert contents == dict(zip(made, versions, strict=True))
    assert [operation[3] for operation in found.operations()] == [
        str(number) for number in reversed(range(70))
    ]


def test_tags_and_paged_recipes(tmp_path: Path) -> None:
    """A file whose chunks are listed in pages is read, from a commit that only a tag leads to."""
    repository = make_repository(tmp_path)
    chunks = [random.Random(number).randbytes(10_000) for number in range(5)]
    data = b"".join(chunks)
    with repository.transaction("put") as transaction:
        for chunk in chunks:
            transaction.objects.append(
                DATA, Stored(ObjectKind.CHUNK, Codec.RAW, len(chunk), hash_bytes(chunk), chunk)
            )
        pages = []
        for part in (chunks[:3], chunks[3:]):
            listed = ChunkList(b"".join(map(hash_bytes, part)), tuple(map(len, part)))
            pages.append(transaction.objects.put(ObjectKind.RECIPE_PAGE, encode_page(listed)))
        recipe = Recipe(len(data), None, tuple(pages), (0, 30_000))
        transaction.objects.put_named(ObjectKind.RECIPE, hash_bytes(data), recipe.encode(hash_bytes(data)))
        entry = Entry(b"paged", EntryKind.FILE, len(data), hash_bytes(data))
        tree = edit_tree(transaction.objects, EMPTY_TREE, {b"paged": entry}).digest
        made = Commit(tree, (), ADA, Time(0, 0), ADA, Time(0, 0), "paged")
        target = transaction.objects.put(ObjectKind.COMMIT, made.encode())
        tag = Tag("v1", target, ObjectKind.COMMIT, ADA, Time(0, 0), "a tag")
        transaction.set_ref("refs/tags/v1", transaction.objects.put(ObjectKind.TAG, tag.encode()))

    assert read_commit(tmp_path / ".tether", target) == {b"paged": Item(EntryKind.FILE, data)}
    assert repository.contents.read(hash_bytes(data)) == data


@pytest.mark.parametrize("codec", [codec for codec in Codec if Codec.ZSTD < codec < Codec.DIFFERENCE])
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("lead", "length"), [(0, 8000), (1, 8003), (0, 9), (1, 1031)])
def test_planes_of_every_form(codec: Codec, mode: Mode, lead: int, length: int) -> None:
    """Each codec with each way to store a plane is read, with bytes before and after the elements."""
    width, rotated = reader.PLANES[codec]
    chunk = (weights("f", 2048) * 2)[:length]
    writer = zstd.FrameWriter()

    def pack(plane: bytes, _highest: bool) -> tuple[Mode, bytes]:
        made = {
            Mode.PLAIN: bytes,
            Mode.ZSTD: lambda p: writer.compress(p, zstd.QUICK),
            Mode.NARROW: planes_pure.narrow,
        }
        return mode, made[mode](plane)

    stored = planes.encode(chunk, Shape(width, rotated), lead, pack)

    assert reader.unpack(codec, stored, length) == chunk


def test_the_levels_use_every_codec() -> None:
    """The contents of these tests make the compressor use each of its codecs at one of its levels."""
    used = set()
    for level in ("fast", "default", "smallest"):
        compressor = Compressor(level)
        for path, (_, data) in first_files().items():
            for start in range(0, min(len(data), 400_000), 65_536):
                chunk = data[start : start + 65_536]
                codec, stored = compressor.compress(chunk, compressor.choose(data[:512], path))
                used.add(codec)
                assert reader.unpack(codec, bytes(stored), len(chunk)) == chunk

    assert used == set(Codec) - {Codec.DIFFERENCE}


def test_the_reader_notices_damage(tmp_path: Path) -> None:
    """A flipped bit in any place of a pack, or in the root, stops the reader."""
    commit(make_repository(tmp_path), {b"a": Item(EntryKind.FILE, b"content" * 100)}, "first")
    folder = tmp_path / ".tether"
    for path in [folder / "root", *sorted((folder / "packs").iterdir())]:
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[:77] + bytes([data[77] ^ 1]) + data[78:])
        with pytest.raises(reader.Damaged):
            reader.Reader(folder)
        path.write_bytes(data)

    assert reader.Reader(folder)


def test_the_reader_is_independent(tmp_path: Path) -> None:
    """The reader runs by itself, imports nothing of Tether, and prints the digests of the files."""
    commit(make_repository(tmp_path), {b"a": Item(EntryKind.FILE, b"content\n")}, "first")
    script = Path(reader.__file__)

    done = subprocess.run(
        [sys.executable, "-P", script, tmp_path / ".tether"], capture_output=True, text=True, check=True
    )

    assert "tether." not in script.read_text().replace("python tests", "").replace("FOLDER/.tether", "")
    assert blake3(b"content\n").hexdigest() + " f a\n" in done.stdout
