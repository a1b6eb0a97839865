"""Model files of a repository as the hub tells of them: facts, and how two of them differ, within bounds.

Nothing in a file is run. Whoever may push writes any file, so what would be read of it is known beforehand.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from typing import Any, NamedTuple

from tether.core.names import path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find
from tether.errors import Corrupt, InvalidInput, NotFound, TooLarge
from tether.model.compare import Opened, compare, diff_document
from tether.model.facts import facts_document
from tether.model.reading import read_facts
from tether.model.source import CachedSource, FileSource, Source
from tether.model.values import reading_cost
from tether.repo.repository import Repository
from tether.repo.revision import Place, find_entry, split_place

PAGE, LARGEST_PAGE = 1000, 10_000
"""Tensors of one reply."""
MOST_TOLD = 2000
"""Rows of any other list of a reply."""
MOST_COMPARED = 256 << 20
"""Bytes of two files, and of their numbers, that one request reads: about six seconds of a processor."""
_CUT = ("warnings", "globals")
_CUT_DIFF = ("added", "removed", "renamed", "changed", "unread", "layers")


class _File(NamedTuple):
    """A model file that is open."""

    place: Place
    entry: Entry
    size: int
    opened: Opened


def told_model(repository: Repository, of: str, first: int, limit: int) -> dict[str, Any]:
    """Return what a model file holds, as JSON has it; only its header is read.

    Args:
        repository: Has it.
        of: `REV:PATH`.
        first: The number of the first tensor that is told, from 0.
        limit: How many at most.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is a folder, or the revision cannot be one.
        Corrupt: It is damaged.
        Unsupported: It is no model file of a format that is read.
    """
    with _opened(repository, of) as file:
        document = facts_document(file.opened.facts)
    tensors, metadata = document["tensors"], document["metadata"]
    behind = max(0, len(tensors) - first - limit)
    further = {name: max(0, len(document[name]) - MOST_TOLD) for name in _CUT}
    kept = dict(list(metadata.items())[:MOST_TOLD])
    return {
        "of": of,
        **_where(file),
        **document,
        **{name: document[name][:MOST_TOLD] for name in _CUT},
        "metadata": kept,
        "tensors": tensors[first : first + limit],
        "count": len(tensors),
        "further": {**further, "metadata": len(metadata) - len(kept), "tensors": behind},
    }


def told_model_diff(repository: Repository, old: str, new: str) -> dict[str, Any]:
    """Return what differs between two model files, tensor by tensor, as JSON has it.

    Args:
        repository: Has them.
        old: `REV:PATH`.
        new: The other.

    Raises:
        NotFound: There is no such file.
        InvalidInput: One is a folder, or a revision cannot be one.
        Corrupt: One is damaged.
        Unsupported: One is no model file of a format that is read.
        TooLarge: They are more than one request reads.
    """
    with _opened(repository, old) as one, _opened(repository, new) as other:
        _require_small(one, other)
        try:
            found = compare(one.opened, other.opened)
        except InvalidInput as error:
            raise Corrupt(str(error), hint=error.hint) from None
        document = diff_document(found)
        sides = {side: {**document[side], **_where(file)} for side, file in (("old", one), ("new", other))}
    changed = {name: document["globals"][name][:MOST_TOLD] for name in ("added", "removed")}
    metadata = dict(list(document["metadata"].items())[:MOST_TOLD])
    further = {name: max(0, len(document[name]) - MOST_TOLD) for name in _CUT_DIFF}
    further["globals"] = sum(len(rows) for rows in document["globals"].values()) - sum(
        map(len, changed.values())
    )
    further["metadata"] = len(document["metadata"]) - len(metadata)
    cut = {name: document[name][:MOST_TOLD] for name in _CUT_DIFF}
    return {**document, **sides, **cut, "metadata": metadata, "globals": changed, "further": further}


def _where(file: _File) -> dict[str, Any]:
    assert file.place.commit is not None
    return {
        "commit": file.place.commit.hex(),
        "digest": file.entry.digest.hex(),
        "size": file.size,
    }


def _require_small(*files: _File) -> None:
    """Refuse files of which more would be read than a hub does, as they lie there or unpacked."""
    hint = "clone it, and run: tether model diff"
    stored = sum(file.size for file in files)
    numbers = sum(reading_cost(file.opened.facts.tensors) for file in files)
    if max(stored, numbers) > MOST_COMPARED:
        what = f"{max(stored, numbers):,} bytes of the models would be read"
        raise TooLarge(f"{what}, more than a hub compares", hint=hint)


@contextmanager
def _opened(repository: Repository, text: str) -> Iterator[_File]:
    """Open what `REV:PATH` names as a model file, with those beside it; errors as for `told_model`."""
    if not split_place(text)[0]:
        raise InvalidInput(f"no revision is named: {text[:200]}", hint="write REV:PATH")
    place, entry = find_entry(repository, text)
    if entry.kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
        raise InvalidInput(f"{text[:200]} is no file", hint="ask for what it holds below /tree/")
    name = entry.name.decode("utf-8", "replace")
    with ExitStack() as files:

        def source_of(found: Entry) -> Source:
            file = files.enter_context(BufferedReader(repository.contents.open(found.digest)))
            return CachedSource(FileSource(file))

        def beside(other: str) -> Source | None:
            found = _sibling(repository, place, other)
            return None if found is None else source_of(found)

        source = source_of(entry)
        try:
            facts = read_facts(source, name)
        except InvalidInput as error:
            raise Corrupt(str(error), hint=error.hint) from None
        yield _File(place, entry, repository.contents.size(entry.digest), Opened(source, facts, beside, name))


def _sibling(repository: Repository, place: Place, name: str) -> Entry | None:
    """Return a file in the folder of another, by a name that this one gives; None where there is none."""
    if any(part in ("", ".", "..") for part in name.split("/")):
        return None
    folder, slash, _ = place.path.rpartition(b"/")
    try:
        found = find(repository.objects, place.tree, folder + slash + path_bytes(name))
    except (InvalidInput, NotFound):
        return None
    return found if found is not None and found.kind in (EntryKind.FILE, EntryKind.EXECUTABLE) else None
