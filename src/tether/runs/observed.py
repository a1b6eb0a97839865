"""What the Python of a command was seen to open: `observed.json`, and the log that it is made of.

The log is written by `startup/sitecustomize.py` in the interpreters of the command; that page has its form.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tether.core.jsondoc import canonical, read_document

OBSERVED = "observed.json"
LOG = "opened"
VARIABLE, SEARCH = "TETHER_OPENED", "PYTHONPATH"
STARTUP = Path(__file__).with_name("startup")
"""The folder that Python finds first."""
VERSION = 1
MOST_NAMED = 1000
_MOST_LOG = 256 << 20


class Undeclared(msgspec.Struct, frozen=True):
    """A file that the command read and that is none of its declared inputs."""

    path: str
    """From where the command ran; from the home of the user with `~`; or from the top."""
    bytes: int
    digest: str | None = None
    """None where it was too large to be read again."""


class Observed(msgspec.Struct, frozen=True):
    """What was opened, beside what was declared.

    Attributes:
        declared: How many files of each input were opened, by its name; `work` for the working copy.
        code: How many files of the code were opened, as data: those that Git tracks.
        work: The digests of those of the working copy, by their paths in it, as it was when the run began;
            at most `MOST_NAMED`. Empty also where it was not told, as in older runs.
        undeclared: The others.
        unnamed: Others that are not named: there were more than are listed, or they are hidden files.
    """

    version: int = VERSION
    declared: dict[str, int] = {}
    code: int = 0
    work: dict[str, str] = {}
    undeclared: tuple[Undeclared, ...] = ()
    unnamed: int = 0

    def encode(self) -> bytes:
        """Return the bytes of `observed.json`."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes) -> "Observed":
        """Read `observed.json`; fields that are not known are passed over.

        Raises:
            Corrupt: It is no such document.
        """
        return read_document(data, cls, OBSERVED)


class Opened(NamedTuple):
    """What the log says: paths as the system has them, each once, in the order of the first time."""

    read: list[bytes]
    """Of these, some may not exist: a program may try."""
    made: set[bytes]
    """What the command itself wrote."""
    places: set[bytes]
    """Where its interpreters have their packages."""


def variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment of a command has besides, so that its Python tells what it opens.

    Args:
        folder: Where the log goes.
        environ: The environment without that.
    """
    startup, before = str(STARTUP), environ.get(SEARCH, "")
    if os.pathsep in startup:  # it could not be written down
        return {}
    return {VARIABLE: str(folder / LOG), SEARCH: f"{startup}{os.pathsep}{before}" if before else startup}


def read_log(path: Path) -> Opened | None:
    """Return what the log says, or None where no Python wrote one."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_LOG)
    except OSError:
        return None
    records = dict.fromkeys(data.split(b"\0")[:-1])  # the last one may be cut
    made = set(_those(records, b"w"))
    plain = (os.path.normpath(each) for each in _those(records, b"r"))
    read = list(dict.fromkeys(each for each in plain if each not in made))
    return Opened(read, made, set(_those(records, b"p")))


def _those(records: Iterable[bytes], letter: bytes) -> Iterable[bytes]:
    return (record[1:] for record in records if record.startswith(letter) and record[1:2] == b"/")
