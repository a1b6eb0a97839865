"""A lineage as SVG: from left to right, what was there before beside what came from it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

from tether.releases.graph import BESIDE, Edge, Graph, Node, nearest

_COLOURS: Mapping[str, str] = {
    "data": "#0a7ea4",
    "code": "#57606a",
    "run": "#1f6feb",
    "model": "#8250df",
    "release": "#1a7f37",
}
_BOX, _HEIGHT, _ACROSS, _BETWEEN, _MARGIN, _TOP = 190, 46, 90, 18, 24, 64
_LETTERS = 24
_PASSES = 8
_FAINT = "#8c959f"
_PASSING, _PASSING_HEIGHT = "\0", 20
"""How the places of lines begin that pass a column, and how high they are."""
_MOST = 200
"""Things that are drawn; of more, those that are nearest to what was asked for."""


def draw(graph: Graph, starts: Sequence[str], where: Callable[[Node], str] | None = None) -> str:
    """Return a drawing; the same graph gives the same bytes.

    Args:
        graph: What is drawn.
        starts: What was asked for; it has a thicker line around it.
        where: Gives the address to which a box leads; without it the drawing is a picture alone.
    """
    kept = nearest(graph, starts, _MOST)
    left_out = len(graph.nodes) - len(kept)
    part = graph.part(kept)
    layout = _Layout(part)
    places = layout.places
    width = max((x for x, _ in places.values()), default=0) + _BOX + _MARGIN
    ends = [y + _HEIGHT for _, y in places.values()] + [y for line in layout.lines.values() for _, y in line]
    height = max(ends, default=_TOP) + _MARGIN + 12
    names = ", ".join(graph.nodes[start].label for start in starts[:3])
    title = f"Lineage of {names}"
    counted = _counted(graph)
    lines = [_line(points, edge.relation) for edge, points in layout.lines.items()]
    boxes = [
        _linked(_box(node, places[node.id], node.id in starts), node, where) for node in part.nodes.values()
    ]
    rest = [_text(_MARGIN, height - 12, f"{left_out} more are not drawn", 11, "#57606a")] if left_out else []
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" role="{"img" if where is None else "group"}" '
        'aria-labelledby="title about">'
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


class _Layout:
    """Where everything is: columns from left to right, and lines that go around what they pass.

    A line that passes a column has a place of its own in it, as if it was a small box.

    Attributes:
        places: The upper left corner of each box, by the id of its node.
        lines: The points of each line.
    """

    def __init__(self, graph: Graph) -> None:
        depth = _depths(graph)
        columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for node in sorted(graph.nodes, key=lambda each: _rank(graph.nodes[each])):
            columns[depth[node]].append(node)
        self._before: defaultdict[str, list[str]] = defaultdict(list)
        self._after: defaultdict[str, list[str]] = defaultdict(list)
        ways = {edge: self._way(edge, depth, columns) for edge in graph.edges()}
        for number in range(_PASSES):
            self._sort(columns if number % 2 == 0 else columns[::-1], down=number % 2 == 0)
        middles = self._place(columns)
        self.places = {node: (x, y - _HEIGHT // 2) for node, (x, y) in middles.items() if node in graph.nodes}
        self.lines = {edge: _points([middles[each] for each in way]) for edge, way in ways.items()}

    def _way(self, edge: Edge, depth: Mapping[str, int], columns: list[list[str]]) -> list[str]:
        """Return what a line leads through, and make places for it in the columns that it passes."""
        way = [edge.source]
        for number in range(depth[edge.source] + 1, depth[edge.target]):
            way.append(f"{_PASSING}{edge.source}\0{edge.target}\0{number}")
            if way[-1] not in self._before:
                columns[number].append(way[-1])
        way.append(edge.target)
        for source, target in pairwise(way):
            self._before[target].append(source)
            self._after[source].append(target)
        return way

    def _sort(self, columns: Sequence[list[str]], *, down: bool) -> None:
        """Bring the columns into the order of what they are joined with in the one before."""
        near = self._before if down else self._after
        place = {node: at for column in columns for at, node in enumerate(column)}

        def middle(node: str) -> float:
            others = [place[other] for other in near.get(node, ())]
            return sum(others) / len(others) if others else place[node]

        for column in columns[1:]:
            column.sort(key=middle)
            place.update((node, at) for at, node in enumerate(column))

    def _place(self, columns: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
        """Return the left end and the middle of the height of each thing; columns are centred."""
        heights = [sum(map(_height, column)) for column in columns]
        found = {}
        for number, column in enumerate(columns):
            y = _TOP + (max(heights) - heights[number]) // 2
            for node in column:
                found[node] = (_MARGIN + number * (_BOX + _ACROSS), y + _height(node) // 2)
                y += _height(node)
        return found


def _height(node: str) -> int:
    return _PASSING_HEIGHT if node.startswith(_PASSING) else _HEIGHT + _BETWEEN


def _points(middles: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the points of a line: from the right of a box, on both sides of what it passes, to the next."""
    (x, y), (end, last) = middles[0], middles[-1]
    passed = [(left + more, height) for left, height in middles[1:-1] for more in (0, _BOX)]
    return [(x + _BOX, y), *passed, (end - 2, last)]


def _depths(graph: Graph) -> dict[str, int]:
    """Return the column of each node, right of all that it came from."""
    depth: dict[str, int] = {}
    for node in _in_order(graph):
        before = [depth[other] for _, other in graph.next(node, "up") if other in depth]
        depth[node] = max(before, default=-1) + 1
    for node in sorted(depth, key=lambda each: -depth[each]):  # what came from nothing stands next to its use
        after = [depth[other] for _, other in graph.next(node, "down")]
        if after and not graph.next(node, "up"):
            depth[node] = max(min(after) - 1, 0)
    return depth


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


def _line(points: Sequence[tuple[int, int]], relation: str) -> str:
    """Return a line: curves between columns, straight where it passes one."""
    path = "M{},{}".format(*points[0])
    for number, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        bend = max((x2 - x1) // 2, 30)
        path += f" L{x2},{y2}" if number % 2 else f" C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
    x, y = _on_the_way(*points[-2:])
    dashes = ' stroke-dasharray="2 4"' if relation == BESIDE else ""
    style = f'fill="none" stroke="{_FAINT}" stroke-width="1.3"{dashes}'
    drawn = f'<path d="{path}" {style} marker-end="url(#tip)"/>'
    label = (
        f'<text x="{x}" y="{y + 3}" font-size="10" text-anchor="middle" fill="#57606a" stroke="#ffffff" '
        f'stroke-width="3" paint-order="stroke">{_clean(relation)}</text>'
    )
    return f"{drawn}\n{label}"


def _linked(box: str, node: Node, where: Callable[[Node], str] | None) -> str:
    return box if where is None else f'<a href="{escape(where(node))}">{box}</a>'


def _on_the_way(start: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
    """Return where on the last curve its label stands: away from both ends, where other lines meet it."""
    (x1, y1), (x2, y2) = start, end
    bend, part = max((x2 - x1) // 2, 30), 0.4
    shares = [(1 - part) ** 3, 3 * (1 - part) ** 2 * part, 3 * (1 - part) * part**2, part**3]
    x = sum(share * at for share, at in zip(shares, (x1, x1 + bend, x2 - bend, x2), strict=True))
    y = sum(share * at for share, at in zip(shares, (y1, y1, y2, y2), strict=True))
    return round(x), round(y)


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
