"""Archives in the zip format: where each member lies, and small members whole.

The directory is read by the standard library, in bounded memory; what is compressed is unpacked up to a limit
that the caller gives.
"""

import struct
import zipfile
import zlib
from typing import Any, NamedTuple

import msgspec

from tether.errors import InvalidInput
from tether.model.facts import Packing, Place
from tether.model.source import Source, SourceFile, damaged

_LARGEST_DIRECTORY = 16 << 20
_LOCAL_HEADER = 30
_ENCRYPTED = 1
_PIECE = 64 << 10


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    size: int
    """Bytes when unpacked."""
    place: Place
    """All its stored bytes."""


class Archive:
    """The members of an archive by name.

    Args:
        source: Has the archive.
        what: The format, for messages.

    Raises:
        InvalidInput: It is no sound archive, or names a member twice.
    """

    def __init__(self, source: Source, what: str = "zip") -> None:
        self.source, self.what = source, what
        try:
            with zipfile.ZipFile(SourceFile(source, _LARGEST_DIRECTORY, what)) as opened:
                infos = opened.infolist()
        except InvalidInput:
            raise
        except Exception as error:
            raise damaged(what, f"its directory cannot be read ({error})") from None
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) != len(infos):
            raise damaged(what, "two of its members have the same name")

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a member."""
        return name in self._infos

    @property
    def names(self) -> list[str]:
        """The names of all members."""
        return list(self._infos)

    def member(self, name: str) -> Member:
        """Return where a member lies.

        Raises:
            InvalidInput: There is none, it is encrypted or packed in a rare way, or leaves the file.
        """
        info = self._infos.get(name)
        if info is None:
            raise damaged(self.what, f"{name[:100]!r} is missing")
        packings: dict[int, Packing] = {zipfile.ZIP_STORED: "raw", zipfile.ZIP_DEFLATED: "deflate"}
        packing = packings.get(info.compress_type)
        if packing is None or info.flag_bits & _ENCRYPTED:
            raise damaged(self.what, f"{name[:100]!r} is encrypted or compressed in a way that is not read")
        begin = max(info.header_offset, 0)
        header = self.source.read(begin, _LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise damaged(self.what, f"{name[:100]!r} is not where the directory says")
        names, extra = struct.unpack_from("<HH", header, 26)
        start = begin + _LOCAL_HEADER + names + extra
        if start + info.compress_size > self.source.size:
            raise damaged(self.what, f"it ends before {name[:100]!r} does")
        if packing == "raw" and info.compress_size != info.file_size:
            raise damaged(self.what, f"{name[:100]!r} has two sizes")
        return Member(name, info.file_size, Place(start, info.compress_size, packing))

    def head(self, name: str, length: int) -> bytes:
        """Return the first bytes of a member, fewer only where it ends; errors as for `member`."""
        place = self.member(name).place
        if place.packing == "raw":
            return self.source.read(place.offset, min(length, place.length))
        unpacker, parts, have, at = zlib.decompressobj(-15), list[bytes](), 0, place.offset
        stop = place.offset + place.length
        try:
            while have < length and at < stop and not unpacker.eof:
                piece = self.source.read(at, min(_PIECE, stop - at))
                at += len(piece)
                parts.append(unpacker.decompress(piece, length - have))
                have += len(parts[-1])
                while have < length and unpacker.unconsumed_tail:
                    parts.append(unpacker.decompress(unpacker.unconsumed_tail, length - have))
                    have += len(parts[-1])
        except zlib.error:
            raise damaged(self.what, f"{name[:100]!r} cannot be unpacked") from None
        return b"".join(parts)

    def small(self, name: str, limit: int = 16 << 20) -> bytes:
        """Return a whole member; errors as for `member`, and where it has more than `limit` bytes."""
        data = self.head(name, limit + 1)
        if len(data) > limit:
            raise damaged(self.what, f"{name[:100]!r} is larger than {limit:,} bytes")
        return data

    def json(self, name: str) -> dict[str, Any]:
        """Return a small member that is an object in JSON; errors as for `small`, and where it is none."""
        try:
            return msgspec.json.decode(self.small(name), type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise damaged(self.what, f"{name[:100]!r} is not as it must be ({error})") from None
