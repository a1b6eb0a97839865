"""The error tree: everything that Tether raises on purpose, by what the caller can do about it.

This module imports nothing of ours. `code` is stable and machine-readable; the text is not.
Exit codes are given to these classes in `tether.cli.failures` and nowhere else.
"""

from typing import ClassVar


class TetherError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: One line, lower case, names the thing, no full stop.
        hint: The next command or step, where there is one.

    Attributes:
        of_storage: Whether a disk or a bucket failed; the message is for those who run it then.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.of_storage = False


class InvalidInput(TetherError):
    """The request itself is wrong; change it."""

    code = "invalid-input"


class TooLarge(InvalidInput):
    """More was sent than is taken at once; send less."""

    code = "too-large"


class NotFound(TetherError, LookupError):
    """What was asked for is not there."""

    code = "not-found"


class AlreadyExists(TetherError):
    """The name is taken."""

    code = "already-exists"


class Conflict(TetherError):
    """Another writer got there first, or two changes disagree; look, then try again."""

    code = "conflict"


class Unauthenticated(TetherError):
    """Nobody is signed in."""

    code = "unauthenticated"


class Forbidden(TetherError):
    """The one who is signed in may not do this."""

    code = "forbidden"


class Corrupt(TetherError):
    """Stored bytes are not what their digest says; run `tether fsck`."""

    code = "corrupt"


class Unavailable(TetherError):
    """Wait or free something, then retry: disk full, lock held, connection cut."""

    code = "unavailable"


class RateLimited(Unavailable):
    """Too many tries in a short time; wait.

    Args:
        message: As for `TetherError`.
        hint: As for `TetherError`.
        wait_s: Seconds after which to try again.
    """

    code = "rate-limited"

    def __init__(self, message: str, *, hint: str | None = None, wait_s: int = 60) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class QuotaExceeded(Unavailable):
    """An owner keeps as much on a hub as they may; delete something, or ask for more."""

    code = "quota-exceeded"


class Unsupported(TetherError):
    """An unknown format or feature; a newer Tether may know it."""

    code = "unsupported"


class Stopped(KeyboardInterrupt):
    """A signal ended what was under way. No error: whoever catches those does not go on.

    Args:
        signal: Its number.
        hint: What is left, and how to see it.
    """

    def __init__(self, signal: int, *, hint: str | None = None) -> None:
        super().__init__(signal)
        self.signal = signal
        self.hint = hint
