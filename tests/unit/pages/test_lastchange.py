"""Which commit last changed a path: as by definition, also where much differs, and found once."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.objects import DictStore

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.pages import lastchange
from tether.pages.lastchange import last_changes
from tether.repo.history import History

ANN = Person("Ann", "ann@example.org")
PATHS = (b"a", b"d/a", b"d/b", b"d/e/a", b"d/e/b", b"f")
Files = Mapping[bytes, int]
States = st.dictionaries(st.sampled_from(PATHS), st.integers(0, 2), max_size=len(PATHS))


class Reads(DictStore):
    """Counts the trees that are read."""

    trees = 0

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return an object."""
        self.trees += kind == ObjectKind.TREE
        return super().get(kind, digest)


class Line:
    """Commits made by hand: a state of some files, and the numbers of the parents."""

    def __init__(self) -> None:
        self.store = Reads()
        self.ids: list[Digest] = []
        self.states: list[tuple[Files, tuple[int, ...]]] = []

    def add(self, files: Files, parents: tuple[int, ...]) -> None:
        """Commit a state; a file has its number as digest."""
        rows: dict[bytes, Entry | None] = {
            path: Entry(path.rpartition(b"/")[2], EntryKind.FILE, 1, Digest(b"%032d" % number))
            for path, number in files.items()
        }
        tree = edit_tree(self.store, EMPTY_TREE, rows).digest
        time = Time(len(self.ids), 0)
        commit = Commit(tree, tuple(self.ids[each] for each in parents), ANN, time, ANN, time, "")
        self.ids.append(self.store.put(ObjectKind.COMMIT, commit.encode()))
        self.states.append((files, parents))

    def by_definition(self, number: int, path: bytes) -> int:
        """Return the commit that made a path what it is."""
        files, parents = self.states[number]
        same = [each for each in parents if self.states[each][0].get(path) == files[path]]
        return self.by_definition(same[0], path) if same else number

    def found(self, number: int, paths: list[bytes]) -> dict[bytes, int]:
        """Return what is told of some paths."""
        found = last_changes(History(self.store), self.store, self.ids[number], paths)
        return {path: self.ids.index(commit) for path, commit in found.items()}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with nothing remembered."""
    monkeypatch.setattr(lastchange, "_BETWEEN", lastchange._Between())


@given(states=st.lists(States, min_size=1, max_size=7), most=st.sampled_from([0, 1, 1024]), data=st.data())
def test_it_is_the_commit_that_differs_from_all_parents(
    states: list[Files], most: int, data: st.DataObject
) -> None:
    """Over merges too, file by file in each folder; also where more differs than is remembered."""
    line = Line()
    for number, files in enumerate(states):
        parents = data.draw(
            st.lists(st.integers(0, number - 1), max_size=2, unique=True) if number else st.just([])
        )
        line.add(files, tuple(parents))
    last = len(states) - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lastchange, "_MOST_NAMES", most)
        for folder in (b"", b"d", b"d/e"):
            asked = [path for path in states[last] if path.rpartition(b"/")[0] == folder]
            wanted = {path: line.by_definition(last, path) for path in asked}

            assert line.found(last, asked) == wanted


def test_a_second_page_reads_where_none_has_been() -> None:
    """What differs is found once for all names of a folder; what is remembered is bounded."""
    line = Line()
    for number in range(20):
        line.add(
            {b"d/e/%d" % each: max(0, number - each) for each in range(9)}, (number - 1,) if number else ()
        )
    line.found(19, [b"d/e/1"])
    before = line.store.trees

    assert line.found(19, [b"d/e/2", b"d/e/3"]) == {b"d/e/2": 19, b"d/e/3": 19}
    assert line.store.trees == before
    assert 0 < lastchange._BETWEEN._size <= lastchange._REMEMBERED


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first differences are forgotten first, and then found again."""
    monkeypatch.setattr(lastchange, "_REMEMBERED", 2000)
    line = Line()
    for number in range(20):
        line.add({b"d/a": number, b"d/b": 0}, (number - 1,) if number else ())

    assert line.found(19, [b"d/b"]) == {b"d/b": 0}
    assert lastchange._BETWEEN._size <= 2000
    assert line.found(19, [b"d/a", b"d/b"]) == {b"d/a": 19, b"d/b": 0}


def test_where_much_differs_it_is_not_listed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import is not listed at all; of many changed files it is listed once that they are many."""
    listed: list[Digest] = []
    real = lastchange._Folder._compared

    def compared(folder: lastchange._Folder, now: Digest, before: Digest) -> Mapping[bytes, object]:
        listed.append(now)
        return real(folder, now, before)

    monkeypatch.setattr(lastchange._Folder, "_compared", compared)
    monkeypatch.setattr(lastchange, "_MOST_NAMES", 4)
    line = Line()
    for number in range(3):
        line.add({b"d/%d" % each: 0 for each in range(6 * (number + 1))}, (number - 1,) if number else ())
    line.add({b"d/%d" % each: each // 8 for each in range(18)}, (2,))
    for page in (range(6), range(4, 18)):
        asked = [b"d/%d" % each for each in page]

        assert line.found(3, asked) == {path: line.by_definition(3, path) for path in asked}
    assert len(listed) == 3 + 1  # the top of each pair, and the folder of the one in which files changed
