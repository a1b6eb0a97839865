"""The worked examples of the format pages are what the code writes, and the code reads them."""

import contextlib
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from tests.support.pages import hex_blocks, page
from tests.support.repos import ADA, commit_files, make_repository, put_tree, ticking

from tether.core.chunker import cut_points
from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import CONTEXTS, ObjectKind, object_digest
from tether.core.objects import Commit
from tether.core.outline import Outline, group_values
from tether.core.recipe import ChunkList, Recipe, decode_page, decode_recipe, encode_page
from tether.core.tree import EMPTY_TREE
from tether.errors import Conflict
from tether.repo.frames import DATA, META, Stored, pack_header, read_frames
from tether.repo.operations import Head, Operation, Pointers, RefChange
from tether.repo.packindex import PackIndex, build_index
from tether.repo.packs import PackWriter, pack_key, read_contents
from tether.repo.repository import FORMAT, Repository, Storage
from tether.repo.root import Root, decode_root
from tether.storage.backend import Upload
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import UploadWrapper, Wrapper
from tether.sync import wire
from tether.sync.bundlefile import encode_table, open_bundle, prerequisites
from tether.sync.placewire import GivenPlace, WantedPlace
from tether.sync.serving import Serving
from tether.sync.wire import (
    PackShare,
    PushRequest,
    RefMove,
    RemoteRefs,
    decode_shares,
    encode_shares,
    pack_bits,
    unpack_bits,
)

CHUNKS = [b"hello\n", b"tether\n"]
FILE = b"".join(b"%d\n" % number for number in range(40_000))
DIGEST = re.compile(r"`([0-9a-f]{64})`")


def digests_on(name: str) -> list[Digest]:
    """Return the digests written out in the text of a page."""
    return [Digest(bytes.fromhex(text)) for text in DIGEST.findall(page(name))]


