"""Secrets that a command is given on its input, or asks for at a terminal without showing them."""

import sys

from tether.errors import InvalidInput

_LONGEST = 4096


def read_secret(what: str) -> str:
    """Return the first line of the input; at a terminal, what is typed there, which it does not show.

    Raises:
        InvalidInput: It is empty, or longer than any secret, or not UTF-8.
    """
    if sys.stdin.isatty():
        return _typed(what)
    try:
        line = sys.stdin.buffer.readline(_LONGEST).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput(f"the {what} on the input is not UTF-8") from None
    if not line:
        raise InvalidInput(f"no {what} on the input", hint=f"give the {what} as the first line of the input")
    return line


def read_new_password() -> str:
    """Return a password as `read_secret` does; at a terminal it is typed twice.

    Raises:
        InvalidInput: As for `read_secret`; or the two are not the same.
    """
    password = read_secret("password")
    if sys.stdin.isatty() and read_secret("password again") != password:
        raise InvalidInput("the two passwords are not the same", hint="run the command again")
    return password


def _typed(what: str) -> str:
    """Ask at the terminal."""
    from getpass import getpass

    try:
        value = getpass(f"{what}: ", sys.stderr)
    except EOFError:
        value = ""
    if not value:
        raise InvalidInput(f"no {what} was given", hint="type it and press Enter")
    return value
