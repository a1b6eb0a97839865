"""Copying objects from one repository on this machine to another, frame by frame, verified."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from blake3 import blake3

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.progress import SILENT, Progress
from tether.errors import Corrupt, NotFound
from tether.repo.contents import ContentReader
from tether.repo.frames import DATA, META, Frame, Stored
from tether.repo.objectdb import ObjectDb, unpack
from tether.repo.packindex import Place
from tether.repo.proving import Means
from tether.repo.session import WriteSession
from tether.sync.negotiate import Missing
from tether.sync.proofs import prove_files, replaced

_GROUP = 64
"""Chunks held at once, at most 8 MiB."""


def copy_objects(
    source: ObjectDb, target: WriteSession, missing: Missing, progress: Progress = SILENT
) -> int:
    """Copy frames as they are stored, each verified against its digest; return their bytes.

    Files of several chunks are shown to be what their digests say, by what is new of them where that is
    possible: the chunks prove nothing of the file, whoever makes a recipe can list others in it, and a
    receiver that took it would not store the true file any more.
    Nothing counts in the target before its transaction ends.

    Raises:
        NotFound: The source lacks one.
        Corrupt: A frame of the source is damaged, or a recipe does not give its file.
    """
    data, meta = places_of(source, missing.chunks), places_of(source, missing.meta())
    total = sum(place.frame.stored for found in (data, meta) for place in found)
    progress.start("copying objects", total, "bytes")
    before = target.written
    copier = _Copier(source, target, progress, data)
    copier.files(missing)
    copier.rest(data)
    copier.rest(meta)
    progress.finish()
    return target.written - before


class _Copier:
    def __init__(
        self, source: ObjectDb, target: WriteSession, progress: Progress, chunks: Iterable[Place]
    ) -> None:
        self._source, self._target, self._progress = source, target, progress
        self._wanted = {place.frame.digest for place in chunks}
        self._copied: set[Digest] = set()
        self._contents = _Copied(source, self)

    def files(self, missing: Missing) -> None:
        """Prove files of several chunks; what is read of them for that is copied on the way."""
        files = [place.frame.digest for place in places_of(self._source, missing.recipes)]
        outlined = {digest for digest in files if self._contents.outline(digest) is not None}
        for _ in self.whole(digest for digest in files if digest not in outlined):
            pass

        def bases(large: set[Digest]) -> dict[Digest, Digest]:
            return replaced(self._source, missing.commits, large, missing.where)

        large = [digest for digest in files if digest in outlined]
        known = ContentReader(self._target.before)
        for _ in prove_files(self._contents, known, bases, large, Means(_GROUP)):
            pass

    def whole(self, files: Iterable[Digest], group: int = _GROUP) -> Iterator[bytes]:
        """Yield the chunks of files of several chunks, copy those that are wanted, and hash the files."""
        pieces = ((file, chunk) for file in files for chunk in self._contents.chunks(file))
        file, hasher = None, blake3()
        while together := list(islice(pieces, group)):
            payloads = self.chunks({chunk for _, chunk in together})
            for digest, chunk in together:
                if digest != file:
                    _require(file, hasher)
                    file, hasher = digest, blake3()
                hasher.update(payloads[chunk])
                yield payloads[chunk]
        _require(file, hasher)

    def rest(self, places: Sequence[Place]) -> None:
        """Copy those objects that were not copied yet, in the order in which they lie."""
        left = [place for place in places if place.frame.digest not in self._copied]
        for frames in self._source.read_frames(left):
            for frame, data in frames:
                unpack(frame, data, ObjectKind(frame.kind))
                self._take(frame, data)

    def chunks(self, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        """Return chunks by digest, verified; those that are wanted are copied.

        A bundle has what is new alone: what else its files consist of is in the target.
        """
        asked = list(digests)
        there = zip(asked, self._source.has_many(asked), strict=True)
        known = [digest for digest, is_there in there if not is_there and digest not in self._wanted]
        payloads = dict(zip(known, self._target.before.get_many(ObjectKind.CHUNK, known), strict=True))
        for frames in self._source.read_frames(places_of(self._source, set(asked).difference(known))):
            for frame, data in frames:
                payloads[frame.digest] = unpack(frame, data, ObjectKind.CHUNK)
                if frame.digest in self._wanted and frame.digest not in self._copied:
                    self._copied.add(frame.digest)
                    self._take(frame, data)
        return payloads

    def _take(self, frame: Frame, data: bytes) -> None:
        role = DATA if frame.kind == ObjectKind.CHUNK else META
        self._target.append(role, Stored(frame.kind, frame.codec, frame.raw, frame.digest, data))
        self._progress.advance(frame.stored)


class _Copied(ContentReader):
    """Reads contents for a proof; what is wanted of them is copied by the same reading."""

    def __init__(self, source: ObjectDb, copier: _Copier) -> None:
        super().__init__(source)
        self._copier = copier

    def segments(self, digest: Digest, group: int = _GROUP) -> Iterator[bytes]:
        """Yield a whole content, chunk by chunk; see `ContentReader.segments`."""
        return self._copier.whole([digest], group)

    def joined(self, chunks: Sequence[tuple[Digest, int]]) -> bytes:
        """Return chunks of known lengths (bytes), one after the other, each verified."""
        payloads = self._copier.chunks({digest for digest, _ in chunks})
        for digest, length in chunks:
            if len(payloads[digest]) != length:
                raise Corrupt(f"chunk {digest.hex()[:12]} has another length than a recipe says")
        return b"".join([payloads[digest] for digest, _ in chunks])


def places_of(source: ObjectDb, digests: Iterable[Digest]) -> list[Place]:
    """Return where objects lie, in the order in which to read them.

    Raises:
        NotFound: One is not there.
    """
    wanted, places = list(digests), []
    for digest, place in zip(wanted, source.find_many(wanted), strict=True):
        if place is None:
            raise NotFound(f"object {digest.hex()[:12]} is not in the repository to copy from")
        places.append(place)
    places.sort(key=lambda place: (place.pack, place.frame.offset))
    return places


def _require(file: Digest | None, hasher: blake3) -> None:
    if file is not None and hasher.digest() != file:
        raise Corrupt(f"content {file.hex()[:12]} is damaged", hint="run 'tether fsck --full' there")
