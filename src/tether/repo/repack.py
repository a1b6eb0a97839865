"""Merging small packs, so that a repository of many small commits keeps few files."""

from collections.abc import Sequence
from contextlib import suppress

from tether.core.digest import Digest
from tether.errors import Corrupt, NotFound, Unsupported
from tether.repo.frames import DATA, FRAME_SIZE, META, Stored, Table
from tether.repo.packs import PACK_SIZE, PackWriter, has_differences, pack_key, read_contents
from tether.repo.root import Root
from tether.repo.session import SealedPacks
from tether.storage.backend import Backend

MANY = 32
_SMALL = PACK_SIZE // 8


def merge_small_packs(backend: Backend, root: Root) -> tuple[SealedPacks, tuple[Digest, ...]]:
    """Merge the small packs of a root when there are many, into packs of each role.

    All small packs of a role merge when there are `MANY`; a merged pack that is no longer small is left
    alone, so a small commit stays cheap. Packs that cannot be read are left alone for `fsck`, and so are all
    where one goes in the meantime: then somebody else has merged them, and our root is an old one.

    Returns:
        The new packs, and the names of the packs that they replace (still in storage).
    """
    merged: dict[int, list[tuple[Digest, Table]]] = {DATA: [], META: []}
    removed: list[Digest] = []
    for role, live in ((DATA, root.data_packs), (META, root.meta_packs)):
        if len(live) < MANY:
            continue
        small = small_packs(backend, live)
        if len(small) >= MANY:
            with suppress(NotFound):
                merged[role].append(merge_packs(backend, role, small))
                removed += small
    return SealedPacks(tuple(merged[DATA]), tuple(merged[META])), tuple(removed)


def small_packs(backend: Backend, live: Sequence[Digest]) -> list[Digest]:
    """Return the live packs worth merging: small and readable, together no longer than one pack."""
    sized = []
    for name in live:
        try:
            size = backend.size(pack_key(name))
        except NotFound:
            continue
        if size <= _SMALL:
            sized.append((size, name))
    chosen, total = [], 0
    for size, name in sorted(sized):
        total += size
        if total > PACK_SIZE:
            break
        try:
            read_contents(backend, name)
            if has_differences(backend, name):  # their bases would have to stay beside them
                continue
        except (Corrupt, NotFound, Unsupported):
            continue
        chosen.append(name)
    return chosen


def merge_packs(backend: Backend, role: int, names: Sequence[Digest]) -> tuple[Digest, Table]:
    """Copy the frames of several packs, as they are stored, into one new pack."""
    writer, taken = PackWriter(backend, role), set[Digest]()
    try:
        for name in names:
            whole = memoryview(backend.read(pack_key(name)))
            for frame in read_contents(backend, name):
                if frame.digest not in taken:
                    taken.add(frame.digest)
                    begin = frame.offset + FRAME_SIZE
                    data = whole[begin : begin + frame.stored]
                    writer.add(Stored.of(frame, data))
        return writer.finish()
    except BaseException:
        writer.abort()
        raise
