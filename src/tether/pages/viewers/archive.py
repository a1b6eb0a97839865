"""What is in an archive: its list of names, read without unpacking anything."""

import tarfile
import zipfile
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from itertools import islice
from typing import NamedTuple

from tether.core.phrases import count_text
from tether.pages.lasting import passing
from tether.pages.viewers.opened import Opened, View

MOST = 1000
"""Names that are listed."""
_MOST_READ = 32 * 1024 * 1024
"""Bytes of an archive, unpacked where the whole is compressed, that are read for its list."""
_TARS = (b".tar", b".tar.gz", b".tgz", b".tar.bz2", b".tar.xz")


class Member(NamedTuple):
    """One name with the size of what it stands for."""

    name: str
    size: int
    is_folder: bool


class _TooMuch(Exception):
    """More was read than a list is worth."""


class _Limited(RawIOBase):
    """A file of which so many bytes can be read, wherever they are."""

    def __init__(self, file: RawIOBase, most: int) -> None:
        self._file, self._left = file, most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: object) -> int:
        got = self._file.readinto(buffer) or 0  # type: ignore[arg-type]
        self._left -= got
        if self._left < 0:
            raise _TooMuch
        return got


def show(opened: Opened) -> View | None:
    """List the names; an archive that cannot be listed is shown as what it is."""
    name = opened.place.name.lower()
    is_tar, is_zip = name.endswith(_TARS), opened.type.kind == "zip" or name.endswith(b".zip")
    if not is_tar and not is_zip:
        return None
    file = BufferedReader(
        _Limited(opened.shown.repository.contents.open(opened.place.entry.digest), _MOST_READ)
    )
    found: list[Member] = []
    partial = True
    try:
        found.extend(islice(_members(file, is_tar=is_tar), MOST))  # keeps what came before a failure
        partial = len(found) == MOST
    except Exception:  # readers of hostile archives raise everything; what was listed before is shown
        passing()
        if not found:
            return None
    words = (
        (count_text(len(found), "name"),) if not partial else (f"the first {count_text(len(found), 'name')}",)
    )
    return View("archive.html", words, {"members": found, "partial": partial})


def _members(file: "BufferedReader[_Limited]", *, is_tar: bool) -> Iterator[Member]:
    if not is_tar:
        for info in zipfile.ZipFile(file).infolist():
            yield Member(info.filename, info.file_size, info.is_dir())
        return
    with tarfile.open(fileobj=file, mode="r|*" if _is_packed(file) else "r:") as archive:
        for entry in archive:
            yield Member(entry.name, entry.size, entry.isdir())


def _is_packed(file: "BufferedReader[_Limited]") -> bool:
    return file.peek(6)[:2] in (b"\x1f\x8b", b"BZ", b"\xfd7")
