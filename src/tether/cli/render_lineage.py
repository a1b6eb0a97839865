"""Lineage as people and scripts read it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.core.names import display, path_bytes
from tether.releases.graph import node_of
from tether.releases.uses import WORKING_COPY

if TYPE_CHECKING:
    from tether.api.farlineage import FarLineage
    from tether.api.lineage import Lineage
    from tether.cli.context import Context
    from tether.releases.graph import Direction, Graph, Node

_SHOWN = 20
"""Things that are shown beside each other; the rest is counted."""
_DEEPEST = 40
_HOLDING = ("in", "part")
"""How a folder and what is in it are joined."""
_SHOWN_PLACES = 3
_SHORT = 12
_TITLES: "Mapping[Direction, str]" = {"up": "came from", "down": "led to"}


def graph_lines(
    ctx: "Context", found: "Lineage | FarLineage", directions: "Sequence[Direction]"
) -> Iterator[str]:
    """Yield a lineage as trees: what each thing came from, and what came from it."""
    for start in found.starts:
        yield _line(ctx, found.graph.nodes[start])
        for direction in directions:
            lines = list(_tree(ctx, found.graph, start, direction))
            if lines:
                yield ctx.style("heading", _TITLES[direction])
                yield from lines
    if all(not found.graph.next(start, direction) for start in found.starts for direction in directions):
        yield "nothing else is known of it here"


def _tree(ctx: "Context", graph: "Graph", start: str, direction: "Direction") -> Iterator[str]:
    """Yield what is reached from a node, each thing in full where it comes first.

    A folder that only holds what was asked for tells of those alone that have not been told of, so that a run
    which read both stands there once.
    """
    shown = {start}
    stack = [_beside(graph, start, direction, 1)]
    while stack:
        each = next(stack[-1], None)
        if each is None:
            stack.pop()
            continue
        depth, relation, node = each
        indent = "  " * min(depth, _DEEPEST)
        if node is None:
            yield f"{indent}{relation}"
            continue
        again = node in shown
        yield f"{indent}{relation} {_line(ctx, graph.nodes[node], short=again)}"
        if not again:
            shown.add(node)
            told = shown if _holds(graph, relation, node) else ()
            stack.append(_beside(graph, node, direction, depth + 1, told))


def _holds(graph: "Graph", relation: str, node: str) -> bool:
    """Say whether data is joined with other data for no other reason than that one holds the other."""
    return relation in _HOLDING and graph.nodes[node].kind == "data"


def _beside(
    graph: "Graph", node: str, direction: "Direction", depth: int, told: Collection[str] = ()
) -> Iterator[tuple[int, str, str | None]]:
    """Yield what stands next to a node, without what was told: depth, relation and id.

    In the end comes how many more there are; what only holds the node comes behind all else.
    """
    found = [each for each in graph.next(node, direction) if each[1] not in told]
    found.sort(key=lambda each: (_holds(graph, *each), each[0], graph.nodes[each[1]].label, each[1]))
    for relation, other in found[:_SHOWN]:
        yield depth, relation, other
    if len(found) > _SHOWN:
        yield depth, f"... and {count_text(len(found) - _SHOWN, 'more', 'more')}", None


def _line(ctx: "Context", node: "Node", *, short: bool = False) -> str:
    about = _printable(", ".join([] if short else list(_about(node))))
    named = f"{node.kind} {ctx.style('id', _printable(node.label))}"
    if short:
        return f"{named} (see above)"
    return f"{named}: {about}" if about else named


def _about(node: "Node") -> Iterator[str]:
    yield from _ABOUT[node.kind](node)
    if node.facts.get("repo"):
        yield f"of {node.facts['repo']}"
    if node.facts.get("repositories"):
        yield f"in {', '.join(node.facts['repositories'])}"
    if node.facts.get("here") is False:
        yield "not here"


def _about_run(node: "Node") -> Iterator[str]:
    facts = node.facts
    if facts.get("name"):
        yield node.id.partition(":")[2]
    if facts.get("status"):
        yield str(facts["status"])
    if facts.get("verdict"):
        yield f"verdict {facts['verdict']}"


def _about_data(node: "Node") -> Iterator[str]:
    facts = node.facts
    places = list(map(_place, facts.get("places", ())))
    yield from places[:_SHOWN_PLACES]
    if len(places) > _SHOWN_PLACES:
        yield count_text(len(places) - _SHOWN_PLACES, "other place")
    yield f"{count_text(facts.get('files', 0), 'file')}, {size_text(facts.get('bytes', 0))}"
    if facts.get("included") is False:
        yield "not part of the release"


def _about_model(node: "Node") -> Iterator[str]:
    tensors = node.facts.get("tensor_digest")
    yield f"tensors {tensors[:_SHORT]}" if tensors else str(node.facts.get("digest"))[:_SHORT]
    yield size_text(node.facts.get("bytes", 0))


def _about_release(node: "Node") -> Iterator[str]:
    if node.facts.get("release"):
        yield str(node.facts["release"])[:_SHORT]


_ABOUT: "Mapping[str, Callable[[Node], Iterator[str]]]" = {
    "run": _about_run,
    "data": _about_data,
    "model": _about_model,
    "release": _about_release,
    "code": lambda _: iter(()),
}


def _place(place: Mapping[str, Any]) -> str:
    commit = place["commit"][:_SHORT] if place["commit"] else "the stage"
    where = f"{place['repo']}@" if place["repo"] else ""
    return f"{where}{commit}:{place['path']}"


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


# -- who was trained on it ------------------------------------------------------------------


def users_lines(ctx: "Context", found: Mapping[str, Any]) -> Iterator[str]:
    """Yield which runs and releases were trained on some contents, for people; see `users_document`."""
    wanted, mixed = found["contents"], found.get("mixed", False)
    for each in wanted[:_SHOWN_PLACES]:
        yield f"content {ctx.style('id', each['digest'][:_SHORT])} {_path(each['path'])}"
    if len(wanted) > _SHOWN_PLACES:
        yield f"... and {count_text(len(wanted) - _SHOWN_PLACES, 'more', 'more')}"
    looked, runs, releases = found["looked_at"], found["runs"], found["releases"]
    if not runs and not releases:
        if "versions" in looked:
            yield f"{len(wanted)} of {count_text(looked['versions'], 'version')} have the row"
        counts = f"{count_text(looked['runs'], 'run')} and {count_text(looked['releases'], 'release')}"
        yield f"none of {counts} {'had it' if mixed else 'was trained on it'}"
    what_first = "had it, and the hub is older: it does not tell what for" if mixed else "{was} trained on it"
    for what, users in ((what_first, found), *((_OTHERS[key], found[key]) for key in _OTHERS)):
        for kind, lines in (("run", _run_lines), ("release", _release_lines)):
            uses = users[kind + "s"]
            title = f"{count_text(len(uses), kind)} {what}".format(was="was" if len(uses) == 1 else "were")
            yield from _list(ctx, title, map(lines, uses))
    further = [iter([_line(ctx, node_of(each))]) for each in found["further"][:_SHOWN]]
    yield from _list(ctx, "further down", further)
    if len(found["further"]) > _SHOWN:
        yield f"  ... and {count_text(len(found['further']) - _SHOWN, 'more', 'more')}"


_OTHERS: "Mapping[str, str]" = {
    "judged": "{was} not trained on it, only judged with it",
    "there": "only had it in the working copy, not known to have read it",
}
"""What is said of those that were not trained on some contents, by where the document has them."""


def _list(ctx: "Context", title: str, items: Iterable[Iterator[str]]) -> Iterator[str]:
    """Yield items below a title, the further lines of each further in; nothing without items."""
    for number, item in enumerate(items):
        if not number:
            yield ctx.style("heading", title)
        yield f"  {next(item)}"
        yield from (f"    {line}" for line in item)


def _run_lines(use: Mapping[str, Any]) -> Iterator[str]:
    if use["status"] == "running":
        yield f"{_printable(use['id'])} under way{_for_what(use)}{_in_repository(use)}"
    else:
        name = f" {_printable(use['name'])}" if use["name"] else ""
        named = f"{_printable(use['id'])}{name}, {_printable(use['status'])}"
        yield f"{named}{_for_what(use)}{_in_repository(use)}"
    if use["may_have_read"]:
        yield "it may have read it: it declared no data, or opened files there that are not named"
    yield from _paths(use)
    yield from (f"{_printable(path)}, which was not declared" for path in use["undeclared"][:_SHOWN_PLACES])


def _release_lines(use: Mapping[str, Any]) -> Iterator[str]:
    by_run = ", by its runs" if use["by_run"] else ""
    named = f"{_printable(use['release'])} {_printable(use['id'][:_SHORT])}"
    yield f"{named}{_for_what(use)}{by_run}{_in_repository(use)}"
    yield from _paths(use)


def _for_what(use: Mapping[str, Any]) -> str:
    """Return what somebody had contents for, but where the title says all of it."""
    roles = [_printable(role) for role in use["roles"] if role != WORKING_COPY]
    return f", as {' and '.join(roles)}" if roles else ""


def _in_repository(use: Mapping[str, Any]) -> str:
    return f", in {_printable(', '.join(use['repositories']))}" if use.get("repositories") else ""


def _paths(use: Mapping[str, Any]) -> Iterator[str]:
    yield from map(_path, use["paths"][:_SHOWN_PLACES])
    if use["count"] > _SHOWN_PLACES:
        yield f"... and {count_text(use['count'] - _SHOWN_PLACES, 'more', 'more')}"


def _path(path: str) -> str:
    return display(path_bytes(path))
