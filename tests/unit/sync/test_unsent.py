"""What a push sends is all that the far end lacks, and little more, however folders changed."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from tests.support.repos import ADA, make_repository
from tests.support.versions import recipe_of

from tether.core import treebeside
from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import Corrupt
from tether.repo import ingest
from tether.repo.ingest import SMALL_FILE
from tether.repo.objectdb import ObjectDb
from tether.sync import negotiate
from tether.sync.negotiate import Missing, find_missing, find_unsent

Files = dict[str, bytes]
FILES: Files = {
    f"{folder}/{number:03}": b"%d" % number + folder.encode() for folder in "abcd" for number in range(40)
}
FILES |= {f"large/{number:05}": b"%d" % number for number in range(1200)}


def _renamed(files: Files, old: str, new: str) -> Files:
    return {new + path[len(old) :] if path.startswith(old) else path: data for path, data in files.items()}


def _without(files: Files, start: str) -> Files:
    return {path: data for path, data in files.items() if not path.startswith(start)}


CHANGES: dict[str, Callable[[Files], Files]] = {
    "nothing": lambda files: files,
    "contents": lambda files: files | {"a/007": b"new", "large/00700": b"new"},
    "new names": lambda files: files | {"a/007x": b"new", "large/00700x": b"new", "new/x/y": b"new"},
    "names that go": lambda files: _without(files, "a/00") | {"a/011": b"new"},
    "a folder renamed": lambda files: _renamed(files, "a/", "z/"),
    "a folder renamed and changed": lambda files: (
        _renamed(files, "a/", "z/") | {"z/003": b"new", "z/x": b"new"}
    ),
    "folders swapped": lambda files: _renamed(_renamed(_renamed(files, "a/", "t/"), "b/", "a/"), "t/", "b/"),
    "a folder for a file": lambda files: _without(files, "a/007") | {"a/007/x": b"new"},
    "a file for a folder": lambda files: _without(files, "b/") | {"b": b"new"},
    "a folder that grows a level": lambda files: (
        files | {f"a/n{number:04}": b"%d" % number for number in range(900)}
    ),
    "a folder that shrinks a level": lambda files: _without(files, "large/0") | {"large/0": b"new"},
    "contents moved": lambda files: (
        files | {"a/001": files["a/002"], "a/002": files["a/001"], "b/x": files["c/001"]}
    ),
}


class Room:
    """A repository with a commit that the far end has."""

    def __init__(self, folder: Path) -> None:
        self.repository = make_repository(folder)
        self.first = self.commit(FILES)
        has_nothing = find_missing(self.repository.objects, lambda asked: [False] * len(asked), [self.first])
        self.there = {*has_nothing.meta(), *has_nothing.chunks}
        self.questions: list[list[Digest]] = []

    def commit(self, files: Mapping[str, bytes], *parents: Digest) -> Digest:
        """Return a new commit of these files."""
        with self.repository.transaction("commit") as transaction:
            contents = transaction.contents
            small = iter(contents.add_files([data for data in files.values() if len(data) <= SMALL_FILE]))
            digests = [
                contents.add(data) if len(data) > SMALL_FILE else next(small) for data in files.values()
            ]
            entries: dict[bytes, Entry | None] = {
                path.encode(): Entry(
                    path.rpartition("/")[2].encode(), EntryKind.FILE, len(files[path]), digest
                )
                for path, digest in zip(files, digests, strict=True)
            }
            tree = edit_tree(transaction.objects, EMPTY_TREE, entries).digest
            now = self.repository.clock()
            commit = Commit(tree, parents, ADA, now, ADA, now, "c")
            digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
            transaction.set_ref(f"refs/heads/c{digest.hex()[:8]}", digest)
        return digest

    def has(self, digests: Sequence[Digest]) -> list[bool]:
        """Say what the far end has."""
        self.questions.append([*digests])
        return [digest in self.there for digest in digests]

    def unsent(self, *wants: Digest) -> Missing:
        """Return what is found to be lacking, after making sure that it is just that."""
        objects = self.repository.objects
        found = find_unsent(objects, self.has, wants, self.repository.root())
        asked = len(self.questions)
        true = find_missing(objects, self.has, wants)
        del self.questions[asked:]
        assert len({*found.meta(), *found.chunks}) == len(found)
        assert {*found.meta(), *found.chunks} == {*true.meta(), *true.chunks} - self.there
        return found


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return one for all tests, which add commits to it."""
    return Room(tmp_path_factory.mktemp("unsent"))


