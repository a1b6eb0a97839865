"""What two commits have to do with each other, and in which order history is read."""

from collections.abc import Iterable, Sequence
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import DictStore

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE
from tether.repo.history import History
from tether.repo.root import Root

ANN = Person("Ann", "ann@example.org")


class Graph:
    """A history made by hand: commits are numbers, in the order in which they were made."""

    def __init__(self) -> None:
        self.store = DictStore()
        self.ids: list[Digest] = []
        self.parents: list[tuple[int, ...]] = []

    def add(self, *parents: int, time: int | None = None) -> int:
        """Make a commit; its time is its number unless another is given."""
        number = len(self.ids)
        moment = Time(number * 1_000_000 if time is None else time * 1_000_000, 0)
        links = tuple(self.ids[parent] for parent in parents)
        commit = Commit(EMPTY_TREE, links, ANN, moment, ANN, moment, f"commit {number}")
        self.ids.append(self.store.put(ObjectKind.COMMIT, commit.encode()))
        self.parents.append(parents)
        return number

    def numbers(self, digests: Iterable[Digest]) -> list[int]:
        """Return the numbers of commits."""
        return [self.ids.index(digest) for digest in digests]

    def history(self) -> History:
        """Return a fresh reader."""
        return History(self.store)

    def below(self, number: int) -> set[int]:
        """Return a commit and all its ancestors, the plain way."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += self.parents[at]
        return found

    def bases(self, left: int, right: int) -> set[int]:
        """Return the best common ancestors by definition."""
        common = self.below(left) & self.below(right)
        return {one for one in common if not any(one in self.below(o) and one != o for o in common)}


def line(length: int) -> Graph:
    """Return a history without branches."""
    graph = Graph()
    graph.add()
    for number in range(length - 1):
        graph.add(number)
    return graph


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Histories whose clocks lie."""
    graph = Graph()
    for number in range(draw(st.integers(1, 12))):
        parents = draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else []
        graph.add(*parents, time=draw(st.integers(0, 12)))
    return graph


def test_criss_cross_has_two_merge_bases() -> None:
    """Two branches that merged each other have both merged commits as bases, newest first."""
    graph = Graph()
    root = graph.add()
    one, two = graph.add(root), graph.add(root)
    left, right = graph.add(one, two), graph.add(two, one)

    assert graph.numbers(graph.history().merge_bases(graph.ids[left], graph.ids[right])) == [two, one]


def test_histories_with_nothing_in_common_have_no_merge_base() -> None:
    """Two roots share nothing."""
    graph = Graph()
    left, right = graph.add(), graph.add()

    assert graph.history().merge_bases(graph.ids[left], graph.ids[right]) == []
    assert graph.history().ahead_behind(graph.ids[left], graph.ids[right]) == (1, 1)


@given(graphs(), st.data())
@settings(max_examples=80, deadline=None)
def test_relations_are_right_whatever_the_clocks_say(graph: Graph, data: st.DataObject) -> None:
    """Merge bases, ancestry and counts follow the definitions, even where times are nonsense."""
    numbers = st.integers(0, len(graph.ids) - 1)
    left, right = data.draw(numbers), data.draw(numbers)
    history, ids = graph.history(), graph.ids

    assert set(graph.numbers(history.merge_bases(ids[left], ids[right]))) == graph.bases(left, right)
    assert history.is_ancestor(ids[left], ids[right]) == (left in graph.below(right))
    ahead, behind = graph.below(left) - graph.below(right), graph.below(right) - graph.below(left)
    assert history.ahead_behind(ids[left], ids[right]) == (len(ahead), len(behind))
    assert set(graph.numbers(history.between([ids[right]], [ids[left]]))) == ahead


@given(graphs(), st.data())
@settings(max_examples=80, deadline=None)
def test_walks_give_everything_once_children_first(graph: Graph, data: st.DataObject) -> None:
    """Both orders give each reachable commit once, and none before its children."""
    starts = data.draw(st.lists(st.integers(0, len(graph.ids) - 1), min_size=1, max_size=3))
    reachable = set[int]().union(*(graph.below(start) for start in starts))
    begin = [graph.ids[start] for start in starts]

    for found in (graph.history().walk(begin), graph.history().walk(begin, order="topo")):
        given_order = graph.numbers(found)
        assert sorted(given_order) == sorted(reachable)
        assert _children_first(graph, given_order)


def _children_first(graph: Graph, order: Sequence[int]) -> bool:
    place = {number: at for at, number in enumerate(order)}
    return all(place[child] < place[p] for child in order for p in graph.parents[child] if p in place)


def test_walk_is_newest_first() -> None:
    """Lines side by side are mixed by time; the topological order keeps them together."""
    graph = Graph()
    root = graph.add()
    a1, b1 = graph.add(root), graph.add(root)
    a2, b2 = graph.add(a1), graph.add(b1)
    top = graph.add(a2, b2)
    start = [graph.ids[top]]

    assert graph.numbers(graph.history().walk(start)) == [top, b2, a2, b1, a1, root]
    assert graph.numbers(graph.history().walk(start, order="topo")) == [top, b2, b1, a2, a1, root]


def test_walk_leaves_out_what_is_excluded() -> None:
    """A range is what one side has and the other has not."""
    graph = Graph()
    root = graph.add()
    a, b = graph.add(root), graph.add(root)
    top = graph.add(a, b)

    found = graph.history().walk([graph.ids[top]], [graph.ids[a]])

    assert graph.numbers(found) == [top, b]


def test_walk_reads_only_what_is_asked_for() -> None:
    """Ten commits of a history of two thousand cost about ten reads."""
    graph = line(2000)
    graph.store.reads.clear()

    found = list(islice(graph.history().walk([graph.ids[-1]]), 10))

    assert graph.numbers(found) == list(range(1999, 1989, -1))
    assert len(set(graph.store.reads)) <= 12


def test_walk_of_lines_side_by_side_looks_ahead_a_little() -> None:
    """Where lines run side by side a bounded number of commits is read ahead."""
    graph = line(1000)
    side = graph.add(0, time=999)
    for number in range(500):
        side = graph.add(side, time=1000 + number)
    top = graph.add(999, side, time=9999)
    graph.store.reads.clear()

    assert len(list(islice(graph.history().walk([graph.ids[top]]), 10))) == 10
    assert len(set(graph.store.reads)) < 80


def test_shallow_history_ends_at_its_boundary() -> None:
    """The parents of a boundary commit are not asked for."""
    graph = line(5)
    root = Root(bytes(16), extra=(("shallow", graph.ids[2]),))
    for digest in graph.ids[:2]:
        del graph.store.objects[ObjectKind.COMMIT, digest]

    history = History(graph.store, _boundary(root))

    assert graph.numbers(history.walk([graph.ids[4]])) == [4, 3, 2]
    assert graph.numbers(history.ancestors([graph.ids[4]])) == [4, 3, 2]


def _boundary(root: Root) -> tuple[Digest, ...]:
    from tether.repo.history import shallow_commits

    return shallow_commits(root)
