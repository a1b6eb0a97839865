"""Secrets that a command is given on its input."""

import sys

from tether.errors import InvalidInput

_LONGEST = 4096


def read_secret(what: str) -> str:
    """Return the first line of the input.

    Raises:
        InvalidInput: It is empty, or longer than any secret, or not UTF-8.
    """
    try:
        line = sys.stdin.buffer.readline(_LONGEST).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput(f"the {what} on the input is not UTF-8") from None
    if not line:
        raise InvalidInput(f"no {what} on the input", hint=f"give the {what} as the first line of the input")
    return line