@pytest.mark.parametrize("unasked", [0, 3, 2048])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_all_that_is_lacking_and_no_more(
    room: Room, change: Callable[[Files], Files], unasked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changed in one commit or in two, and whether the far end is asked early or late."""
    monkeypatch.setattr(negotiate, "_UNASKED", unasked)
    once = change(FILES)
    one = room.commit(once, room.first)
    two = room.commit(once | {"c/020": b"again", "c/021x": b"again"}, one)
    back = room.commit(FILES, two)

    for commit in (one, two, back):
        assert room.unsent(commit).commits


def test_joined_commits_and_those_without_parents(room: Room) -> None:
    """Each is looked at beside a commit that is there; one that has none is looked at as a whole."""
    left = room.commit(FILES | {"a/left": b"left"}, room.first)
    right = room.commit(FILES | {"b/right": b"right"}, room.first)
    joined = room.commit(FILES | {"a/left": b"left", "b/right": b"right"}, right, left)
    alone = room.commit(FILES | {"alone": b"alone"})

    assert len(room.unsent(joined, alone).commits) == 4
    assert len(room.unsent(alone).chunks) == 1


def test_one_question_is_about_folders_and_contents(room: Room) -> None:
    """Not one for each level; and unchanged contents of a changed folder are in none."""
    files = CHANGES["a folder renamed and changed"](FILES | {"large/00700": b"new", "b/deep/er/x": b"new"})
    commit = room.commit(files, room.first)
    room.questions.clear()

    found = room.unsent(commit)

    commits = [each for each in room.questions if {*each} <= {commit, room.first}]
    about = [each for each in room.questions if each not in commits]
    assert {*about[0]} == {*found.trees, *found.chunks}
    assert all({*each} <= {*about[0]} for each in about)  # a far end remembers what it said


def versions(seed: str) -> tuple[bytes, bytes]:
    """Return weights of a hundred chunks that nobody else has, and their next version."""
    data = random.Random(seed).randbytes(6_000_000)
    return data, data[:3_000_000] + b"new" * 100 + data[3_000_300:]


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages of recipes be short, as if contents were as long as weights."""
    monkeypatch.setattr(ingest, "PAGE_CHUNKS", 16)
    monkeypatch.setattr(treebeside, "_PAGED", 1 << 20)


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("beside", [{}, {"w/other": b"new"}], ids=["same names", "other names"])
def test_what_pages_list_that_are_there_is_not_asked_about(room: Room, beside: Files) -> None:
    """Of weights with new bytes in the middle, and of these with more at the end, whatever else changes."""
    old, new = versions(f"paged {beside}")
    long = {"w/weights": old, "w/few": b"few"}
    first = room.commit(long, room.first)
    room.there |= {*room.unsent(first).meta(), *room.unsent(first).chunks}
    pages = recipe_of(room.repository, long["w/weights"]).pages
    assert len(pages) > 4
    for data, new_pages in ((new, 99), (old + b"more", 1)):
        commit = room.commit(long | {"w/weights": data} | beside, first)
        room.questions.clear()

        found = room.unsent(commit)

        asked = {digest for each in room.questions for digest in each}
        recipe = recipe_of(room.repository, data)
        assert found.recipes == [hash_bytes(data)]
        assert 0 < len(found.pages) <= new_pages
        assert {*found.pages} == {*recipe.pages} - {*pages}
        assert asked - {*found.meta(), *found.chunks} <= {commit, first, *pages}
        assert 0 < len(found.chunks) < 16


@pytest.mark.usefixtures("paged")
def test_a_far_end_may_have_a_content_by_other_chunks(room: Room) -> None:
    """The digest of a content says nothing of its chunks, so all of the next version are asked about then."""
    data, after = versions("other chunks")
    first = room.commit({"w/weights": data}, room.first)
    found = room.unsent(first)
    room.there |= {*found.commits, *found.trees, *found.recipes}
    second = room.commit({"w/weights": after}, first)

    chunks = {*room.unsent(second).chunks}

    assert len(chunks) > len({*found.chunks} & chunks) > 20


@pytest.mark.usefixtures("paged")
def test_a_version_that_is_damaged_here_is_no_help_and_no_harm(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of the page that changed are asked about then, though they were there before."""
    data, after = versions("damaged")
    first = room.commit({"w/weights": data}, room.first)
    old, get = room.unsent(first), ObjectDb.get
    room.there |= {*old.meta(), *old.chunks}
    second = room.commit({"w/weights": after}, first)

    def damaged(self: ObjectDb, kind: ObjectKind, digest: Digest) -> bytes:
        if digest == hash_bytes(data):
            raise Corrupt("damaged")
        return get(self, kind, digest)

    monkeypatch.setattr(ObjectDb, "get", damaged)
    room.questions.clear()

    assert room.unsent(second).recipes == [hash_bytes(after)]
    assert {digest for each in room.questions for digest in each}.intersection(old.chunks)
