"""Bodies of requests on their way to the socket: in pieces, or a file straight from the system's cache.

Decision: docs/adr/0081-packs-from-the-cache.md.
"""

import mmap
import os
from collections.abc import Iterator
from io import FileIO
from socket import socket
from typing import Any, Self, cast

import urllib3

from tether.core.digest import Buffer
from tether.errors import Corrupt

_PIECE = 256 << 10
"""Bytes given to the socket at a time: each piece has the deadline of a request for itself."""


class _Kept(FileIO):
    """An open file that is closed when nobody has it any more."""

    def __del__(self) -> None:
        self.close()


class MappedFile(mmap.mmap):
    """A file in memory which a socket can also get from the system."""

    _file: FileIO

    def __new__(cls, file: FileIO) -> Self:
        """Map all of an open file, not an empty one, and close it."""
        with file:
            self = super().__new__(cls, file.fileno(), 0, access=mmap.ACCESS_READ)
            self._file = _Kept(os.dup(file.fileno()))
        return self

    def send_to(self, connection: socket) -> None:
        """Give all of it to a socket; the deadline counts from each time that the socket took some of it.

        Raises:
            OSError: The connection failed, or nothing was taken for too long.
            Corrupt: The file is shorter than it was.
        """
        if connection.sendfile(self._file, 0, len(self)) != len(self):
            raise Corrupt("a pack became shorter while it was sent", hint="run 'tether fsck'")


class _WholeFile:
    """All of a mapped file as one piece of a body.

    Where a connection does not know of it, it is iterated over, as `http.client` does with what is no buffer.
    """

    def __init__(self, file: MappedFile) -> None:
        self.file = file

    def __len__(self) -> int:
        return len(self.file)

    def __iter__(self) -> Iterator[memoryview]:
        return _cut(memoryview(self.file))


def pieces_of(body: Buffer) -> Iterator[bytes]:
    """Yield a body as fast as it may go."""
    view = memoryview(body).cast("B")
    file = view.obj
    # Whatever these are, `http.client` sends them.
    if isinstance(file, MappedFile) and len(file) == len(view):
        return iter([cast("bytes", _WholeFile(file))])
    return cast("Iterator[bytes]", _cut(view))


def _cut(view: memoryview) -> Iterator[memoryview]:
    return (view[at : at + _PIECE] for at in range(0, len(view), _PIECE))


class _Connection(urllib3.connection.HTTPConnection):
    """A connection that has files sent by the system."""

    def send(self, data: Any) -> None:
        """Send a piece of a body."""
        if isinstance(data, _WholeFile):
            data.file.send_to(self.sock)
        else:
            super().send(data)


class FilePool(urllib3.HTTPConnectionPool):
    """Plain connections that have files sent by the system; those of TLS take them piece by piece."""

    ConnectionCls = _Connection
