"""What the operating system's errors mean to a caller of Tether."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tether.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TetherError,
    Unavailable,
    Unsupported,
)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP})
TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})


def translate(error: OSError, what: str) -> TetherError:
    """Return our error for `error`; `what` names the file or the key in the message."""
    ours = _meant(error, what)
    ours.of_storage = True
    return ours


def _meant(error: OSError, what: str) -> TetherError:
    code = error.errno
    reason = (error.strerror or str(error)).lower()
    if code in FULL:
        return Unavailable(f"disk full: cannot write {what}", hint="free some space, then run it again")
    if code in REFUSED:
        hint = "the file system is read-only" if code == errno.EROFS else "check who owns it and its mode"
        return Forbidden(f"no access to {what}: {reason}", hint=hint)
    if code in MISSING:
        return NotFound(f"not found: {what}")
    if code in NO_LOCKS:
        return Unsupported(f"no support for this on the file system of {what}: {reason}")
    if code in TOO_MANY:
        return Unavailable(f"too many open files at {what}", hint="raise the limit with `ulimit -n`")
    return _rarer(error, what, reason)


def _rarer(error: OSError, what: str, reason: str) -> TetherError:
    if error.errno == errno.EEXIST:
        return AlreadyExists(f"already exists: {what}")
    if error.errno in {errno.EISDIR, errno.ENOTEMPTY}:
        return Conflict(f"a folder is in the way: {what}")
    if error.errno in {errno.ENAMETOOLONG, errno.EINVAL}:
        return InvalidInput(f"not possible for {what}: {reason}")
    if error.errno == errno.EIO:
        return Unavailable(
            f"the disk reports an error at {what}", hint="check the disk, then run `tether fsck`"
        )
    return Unavailable(f"cannot use {what}: {reason}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise our error in place of an OSError of the body."""
    try:
        yield
    except OSError as error:
        raise translate(error, what) from error
