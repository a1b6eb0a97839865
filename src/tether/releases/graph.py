"""A graph of what came from what: nodes, edges from what was there before, and parts of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["data", "code", "run", "model", "release"]
Direction = Literal["up", "down"]
BESIDE = "beside"
"""The relation of the working copy with a run: it lay there, and nothing says that it was read."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing.

    Attributes:
        id: `KIND:NAME`, the same in every repository.
        kind: What it is.
        label: What people call it.
        facts: More of it, as JSON has it.
    """

    id: str
    kind: Kind
    label: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Edge(NamedTuple):
    """That one thing came from another."""

    source: str
    """The id of what was there before."""
    target: str
    relation: str
    """What the later one did with it, such as `read` or `made`."""


class Graph:
    """Nodes by id, and edges both ways; a node that is added again stays as it was.

    Attributes:
        nodes: By id, in the order in which they were added.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._after: defaultdict[str, dict[Edge, None]] = defaultdict(dict)
        self._before: defaultdict[str, dict[Edge, None]] = defaultdict(dict)

    def add(self, node: Node) -> str:
        """Add a node, and return its id."""
        self.nodes.setdefault(node.id, node)
        return node.id

    def join(self, source: str, target: str, relation: str) -> None:
        """Add an edge; nothing comes from itself."""
        if source != target:
            edge = Edge(source, target, relation)
            self._after[source][edge] = None
            self._before[target][edge] = None

    def edges(self) -> list[Edge]:
        """Return all edges, sorted."""
        return sorted(edge for edges in self._after.values() for edge in edges)

    def next(self, node: str, direction: Direction) -> list[tuple[str, str]]:
        """Return what stands next to a node, with the relation."""
        if direction == "down":
            return [(edge.relation, edge.target) for edge in self._after.get(node, ())]
        return [(edge.relation, edge.source) for edge in self._before.get(node, ())]

    def reached(self, starts: Iterable[str], direction: Direction) -> set[str]:
        """Return the nodes that are reached from some of them, with these themselves."""
        found, waiting = set[str](), list(starts)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [other for _, other in self.next(node, direction)]
        return found

    def part(self, ids: Iterable[str]) -> "Graph":
        """Return the graph of some of its nodes."""
        kept = set(ids)
        part = Graph()
        for node in self.nodes.values():
            if node.id in kept:
                part.add(node)
        for edge in self.edges():
            if edge.source in kept and edge.target in kept:
                part.join(*edge)
        return part


def around(graph: Graph, starts: Iterable[str], directions: Iterable[Direction]) -> Graph:
    """Return what some nodes came from, what came from them, or both."""
    starts = list(starts)
    kept = set(starts)
    for direction in directions:
        kept |= graph.reached(starts, direction)
    return graph.part(kept)


def nearest(graph: Graph, starts: Sequence[str], most: int) -> list[str]:
    """Return so many nodes at most, by their distance from some of them, with these themselves."""
    found = dict.fromkeys(starts)
    ring = list(starts)
    while ring and len(found) < most:
        beyond: dict[str, None] = {}
        for node in ring:
            near = [other for _, other in (*graph.next(node, "up"), *graph.next(node, "down"))]
            beyond.update((other, None) for other in sorted(near) if other not in found)
        ring = list(beyond)[: most - len(found)]
        found.update(dict.fromkeys(ring))
    return list(found)


def document_of(graph: Graph) -> dict[str, Any]:
    """Return a graph as JSON has it."""
    return {
        "nodes": [node_document(node) for node in graph.nodes.values()],
        "edges": [
            {"from": edge.source, "to": edge.target, "relation": edge.relation} for edge in graph.edges()
        ],
    }


def node_document(node: Node) -> dict[str, Any]:
    """Return a node as JSON has it."""
    return {"id": node.id, "kind": node.kind, "label": node.label, **node.facts}


def node_of(document: Mapping[str, Any]) -> Node:
    """Return the node that a document of `node_document` tells of."""
    facts = dict(document)
    return Node(facts.pop("id"), facts.pop("kind"), facts.pop("label"), facts)


_ESCAPED = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "\\": "#92;", "&": "#amp;"}
_SHAPES: Mapping[str, tuple[str, str]] = {
    "data": ("[(", ")]"),
    "code": ("[/", "/]"),
    "run": ("(", ")"),
    "model": ("[", "]"),
    "release": ("{{", "}}"),
}


def mermaid_of(graph: Graph) -> str:
    """Return a graph in the language of Mermaid, which many pages draw."""
    names = {node: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes.values():
        opening, closing = _SHAPES[node.kind]
        lines.append(f'  {names[node.id]}{opening}"{_escaped(f"{node.kind} {node.label}")}"{closing}')
    lines += [
        f'  {names[edge.source]} -->|"{_escaped(edge.relation)}"| {names[edge.target]}'
        for edge in graph.edges()
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(each, each) if each.isprintable() else "?" for each in text)
