"""Lineage: what something came from, what came from it, and who was trained on some files."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from blake3 import blake3

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.names import path_bytes
from tether.core.tree import Entry, EntryKind
from tether.errors import Conflict, InvalidInput, NotFound, TetherError
from tether.releases.graph import Direction, Graph, around, document_of, mermaid_of
from tether.releases.lineage import release_id_of, run_id, whole_graph
from tether.releases.reading import find_release
from tether.releases.starting import is_digits, node_of_entry, nodes_named
from tether.releases.uses import Uses, wanted_below, wanted_by_digest
from tether.releases.usesearch import find_uses
from tether.repo.revision import find_entry, split_place
from tether.runs.reading import find_run
from tether.storage.oserrors import translated

BOTH: tuple[Direction, ...] = ("up", "down")
Ways: TypeAlias = Literal["up", "down", "both"]
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Lineage:
    """What something came from, and what came from it.

    Attributes:
        starts: The ids of the nodes that were asked for.
        graph: These and what is reached from them.
        problems: Runs and releases that could not be read.
    """

    starts: tuple[str, ...]
    graph: Graph
    problems: list[TetherError] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Lineage({list(self.starts)}, {len(self.graph.nodes)} nodes)"

    def svg(self) -> str:
        """Return a drawing of it as SVG."""
        from tether.releases.drawing import draw

        return draw(self.graph, self.starts)

    def mermaid(self) -> str:
        """Return it in the language of Mermaid."""
        return mermaid_of(self.graph)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it: where it starts, its nodes and its edges."""
        return {"starts": list(self.starts), **document_of(self.graph)}


def directions_of(ways: Ways) -> tuple[Direction, ...]:
    """Return the directions that a word stands for.

    Raises:
        InvalidInput: There is no such direction.
    """
    if ways not in get_args(Ways):
        raise InvalidInput(f"no such direction: {ways}", hint=f"there are {', '.join(get_args(Ways))}")
    return BOTH if ways == "both" else (ways,)


def find_lineage(repo: Opened, text: str, folder: Path, directions: Sequence[Direction] = BOTH) -> Lineage:
    """Return the lineage of a release, a run, a revision, `REV:PATH`, a file of the disk, or a digest.

    Args:
        repo: Where.
        text: What the user wrote.
        folder: What paths of the disk are relative to.
        directions: `up` to what it came from, `down` to what came from it.

    Raises:
        NotFound: It is none of these.
        InvalidInput: It can be several.
    """
    problems: list[TetherError] = []
    graph = whole_graph(repo.repository, problems)
    starts = _starts(repo, graph, text, folder)
    return Lineage(tuple(starts), around(graph, starts, directions), problems)


def _starts(repo: Opened, graph: Graph, text: str, folder: Path) -> list[str]:
    """Return the nodes that a user means; what no run read yet becomes one."""
    if not text:
        raise InvalidInput("nothing to look for", hint="name a run, a release, REV:PATH or a file")
    for find in (_release, _run):
        if ":" not in text and (found := find(repo, text)) is not None:
            return [found]
    if is_digits(text):
        fits = nodes_named(graph, text)
        if fits:
            return fits
    return [node_of_entry(repo.repository, graph, _entry(repo, text, folder), text)]


def _release(repo: Opened, text: str) -> str | None:
    with suppress(NotFound, InvalidInput):
        return release_id_of(find_release(repo.repository, text).label)
    return None


def _run(repo: Opened, text: str) -> str | None:
    with suppress(NotFound):
        return run_id(find_run(repo.repository, text).id)
    return None


def _entry(repo: Opened, text: str, folder: Path) -> Entry:
    """Return the file or folder that `REV:PATH`, a revision, or a path of the disk names.

    Raises:
        NotFound: There is none.
    """
    if ":" not in text or (folder / text).exists():
        place = folder / text
        if place.is_file():
            with translated(text):
                return Entry(path_bytes(place.name), EntryKind.FILE, place.stat().st_size, hashed(place))
        if place.is_dir() or not _is_revision(repo, text):
            return _tracked(repo, text, place)
    return find_entry(repo.repository, text)[1]._replace(name=path_bytes(text))


def _is_revision(repo: Opened, text: str) -> bool:
    from tether.repo.revision import resolve

    try:
        resolve(repo.repository, text)
    except (NotFound, InvalidInput):
        return False
    return True


def _tracked(repo: Opened, text: str, place: Path) -> Entry:
    """Return what HEAD has at a path of the working copy."""
    if repo.repository.worktree is None:
        raise NotFound(f"no such run, release, revision or file: {text}")
    below = os.path.relpath(os.path.normpath(place.absolute()), os.path.normpath(repo.root))
    with suppress(NotFound, InvalidInput, Conflict):
        return find_entry(repo.repository, f"HEAD:{below}")[1]._replace(name=path_bytes(text))
    raise NotFound(
        f"no such run, release, revision or file: {text}", hint="write REV:PATH for a file that is gone"
    )


def hashed(place: Path) -> Digest:
    """Return the digest of a file of the disk."""
    hasher = blake3()
    with place.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return Digest(hasher.digest())


def find_users(repo: Opened, text: str, folder: Path) -> tuple[dict[Digest, bytes], Uses]:
    """Return the contents that a user means, by digest, and which runs and releases had them, and what for.

    Args:
        repo: Where.
        text: A file of the disk, `REV:PATH`, a path of HEAD, or a digest; a folder stands for its files.
        folder: What paths of the disk are relative to.

    Raises:
        NotFound: There is no such file.
    """
    try:
        wanted = wanted_below(repo.repository, _entry(repo, text, folder))
    except NotFound:
        if len(text) != 64 or not is_digits(text):
            raise
        wanted = wanted_by_digest(text)
    return wanted, find_uses(repo.repository, wanted)


def find_users_of_row(
    repo: Opened, text: str, folder: Path, words: Sequence[str]
) -> tuple[dict[Digest, bytes], Uses]:
    """Return the versions of a table that have a row, by digest, and which runs and releases read them.

    Args:
        repo: Where.
        text: The table, as for `find_users`; versions are files of its name.
        folder: What paths of the disk are relative to.
        words: `COLUMN=VALUE`, or values of the key that `.tetherattributes` gives to the table.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no table, has no key, or no version has such a column.
        Unsupported: A package that reads it is not installed.
    """
    from tether.releases.rows import find_versions, parse_row

    table = _entry(repo, text, folder)
    needs_key = any("=" not in word for word in words)
    key = _key_of(repo, text, folder) if needs_key else None
    row = parse_row(words, key, text)
    path = text if (folder / text).exists() else split_place(text)[1] or text
    name = path_bytes(path.rpartition("/")[2])
    versions = find_versions(repo.repository, table, name, row)
    found = find_uses(repo.repository, versions.having)
    found.problems[:0] = versions.problems
    found.looked_at["versions"] = versions.read
    return versions.having, found


def _key_of(repo: Opened, text: str, folder: Path) -> str | None:
    """Return the columns by which rows of a table are known: by its own tree, or for the disk by HEAD."""
    from tether.repo.attributes import TreeAttributes
    from tether.repo.revision import resolve_path, resolve_tree

    repository = repo.repository
    with suppress(NotFound, InvalidInput):
        if ":" in text and not (folder / text).exists():
            place = resolve_path(repository, text)
            tree, path = place.tree, place.path
        else:
            below = os.path.relpath(os.path.normpath((folder / text).absolute()), os.path.normpath(repo.root))
            tree, path = resolve_tree(repository, "HEAD").tree, path_bytes(below)
        return TreeAttributes(repository.objects, repository.contents.read, tree).of(path).key
    return None
