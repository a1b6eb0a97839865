"""Contents that are not here because a remote has them: recorded in the root, never a fault.

Two records say which: dropped contents stand in the root itself, and those that a partial clone left at
its remote in lists, which are stored as contents of their own. Neither says that a content is missing: one
that came since is here all the same.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.tree import split_digests
from tether.errors import Corrupt
from tether.repo.contents import ContentReader
from tether.repo.root import Root

KEY = "absent"
"""Name in `Root.extra`: a list of [remote, digests of contents joined]."""
LISTS_KEY = "absent-lists"
"""Name in `Root.extra`: a list of [remote, digest of a content that is a sorted column of digests]."""


class AbsentList(NamedTuple):
    """Where the digests of contents are listed that a partial clone left at a remote."""

    remote: str
    content: Digest


class Absent:
    """The contents that a root records as absent.

    Args:
        dropped: Each with the remote that has it.
        lists: Remotes, each with a sorted column of digests.
    """

    def __init__(
        self, dropped: Mapping[Digest, str] | None = None, lists: Iterable[tuple[str, bytes]] = ()
    ) -> None:
        self._dropped = dropped or {}
        self._lists = [(remote, column) for remote, column in lists if column]

    def __bool__(self) -> bool:
        return bool(self._dropped or self._lists)

    def __contains__(self, digest: object) -> bool:
        return self.remote_of(digest) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Digest]:
        yield from self._dropped
        for _, column in self._lists:
            yield from split_digests(column)

    @property
    def has_promised(self) -> bool:
        """Whether a partial clone left contents at a remote."""
        return bool(self._lists)

    def remote_of(self, digest: Digest) -> str | None:
        """Return the remote that has a content; None for one that is not recorded."""
        return self._dropped.get(digest) or self.promised_by(digest)

    def promised_by(self, digest: Digest) -> str | None:
        """Return the remote at which a partial clone left a content: it comes when it is first read."""
        return next((remote for remote, column in self._lists if _listed(column, digest)), None)


def read_absent(root: Root, contents: ContentReader) -> Absent:
    """Return what a root records as absent.

    Raises:
        Corrupt: The record has an unknown form, or a list is damaged.
    """
    columns = [(each.remote, contents.read(each.content)) for each in absent_lists(root)]
    if any(len(column) % DIGEST_SIZE for _, column in columns):
        raise Corrupt("a list of absent contents has an unknown form")
    return Absent(absent_contents(root), columns)


def absent_contents(root: Root) -> dict[Digest, str]:
    """Return the contents that were dropped, each with the remote that has it.

    Raises:
        Corrupt: The record has an unknown form.
    """
    return {digest: remote for remote, column in _rows(root, KEY) for digest in split_digests(column)}


def absent_lists(root: Root) -> list[AbsentList]:
    """Return where the contents are listed that a partial clone left at its remote.

    Raises:
        Corrupt: The record has an unknown form.
    """
    rows = _rows(root, LISTS_KEY)
    if any(len(content) != DIGEST_SIZE for _, content in rows):
        raise Corrupt("the record of absent contents has an unknown form")
    return [AbsentList(remote, Digest(content)) for remote, content in rows]


def with_absent(root: Root, absent: Mapping[Digest, str]) -> tuple[tuple[str, bytes], ...]:
    """Return `Root.extra` with another record of dropped contents."""
    remotes = sorted(set(absent.values()))
    rows = [[name, b"".join(sorted(d for d, remote in absent.items() if remote == name))] for name in remotes]
    return with_extra(root.extra, KEY, encode(rows) if rows else None)


def with_extra(
    extra: tuple[tuple[str, bytes], ...], key: str, value: bytes | None
) -> tuple[tuple[str, bytes], ...]:
    """Return `Root.extra` with another value of one key; None removes it."""
    rest = [(name, old) for name, old in extra if name != key]
    return tuple(sorted(rest if value is None else [*rest, (key, value)]))


def _listed(column: bytes, digest: Digest) -> bool:
    count = len(column) // DIGEST_SIZE
    rows = range(count)
    at = bisect_left(rows, bytes(digest), key=lambda row: column[row * DIGEST_SIZE : (row + 1) * DIGEST_SIZE])
    return at < count and column[at * DIGEST_SIZE : (at + 1) * DIGEST_SIZE] == digest


def _rows(root: Root, key: str) -> list[tuple[str, bytes]]:
    data = next((value for name, value in root.extra if name == key), None)
    if data is None:
        return []
    match decode(data, "absent contents"):
        case list(rows):
            return [_row(row) for row in rows]
    raise Corrupt("the record of absent contents has an unknown form")


def _row(row: object) -> tuple[str, bytes]:
    match row:
        case [str(remote), bytes(column)] if len(column) % DIGEST_SIZE == 0:
            return remote, column
    raise Corrupt("the record of absent contents has an unknown form")
