"""`eval.json`: the figures of an evaluation and what they are of. The bytes are canonical.

See docs/format/evaluation.md.
"""

from typing import Literal

import msgspec

from tether.core.jsondoc import canonical, read_document
from tether.evals.measuring import Figure
from tether.runs.purposes import EVALUATION_FILE

FILE = EVALUATION_FILE
VERSION = 1


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts are: immutable and without fields that the version does not have."""


class Metric(_Value, frozen=True):
    """One figure."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    method: Literal["wilson", "bootstrap"] | None = None

    @classmethod
    def of(cls, figure: Figure) -> "Metric":
        """Return a figure as it is kept."""
        low, high = figure.interval or (None, None)
        return cls(figure.name, figure.value, low, high, figure.method)


class SliceResult(_Value, frozen=True):
    """What was measured of one slice."""

    name: str
    where: str
    min: int
    """With fewer examples nothing is measured."""
    count: int
    metrics: tuple[Metric, ...] = ()
    note: str | None = None

    @property
    def supported(self) -> bool:
        """Whether it has examples enough."""
        return self.count >= self.min


class EvalModel(_Value, frozen=True):
    """The model."""

    source: str
    """As the user wrote it."""
    digest: str
    """Of the file, or of the tree of a folder."""
    bytes: int
    weights: str | None = None
    """The digest of all tensors, where they can be read."""
    format: str | None = None


class EvalData(_Value, frozen=True):
    """The evaluation set."""

    rev: str
    commit: str | None
    path: str
    digest: str
    set: str
    """One digest of all ids with their labels."""
    count: int
    identity: str
    """What an id is: `content`, `row`, or `column NAME`."""


class Predictor(_Value, frozen=True):
    """What made the predictions."""

    kind: Literal["onnx", "sklearn", "command", "file"]
    command: tuple[str, ...] = ()
    """Of `command` alone."""


class Intervals(_Value, frozen=True):
    """How intervals were made."""

    level: float
    replicates: int
    seed: int


class Evaluation(_Value, frozen=True):
    """One evaluation."""

    task: str
    data: EvalData
    predictor: Predictor
    predictions: str
    """The digest of `predictions.parquet`."""
    intervals: Intervals
    primary: str
    """The metric that speaks for all."""
    metrics: tuple[Metric, ...]
    version: int = VERSION
    model: EvalModel | None = None
    slices: tuple[SliceResult, ...] = ()
    confusion: tuple[tuple[str, str, int], ...] = ()
    """Label, prediction, and how often; the most frequent first."""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Evaluation({self.task!r}, {self.data.path!r}, {self.primary!r}, {len(self.slices)} slices)"

    def encode(self) -> bytes:
        """Return the bytes of `eval.json`: sorted keys, ASCII, one line."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes, name: str = FILE) -> "Evaluation":
        """Read `eval.json`.

        Raises:
            Unsupported: It has a version that is not known.
            Corrupt: It is no such document.
        """
        return read_document(data, cls, name, version=VERSION)

    def metric(self, name: str) -> Metric | None:
        """Return a metric of all examples, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)
