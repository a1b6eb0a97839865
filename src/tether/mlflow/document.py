"""`mlflow.json`: what a client said of a run beside its parameters and metrics; see docs/format/run.md.

Whoever may push can write any document, so what it says is shown and never trusted.
"""

from typing import Any

import msgspec

from tether.core.jsondoc import canonical, read_document

NAME = "mlflow.json"
VERSION = 1
DEFAULT = "Default"
"""The experiment of runs that no client put into one."""
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
STATUSES = frozenset({RUNNING, "SCHEDULED", FINISHED, FAILED, KILLED})
PENDING, READY = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts are."""


class Input(_Part, frozen=True):
    """A dataset or a model that a run read."""

    dataset: dict[str, str] = {}
    """Name, digest, source and others, as the client wrote them."""
    tags: dict[str, str] = {}
    model: str | None = None


class Output(_Part, frozen=True):
    """A model that a run made."""

    model: str
    step: int = 0


class ModelMetric(_Part, frozen=True):
    """The newest value of a metric that was measured of a model."""

    key: str
    value: float | str
    step: int
    time: int
    dataset: tuple[str, str] = ("", "")
    """Name and digest."""


class Model(_Part, frozen=True):
    """A logged model; its files are artefacts of the run."""

    id: str
    name: str
    folder: str
    """Where its files are, below `artefacts/` of the run."""
    created: int
    """Milliseconds since 1970, as `updated`."""
    updated: int
    status: str = PENDING
    type: str = ""
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: tuple[ModelMetric, ...] = ()


class Event(_Part, frozen=True):
    """Something that happened to an experiment or to the registry: what these are follows from all events."""

    at: int
    """Milliseconds since 1970."""
    kind: str
    name: str
    """Of the experiment or the registered model."""
    version: int | None = None
    data: dict[str, Any] = {}


class Document(_Part, frozen=True):
    """What is known of one run; times are milliseconds since 1970."""

    version: int = VERSION
    experiment: str = DEFAULT
    name: str = ""
    user: str = ""
    status: str = RUNNING
    started: int = 0
    ended: int | None = None
    tags: dict[str, str] = {}
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    models: tuple[Model, ...] = ()
    events: tuple[Event, ...] = ()
    command: str | None = None
    """The run of the command that this one was begun in; None where it is that one."""
    deleted: bool = False

    def encode(self) -> bytes:
        """Return the bytes of `mlflow.json`: sorted keys, ASCII, one line."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes, run: str = "") -> "Document":
        """Read `mlflow.json`.

        Args:
            data: The bytes.
            run: Its id, for messages.

        Raises:
            Unsupported: It has a version that is not known.
            Corrupt: It is no such document.
        """
        return read_document(data, cls, f"{NAME} of run {run}", version=VERSION, hint="run 'tether fsck'")
