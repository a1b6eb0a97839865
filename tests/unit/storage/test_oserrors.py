"""Errors of the operating system in our words."""

import errno
import os

import pytest

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
from tether.storage.oserrors import translate, translated


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (errno.ENOSPC, Unavailable, "disk full: cannot write it"),
        (errno.EDQUOT, Unavailable, "disk full: cannot write it"),
        (errno.EACCES, Forbidden, "no access to it: permission denied"),
        (errno.EPERM, Forbidden, "no access to it: operation not permitted"),
        (errno.EROFS, Forbidden, "no access to it: read-only file system"),
        (errno.ENOENT, NotFound, "not found: it"),
        (errno.ENOTDIR, NotFound, "not found: it"),
        (errno.EEXIST, AlreadyExists, "already exists: it"),
        (errno.EISDIR, Conflict, "a folder is in the way: it"),
        (errno.ENAMETOOLONG, InvalidInput, "not possible for it: file name too long"),
        (errno.EMFILE, Unavailable, "too many open files at it"),
        (errno.ENOLCK, Unsupported, "no support for this on the file system of it: no locks available"),
        (errno.EIO, Unavailable, "the disk reports an error at it"),
        (errno.EBUSY, Unavailable, "cannot use it: device or resource busy"),
    ],
)
def test_each_error_tells_what_can_be_done(code: int, error: type[TetherError], message: str) -> None:
    """The class is by what the caller can do, the message names the thing."""
    translated_error = translate(OSError(code, os.strerror(code)), "it")

    assert type(translated_error) is error
    assert str(translated_error) == message


def test_an_error_without_a_number_is_told_as_it_is() -> None:
    """Some libraries raise OSError with a text only."""
    assert str(translate(OSError("Odd thing"), "it")) == "cannot use it: odd thing"


def test_hints_say_the_next_step() -> None:
    """What a person can do is in the hint."""
    assert translate(OSError(errno.EROFS, "x"), "it").hint == "the file system is read-only"
    assert translate(OSError(errno.EACCES, "x"), "it").hint == "check who owns it and its mode"
    assert translate(OSError(errno.EIO, "x"), "it").hint == "check the disk, then run `tether fsck`"


def test_the_cause_is_kept_and_other_errors_pass() -> None:
    """Inside `translated` only errors of the system are translated."""
    with pytest.raises(NotFound) as failure, translated("it"):
        raise FileNotFoundError(errno.ENOENT, "no such file")
    assert isinstance(failure.value.__cause__, FileNotFoundError)
    with pytest.raises(Conflict, match="mine"), translated("it"):
        raise Conflict("mine")
