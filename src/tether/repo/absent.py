"""Contents that are not here because a remote has them: recorded in the root, never a fault."""

from collections.abc import Mapping

from tether.core.codec import decode, encode
from tether.core.digest import Digest
from tether.core.tree import split_digests
from tether.errors import Corrupt
from tether.repo.root import Root

KEY = "absent"
"""Name in `Root.extra`: a list of [remote, digests of contents joined]."""


def absent_contents(root: Root) -> dict[Digest, str]:
    """Return the contents that are absent, each with the remote that has it.

    Raises:
        Corrupt: The record has an unknown form.
    """
    data = next((value for key, value in root.extra if key == KEY), None)
    if data is None:
        return {}
    match decode(data, "absent contents"):
        case list(rows):
            return {digest: remote for remote, column in map(_row, rows) for digest in column}
    raise Corrupt("the record of absent contents has an unknown form")


def with_absent(root: Root, absent: Mapping[Digest, str]) -> tuple[tuple[str, bytes], ...]:
    """Return `Root.extra` with another record of absent contents."""
    rest = [(key, value) for key, value in root.extra if key != KEY]
    remotes = sorted(set(absent.values()))
    rows = [[name, b"".join(sorted(d for d, remote in absent.items() if remote == name))] for name in remotes]
    return tuple(sorted([*rest, (KEY, encode(rows))] if rows else rest))


def _row(row: object) -> tuple[str, list[Digest]]:
    match row:
        case [str(remote), bytes(column)] if len(column) % 32 == 0:
            return remote, split_digests(column)
    raise Corrupt("the record of absent contents has an unknown form")
