"""Reading folders: listing one, finding paths, and walking everything below.

Nodes are asked for in batches in the order of their names, so that a reader of packs can read in order.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.tree import (
    EMPTY_PAYLOAD,
    EMPTY_TREE,
    Entry,
    EntryKind,
    Inner,
    Leaf,
    Node,
    damaged,
    decode_node,
    digest_at,
    split_digests,
)

BATCH = 64
"""Nodes asked for at once: about 2 MiB."""


def check_child(parent: Inner, index: int, node: Node) -> None:
    """Refuse a node that is not what the row of its parent says.

    Raises:
        Corrupt: Its level or its names are others.
    """
    if node.level != parent.level - 1:
        raise damaged("is not on the level that its parent says")
    if not node.names or node.names[-1] != parent.names[index]:
        raise damaged("does not end with the name that its parent says")
    if index and node.names[0] <= parent.names[index - 1]:
        raise damaged("overlaps the node before it")


ROW = 100
"""Bytes that a decoded row takes beside its name."""
_EMPTY = decode_node(EMPTY_PAYLOAD)


class NodeMemory(dict[Digest, Node]):
    """Decoded nodes that are read again soon, as the trees of a fetch by the checkout after it.

    Args:
        most: Bytes of all nodes together, about; what has no room is not kept.
    """

    def __init__(self, most: int = 32 << 20) -> None:
        super().__init__({EMPTY_TREE: _EMPTY})
        self._most = self._left = most

    def keep(self, nodes: Mapping[Digest, Node]) -> None:
        """Keep nodes, each under its digest, as far as there is room."""
        for digest, node in nodes.items():
            size = sum(map(len, node.names)) + ROW * len(node.names)
            if digest not in self and size <= self._left:
                self._left -= size
                self[digest] = node

    def forget(self) -> None:
        """Keep the empty folder alone, which need not be stored."""
        self.clear()
        self._left = self._most
        self[EMPTY_TREE] = _EMPTY


_NOTHING = NodeMemory(0)


def _memory(reader: ObjectReader) -> NodeMemory:
    """Return the nodes that a reader keeps: those of a repository do."""
    memory = getattr(reader, "nodes", None)
    return memory if isinstance(memory, NodeMemory) else _NOTHING


def read_node(reader: ObjectReader, digest: Digest) -> Node:
    """Return one node; the empty folder need not be stored."""
    known = _memory(reader).get(digest)
    return known if known is not None else decode_node(reader.get(ObjectKind.TREE, digest))


def read_nodes(reader: ObjectReader, digests: Sequence[Digest]) -> Iterator[Node]:
    """Return nodes in the order asked for, read in batches; the empty folder need not be stored."""
    memory = _memory(reader)
    for start in range(0, len(digests), BATCH):
        batch = digests[start : start + BATCH]
        nodes = [memory.get(digest) for digest in batch]
        unread = [digest for digest, known in zip(batch, nodes, strict=True) if known is None]
        payloads = iter(reader.get_many(ObjectKind.TREE, unread) if unread else ())
        for known in nodes:
            yield known if known is not None else decode_node(next(payloads))


def leaves(reader: ObjectReader, node: Node) -> Iterator[Leaf]:
    """Return the leaves below a node in order."""
    if isinstance(node, Leaf):
        yield node
        return
    for index, child in enumerate(read_nodes(reader, split_digests(node.digests))):
        check_child(node, index, child)
        yield from leaves(reader, child)


def iter_directory(reader: ObjectReader, digest: Digest) -> Iterator[Entry]:
    """Return the entries of one folder in order.

    Raises:
        Corrupt: A node is damaged.
    """
    for leaf in leaves(reader, read_node(reader, digest)):
        yield from leaf.entries()


def iter_after(reader: ObjectReader, digest: Digest, after: bytes) -> Iterator[Entry]:
    """Return the entries of one folder whose names come behind `after`, in order.

    Nodes are read as the entries are taken, so the first few entries of a large folder cost a few nodes.

    Raises:
        Corrupt: A node is damaged.
    """
    for leaf in _leaves_after(reader, read_node(reader, digest), after):
        for index in range(bisect_right(leaf.names, after), len(leaf.names)):
            yield leaf.entry(index)


def _leaves_after(reader: ObjectReader, node: Node, after: bytes) -> Iterator[Leaf]:
    """Return the leaves below a node that may have names behind `after`, one node read at a time."""
    if isinstance(node, Leaf):
        yield node
        return
    for index in range(bisect_right(node.names, after), len(node.names)):
        child = read_node(reader, digest_at(node.digests, index))
        check_child(node, index, child)
        yield from _leaves_after(reader, child, after)


def entry_before(reader: ObjectReader, digest: Digest, name: bytes) -> Entry | None:
    """Return the entry of one folder just before `name`, which need not be in it; None for the first.

    One path of nodes is read, and where `name` would begin a leaf, a second one to the leaf before it.

    Raises:
        Corrupt: A node is damaged.
    """
    node, left = read_node(reader, digest), None
    while isinstance(node, Inner):
        # A node has the last name of each child, so `name` is in the first that does not end before it.
        index = min(bisect_left(node.names, name), len(node.names) - 1)
        if index:
            left = node, index - 1
        node = _child(reader, node, index)
    at = bisect_left(node.names, name)
    if at:
        return node.entry(at - 1)
    if left is None:
        return None
    node = _child(reader, *left)
    while isinstance(node, Inner):
        node = _child(reader, node, len(node.names) - 1)
    return node.entry(len(node.names) - 1)


def _child(reader: ObjectReader, node: Inner, index: int) -> Node:
    child = read_node(reader, digest_at(node.digests, index))
    check_child(node, index, child)
    return child


def find(reader: ObjectReader, root: Digest, path: bytes) -> Entry | None:
    """Return the entry at `path`, or None; the empty path is the root itself, with an empty name."""
    return find_many(reader, root, (path,)).get(path)


class _Folder:
    """A folder in which something is looked for: names in it, and folders below with more."""

    __slots__ = ("below", "names", "start")

    def __init__(self, start: bytes) -> None:
        self.start = start
        self.names: set[bytes] = set()
        self.below: dict[bytes, _Folder] = {}


def find_many(reader: ObjectReader, root: Digest, paths: Iterable[bytes]) -> dict[bytes, Entry]:
    """Return the entries at those of `paths` that exist; the folders above are read once each."""
    found: dict[bytes, Entry] = {}
    top = _Folder(b"")
    known = {b"": top}
    for path in paths:
        if not path:
            found[path] = _root_entry(reader, root)
        elif not path.startswith(b"/"):
            above, _, name = path.rpartition(b"/")
            _folder_at(known, above).names.add(name)
    level = [(root, top)]
    while level:
        requests = [(digest, sorted(folder.names.union(folder.below))) for digest, folder in level]
        below: list[tuple[Digest, _Folder]] = []
        for (_, folder), entries in zip(level, find_names(reader, requests), strict=True):
            for name, entry in entries.items():
                if name in folder.names:
                    found[folder.start + name] = entry
                if name in folder.below and entry.kind == EntryKind.DIRECTORY:
                    below.append((entry.digest, folder.below[name]))
        level = below
    return found


def _folder_at(known: dict[bytes, _Folder], path: bytes) -> _Folder:
    """Return what is looked for in the folder at `path`; it and those above become known."""
    fresh: list[bytes] = []
    while path not in known:
        fresh.append(path)
        path = path.rpartition(b"/")[0]
    folder = known[path]
    for each in reversed(fresh):
        known[each] = folder.below[each.rpartition(b"/")[2]] = _Folder(each + b"/")
        folder = known[each]
    return folder


def find_names(
    reader: ObjectReader, requests: Sequence[tuple[Digest, Sequence[bytes]]]
) -> list[dict[bytes, Entry]]:
    """Look names up in several folders at once.

    Args:
        reader: Gives the nodes.
        requests: A folder and the sorted names wanted in it.

    Returns:
        The entries found by name, for each request in order.
    """
    found: list[dict[bytes, Entry]] = [{} for _ in requests]
    wanted = [(at, digest, list(names)) for at, (digest, names) in enumerate(requests) if names]
    while wanted:
        below: list[tuple[int, Digest, list[bytes]]] = []
        nodes = read_nodes(reader, [digest for _, digest, _ in wanted])
        for (at, _, names), node in zip(wanted, nodes, strict=True):
            if isinstance(node, Leaf):
                _pick(node, names, found[at])
            else:
                below += ((at, digest, part) for digest, part in _spread(node, names))
        wanted = below
    return found


def _pick(leaf: Leaf, names: Sequence[bytes], found: dict[bytes, Entry]) -> None:
    for name in names:
        index = bisect_left(leaf.names, name)
        if index < len(leaf.names) and leaf.names[index] == name:
            found[name] = leaf.entry(index)


def _spread(node: Inner, names: list[bytes]) -> Iterator[tuple[Digest, list[bytes]]]:
    """Share sorted names out over the children where they would be."""
    digests = split_digests(node.digests)
    at = 0
    while at < len(names):
        index = bisect_left(node.names, names[at])
        if index == len(node.names):
            return
        end = bisect_left(names, node.names[index] + b"\0", at)
        yield digests[index], names[at:end]
        at = end


def _root_entry(reader: ObjectReader, root: Digest) -> Entry:
    total = read_node(reader, root).total(root)
    return Entry(b"", EntryKind.DIRECTORY, total.bytes, root, total.files)


def walk(
    reader: ObjectReader, root: Digest, prefix: bytes = b"", *, directories: bool = False
) -> Iterator[tuple[bytes, Entry]]:
    """Return everything below a folder with its path, a folder before what is in it.

    Args:
        reader: Gives the nodes.
        root: The folder to list.
        prefix: Where the folder is; it is put in front of every path.
        directories: Give the folders too. Empty folders are given always.
    """
    for start, entries in walk_many(reader, root, prefix, directories=directories):
        for entry in entries:
            yield start + entry[0], entry


def walk_many(
    reader: ObjectReader, root: Digest, prefix: bytes = b"", *, directories: bool = False
) -> Iterator[tuple[bytes, Sequence[Entry]]]:
    """Return what `walk` returns in the same order, the neighbours in one folder at once.

    Each time it is what goes in front of the names, and entries, of which there is at least one: files and
    links, or a single folder.
    """
    stack = [_listing(reader, read_node(reader, root), prefix + b"/" if prefix else b"")]
    while stack:
        for start, entries, node in stack[-1]:
            if node is None:
                yield start, entries
                continue
            folder = entries[0]
            if directories or folder.digest == EMPTY_TREE:
                yield start, entries
            stack.append(_listing(reader, node, start + folder.name + b"/"))
            break
        else:
            stack.pop()


def _listing(
    reader: ObjectReader, root: Node, start: bytes
) -> Iterator[tuple[bytes, Sequence[Entry], Node | None]]:
    """Return the entries of one folder, those between two folders at once; for a folder its root too."""
    for leaf in leaves(reader, root):
        entries = list(leaf.entries())
        kinds = enumerate(leaf.kinds if leaf.totals else ())
        places = [at for at, kind in kinds if kind == EntryKind.DIRECTORY]
        nodes = read_nodes(reader, [entries[at].digest for at in places])
        after = 0
        for at in places:
            if at > after:
                yield start, entries[after:at], None
            yield start, entries[at : at + 1], next(nodes)
            after = at + 1
        if after < len(entries):
            yield start, entries[after:] if after else entries, None
