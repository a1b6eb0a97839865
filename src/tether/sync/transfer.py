"""Copying objects from one repository on this machine to another, frame by frame, verified."""

from collections.abc import Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.progress import SILENT, Progress
from tether.errors import NotFound
from tether.repo.frames import DATA, META, Stored
from tether.repo.objectdb import ObjectDb, unpack
from tether.repo.packindex import Place
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.sync.negotiate import Missing


def copy_objects(
    source: ObjectDb, target: WriteSession, missing: Missing, progress: Progress = SILENT
) -> int:
    """Copy frames as they are stored, each verified against its digest; return their bytes.

    Nothing counts in the target before its transaction ends.

    Raises:
        NotFound: The source lacks one.
        Corrupt: A frame of the source is damaged.
    """
    places = {DATA: _places(source, missing.chunks), META: _places(source, missing.meta())}
    total = sum(place.frame.stored for found in places.values() for place in found)
    progress.start("copying objects", total, "bytes")
    before = target.written
    for role, found in places.items():
        _copy(source, target, found, role, progress)
    progress.finish()
    return target.written - before


def verify_files(source: Repository, missing: Missing, progress: Progress = SILENT) -> None:
    """Put the files of several chunks that a receiver lacks together and compare them with their digests.

    The chunks prove nothing of the file: whoever makes a recipe can list others in it, and a receiver that
    took it would not store the true file any more.

    Raises:
        NotFound: The source lacks a chunk.
        Corrupt: A recipe does not give its file.
    """
    progress.start("verifying large files", None, "bytes")
    for digest in missing.recipes:
        for piece in source.contents.stream(digest):
            progress.advance(len(piece))
    progress.finish()


def _places(source: ObjectDb, digests: Sequence[Digest]) -> list[Place]:
    """Return where objects lie, in the order in which to read them."""
    places = []
    for digest in digests:
        place = source.find(digest)
        if place is None:
            raise NotFound(f"object {digest.hex()[:12]} is not in the repository to copy from")
        places.append(place)
    places.sort(key=lambda place: (place.pack, place.frame.offset))
    return places


def _copy(
    source: ObjectDb, target: WriteSession, places: Sequence[Place], role: int, progress: Progress
) -> None:
    for frames in source.read_frames(places):
        for frame, data in frames:
            unpack(frame, data, ObjectKind(frame.kind))
            target.append(role, Stored(frame.kind, frame.codec, frame.raw, frame.digest, data))
        progress.advance(sum(frame.stored for frame, _ in frames))
