"""Sending what a far end lacks: packs as they lie here where it lacks all of one, else packs made for it.

Packs are made in the order in which the objects lie, so a push that was cut makes the same packs again, and
those that arrived are not sent twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from tether.core.ahead import ahead
from tether.core.batches import batches
from tether.core.digest import Buffer, Digest
from tether.core.kinds import ObjectKind
from tether.core.progress import SILENT, Progress
from tether.core.tree import digest_at, split_digests
from tether.repo.frames import DATA, META, Stored
from tether.repo.history import History
from tether.repo.packindex import Place
from tether.repo.packs import PackWriter, count_objects, first_digest, has_differences, pack_key
from tether.repo.repository import Repository
from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.sync.ends import FarEnd
from tether.sync.exchange import require_whole
from tether.sync.negotiate import find_unsent
from tether.sync.peel import peel
from tether.sync.sending import MappedFile
from tether.sync.transfer import places_of
from tether.sync.wire import MAX_DIGESTS, RemoteRefs

_PACK = 32 << 20
"""Bytes of a pack that is made for sending: it is held in memory."""
JOBS = 3
"""Packs on their way at once; see docs/adr/0081-packs-from-the-cache.md."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What was sent.

    Attributes:
        packs: Names of the packs that hold it.
        objects: How many objects the far end lacked.
        bytes: Of the packs, those that were there already included.
    """

    packs: tuple[Digest, ...]
    objects: int
    bytes: int


class _Pack(NamedTuple):
    """A pack to send, in whole."""

    name: Digest
    data: Buffer
    start: int | None = None
    """Where in a file its first chunk belongs, in bytes; None where that is not known."""


def upload(
    end: FarEnd, local: Repository, wants: Sequence[Digest], there: RemoteRefs, progress: Progress = SILENT
) -> Uploaded:
    """Send everything that `wants` reach and that the far end lacks; it counts there when a push names it.

    Args:
        end: Takes the packs.
        local: Has the objects.
        wants: Commits and tags.
        there: The far end's refs as they are.
        progress: Told of the bytes that are sent.

    Raises:
        Unavailable: Contents or history that the far end lacks are not here either.
    """
    missing = find_unsent(local.objects, _There(end, local, wants, there), wants, local.root())
    require_whole(missing)
    data, meta = _find(local, missing.chunks), _find(local, missing.meta())
    progress.start("sending objects", data.size + meta.size, "bytes")
    names, size, jobs = [], 0, end.jobs or JOBS
    whole = [*data.whole, *meta.whole]
    there_already = dict(zip(whole, end.has_packs(whole), strict=True))
    with ThreadPoolExecutor(jobs, "send") as pool:
        packs = _packs(local, data, meta, _starts(local, data, missing.recipes))
        for name, length in ahead(pool, lambda pack: _send(end, pack, there_already), packs, jobs - 1):
            names.append(name)
            size += length
            progress.advance(length)
    progress.finish()
    return Uploaded(tuple(names), len(missing), size)


def _send(end: FarEnd, pack: _Pack, there: Mapping[Digest, bool]) -> tuple[Digest, int]:
    known = there.get(pack.name)
    if not (end.has_packs([pack.name])[0] if known is None else known):
        end.put_pack(pack.name, pack.data, pack.start)
    return pack.name, len(pack.data)


class _There:
    """Says what the far end has; commits by its refs where they are known here, all else by asking."""

    def __init__(self, end: FarEnd, local: Repository, wants: Sequence[Digest], there: RemoteRefs) -> None:
        self._end = end
        known = [d for d in dict.fromkeys(there.refs.values()) if local.objects.has(d)]
        self._answers: dict[Digest, bool] = dict.fromkeys(known, True)
        tips = [peel(local.objects, digest) for digest in known]
        starts = [peel(local.objects, digest) for digest in wants]
        fresh = list(History.of(local).between(tips, starts))
        self._answers.update(dict.fromkeys(tips, True))
        self(fresh)

    def __call__(self, digests: Sequence[Digest]) -> list[bool]:
        asked = [digest for digest in digests if digest not in self._answers]
        for part in batches(asked, MAX_DIGESTS):
            self._answers.update(zip(part, self._end.have(part), strict=True))
        return [self._answers[digest] for digest in digests]


@dataclass(frozen=True, slots=True)
class _Found:
    """Where objects to be sent lie.

    Attributes:
        whole: Packs that are sent as they are, with their bytes: all of each is wanted, nothing a difference.
        rest: Where the others are, in the order in which to read them.
    """

    whole: Mapping[Digest, int]
    rest: Sequence[Place]

    @property
    def size(self) -> int:
        """Bytes of all of it, about."""
        return sum(self.whole.values()) + sum(place.frame.stored for place in self.rest)


def _find(local: Repository, digests: Sequence[Digest]) -> _Found:
    """Return where objects lie; one that is not there raises `NotFound`."""
    digests = list(dict.fromkeys(digests))  # one counted twice would make a pack seem wanted whole
    packs = local.objects.packs_of(digests)
    counts = Counter(name for name in packs if name is not None)
    backend = local.backend
    whole = {
        name: backend.size(pack_key(name))
        for name in sorted(counts)
        if count_objects(backend, name) == counts[name] and not has_differences(backend, name)
    }
    rest = [digest for digest, pack in zip(digests, packs, strict=True) if pack not in whole]
    return _Found(whole, places_of(local.objects, rest))


def _starts(local: Repository, found: _Found, files: Sequence[Digest]) -> dict[Digest, int]:
    """Return where in a file, in bytes, the first chunk of a whole pack belongs, if it begins with one."""
    first = {first_digest(local.backend, pack): pack for pack in found.whole}
    starts: dict[Digest, int] = {}
    for file in files if first else ():
        if local.contents.outline(file) is None:  # it is hashed as a whole
            continue
        for begin, chunks in local.contents.pages(file):
            rows = [row for row, digest in enumerate(split_digests(chunks.digests)) if digest in first]
            offsets = list(accumulate(chunks.lengths, initial=begin)) if rows else []
            for row in rows:
                starts.setdefault(first[digest_at(chunks.digests, row)], offsets[row])
    return starts


def _packs(local: Repository, data: _Found, meta: _Found, starts: Mapping[Digest, int]) -> Iterator[_Pack]:
    """Yield packs that hold exactly what was found, those that lie here before those that are made."""
    for name in (*data.whole, *meta.whole):
        yield _Pack(name, _whole(local.backend, name), starts.get(name))
    for role, found in ((DATA, data), (META, meta)):
        yield from _made(local, role, found.rest)


def _whole(backend: Backend, name: Digest) -> Buffer:
    if isinstance(backend, LocalBackend):
        return memoryview(MappedFile(backend.open_file(pack_key(name))))
    return backend.map(pack_key(name))


def _made(local: Repository, role: int, places: Sequence[Place]) -> Iterator[_Pack]:
    """Yield packs that are made of objects."""
    held = MemoryBackend()
    writer: PackWriter | None = None
    for frames in local.objects.read_frames(places):
        for frame, data in frames:
            writer = writer or PackWriter(held, role)
            writer.add(Stored(ObjectKind(frame.kind), frame.codec, frame.raw, frame.digest, data))
            if writer.size >= _PACK:
                yield _taken(held, writer)
                writer = None
    if writer is not None:
        yield _taken(held, writer)


def _taken(held: MemoryBackend, writer: PackWriter) -> _Pack:
    name, _ = writer.finish()
    data = held.read(pack_key(name))
    held.delete(pack_key(name))
    return _Pack(name, data)
