"""Files, folders and globs that users write for parts of a repository that may not be on the disk."""

import os
from collections.abc import Iterable

from tether.cli.context import Context
from tether.cli.paths import inside


def top_pattern(argument: str) -> bytes:
    """Return a pattern relative to the top folder of a repository that is not there yet; `.` is b""."""
    path = os.path.normpath(os.fsencode(argument))
    return b"" if path == b"." else path


def patterns_here(ctx: Context, arguments: Iterable[str]) -> list[bytes]:
    """Return patterns relative to the repository of ones relative to the current folder.

    Raises:
        InvalidInput: One leads outside.
    """
    top = os.fsencode(os.path.realpath(ctx.root))
    return [inside(top, argument) for argument in arguments]
