"""Of which model an evaluation or a bench is: it has to be of one that the release holds."""

from collections.abc import Iterable

from tether.core.digest import parse_digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind
from tether.releases.contained import Contained
from tether.releases.manifest import DATA, RUNS, Manifest

NOT_OURS = frozenset(name.encode() for name in (DATA, RUNS))
"""Folders of a release in which nothing is its model, whatever lies there."""


def is_own(
    objects: ObjectReader, manifest: Manifest, below: Iterable[Entry], digest: str, weights: str | None
) -> bool:
    """Say whether what was judged is a file or folder of a release, or has the numbers of its weights.

    Args:
        objects: Gives the trees of the release.
        manifest: The release.
        below: What is in its tree, as far down as one likes; what is in `NOT_OURS` is not looked at by name.
        digest: Of the file, or of the tree of the folder, that was judged.
        weights: The digest of all its tensors, if it is known.

    Raises:
        InvalidInput: The digest is none.
        NotFound: A part of a tree is not here.
    """
    parts = (*manifest.weights, *manifest.checkpoints)
    wanted = parse_digest(digest)
    if digest in {part.digest for part in parts}:
        return True
    if weights is not None and weights in {part.tensor_digest for part in parts}:
        return True
    contained = Contained(objects, [wanted])
    return any(
        contained.at(entry.name, entry.digest, is_folder=entry.kind == EntryKind.DIRECTORY).total
        for entry in below
    )
