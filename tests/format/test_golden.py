"""The repository that version 1 wrote is read by this version, by the other reader, and can be added to."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.format import golden_content as content
from tests.format import reader
from tests.support.repos import commit_files, read_files, ticking

from tether.core.codec import encode
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, object_digest
from tether.core.objects import Commit, Tag
from tether.core.recipe import decode_recipe
from tether.core.tree import EntryKind, Leaf, decode_node, node_encoder
from tether.core.treeread import walk
from tether.core.treeverify import verify_tree
from tether.repo.operations import decode_segment, encode_segment, walk_operations
from tether.repo.packs import verify_pack
from tether.repo.repository import Repository

GOLDEN = Path(__file__).parent / "golden/v1"

COMMITS = {
    "first": "868ce0765ea02d26badb7e8b712efe0765a855acf0bfab86b9ee081833d53143",
    "second: flat folder": "a1888ea55095b807cfffd44d3eead3257d0902911e93dc00d3646b8cef98bce8",
    "third": "9e8f4982fffd2834f75ee84993a4d3ace9b2c579c4d25bb1aff16c703e251565",
    "merge\n\nOf two lines.\n": "fcaca26e18bac8f682928f53e29952639475739b29e9ccaedc076022992975a9",
}
"""Ids that must never change: what these files, people, times and messages are called for ever."""

TAG = "570821f5916a0513d39f18f98ec07f3a5490e5e2babfc8d390c40bfb869057b9"
FILES = {
    "first": content.base,
    "second: flat folder": content.ours,
    "third": content.theirs,
    "merge\n\nOf two lines.\n": content.merged,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the golden repository that may be written to."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "repository"))


@pytest.fixture
def repository(folder: Path) -> Iterator[Repository]:
    """Return the opened copy."""
    (folder / "locks").mkdir()
    opened = Repository.open(folder, clock=ticking())
    yield opened
    opened.close()


def test_this_version_reads_every_file(repository: Repository) -> None:
    """Each commit holds the files that were put into it, byte for byte, with their kinds."""
    for message, digest in COMMITS.items():
        tree = commit_of(repository, digest).tree
        found = {
            path: (entry.kind, repository.contents.read(entry.digest) if entry.files else b"")
            for path, entry in walk(repository.objects, tree)
        }
        assert found == FILES[message]()


def test_the_other_reader_reads_every_file() -> None:
    """The reader that was written from the format pages finds the same commits and files."""
    found = reader.Reader(GOLDEN)

    commits = {fields[5]: (digest.hex(), fields[1]) for digest, fields in found.commits()}

    assert {message: digest for message, (digest, _) in commits.items()} == COMMITS
    for message, (_, tree) in commits.items():
        assert {path: (kind, data) for path, kind, data in found.tree(tree)} == FILES[message]()


def test_the_same_history_has_the_same_ids(tmp_path: Path) -> None:
    """This version gives the same files, people, times and messages the ids that version 1 gave."""
    content.build(tmp_path)

    refs = Repository.open(tmp_path, clock=ticking()).root().refs

    assert refs["refs/heads/main"].hex() == COMMITS["merge\n\nOf two lines.\n"]
    assert refs["refs/heads/theirs"].hex() == COMMITS["third"]
    assert refs["refs/tags/v1"].hex() == TAG


def test_every_object_is_written_as_it_was(repository: Repository) -> None:
    """Decoding and encoding each object of the repository gives its bytes and its digest again."""
    found = reader.Reader(GOLDEN)
    seen = set()
    for digest, place in found.places.items():
        kind, payload = ObjectKind(place.kind), found.get(place.kind, digest)
        seen.add(kind)
        assert repository.objects.get(kind, Digest(digest)) == payload
        if kind != ObjectKind.CHUNK:
            assert rewritten(kind, Digest(digest), payload) == payload
    assert seen == set(ObjectKind) - {ObjectKind.RECIPE_PAGE, ObjectKind.STATE}


def rewritten(kind: ObjectKind, digest: Digest, payload: bytes) -> bytes:
    """Decode an object and return what is written for it now."""
    if kind == ObjectKind.RECIPE:
        return decode_recipe(digest, payload).encode(digest)
    assert object_digest(kind, payload) == digest
    if kind == ObjectKind.TREE:
        node = decode_node(payload)
        rows = list(node.entries()) if isinstance(node, Leaf) else list(node.children())
        return node_encoder(node.level)(rows)
    if kind == ObjectKind.OPERATIONS:
        return encode_segment(*decode_segment(payload))
    return Commit.decode(payload).encode() if kind == ObjectKind.COMMIT else Tag.decode(payload).encode()


def test_operations_and_packs_are_whole(repository: Repository) -> None:
    """All operations are there, each the parent of the next, and every pack and folder verifies."""
    root = repository.root()
    operations = list(walk_operations(root.operations, root.older_operations, repository.objects))

    assert len(operations) == content.OPERATIONS == root.generation
    assert [op.parent for op in operations] == [*(op.id for op in operations[1:]), None]
    assert [op.command for op in operations[-6:]] == ["mark", "tag", *["commit"] * 4]
    for name in root.packs():
        verify_pack(repository.backend, name)
    for message, digest in COMMITS.items():
        files = [item for item in FILES[message]().values() if item[0] != EntryKind.DIRECTORY]
        total = verify_tree(repository.objects, commit_of(repository, digest).tree)
        assert (total.files, total.bytes) == (len(files), sum(len(data) for _, data in files))


def test_it_is_read_without_indexes(folder: Path) -> None:
    """Everything is found from the packs alone."""
    shutil.rmtree(folder / "index")
    repository = Repository.open(folder, clock=ticking())

    commit = commit_of(repository, COMMITS["first"])

    assert commit.author == content.AUTHOR
    assert len(list(walk(repository.objects, commit.tree))) == len(content.base())


def test_it_can_be_added_to(repository: Repository, folder: Path) -> None:
    """This version commits on top, and both readers see the old and the new commit."""
    new = commit_files(repository, {"a": b"new\n"}, "new")

    found = reader.Reader(folder)
    assert read_files(repository, new) == {"a": b"new\n"}
    assert {d.hex() for d, _ in found.commits()} == {*COMMITS.values(), new.hex()}
    assert found.root[9][-1][3] == "commit new"


def test_the_payloads_are_canonical() -> None:
    """The second reader's values, encoded by this version, are the stored bytes."""
    found = reader.Reader(GOLDEN)
    for digest, place in found.places.items():
        if place.kind in (reader.TREE, reader.COMMIT, reader.TAG, reader.OPERATIONS):
            payload = found.get(place.kind, digest)
            assert encode(reader.decode(payload)) == payload


def commit_of(repository: Repository, digest: str) -> Commit:
    """Return a commit by its id."""
    return Commit.decode(repository.objects.get(ObjectKind.COMMIT, Digest(bytes.fromhex(digest))))
