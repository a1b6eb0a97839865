"""Locks of files as people and scripts read them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tether.sync.hublocks import FileLock


def lock_document(lock: "FileLock") -> dict[str, Any]:
    """Return the value for `--json`."""
    return lock._asdict()


def lock_name(lock: "FileLock") -> str:
    """Return what is locked, and where."""
    return lock.path if lock.branch is None else f"{lock.path} on {lock.branch}"
