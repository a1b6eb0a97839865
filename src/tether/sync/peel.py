"""From tags to the commits that they name."""

from collections.abc import Iterable, Sequence

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


def peel_all(objects: ObjectDb, digests: Iterable[Digest], tags: list[Digest]) -> list[Digest]:
    """Return the commits behind tags and commits; the tags on the way are added to `tags`.

    Raises:
        NotFound: One is not here.
    """
    commits: dict[Digest, None] = {}
    for digest in digests:
        at = digest
        while (place := objects.find(at)) is not None and place.frame.kind == ObjectKind.TAG:
            tags.append(at)
            at = target_of(objects, at)
        commits[peel(objects, at)] = None
    return list(commits)


def followed(objects: ObjectDb, wants: Sequence[Digest]) -> tuple[list[Digest], list[Digest]]:
    """Return the tags among `wants` and below them, and the commits that they end at.

    Raises:
        NotFound: One is not here.
    """
    tags: list[Digest] = []
    commits: list[Digest] = []
    waiting = list(wants)
    while waiting:
        digest = waiting.pop()
        place = objects.find(digest)
        if place is None or place.frame.kind not in (ObjectKind.COMMIT, ObjectKind.TAG):
            raise NotFound(f"commit {digest.hex()[:12]} is not in this repository")
        if place.frame.kind == ObjectKind.COMMIT:
            commits.append(digest)
        else:
            tags.append(digest)
            waiting.append(target_of(objects, digest))
    return tags, commits
