"""Keeps the words of a repository: of its name in the change itself, of its contents by the job of facts.

Only what differs is written. A repository is looked at as far as `NAMES` names reach, folders nearer to the
top first, and has at most `WORDS` words of paths: millions of files cost no more than `NAMES`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectReader
from tether.core.names import TAGS, short_ref
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind, Leaf, digest_at
from tether.core.treeread import BATCH, leaves, read_nodes
from tether.errors import Conflict
from tether.hub.database.models import RepositoryRow
from tether.hub.database.searching import SearchState
from tether.hub.hub import Hub
from tether.hub.search.words import Part, words_of, words_of_names
from tether.hub.search.writing import Words, add, found_in, index_name, write
from tether.repo.history import History
from tether.repo.repository import Repository

NAMES = 100_000
"""Files and folders of one repository that are looked at."""
WORDS = 20_000
"""Different words of paths that are kept of one repository."""
TAG_NAMES = 2_000
"""Tags that are looked at, by name."""
README = 64 * 1024
"""Bytes of a README that are looked at."""
_LINE = 160
_RULES = 1
_READMES = (b"readme.md", b"readme.markdown", b"readme", b"readme.txt", b"readme.rst")


def refresh(hub: Hub, row: RepositoryRow, repository: Repository, progress: Progress = SILENT) -> bool:
    """Bring all words of a repository to what they are now; say whether there was something to do.

    Args:
        hub: Has the repository.
        row: Of the repository.
        repository: What it stands for.
        progress: Told of it; what it raises ends the work.

    Raises:
        Corrupt, NotFound: The repository is damaged.
        Unavailable: The storage or the database does not answer.
    """
    root = repository.root()
    head = root.head_commit()
    tree = None if head is None else History.of(repository).commit(head).tree
    tags = sorted(short_ref(ref) for ref in root.refs if ref.startswith(TAGS))[:TAG_NAMES]
    branch = "" if root.head.ref is None else short_ref(root.head.ref)
    state = _state(tree, branch, tags)
    with hub.database.session(reads_only=True) as session:
        known = session.get(SearchState, row.id)
    if known is not None and known.state == state:
        return False
    words: Words = {}
    for tag in tags:
        for word in words_of(tag):
            add(words, Part.TAG, word, tag.encode())
    partial = False if tree is None else _of_tree(words, repository, tree, progress)
    with (
        suppress(Conflict),
        hub.database.session() as session,
    ):  # others may write the same
        current = session.get(RepositoryRow, row.id)
        if current is None:
            return False
        index_name(session, current)
        write(session, row.id, words, tuple(part for part in Part if part < Part.ABOUT))
        session.merge(SearchState(repository_id=row.id, state=state, branch=branch[:255], partial=partial))
    return True


def _state(tree: Digest | None, branch: str, tags: list[str]) -> str:
    parts = [str(_RULES), "" if tree is None else tree.hex(), branch, *tags]
    return hash_bytes("\0".join(parts).encode(errors="surrogateescape")).hex()


def _of_tree(words: Words, repository: Repository, tree: Digest, progress: Progress) -> bool:
    """Add the words of paths and of the README; say whether there are more than are looked at.

    Those nearer to the top come first. A folder that is there more than once is looked at once: its words are
    the same, and a small tree can name itself so often that it has no end.
    """
    paths, waiting, seen = _Paths(), [(b"", tree)], {tree}
    while waiting:
        below: list[tuple[bytes, Digest]] = []
        for start, leaf in _leaves(repository.objects, waiting, progress):
            taken = paths.take(start, leaf.names)
            if not start:
                for entry in _readmes(leaf, taken):
                    _of_readme(words, repository, entry)
            if taken < len(leaf.names):
                paths.add_to(words)
                return True
            for index in _folders(leaf):
                digest = digest_at(leaf.digests, index)
                if digest not in seen and len(below) < NAMES:
                    seen.add(digest)
                    below.append((start + leaf.names[index] + b"/", digest))
        waiting = below
    paths.add_to(words)
    return False


def _leaves(
    reader: ObjectReader, folders: Sequence[tuple[bytes, Digest]], progress: Progress
) -> Iterator[tuple[bytes, Leaf]]:
    """Yield the leaves of some folders, and where they are; their nodes are read in batches."""
    nodes = read_nodes(reader, [digest for _, digest in folders])
    for number, ((start, _), node) in enumerate(zip(folders, nodes, strict=True)):
        if not number % BATCH:
            progress.advance(0)
        for leaf in leaves(reader, node):
            yield start, leaf


def _folders(leaf: Leaf) -> Iterable[int]:
    """Return which rows are folders."""
    return (at for at, kind in enumerate(leaf.kinds) if kind == EntryKind.DIRECTORY) if leaf.totals else ()


def _readmes(leaf: Leaf, first: int) -> Iterator[Entry]:
    """Yield what tells of the whole, among the first rows."""
    for index, name in enumerate(leaf.names[:first]):
        if name.lower() in _READMES and leaf.kinds[index] <= EntryKind.EXECUTABLE:
            yield leaf.entry(index)


class _Paths:
    """The words of names: in how many paths each is, and in which first."""

    def __init__(self) -> None:
        self._left = NAMES
        self._numbers: dict[bytes, int] = {}
        self._samples: dict[bytes, bytes] = {}

    def take(self, start: bytes, names: Sequence[bytes]) -> int:
        """Add the words of names in a folder, as far as is looked; return how many those are."""
        looked, numbers = names[: self._left], self._numbers
        self._left -= len(looked)
        for words, number, first in words_of_names(looked):
            for word in dict.fromkeys(words):
                known = numbers.get(word)
                if known is not None:
                    numbers[word] = known + number
                elif len(numbers) < WORDS:
                    numbers[word] = number
                    self._samples[word] = start + looked[first]
        return len(looked)

    def add_to(self, words: Words) -> None:
        """Add what was found."""
        for word, number in self._numbers.items():
            words[Part.PATH, word] = found_in(number, self._samples[word])


def _of_readme(words: Words, repository: Repository, entry: Entry) -> None:
    if entry.size > README:
        return
    for line in repository.contents.read(entry.digest).decode(errors="replace").splitlines():
        shown = line.strip().lstrip("#").strip()[:_LINE].encode()
        for word in set(words_of(line)):
            add(words, Part.README, word, shown)
