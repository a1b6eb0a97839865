"""The lineage around one thing, to be walked: a few steps up and down, with a link at each node."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from tether.core.names import RELEASES
from tether.errors import NotFound, TetherError
from tether.pages.records.known import or_none, page_of_runs
from tether.pages.records.onerelease import release_page
from tether.pages.records.onerun import place_page
from tether.pages.shelf import Shown
from tether.releases.drawing import draw
from tether.releases.graph import Graph, Node
from tether.releases.lineage import Records, joined_graph, traced_run
from tether.releases.manifest import MANIFEST
from tether.releases.pushedruns import DAMAGED, LOOKED_AT, MOST_RECORD, size_at
from tether.releases.reading import KnownRelease, stored_release
from tether.repo.history import History

STEPS, MOST_STEPS = 2, 6
"""How far from the middle things are drawn, and how far one can ask for."""
MOST_DRAWN = 60


class Beside(NamedTuple):
    """Something next to the middle: the relation, the node, and the address that makes it the middle."""

    relation: str
    node: Node
    focus: str


@dataclass(frozen=True, slots=True)
class Walk:
    """The surroundings of a node.

    Attributes:
        node: The one in the middle; None where nothing has a lineage yet.
        page: Its own page, where it has one here.
        drawing: What is around it.
        up: What it came from, one step.
        down: What came from it.
        steps: How far is drawn.
        starts: Where one can begin: releases, then runs.
        partial: Older runs are not in the graph.
    """

    node: Node | None
    page: str
    drawing: Markup | None
    up: list[Beside]
    down: list[Beside]
    steps: int
    starts: list[Beside]
    partial: bool


def walk(shown: Shown, focus: str, steps: int) -> Walk:
    """Return what is around a node; without one, the newest release or run.

    Args:
        shown: Has the runs and releases.
        focus: The id of a node, or empty.
        steps: How far to look, from 1 to `MOST_STEPS`.

    Raises:
        NotFound: There is no such node.
    """
    page = page_of_runs(shown, (), "")
    releases, cut = _releases(shown)
    runs = [run for each in page.runs[::-1] if (run := or_none(partial(traced_run, shown.repository, each)))]
    graph = joined_graph([Records(None, runs, releases)]).graph
    address = f"{shown.base}/lineage"
    first = [f"release:{each.label}" for each in releases[::-1]] + [f"run:{run.id}" for run in page.runs]
    starts = [_beside("", graph.nodes[node], address) for node in first[:20] if node in graph.nodes]
    focus = focus or (first[0] if first else "")
    is_part = cut or page.next is not None
    if not focus:
        return Walk(None, "", None, [], [], steps, starts, is_part)
    if focus not in graph.nodes:
        raise NotFound(f"nothing is known of {focus[:200]}", hint="begin at the list of runs or releases")
    near = graph.part(_near(graph, focus, steps))

    def where(node: Node) -> str:
        return _address(address, node, steps)

    sides = {
        way: [_beside(relation, graph.nodes[other], address) for relation, other in graph.next(focus, way)]
        for way in ("up", "down")
    }
    node = graph.nodes[focus]
    return Walk(
        node,
        page_of(shown, node),
        Markup(draw(near, [focus], where)),
        sides["up"],
        sides["down"],
        steps,
        starts,
        is_part,
    )


def _near(graph: Graph, focus: str, steps: int) -> set[str]:
    """Return the nodes within so many steps, up from the middle and down from it, and not sideways."""
    found = {focus}
    for way in ("up", "down"):
        ring = {focus}
        for _ in range(steps):
            ring = {other for node in ring for _, other in graph.next(node, way)} - found
            found |= set(sorted(ring)[: max(MOST_DRAWN - len(found), 0)])
            ring &= found
    return found


def _releases(shown: Shown) -> tuple[list[KnownRelease], bool]:
    """Return releases by name, and whether there are more than one page looks at."""
    refs, history, found = shown.repository.root().refs, History.of(shown.repository), list[KnownRelease]()
    names = sorted(ref for ref in refs if ref.startswith(RELEASES))
    for ref in names[:LOOKED_AT]:
        with suppress(*DAMAGED):
            size_at(shown.repository, history.commit(refs[ref]).tree, MANIFEST, MOST_RECORD)
            label = ref.removeprefix(RELEASES).replace("/", "@", 1)
            found.append(stored_release(shown.repository, history, label, refs[ref]))
    found.sort(key=lambda each: (history.commit(each.commit).committed.micros, each.label))
    return found, len(names) > LOOKED_AT


def _beside(relation: str, node: Node, address: str) -> Beside:
    return Beside(relation, node, _address(address, node))


def _address(address: str, node: Node, steps: int = STEPS) -> str:
    wanted: dict[str, Any] = {"of": node.id} | ({"steps": steps} if steps != STEPS else {})
    return f"{address}?{urlencode(wanted)}"


def page_of(shown: Shown, node: Node) -> str:
    """Return the page of what a node stands for; empty where it is not here."""
    name = node.id.partition(":")[2]
    if node.facts.get("here") is False:
        return ""
    if node.kind == "run":
        return f"{shown.base}/runs/{name}"
    if node.kind == "release":
        return release_page(shown, name)
    return _first_page(shown, node.facts.get("places") or ()) if node.kind == "data" else ""


def _first_page(shown: Shown, places: Iterable[dict[str, Any]]) -> str:
    for place in places:
        with suppress(TetherError):
            if place["repo"] is None and (page := place_page(shown, place["commit"], place["path"])):
                return page
    return ""
