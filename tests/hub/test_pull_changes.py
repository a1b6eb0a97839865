"""What a pull request changes, by folder and by path, and how few nodes are read for it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.pulls import AT, Review

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.treediff import Tally, diff_trees, tally
from tether.hub.pulls.changes import Trees, list_files, list_level
from tether.hub.repositories import find, open_repository

pytestmark = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)  # no database has a part in it


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return a repository with one commit on `main`."""
    return Review(hub, tmp_path / "desk")


def test_a_change_is_read_from_the_top(room: Review) -> None:
    """Counts first, then what is in each folder, a page at a time; paths in order, a page at a time."""
    files: dict[str, bytes | None] = {f"new/{kind}/{n}": b"12345" for kind in "xy" for n in range(3)}
    room.branch("side", {**files, "data/x": b"12", "b": None, "a.txt": None, "a.txt/in": b"1"})
    room.open("side")

    top = room.show(1, "/changes")
    counts = {"added": 7, "removed": 2, "changed": 1}
    assert {name: top["counts"][name] for name in counts} == counts
    assert (top["counts"]["old_bytes"], top["counts"]["new_bytes"]) == (14 + 1 + 1, 30 + 2 + 1)
    shown = [(each["path"], each["change"], each["counts"]["added"]) for each in top["entries"]]
    assert shown == [
        ("a.txt", "changed", 1),
        ("b", "removed", 0),
        ("data", "changed", 0),
        ("new", "added", 6),
    ]
    assert [each["path"] for each in room.show(1, "/changes?after=b&limit=1")["entries"]] == ["data"]
    inner = room.show(1, "/changes?path=new")
    assert [(each["path"], each["new"]["kind"]) for each in inner["entries"]] == [
        ("new/x", "directory"),
        ("new/y", "directory"),
    ]
    assert room.show(1, "/changes?path=new/x")["counts"]["added"] == 3
    assert room.hub.api("GET", f"{AT}/pulls/1/changes?path=none", room.rex).code == "not-found"
    assert room.hub.api("GET", f"{AT}/pulls/1/changes?path=b", room.rex).code == "not-found"

    paths = [each["path"] for each in room.show(1, "/files")]
    assert paths == ["a.txt", "a.txt/in", "b", "data/x", *sorted(files)]
    pages = [room.show(1, f"/files?limit=4&after={after}") for after in ("", paths[3], paths[7])]
    assert [each["path"] for page in pages for each in page] == paths
    assert [each["path"] for each in room.show(1, "/files?path=new/y")] == ["new/y/0", "new/y/1", "new/y/2"]
    assert [each["message"] for each in room.show(1, "/commits")] == ["change"]


class Counting:
    """Gives objects, and counts those that it gave."""

    def __init__(self, objects: Any) -> None:
        self._objects, self.given = objects, 0

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Give one."""
        self.given += 1
        data: bytes = self._objects.get(kind, digest)
        return data

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Give several."""
        self.given += len(digests)
        data: list[bytes] = self._objects.get_many(kind, digests)
        return data


def test_few_nodes_are_read(room: Review) -> None:
    """Of a folder of 30,000 files that is new, and one of as many in which one changed, some nodes each."""
    many: dict[str, bytes | None] = {f"old/{n:06}": b"1" for n in range(30_000)}
    room.branch("main", many, room.ada)
    room.branch("side", {**{f"new/{n:06}": b"1" for n in range(30_000)}, "old/012345": b"2"})
    room.open("side")
    with room.hub.hub.database.session(reads_only=True) as session:
        row = find(session, "ada", "x")
        assert row is not None
    from tether.hub.pulls.heads import find_pull

    with room.hub.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, row, 1)
    with closing(open_repository(room.hub.hub, row)) as repository:
        trees = Trees.of(repository, pull)
        counting = Counting(repository.objects)
        old, new = trees.at(b"")
        assert tally(counting, b"", old, new) == Tally(30_000, 0, 1, 1, 30_001)
        assert counting.given < 20
        counted, entries = list_level(trees, b"", b"", 10)
        assert [each.shown for each in entries] == ["new", "old"]
        assert (counted.added, entries[0].tally.added, entries[1].tally.changed) == (30_000, 30_000, 1)
        counting.given = 0
        first = next(diff_trees(counting, trees.old, trees.new))
        assert first.path == b"new/000000"
        assert counting.given < 80
        page = list_files(trees, b"new", "new/000099", 3)
        assert [each.path for each in page] == [b"new/000100", b"new/000101", b"new/000102"]
