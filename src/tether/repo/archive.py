"""The files of a tree as one tar or zip file, written as a stream.

The same tree, time and prefix give the same bytes: names are in order, owners are nobody, and every
time is the one given.
"""

import io
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from tether.core.digest import Buffer, Digest, hash_bytes
from tether.core.names import display
from tether.core.tree import Entry, EntryKind
from tether.errors import InvalidInput
from tether.repo.contents import ContentReader
from tether.repo.ingest import SMALL_FILE
from tether.repo.listing import tree_files
from tether.repo.objectdb import ObjectDb

FORMATS = ("tar", "tar.gz", "zip")

_MODES = {
    EntryKind.FILE: 0o644,
    EntryKind.EXECUTABLE: 0o755,
    EntryKind.SYMLINK: 0o777,
    EntryKind.DIRECTORY: 0o755,
}
_WINDOW_FILES = 512
_WINDOW_BYTES = 16 << 20
_ZIP_YEARS = (1980, 2107)
_GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """What to write."""

    tree: Digest
    time: int
    """Seconds since 1970 that every member gets."""
    format: str = "tar"
    prefix: bytes = b""
    """Put in front of every path; ends with a slash to be a folder."""
    paths: Sequence[bytes] = ()
    """Only these files and folders; everything if empty."""
    more: Mapping[bytes, bytes] = field(default_factory=dict)
    """Files by path that come first, though the tree does not have them."""


class Total(NamedTuple):
    """What was written."""

    files: int
    bytes: int


class _Archive(Protocol):
    """An archive that is being written."""

    def add(self, name: bytes, entry: Entry, content: Iterator[bytes]) -> None:
        """Write one member."""
        ...

    def close(self) -> None:
        """Write the end."""
        ...


def write_archive(
    objects: ObjectDb, contents: ContentReader, request: ArchiveRequest, out: BinaryIO
) -> Total:
    """Write the files of a tree to `out`, which is only written to and never sought.

    Raises:
        InvalidInput: The format is unknown, or zip cannot say a name.
        Corrupt: A content is damaged; what was written until then is no whole archive.
    """
    archive = _open(request, out)
    files, size = len(request.more), sum(map(len, request.more.values()))
    for path, data in request.more.items():
        entry = Entry(path, EntryKind.FILE, len(data), hash_bytes(data))
        archive.add(request.prefix + path, entry, iter([data]))
    for path, entry, content in _members(objects, contents, request):
        archive.add(request.prefix + path, entry, content)
        files += entry.kind != EntryKind.DIRECTORY
        size += entry.size
    archive.close()
    return Total(files, size)


def _open(request: ArchiveRequest, out: BinaryIO) -> _Archive:
    if request.format == "zip":
        return _Zip(out, request.time)
    if request.format in FORMATS:
        return _Tar(out, request.time, compress=request.format == "tar.gz")
    raise InvalidInput(f"unknown format: {request.format}", hint=f"choose one of {', '.join(FORMATS)}")


def _members(
    objects: ObjectDb, contents: ContentReader, request: ArchiveRequest
) -> Iterator[tuple[bytes, Entry, Iterator[bytes]]]:
    """Yield the files in order with their contents; small ones are read in windows."""
    window: list[tuple[bytes, Entry]] = []
    size = 0
    for member in tree_files(objects, request.tree, request.paths):
        window.append(member)
        size += min(member[1].size, SMALL_FILE)
        if len(window) >= _WINDOW_FILES or size >= _WINDOW_BYTES:
            yield from _read_window(contents, window)
            window, size = [], 0
    yield from _read_window(contents, window)


def _read_window(
    contents: ContentReader, window: Sequence[tuple[bytes, Entry]]
) -> Iterator[tuple[bytes, Entry, Iterator[bytes]]]:
    contents.prepare([entry.digest for _, entry in window if entry.kind != EntryKind.DIRECTORY])
    small = [at for at, (_, entry) in enumerate(window) if _is_small(entry)]
    wanted = [(window[at][1].digest, window[at][1].size) for at in small]
    data = {small[index]: piece for part in contents.small_batches(wanted) for index, piece in part}
    for at, (path, entry) in enumerate(window):
        if entry.kind == EntryKind.DIRECTORY:
            yield path, entry, iter(())
        else:
            yield path, entry, iter([data[at]]) if at in data else contents.stream(entry.digest)


