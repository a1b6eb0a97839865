"""Of which model an evaluation or a bench is: it has to be of one that the release holds."""

from collections.abc import Iterable, Iterator

from tether.core.digest import Digest, parse_digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import iter_directory, walk
from tether.releases.manifest import DATA, RUNS, Manifest

_NOT_OURS = frozenset(name.encode() for name in (DATA, RUNS))


class OwnModels:
    """What of a release may have been judged: its weights and all else beside its data and its runs.

    Args:
        objects: Gives the trees of the release.
        manifest: The release.
        tree: Holds its parts.
    """

    def __init__(self, objects: ObjectReader, manifest: Manifest, tree: Digest) -> None:
        self._objects, self._tree = objects, tree
        parts = (*manifest.weights, *manifest.checkpoints)
        self._files = {part.digest for part in parts}
        self._numbers = {part.tensor_digest for part in parts} - {None}
        self._others: frozenset[Digest] | None = None

    def has(self, digest: str, weights: str | None) -> bool:
        """Say whether something is a file or folder of the release, or has the numbers of its weights.

        The first that is neither a file of weights nor has their numbers costs a look at the whole tree.

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
            top = iter_directory(self._objects, self._tree)
            self._others = frozenset(self._below(each for each in top if each.name not in _NOT_OURS))
        return wanted in self._others

    def _below(self, entries: Iterable[Entry]) -> Iterator[Digest]:
        for entry in entries:
            yield entry.digest
            if entry.kind == EntryKind.DIRECTORY:
                yield from (each.digest for _, each in walk(self._objects, entry.digest))
