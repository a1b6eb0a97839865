"""From tags to the commits that they name."""

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Tag
from tether.errors import NotFound
from tether.repo.objectdb import ObjectDb


def target_of(objects: ObjectDb, tag: Digest) -> Digest:
    """Return what a tag object names directly."""
    return Tag.decode(objects.get(ObjectKind.TAG, tag)).target


def peel(objects: ObjectDb, digest: Digest) -> Digest:
    """Return the commit behind a tag, or the commit itself.

    Raises:
        NotFound: It is not here.
    """
    while True:
        place = objects.find(digest)
        if place is None:
            raise NotFound(f"commit {digest.hex()[:12]} is not in this repository")
        if place.frame.kind != ObjectKind.TAG:
            return digest
        digest = target_of(objects, digest)