def file_chunks() -> ChunkList:
    """Return the chunks of the example of chunking."""
    ends = cut_points(FILE)
    pieces = [FILE[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return ChunkList(b"".join(blake3(p).digest() for p in pieces), tuple(len(p) for p in pieces))


def test_an_object_of_each_kind_has_the_digest_on_the_page() -> None:
    """The six bytes of the example have a digest of their own for each kind that has a context."""
    [payload] = hex_blocks("README")
    plain, *derived = digests_on("README")

    assert blake3(payload).digest() == plain
    assert [object_digest(kind, payload) for kind in CONTEXTS] == derived


def test_every_kind_is_on_the_page() -> None:
    """The table of kinds has a row and the context of each kind."""
    text = page("README")

    assert all(f"\n| {int(kind)} | " in text for kind in ObjectKind)
    assert all(f"`{context}`" in text for context in CONTEXTS.values())


def test_a_new_repository_has_the_format_on_the_page(tmp_path: Path) -> None:
    """The format file has the bytes of the example."""
    make_repository(tmp_path)

    [example] = hex_blocks("layout")
    assert FORMAT.encode() == example == (tmp_path / ".tether/format").read_bytes()


def test_the_example_of_a_pack() -> None:
    """A pack of the two chunks is the example byte for byte and is named by its hash."""
    [example] = hex_blocks("pack")
    [name] = digests_on("pack")
    backend = MemoryBackend()
    writer = PackWriter(backend, DATA)
    for chunk in CHUNKS:
        writer.add(Stored(ObjectKind.CHUNK, 0, len(chunk), hash_bytes(chunk), chunk))

    written, table = writer.finish()

    assert backend.read(pack_key(written)) == example
    assert written == name == blake3(example).digest()
    assert sorted(read_frames(example)) == list(table) == list(read_contents(backend, name))


def test_the_example_of_an_index() -> None:
    """An index over the example of a pack is the example, under its key, and finds both chunks."""
    [pack], [example] = hex_blocks("pack"), hex_blocks("packindex")
    [name] = digests_on("pack")
    backend = MemoryBackend()
    backend.write_new(pack_key(name), pack)

    assert build_index([(name, read_contents(backend, name))]) == example
    assert f"`index/{blake3(example).hexdigest()[:32]}.idx`" in page("packindex")
    index = PackIndex(example)
    places = [index.place(index.row(hash_bytes(chunk))) for chunk in CHUNKS]
    assert [(place.pack, place.frame.offset) for place in places] == [(name, 16), (name, 70)]


def test_the_examples_of_recipes() -> None:
    """The flat recipe, the page and the paged recipe of the example file are those on the page."""
    flat, one, paged, outlined = hex_blocks("recipe")
    file, page_digest = digests_on("recipe")
    chunks = file_chunks()

    assert blake3(FILE).digest() == file
    assert Recipe(len(FILE), chunks).encode(file) == flat
    assert encode_page(chunks) == one
    assert object_digest(ObjectKind.RECIPE_PAGE, one) == page_digest
    assert Recipe(len(FILE), None, (page_digest,), (0,)).encode(file) == paged
    assert decode_recipe(file, flat) == Recipe(len(FILE), chunks)
    assert decode_recipe(file, paged).pages == (page_digest,)
    assert decode_page(one) == chunks
    outline = Outline(1 << 17, group_values(FILE, 0, 1 << 17))
    assert outline.digest() == file
    assert Recipe(len(FILE), chunks, outline=outline).encode(file) == outlined
    assert decode_recipe(file, outlined) == Recipe(len(FILE), chunks, outline=outline)


def test_the_examples_of_roots() -> None:
    """A new root, and the root after one operation, are those on the page."""
    new, moved = hex_blocks("root")
    [identity] = digests_on("root")
    [pack] = digests_on("pack")
    write_id, commit = bytes(range(16, 32)), hash_bytes(b"a commit")
    pointers = Pointers(Head("refs/heads/main"), EMPTY_TREE, None)
    change = RefChange("refs/heads/main", None, commit)
    time = Time(1_767_225_600_000_000, 60)
    operation = Operation(None, time, "branch", write_id, pointers, pointers, (change,), (pack,))
    root = Root(write_id, 1, refs={"refs/heads/main": commit}, data_packs=(pack,), operations=(operation,))

    assert Root(bytes(range(16))).encode() == new
    assert root.encode() == moved
    assert operation.id == identity
    assert decode_root(new) == Root(bytes(range(16)))
    assert decode_root(moved) == root


class NotedUpload(UploadWrapper):
    """An upload whose end is noted."""

    def __init__(self, inner: Upload, note: Callable[[str, str], None]) -> None:
        super().__init__(inner)
        self._note = note

    def finish(self, key: str) -> None:
        """Note and pass on."""
        self._note("finish", key)
        super().finish(key)


class Recorder(Wrapper):
    """A backend that notes every step that makes, replaces or deletes a value."""

    def __init__(self, path: Path) -> None:
        super().__init__(LocalBackend(path))
        self.steps: list[str] = []

    def note(self, step: str, key: str) -> None:
        """Write down a step with the digits of its key left out."""
        self.steps.append(f"{step} {re.sub(r'[0-9a-f]{32,}', 'NAME', key)}")

    def upload(self) -> Upload:
        """Begin a value whose end is noted."""
        return NotedUpload(super().upload(), self.note)

    def write_new(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Note and pass on."""
        self.note("write_new", key)
        super().write_new(key, data)

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Note and pass on."""
        self.note("swap", key)
        super().swap(key, expected, new)

    def delete(self, key: str) -> None:
        """Note and pass on."""
        self.note("delete", key)
        super().delete(key)


def test_a_commit_writes_in_the_order_on_the_page(tmp_path: Path) -> None:
    """The steps of a small commit are those of the example, and its packs have the headers there."""
    make_repository(tmp_path).close()
    recorder = Recorder(tmp_path / ".tether")
    repository = Repository.open(
        tmp_path / ".tether", clock=ticking(), storage=Storage.in_folder(tmp_path / ".tether", recorder)
    )

    with repository.transaction("commit") as transaction:
        tree = put_tree(transaction, {"a": b"hello\n"})
        commit = Commit(tree, (), ADA, Time(0, 0), ADA, Time(0, 0), "first")
        transaction.set_ref(
            "refs/heads/main", transaction.objects.put(ObjectKind.COMMIT, commit.encode()), expected=None
        )

    [block] = re.findall(r"^```steps\n(.*?)^```$", page("ordering"), re.MULTILINE | re.DOTALL)
    assert recorder.steps == block.splitlines()
    root = repository.root()
    headers = [recorder.read(pack_key(name), 0, 16) for name in (*root.data_packs, *root.meta_packs)]
    assert hex_blocks("ordering") == [b"".join(headers)] == [pack_header(DATA) + pack_header(META)]


def test_a_writer_who_was_overtaken_stops(tmp_path: Path) -> None:
    """Step 6: a ref that moved since the root was read is a conflict, and the other's move stays."""
    repository = make_repository(tmp_path)
    other = Repository.open(tmp_path / ".tether", clock=ticking())
    theirs = hash_bytes(b"theirs")

    with pytest.raises(Conflict), repository.transaction("mine") as transaction:
        transaction.set_ref("refs/tags/v1", hash_bytes(b"mine"), expected=None)
        with other.transaction("theirs") as second:
            second.set_ref("refs/tags/v1", theirs, expected=None)

    assert repository.root().refs["refs/tags/v1"] == theirs


def test_the_example_of_a_bundle(tmp_path: Path) -> None:
    """The bundle on the page is what the writer makes of its members, and opens with its prerequisite."""
    [example], root, [about] = hex_blocks("bundle"), hex_blocks("root")[0], hex_blocks("layout")
    start = 8 + len(root)
    members = {"root": (8, len(root)), "format": (start, len(about))}
    needed = hash_bytes(b"a commit")
    path = tmp_path / "example.bundle"
    path.write_bytes(example)

    table = encode_table(members, [needed], start + len(about))

    assert b"TETHBND1" + root + about + table == example
    with contextlib.closing(open_bundle(path, ticking())) as bundle:
        assert bundle.root() == Root(bytes(range(16)))
        assert prerequisites(bundle) == [needed]


def test_the_examples_of_a_transfer() -> None:
    """Each message is the example byte for byte, and is read back."""
    refs, bits, frame, shares, wanted, place, push = hex_blocks("transfer")
    commit, pack = hash_bytes(b"a commit"), hash_bytes(b"a pack")

    assert RemoteRefs("refs/heads/main", {"refs/heads/main": commit}) == RemoteRefs.decode(refs)
    assert RemoteRefs.decode(refs).encode() == refs
    assert encode_shares([PackShare(pack, 70_000_000, 900, 850)]) == shares
    assert decode_shares(shares) == [PackShare(pack, 70_000_000, 900, 850)]
    asked = WantedPlace(70_000_000, hashlib.sha256(b"a pack").digest())
    assert (asked.encode(), WantedPlace.decode(wanted)) == (wanted, asked)
    given = GivenPlace(bytes(range(16)), None)
    assert (given.encode(), GivenPlace.decode(place)) == (place, given)
    request = PushRequest(bytes(range(16)), (pack,), (RefMove("refs/heads/main", None, commit),))
    assert request.encode() == push
    assert PushRequest.decode(push) == request
    there = [at in (0, 2, 3, 9) for at in range(10)]
    assert pack_bits(there) == bits
    assert unpack_bits(bits, 10) == there
    [(header, stored)] = wire.read_frames([frame])
    assert (header.kind, header.digest, stored) == (ObjectKind.CHUNK, hash_bytes(CHUNKS[0]), CHUNKS[0])


def test_the_hub_replies_with_the_example_of_a_frame(tmp_path: Path) -> None:
    """The reply to a request for the one chunk of a repository is the example byte for byte."""
    frame = hex_blocks("transfer")[2]
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": CHUNKS[0]}, "one")

    length, blocks = Serving(repository).objects([hash_bytes(CHUNKS[0])])

    assert b"".join(blocks) == frame
    assert length == len(frame)
