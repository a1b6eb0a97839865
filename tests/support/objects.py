"""A store of objects in a dictionary, and Hypothesis strategies for entries, folders and trees."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from hypothesis import strategies as st

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.tree import Entry, EntryKind, is_cut
from tether.core.treebuild import build_directory
from tether.errors import NotFound

Tree = dict[bytes, "Entry | Tree"]
"""The model of a folder: an entry for a file, a dictionary for a folder."""


class DictStore:
    """An ObjectWriter in memory that counts what is read and written."""

    def __init__(self) -> None:
        self.objects: dict[tuple[ObjectKind, Digest], bytes] = {}
        self.reads: list[Digest] = []
        self.writes: list[Digest] = []

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return one object."""
        self.reads.append(digest)
        try:
            return self.objects[kind, digest]
        except KeyError:
            raise NotFound(f"object {digest.hex()} is not here") from None

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects."""
        return [self.get(kind, digest) for digest in digests]

    def put(self, kind: ObjectKind, payload: bytes) -> Digest:
        """Store one object."""
        digest = object_digest(kind, payload)
        self.objects[kind, digest] = payload
        self.writes.append(digest)
        return digest


def file_entry(name: bytes, content: bytes = b"", kind: EntryKind = EntryKind.FILE) -> Entry:
    """Return the entry of a file or a link with this content."""
    return Entry(name, kind, len(content), hash_bytes(content))


def build_tree(store: DictStore, files: Mapping[bytes, Entry]) -> Digest:
    """Write a tree from entries by full path; a DIRECTORY entry stands for an empty folder."""
    model: Tree = {}
    for path, entry in files.items():
        *parents, name = path.split(b"/")
        folder = model
        for parent in parents:
            below = folder.setdefault(parent, {})
            assert isinstance(below, dict)
            folder = below
        folder[name] = {} if entry.kind == EntryKind.DIRECTORY else entry._replace(name=name)
    return write_model(store, model).digest


def write_model(store: DictStore, model: Tree, name: bytes = b"") -> Entry:
    """Write a folder of the model with everything below it and return its entry."""
    rows = [
        write_model(store, below, part) if isinstance(below, dict) else below
        for part, below in sorted(model.items())
    ]
    subtree = build_directory(store, rows)
    return Entry(name, EntryKind.DIRECTORY, subtree.bytes, subtree.digest, subtree.files)


def names_that(*, cut: bool, prefix: bytes = b"n", level: int = 0) -> Iterable[bytes]:
    """Return sorted names after which a node of `level` ends (`cut`) or does not, found by search."""
    for number in count():
        name = prefix + b"%08d" % number
        if is_cut(name, level) == cut:
            yield name


names = st.binary(min_size=1, max_size=6).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)
"""Names of one component."""

contents = st.sampled_from([b"", b"one", b"two", b"three", b"four"])


@st.composite
def file_entries(draw: st.DrawFn, name: st.SearchStrategy[bytes] = names) -> Entry:
    """Entries of files and links."""
    kind = draw(st.sampled_from([EntryKind.FILE, EntryKind.EXECUTABLE, EntryKind.SYMLINK]))
    return file_entry(draw(name), draw(contents), kind)


@st.composite
def folders(draw: st.DrawFn, max_size: int = 30) -> list[Entry]:
    """Sorted entries of one folder."""
    entries = draw(st.lists(file_entries(), max_size=max_size, unique_by=lambda entry: entry.name))
    return sorted(entries)


_components = st.sampled_from([b"a", b"b", b"c", b"d"])


@st.composite
def trees(draw: st.DrawFn, max_size: int = 10) -> dict[bytes, Entry]:
    """Trees by full path with few names, so that two of them share and disagree often."""
    paths = draw(st.lists(st.lists(_components, min_size=1, max_size=3), max_size=max_size))
    files: dict[bytes, Entry] = {}
    for parts in paths:
        path = b"/".join(parts)
        taken = any(path.startswith(other + b"/") or other.startswith(path + b"/") for other in files)
        if not taken:
            empty = draw(st.integers(0, 9)) == 0
            files[path] = empty_folder(parts[-1]) if empty else draw(file_entries(st.just(parts[-1])))
    return files


def empty_folder(name: bytes) -> Entry:
    """Return the entry of a folder with nothing in it."""
    payload = bytes.fromhex("98 01 00 c400 c400 c400 c400 c400 c400")
    return Entry(name, EntryKind.DIRECTORY, 0, object_digest(ObjectKind.TREE, payload), 0)
