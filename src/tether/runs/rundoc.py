"""`run.json`: what is known of one run. The bytes are canonical; see docs/format/run.md."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Literal

import msgspec

from tether.core.identity import Time
from tether.core.jsondoc import canonical, read_document
from tether.errors import InvalidInput

VERSION = 1
_MAX_NAME = 250
_MAX_INT = 2**63

Scalar = str | int | float | bool | None
"""The value of a parameter."""
Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""A number as JSON can say it."""


class Status(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """The command ended with another code than 0, or the block with an exception."""
    KILLED = "killed"
    """A signal ended it."""
    INTERRUPTED = "interrupted"
    """By Ctrl-C."""
    LOST = "lost"
    """Who recorded it is gone and did not say how it ended."""


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts are: immutable and without fields that the version does not have."""


class DataInput(_Value, frozen=True):
    """Data that a run read, as an entry of its tree."""

    name: str
    rev: str
    """What the user wrote."""
    commit: str | None
    path: str
    """In that commit; empty for all of it."""
    kind: str
    """`directory`, `file` or `executable`."""
    digest: str
    files: int
    bytes: int


class Work(_Value, frozen=True):
    """The tracked files of the working copy when the run began."""

    commit: str | None
    """What was checked out."""
    digest: str
    """Of the tree."""
    modified: bool
    """Whether it differs from that commit."""
    files: int
    bytes: int


class Code(_Value, frozen=True):
    """The version of the code."""

    system: Literal["git", "tether"]
    commit: str | None
    branch: str | None
    dirty: bool
    folder: str
    """Where the command ran, from the top of the code's repository."""
    url: str | None = None
    untracked: tuple[str, ...] = ()
    """Files that neither the commit nor the patch has; at most a hundred are named."""
    patch: Literal["none", "whole", "too large"] = "none"


class Summary(_Value, frozen=True):
    """One metric in short; the numbers that are none are left out of the least and the greatest."""

    count: int
    last: Number
    last_step: int
    least: Number | None = None
    least_step: int | None = None
    greatest: Number | None = None
    greatest_step: int | None = None


class Artefact(_Value, frozen=True):
    """A file that the run made, below `artefacts/` of its tree."""

    path: str
    digest: str
    bytes: int


class Exit(_Value, frozen=True):
    """How it ended; all None when nobody knows."""

    code: int | None = None
    signal: int | None = None
    error: str | None = None
    """The name of the exception that ended a block of Python."""


class Resources(_Value, frozen=True):
    """What it used, with all processes that it started; None where the system does not tell."""

    wall_s: float | None = None
    user_s: float | None = None
    system_s: float | None = None
    peak_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None


class Output(_Value, frozen=True):
    """How much was printed, and how much of it is kept."""

    bytes: int
    kept: int


class RunRecord(_Value, frozen=True):
    """One run."""

    id: str
    status: Status
    command: tuple[str, ...]
    """Program and arguments; of a block of Python those of its process."""
    started: str
    """RFC 3339, as `ended`."""
    version: int = VERSION
    name: str | None = None
    ended: str | None = None
    exit: Exit = Exit()
    parameters: dict[str, Scalar] = {}
    seeds: dict[str, int] = {}
    data: tuple[DataInput, ...] = ()
    work: Work | None = None
    code: Code | None = None
    metrics: dict[str, Summary] = {}
    bad_lines: int = 0
    """Lines of the metrics file that could not be read."""
    artefacts: tuple[Artefact, ...] = ()
    resources: Resources = Resources()
    output: dict[str, Output] = {}

    def __repr__(self) -> str:
        return f"RunRecord({self.id!r}, name={self.name!r}, status={str(self.status)!r})"

    def encode(self) -> bytes:
        """Return the bytes of `run.json`: sorted keys, ASCII, one line."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes, run: str = "") -> "RunRecord":
        """Read `run.json`.

        Args:
            data: The bytes.
            run: Its id, for messages.

        Raises:
            Unsupported: It has a version that is not known.
            Corrupt: It is no such document.
        """
        return read_document(data, cls, f"run {run}", version=VERSION, hint="run 'tether fsck'")


def stamp(time: Time) -> str:
    """Return a time as RFC 3339 text in its own zone."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time.micros)
    return moment.astimezone(timezone(timedelta(minutes=time.offset))).isoformat(timespec="microseconds")


def number(value: float) -> Number:
    """Return a number as JSON can say it."""
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def check_name(name: str, what: str) -> str:
    """Return `name` if a parameter, metric or input of a run may have it.

    Raises:
        InvalidInput: It is empty, very long, or cannot be printed on one line.
    """
    if not name or len(name) > _MAX_NAME or not name.isprintable() or name != name.strip():
        raise InvalidInput(f"not a name of a {what}: {name[:_MAX_NAME]!r}")
    return name


def scalar(value: object) -> Scalar:
    """Return a parameter's value as it is kept: numbers that JSON has not become text, as all else does."""
    if value is None or isinstance(value, bool | str):
        return value
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():  # a number of NumPy's, or of a tensor
        value = item()
    if isinstance(value, int):
        return value if abs(value) < _MAX_INT else str(value)
    return number(value) if isinstance(value, float) else str(value)


def read_scalar(text: str) -> Scalar:
    """Return what a user wrote for a value: a number, true, false, null, or else the text itself."""
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return scalar(value) if isinstance(value, bool | int | float) or value is None else text
