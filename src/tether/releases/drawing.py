"""A lineage as SVG: from left to right, what was there before beside what came from it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from tether.releases.graph import Direction, Graph, Node

_COLOURS: Mapping[str, str] = {
    "data": "#0a7ea4",
    "code": "#57606a",
    "run": "#1f6feb",
    "model": "#8250df",
    "release": "#1a7f37",
}
_BOX, _HEIGHT, _ACROSS, _BETWEEN, _MARGIN, _TOP = 190, 46, 90, 18, 24, 64
_LETTERS = 24
_PASSES = 4
_MOST = 200
"""Things that are drawn; of more, those that are nearest to what was asked for."""


def draw(graph: Graph, starts: Sequence[str]) -> str:
    """Return a drawing; the same graph gives the same bytes.

    Args:
        graph: What is drawn.
        starts: What was asked for; it has a thicker line around it.
    """
    kept = _nearest(graph, starts)
    left_out = len(graph.nodes) - len(kept)
    part = graph.part(kept)
    columns = _columns(part)
    places = _places(columns)
    width = max((x for x, _ in places.values()), default=0) + _BOX + _MARGIN
    height = max((y for _, y in places.values()), default=_TOP) + _HEIGHT + _MARGIN + 20
    names = ", ".join(graph.nodes[start].label for start in starts[:3])
    title = f"Lineage of {names}"
    counted = _counted(graph)
    lines = [_edge(places[edge.source], places[edge.target], edge.relation) for edge in part.edges()]
    boxes = [_box(node, places[node.id], node.id in starts) for node in part.nodes.values()]
    rest = [_text(_MARGIN, height - 12, f"{left_out} more are not drawn", 11, "#57606a")] if left_out else []
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" role="img" aria-labelledby="title about">'
    )
    about = [
        f'<title id="title">{_clean(title)}</title>',
        f'<desc id="about">{_clean(f"{counted}. " + " ".join(_sentences(part)))}</desc>',
        _MARKER,
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(_MARGIN, 28, title, 16, "#1f2328"),
        _text(_MARGIN, 46, counted, 11, "#57606a"),
    ]
    return "\n".join([head, *about, *lines, *boxes, *rest, "</svg>\n"])


_MARKER = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0,0.5 L7,4 L0,7.5 z" fill="#8c959f"/></marker></defs>'
)


def _nearest(graph: Graph, starts: Sequence[str]) -> list[str]:
    """Return the nodes that are drawn, by their distance from what was asked for."""
    found = dict.fromkeys(starts)
    ring = list(starts)
    while ring and len(found) < _MOST:
        beyond: dict[str, None] = {}
        for node in ring:
            near = [other for _, other in (*graph.next(node, "up"), *graph.next(node, "down"))]
            beyond.update((other, None) for other in sorted(near) if other not in found)
        ring = list(beyond)[: _MOST - len(found)]
        found.update(dict.fromkeys(ring))
    return list(found)


def _counted(graph: Graph) -> str:
    counts: defaultdict[str, int] = defaultdict(int)
    for node in graph.nodes.values():
        counts[node.kind] += 1
    names = {"data": "data"}
    texts = [
        f"{counts[kind]} {names.get(kind, kind if counts[kind] == 1 else kind + 's')}"
        for kind in _COLOURS
        if counts[kind]
    ]
    return ", ".join(texts)


def _sentences(graph: Graph) -> Iterable[str]:
    """Yield the edges as words, for those who do not see the drawing."""
    for edge in graph.edges():
        source, target = graph.nodes[edge.source], graph.nodes[edge.target]
        yield f"{source.kind} {source.label} -> {edge.relation} -> {target.kind} {target.label}."


def _columns(graph: Graph) -> list[list[str]]:
    """Return the nodes by columns, each right of all that it came from, in an order with few crossings."""
    depth: dict[str, int] = {}
    for node in _in_order(graph):
        before = [depth[other] for _, other in graph.next(node, "up") if other in depth]
        depth[node] = max(before, default=-1) + 1
    for node in sorted(depth, key=lambda each: -depth[each]):  # sources stand next to what they are for
        after = [depth[other] for _, other in graph.next(node, "down")]
        if after and not graph.next(node, "up"):
            depth[node] = max(min(after) - 1, 0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in graph.nodes:
        columns[depth[node]].append(node)
    columns = [sorted(column, key=lambda each: _rank(graph.nodes[each])) for column in columns if column]
    for _ in range(_PASSES):
        _sort_by_neighbours(graph, columns, "up")
        _sort_by_neighbours(graph, columns[::-1], "down")
    return columns


def _rank(node: Node) -> tuple[int, str, str]:
    return list(_COLOURS).index(node.kind), node.label, node.id


def _in_order(graph: Graph) -> list[str]:
    """Return the nodes so that each stands behind all that it came from; circles come last."""
    left = {node: len({other for _, other in graph.next(node, "up")}) for node in graph.nodes}
    ready = [node for node, count in left.items() if not count]
    order: list[str] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for other in {other: None for _, other in graph.next(node, "down")}:
            left[other] -= 1
            if not left[other]:
                ready.append(other)
    known = set(order)
    return order + [node for node in graph.nodes if node not in known]


def _sort_by_neighbours(graph: Graph, columns: list[list[str]], way: Direction) -> None:
    place = {node: at for column in columns for at, node in enumerate(column)}
    for column in columns[1:]:
        column.sort(key=lambda node: _middle(graph, place, node, way))
        place.update((node, at) for at, node in enumerate(column))


def _middle(graph: Graph, place: Mapping[str, int], node: str, way: Direction) -> float:
    near = [place[other] for _, other in graph.next(node, way)]
    return sum(near) / len(near) if near else place[node]


def _places(columns: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Return the upper left corner of each box; columns are centred beside each other."""
    step = _HEIGHT + _BETWEEN
    tallest = max(map(len, columns), default=0) * step
    return {
        node: (_MARGIN + number * (_BOX + _ACROSS), _TOP + (tallest - len(column) * step) // 2 + at * step)
        for number, column in enumerate(columns)
        for at, node in enumerate(column)
    }


def _edge(source: tuple[int, int], target: tuple[int, int], relation: str) -> str:
    x1, y1 = source[0] + _BOX, source[1] + _HEIGHT // 2
    x2, y2 = target[0] - 2, target[1] + _HEIGHT // 2
    bend = max((x2 - x1) // 2, 30)
    path = f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
    line = f'<path d="{path}" fill="none" stroke="#8c959f" stroke-width="1.3" marker-end="url(#tip)"/>'
    x, y = x2 - _ACROSS // 2 + 4, y2 - 5
    label = (
        f'<text x="{x}" y="{y}" font-size="10" text-anchor="middle" fill="#57606a" stroke="#ffffff" '
        f'stroke-width="3" paint-order="stroke">{_clean(relation)}</text>'
    )
    return f"{line}\n{label}"


def _box(node: Node, place: tuple[int, int], asked: bool) -> str:
    x, y = place
    colour = _COLOURS[node.kind]
    away = ' stroke-dasharray="5 3"' if node.facts.get("here") is False else ""
    parts = [
        f"<g><title>{_clean(f'{node.kind} {node.label} {node.id}')}</title>",
        f'<rect x="{x}" y="{y}" width="{_BOX}" height="{_HEIGHT}" rx="6" fill="#ffffff" stroke="{colour}" '
        f'stroke-width="{3 if asked else 1.2}"{away}/>',
        f'<rect x="{x}" y="{y + 6}" width="4" height="{_HEIGHT - 12}" fill="{colour}"/>',
        _text(x + 14, y + 18, _kind_line(node), 10, colour),
        _text(x + 14, y + 35, _shortened(node.label), 13, "#1f2328"),
        "</g>",
    ]
    return "".join(parts)


def _kind_line(node: Node) -> str:
    facts = node.facts
    more = {
        "run": facts.get("verdict") or facts.get("status"),
        "data": f"{facts.get('files')} files" if facts.get("files") != 1 else "1 file",
        "model": str(facts.get("tensor_digest") or facts.get("digest"))[:12],
        "release": str(facts.get("release") or "")[:12],
        "code": None,
    }[node.kind]
    here = "not here" if facts.get("here") is False else more
    return f"{node.kind}  {here}" if here else node.kind


def _shortened(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS // 2 - 1]}…{text[-_LETTERS // 2 :]}"


def _text(x: int, y: int, text: str, size: int, colour: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{_clean(text)}</text>'


def _clean(text: str) -> str:
    return escape("".join(each if each.isprintable() else "?" for each in text))
