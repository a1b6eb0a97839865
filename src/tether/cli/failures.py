"""How every failure ends: its exit code, its words on stderr and its JSON on stdout."""

import errno
import json
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple, TextIO

import click

from tether import errors

BUG = 1
USAGE = 2
INTERRUPTED = 130
_OF_A_SIGNAL = 128
BROKEN_PIPE = 141  # as a program that SIGPIPE ended: 128 + 13

EXIT_CODES: dict[type[errors.TetherError], int] = {
    errors.InvalidInput: USAGE,
    errors.NotFound: 3,
    errors.AlreadyExists: 4,
    errors.Conflict: 5,
    errors.Unauthenticated: 6,
    errors.Forbidden: 6,
    errors.Corrupt: 7,
    errors.Unavailable: 8,
    errors.Unsupported: 9,
}

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Failure(NamedTuple):
    """What is reported of an exception."""

    exit_code: int
    code: str
    message: str
    hint: str | None = None


class UnknownCommand(click.UsageError):
    """The first argument is not a command; `near` are those that look like it."""

    def __init__(self, name: str, near: Sequence[str], ctx: click.Context) -> None:
        super().__init__(f"unknown command: {name}", ctx)
        self.hint = f"did you mean {' or '.join(near)}?" if near else "see `tether help`"


def exit_code(error: errors.TetherError) -> int:
    """Return the exit code of the nearest class in the table; 1 where none is."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), BUG)


def describe(error: BaseException) -> Failure:
    """Return what to report of `error`; what nobody expected is a bug."""
    if isinstance(error, errors.TetherError):
        return Failure(exit_code(error), error.code, str(error), error.hint)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure(USAGE, errors.InvalidInput.code, "an argument is missing", _usage_hint(error))
    if isinstance(error, click.UsageError):
        message = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
        return Failure(USAGE, errors.InvalidInput.code, _lower(message), _usage_hint(error))
    if isinstance(error, click.ClickException):
        return Failure(USAGE, errors.InvalidInput.code, _lower(error.format_message()))
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return _interrupted(error)
    if isinstance(error, OSError):
        return describe(_translate(error))
    if isinstance(error, MemoryError):
        return describe(errors.Unavailable("out of memory", hint="close other programs, then try again"))
    return Failure(
        BUG,
        errors.TetherError.code,
        f"this is a bug in tether: {type(error).__name__}: {error}",
        "run the command again with -v and report what it prints, with the output of `tether version`",
    )


def _interrupted(error: BaseException) -> Failure:
    if not isinstance(error, errors.Stopped):
        return Failure(INTERRUPTED, "interrupted", "interrupted")
    is_ctrl_c = error.signal == signal.SIGINT
    message = "interrupted" if is_ctrl_c else f"stopped by {signal.Signals(error.signal).name}"
    return Failure(_OF_A_SIGNAL + error.signal, "interrupted", message, error.hint)


def report(failure: Failure, *, as_json: bool, out: TextIO, err: TextIO) -> None:
    """Write `error:` and `hint:` lines on `err`; with `as_json` also a document on `out`."""
    err.write(f"error: {' '.join(failure.message.split())}\n")
    for line in (failure.hint or "").splitlines():
        err.write(f"hint: {line}\n")
    err.flush()
    if as_json:
        body = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        out.write(json.dumps({"error": body}) + "\n")


def print_traceback(error: BaseException, err: TextIO) -> None:
    """Write where an exception came from, for `-v`."""
    import traceback  # every command would wait for it

    err.write("".join(traceback.format_exception(error)))


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether `--json` stands before any `--`, for errors found before the options were read."""
    for argument in arguments:
        if argument == "--":
            return False
        if argument == "--json":
            return True
    return False


def _translate(error: OSError) -> errors.TetherError:
    """Return the error of ours for what the system said; the library does this itself where it knows more."""
    place = f": {error.filename!s}" if error.filename else ""
    text = f"{(error.strerror or str(error)).lower()}{place}"
    if error.errno in _FULL:
        return errors.Unavailable(f"disk full{place}", hint="free some space, then try again")
    if error.errno in _DENIED:
        return errors.Forbidden(text)
    if isinstance(error, FileNotFoundError):
        return errors.NotFound(text)
    return errors.Unavailable(text)


def _usage_hint(error: click.UsageError) -> str:
    """Return the way to the help of the command that was misused."""
    if isinstance(error, UnknownCommand):
        return error.hint
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        return f"did you mean {' or '.join(sorted(error.possibilities)[:3])}?"
    path = error.ctx.command_path if error.ctx else "tether"
    return f"see `{path} --help`"


def _lower(text: str) -> str:
    """Return one of click's sentences in our form: lower case start, no full stop."""
    text = text.strip()
    if text[:1].isupper() and not text[1:2].isupper():
        text = text[0].lower() + text[1:]
    return text.rstrip(".")


def silence_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush meets no closed pipe."""
    import os

    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
