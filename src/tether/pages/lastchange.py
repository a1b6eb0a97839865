"""Which commit last changed each entry of a folder, for as far back as a page may look."""

from collections.abc import Sequence
from heapq import heappop, heappush

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.treeread import find_many
from tether.repo.history import History

MOST = 300
"""Commits that are looked at; names that did not change in so many are left without an answer."""


def last_changes(
    history: History, objects: ObjectReader, commit: Digest, paths: Sequence[bytes], most: int = MOST
) -> dict[bytes, Digest]:
    """Return for each path the newest commit in which it differs from all parents.

    Paths that are the same in a parent are followed there, so side lines that changed nothing cost
    nothing. Work is bounded by `most` commits.

    Args:
        history: Gives the commits.
        objects: Gives the trees.
        commit: Where to begin; it has all of the paths.
        paths: From the top.
        most: Commits to look at.
    """
    found: dict[bytes, Digest] = {}
    waiting = {commit: set(paths)}
    heap = [(-history.time(commit), commit)]
    entries = {commit: find_many(objects, history.commit(commit).tree, paths)}
    looked = 0
    while heap and looked < most:
        looked += 1
        digest = heappop(heap)[1]
        names, here = waiting.pop(digest), entries.pop(digest)
        for parent in history.parents(digest):
            before = find_many(objects, history.commit(parent).tree, names) if names else {}
            same = {name for name in names if before.get(name) == here.get(name)}
            if not same:
                continue
            names -= same
            if parent not in waiting:
                heappush(heap, (-history.time(parent), parent))
                waiting[parent], entries[parent] = set(), {}
            waiting[parent] |= same
            entries[parent].update({name: before[name] for name in same if name in before})
        found.update(dict.fromkeys(names, digest))
    return found
