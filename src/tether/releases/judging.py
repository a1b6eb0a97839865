"""Of which model an evaluation or a bench is: it has to be of one that the release holds."""

from collections.abc import Iterator

from tether.core.digest import Digest, parse_digest
from tether.core.kinds import ObjectReader
from tether.core.tree import EntryKind
from tether.core.treeread import find_many, walk
from tether.errors import NotFound
from tether.releases.manifest import CHECKPOINTS, WEIGHTS, Manifest

_HELD = (WEIGHTS.encode(), CHECKPOINTS.encode())
_GRAPHS = frozenset({"architecture", "inference"})
"""Roles of code that may be the graph of a model; that of a training is a working copy, where others lie."""


class OwnModels:
    """What of a release may have been judged: its weights, and code that is a graph by itself.

    Args:
        objects: Gives the trees of the release.
        manifest: The release.
        tree: Holds its parts.
    """

    def __init__(self, objects: ObjectReader, manifest: Manifest, tree: Digest) -> None:
        self._objects, self._tree = objects, tree
        parts = (*manifest.weights, *manifest.checkpoints)
        self._weights = {part.digest for part in manifest.weights}
        self._files = {part.digest for part in (*parts, *(c for c in manifest.code if c.role in _GRAPHS))}
        self._numbers = {part.tensor_digest for part in parts} - {None}
        self._others: frozenset[Digest] | None = None

    def has(self, digest: str, weights: str | None) -> bool:
        """Say whether something is a file or folder of the release, or has the numbers of its weights.

        The first that is neither a file of weights nor has their numbers costs a look at all weights.

        Args:
            digest: Of the file, or of the tree of the folder, that was judged.
            weights: The digest of all its tensors, if it is known.

        Raises:
            InvalidInput: The digest is none.
            NotFound: A part of a tree is not here.
        """
        wanted = parse_digest(digest)
        if digest in self._files or weights in self._numbers:
            return True
        if self._others is None:
            self._others = frozenset(self._below())
        return wanted in self._others

    def lie_in(self, digest: str) -> bool | None:
        """Say whether a folder has all weights of the release; None where it is none, or is not here.

        Releases that were made before may hold the files of a folder that was judged, and not the folder.
        """
        try:
            found = {each.digest.hex() for _, each in walk(self._objects, parse_digest(digest))}
        except NotFound:
            return None
        return self._weights <= found

    def _below(self) -> Iterator[Digest]:
        for entry in find_many(self._objects, self._tree, _HELD).values():
            yield entry.digest
            if entry.kind == EntryKind.DIRECTORY:
                yield from (each.digest for _, each in walk(self._objects, entry.digest, directories=True))
