"""The nodes at which a lineage begins: what digits mean, and files that no run has read as they are."""

import math
import re
from collections.abc import Iterator

from tether.core.digest import parse_digest
from tether.core.tree import Entry, EntryKind
from tether.releases.contained import Contained
from tether.releases.graph import Graph, Node
from tether.releases.lineage import data_id
from tether.repo.repository import Repository

_DIGITS = re.compile(r"[0-9a-f]{6,64}\Z")


def is_digits(text: str) -> bool:
    """Say whether a text can be the beginning of a digest."""
    return _DIGITS.match(text) is not None


def nodes_named(graph: Graph, digits: str) -> list[str]:
    """Return the nodes of files, models, runs and releases whose digest or id begins with some digits."""
    return [node.id for node in graph.nodes.values() if _is_named(node, digits)]


def _is_named(node: Node, digits: str) -> bool:
    names = (node.id.partition(":")[2], node.facts.get("digest"), node.facts.get("release"))
    return node.kind != "code" and any(isinstance(name, str) and name.startswith(digits) for name in names)


def node_of_entry(
    repository: Repository, graph: Graph, entry: Entry, text: str, most_nodes: float = math.inf
) -> str:
    """Return the node of a file or folder: the model that it is, or data.

    Data is joined with what holds it and with what is a part of it.

    Args:
        repository: Has the trees.
        graph: Gets the node.
        entry: The file or folder.
        text: What the user wrote for it.
        most_nodes: Nodes of trees that may be read, twice.

    Raises:
        Exhausted: More would have to be read; the node is there by then.
    """
    digest = entry.digest.hex()
    for known in graph.nodes.values():
        if known.kind == "model" and known.facts.get("digest") == digest:
            return known.id
    kind = entry.kind.name.lower()
    facts = {"digest": digest, "kind_of_file": kind, "files": entry.files, "bytes": entry.size}
    node = graph.add(Node(data_id(digest), "data", text, facts))
    for source, target, relation in _joins(repository, graph, entry, most_nodes):
        graph.join(source, target, relation)
    return node


def _joins(
    repository: Repository, graph: Graph, entry: Entry, most_nodes: float
) -> Iterator[tuple[str, str, str]]:
    """Yield how a file or folder is joined with those that hold it or are a part of it."""
    node = data_id(entry.digest.hex())
    known = {
        parse_digest(str(other.facts["digest"])): other
        for other in graph.nodes.values()
        if other.kind == "data" and other.id != node
    }
    objects = repository.objects
    around_it = Contained(objects, [entry.digest], most_nodes=most_nodes)
    for digest, other in known.items():
        is_folder = other.facts["kind_of_file"] == "directory"
        if is_folder and objects.has(digest) and around_it.below(digest).total:
            yield node, other.id, "in"
    if entry.kind == EntryKind.DIRECTORY:
        inside = Contained(objects, known, most=len(known), most_nodes=most_nodes)
        for digest in {digest for _, digest in inside.below(entry.digest).places}:
            yield known[digest].id, node, "part"
