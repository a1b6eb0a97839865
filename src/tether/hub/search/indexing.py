"""Keeps the words of a repository: of its name in the change itself, of its contents by the job of facts.

Only what differs is written. A repository is looked at as far as `NAMES` names reach, folders nearer to the
top first, and has at most `WORDS` words of paths: millions of files cost no more than `NAMES`.
"""

from collections.abc import Iterator
from contextlib import closing, suppress

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectReader
from tether.core.names import TAGS, short_ref
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import iter_directory
from tether.errors import Conflict
from tether.hub.database.models import RepositoryRow
from tether.hub.database.searching import SearchState
from tether.hub.hub import Hub
from tether.hub.repositories import open_repository
from tether.hub.search.words import Part, path_words, words_of
from tether.hub.search.writing import Words, add, index_name, write
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
_STEP = 4096
_READMES = (b"readme.md", b"readme.markdown", b"readme", b"readme.txt", b"readme.rst")


def refresh(hub: Hub, row: RepositoryRow, progress: Progress = SILENT) -> bool:
    """Bring all words of a repository to what they are now; say whether there was something to do.

    Args:
        hub: Has the repository.
        row: Of the repository.
        progress: Told of it; what it raises ends the work.

    Raises:
        Corrupt, NotFound: The repository is damaged.
        Unavailable: The storage or the database does not answer.
    """
    with closing(open_repository(hub, row)) as repository:
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
    ):  # another worker wrote the same, or it is gone
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
    """Add the words of paths and of the README; say whether there are more than are looked at."""
    paths = 0
    for number, (path, entry) in enumerate(_walk(repository.objects, tree)):
        if number >= NAMES:
            return True
        if not number % _STEP:
            progress.advance(0)
        if b"/" not in path and entry.kind <= EntryKind.EXECUTABLE and entry.name.lower() in _READMES:
            _of_readme(words, repository, entry)
        for word in set(path_words(entry.name)):
            if (Part.PATH, word) not in words:
                if paths >= WORDS:
                    continue
                paths += 1
            add(words, Part.PATH, word, path)
    return False


def _walk(reader: ObjectReader, tree: Digest) -> Iterator[tuple[bytes, Entry]]:
    """Yield entries with their paths, those nearer to the top first.

    A folder that is there more than once is walked once: its words are the same, and a small tree can name
    itself so often that it has no end.
    """
    waiting, seen = [(b"", tree)], {tree}
    while waiting:
        below: list[tuple[bytes, Digest]] = []
        for start, digest in waiting:
            for entry in iter_directory(reader, digest):
                path = start + entry.name
                yield path, entry
                if entry.kind == EntryKind.DIRECTORY and entry.digest not in seen and len(below) < NAMES:
                    seen.add(entry.digest)
                    below.append((path + b"/", entry.digest))
        waiting = below


def _of_readme(words: Words, repository: Repository, entry: Entry) -> None:
    if entry.size > README:
        return
    for line in repository.contents.read(entry.digest).decode(errors="replace").splitlines():
        shown = line.strip().lstrip("#").strip()[:_LINE].encode()
        for word in set(words_of(line)):
            add(words, Part.README, word, shown)
