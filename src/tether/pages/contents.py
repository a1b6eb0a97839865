"""Contents of files as replies: whole or in part, from what stays open until they are sent."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response

from tether.core.tree import Entry
from tether.pages.ranges import NOTHING, Part, is_known, wanted_part
from tether.pages.streaming import HeldStream
from tether.repo.repository import Repository


def tag_of(entry: Entry) -> str:
    """Return the strong entity tag of a file: its digest."""
    return f'"{entry.digest.hex()}"'


def send_contents(
    request: Request, stack: ExitStack, repository: Repository, entry: Entry, headers: Mapping[str, str]
) -> Response | None:
    """Return the reply with the contents of a file, or the part of them that `Range` asks for.

    Args:
        request: Asks for it.
        stack: Has the repository open; what it closes is closed when the reply is sent.
        repository: Has the contents.
        entry: The file, or a link, whose contents are where it leads.
        headers: Beside those of ranges.

    Returns:
        None where no byte of the file is in the range.
    """
    tag, told = tag_of(entry), {"ETag": tag_of(entry), "Accept-Ranges": "bytes", **headers}
    if is_known(tag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=told)
    size = repository.contents.size(entry.digest)
    part = wanted_part(size, tag, request.headers.get("range"), request.headers.get("if-range"))
    if part == NOTHING:
        return None
    if part is not None:
        told["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    start, stop = part or Part(0, size)
    told["Content-Length"] = str(stop - start)
    blocks = _begun(repository.contents.stream(entry.digest, start, stop))
    return HeldStream(blocks, stack.pop_all().close, 206 if part else 200, told)


def _begun(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first block, so that what cannot be read is refused before the reply begins."""
    return chain([next(blocks, b"")], blocks)
