"""The checkout journal: says which checkout is under way, so that one cut short can be brought to an end.

The layout is in `docs/format/checkout-journal.md`.
"""

import os
from contextlib import suppress
from typing import NamedTuple

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Digest, hash_bytes
from tether.errors import Corrupt
from tether.storage.oserrors import translated
from tether.worktree.worktree import WorkTree

NAME = "checkout.journal"
MAGIC = b"tether checkout 1\n"
_CHECK = 16


class PendingCheckout(NamedTuple):
    """A checkout that was begun and not brought to an end."""

    from_tree: Digest
    to_tree: Digest
    paths: tuple[bytes, ...]
    """What it was limited to; everything if empty."""
    operation: bytes = b""
    """The write id of the operation that moves the root before the first file is touched."""


def write_journal(worktree: WorkTree, pending: PendingCheckout) -> None:
    """Record durably that a checkout begins."""
    payload = encode([pending.from_tree, pending.to_tree, list(pending.paths), pending.operation])
    path = worktree.state_dir / NAME
    temporary = path.with_name(NAME + ".new")
    with translated(str(path)):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            rest = memoryview(MAGIC + hash_bytes(payload)[:_CHECK] + payload)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        _sync_folder(worktree)


def pending(worktree: WorkTree) -> PendingCheckout | None:
    """Return the checkout that was cut short, if there is one.

    Raises:
        Corrupt: There is a journal, but it is damaged.
    """
    path = worktree.state_dir / NAME
    try:
        with translated(str(path)):
            data = path.read_bytes() if path.exists() else b""
    except FileNotFoundError:
        return None
    if not data:
        return None
    payload = data[len(MAGIC) + _CHECK :]
    if data[: len(MAGIC)] != MAGIC or hash_bytes(payload)[:_CHECK] != data[len(MAGIC) : len(MAGIC) + _CHECK]:
        raise _damaged()
    match decode(payload, "checkout journal"):
        case [bytes(one), bytes(other), [*paths], bytes(operation)] if len(one) == len(other) == DIGEST_SIZE:
            if all(isinstance(each, bytes) for each in paths):
                return PendingCheckout(Digest(one), Digest(other), tuple(paths), operation)
    raise _damaged()


def is_unfinished(worktree: WorkTree) -> bool:
    """Return whether there is a journal, be it damaged."""
    with suppress(OSError):
        return (worktree.state_dir / NAME).stat().st_size > 0
    return False


def remove_journal(worktree: WorkTree) -> None:
    """Record that the checkout is over."""
    with translated(NAME), suppress(FileNotFoundError):
        (worktree.state_dir / NAME).unlink()


def _sync_folder(worktree: WorkTree) -> None:
    descriptor = os.open(worktree.state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged() -> Corrupt:
    return Corrupt(
        "the journal of an interrupted checkout is damaged",
        hint="look at `tether status`, then remove .tether/worktree/checkout.journal",
    )