def _is_small(entry: Entry) -> bool:
    return entry.kind != EntryKind.DIRECTORY and entry.size <= SMALL_FILE


class _Pieces(io.RawIOBase):
    """A file to read over an iterator of pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int = 0) -> bytes:
        """Return exactly `size` bytes, fewer only at the end; tarfile always says how many."""
        parts: list[bytes] = []
        while size:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._rest = memoryview(piece)
            taken = bytes(self._rest[:size])
            self._rest = self._rest[len(taken) :]
            size -= len(taken)
            parts.append(taken)
        return b"".join(parts)


class _Tar:
    """A tar file in the PAX format, which holds names of any length and any bytes."""

    def __init__(self, out: BinaryIO, time: int, *, compress: bool) -> None:
        import tarfile
        from gzip import GzipFile

        self._time = time
        self._gzip = GzipFile("", "wb", _GZIP_LEVEL, out, mtime=0) if compress else None
        self._info = tarfile.TarInfo
        self._types = {EntryKind.SYMLINK: tarfile.SYMTYPE, EntryKind.DIRECTORY: tarfile.DIRTYPE}
        self._regular = tarfile.REGTYPE
        target = self._gzip or out
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `close`
            fileobj=target,
            mode="w|",
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def add(self, name: bytes, entry: Entry, content: Iterator[bytes]) -> None:
        """Write one member."""
        info = self._info(name.decode("utf-8", "surrogateescape"))
        info.type = self._types.get(entry.kind, self._regular)
        info.mode, info.mtime, info.uname, info.gname = _MODES[entry.kind], self._time, "root", "root"
        if entry.kind == EntryKind.SYMLINK:
            info.linkname = b"".join(content).decode("utf-8", "surrogateescape")
        elif entry.kind != EntryKind.DIRECTORY:
            info.size = entry.size
        self._tar.addfile(info, _Pieces(content) if info.size else None)

    def close(self) -> None:
        """Write the end."""
        self._tar.close()
        if self._gzip is not None:
            self._gzip.close()


class _Sink(io.RawIOBase):
    """A file that can only be written to."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        self._out = out

    def write(self, data: Buffer) -> int:  # type: ignore[override]
        """Write everything."""
        self._out.write(data)
        return len(data)

    def writable(self) -> bool:
        """Return True."""
        return True


class _Zip:
    """A zip file; names must be UTF-8."""

    def __init__(self, out: BinaryIO, time: int) -> None:
        from time import gmtime
        from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

        moment = gmtime(time)
        first, last = _ZIP_YEARS
        year = min(max(moment.tm_year, first), last)
        same = year == moment.tm_year
        self._date = (year, *moment[1:6]) if same else (year, 1, 1, 0, 0, 0)
        # What can be sought gets other headers than a pipe, and the bytes must not depend on it.
        self._zip, self._info = ZipFile(_Sink(out), "w", ZIP_DEFLATED), ZipInfo
        self._method = ZIP_DEFLATED

    def add(self, name: bytes, entry: Entry, content: Iterator[bytes]) -> None:
        """Write one member."""
        try:
            text = name.decode()
        except UnicodeDecodeError:
            raise InvalidInput(
                f"zip cannot hold a name that is not UTF-8: {display(name)}", hint="use --format tar"
            ) from None
        folder = entry.kind == EntryKind.DIRECTORY
        info = self._info(text + "/" if folder else text, self._date)
        kind = {EntryKind.SYMLINK: stat.S_IFLNK, EntryKind.DIRECTORY: stat.S_IFDIR}.get(
            entry.kind, stat.S_IFREG
        )
        info.create_system = 3  # Unix: the mode is in the upper half of the attributes
        info.external_attr = (kind | _MODES[entry.kind]) << 16 | (0x10 if folder else 0)
        info.compress_type = self._method
        info.file_size = 0 if folder else entry.size
        with self._zip.open(info, "w", force_zip64=info.file_size >= 1 << 31) as member:
            for piece in content:
                member.write(piece)

    def close(self) -> None:
        """Write the end."""
        self._zip.close()
