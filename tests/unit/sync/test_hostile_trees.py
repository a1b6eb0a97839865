"""Tree nodes from elsewhere that lie about what is below them are refused before a ref moves."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from tests.support.objects import file_entry, names_that
from tests.support.repos import ADA, commit_files, make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import Child, Entry, EntryKind, Inner, decode_node, encode_inner, encode_leaf
from tether.core.treebuild import build_directory
from tether.core.treeverify import verify_tree
from tether.errors import Corrupt
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, fetch, push

CUT = next(iter(names_that(cut=True)))
PLAIN = sorted(islice(names_that(cut=False), 2))
CONTENT = b"c"
Build = Callable[[WriteSession], Digest]


def _put(objects: WriteSession, payload: bytes) -> Digest:
    return objects.put(ObjectKind.TREE, payload)


def _file(name: bytes) -> Entry:
    return file_entry(name, CONTENT)


def _many(objects: WriteSession, count: int = 3000) -> list[Child]:
    built = build_directory(objects, [_file(b"%05d" % number) for number in range(count)])
    node = decode_node(objects.get(ObjectKind.TREE, built.digest))
    assert isinstance(node, Inner)
    return list(node.children())


def _row(**change: object) -> Build:
    def build(objects: WriteSession) -> Digest:
        rows = _many(objects)
        rows[0] = rows[0]._replace(**change)  # type: ignore[arg-type]
        return _put(objects, encode_inner(1, rows))

    return build


def _folder(**change: object) -> Build:
    def build(objects: WriteSession) -> Digest:
        below = build_directory(objects, [_file(b"f")])
        entry = Entry(b"d", EntryKind.DIRECTORY, 1, below.digest, 1)
        return _put(objects, encode_leaf([entry._replace(**change)]))  # type: ignore[arg-type]

    return build


def _goes_on(objects: WriteSession) -> Digest:
    return _put(objects, encode_leaf([_file(name) for name in sorted([CUT, CUT + b"x"])]))


def _leaf_row(objects: WriteSession, name: bytes) -> Child:
    return Child(name, _put(objects, encode_leaf([_file(name)])), 1, 1, 1)


def _ends_early(objects: WriteSession) -> Digest:
    return _put(objects, encode_inner(1, [_leaf_row(objects, name) for name in PLAIN]))


def _single_child(objects: WriteSession) -> Digest:
    return _put(objects, encode_inner(1, [_leaf_row(objects, CUT)]))


def _wrong_level(objects: WriteSession) -> Digest:
    rows = _many(objects)
    return _put(objects, encode_inner(2, rows))


FORGED = {
    "files": _row(files=1),
    "bytes": _row(bytes=1),
    "entries": _row(entries=1),
    "last name": _row(name=b"00000"),
    "files of a folder": _folder(files=9),
    "bytes of a folder": _folder(size=9),
    "goes on": _goes_on,
    "ends early": _ends_early,
    "single child": _single_child,
    "level": _wrong_level,
}
SEND: dict[str, Callable[[Repository, Repository], object]] = {
    "fetch": lambda there, here: fetch(here, there, "origin"),
    "push": lambda there, here: push(there, here, "origin", PushOptions(("main",))),
    "clone": lambda there, here: fill_clone(there, here, CloneOptions()),
}


def commit_tree(repository: Repository, build: Build) -> Digest:
    """Commit a tree made by `build` on main and return the tree."""
    with repository.transaction("forge") as transaction:
        transaction.contents.add_files([CONTENT], [b"c"])
        tree = build(transaction.objects)
        commit = Commit(tree, (), ADA, Time(0, 0), ADA, Time(0, 0), "forged")
        transaction.set_ref("refs/heads/main", transaction.objects.put(ObjectKind.COMMIT, commit.encode()))
    return tree


@pytest.mark.parametrize("send", SEND.values(), ids=SEND)
@pytest.mark.parametrize("build", FORGED.values(), ids=FORGED)
def test_a_tree_that_lies_is_refused(
    tmp_path: Path, build: Build, send: Callable[[Repository, Repository], object]
) -> None:
    """A full check refuses the same trees; here the receiver is as it was."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here", bare=True)
    tree = commit_tree(there, build)
    with pytest.raises(Corrupt):
        verify_tree(there.objects, tree)
    before = here.root()

    with pytest.raises(Corrupt, match="tree node"):
        send(there, here)

    assert here.root() == before


def test_a_lie_about_a_folder_that_the_receiver_has(tmp_path: Path) -> None:
    """What is not sent again is looked up at the receiver."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here", bare=True)
    commit_tree(there, _folder())
    fetch(here, there, "origin")
    commit_tree(there, _folder(size=9))

    with pytest.raises(Corrupt, match="other totals"):
        fetch(here, there, "origin")


def test_a_last_node_that_the_receiver_has_may_not_be_followed(tmp_path: Path) -> None:
    """A node that ends a folder there, and is followed by another one in the forged folder."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here", bare=True)
    commit_files(there, {PLAIN[0].decode(): CONTENT}, "one")
    fetch(here, there, "origin")
    assert here.objects.has(hash_bytes(CONTENT))
    commit_tree(there, _ends_early)

    with pytest.raises(Corrupt, match="ends before"):
        fetch(here, there, "origin")


@pytest.mark.parametrize("count", [1, 2000, 3000])
def test_true_trees_pass_at_any_size(tmp_path: Path, count: int) -> None:
    """A large folder, then a change in it and a folder with nothing in it."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here", bare=True)

    def changed(objects: WriteSession) -> Digest:
        entries = [_file(b"%05d" % number) for number in range(count)] + [_file(b"new")]
        empty = build_directory(objects, [])
        below = build_directory(objects, entries)
        rows = [
            Entry(b"d", EntryKind.DIRECTORY, below.bytes, below.digest, below.files),
            Entry(b"e", EntryKind.DIRECTORY, 0, empty.digest, 0),
        ]
        return build_directory(objects, rows).digest

    for build in (
        lambda objects: build_directory(objects, [_file(b"%05d" % n) for n in range(count)]).digest,
        changed,
    ):
        tree = commit_tree(there, build)
        push(there, here, "origin", PushOptions(("main",), lease=True))
        assert verify_tree(here.objects, tree).files
