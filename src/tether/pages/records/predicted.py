"""What it takes to measure a table of predictions, known before the table is read.

Predictions come from whoever may push, and a small file can hold a large table: the engine of tables measures
it, in bounded memory and time.
"""

from io import BufferedReader
from typing import NamedTuple

from tether.core.digest import Digest
from tether.errors import InvalidInput, TooLarge, Unsupported
from tether.evals.predictions import COLUMNS, read_header
from tether.evals.tasks import CLASSIFICATION, TEXT
from tether.pages.tables.engine import count_different, measure_columns, measure_pairs
from tether.repo.contents import ContentReader

MOST_EXAMPLES, MOST_BYTES = 100_000, 64 << 20
_MOST_MASKS = 10_000_000
"""Slices times examples, each a byte."""
MOST_STEPS = 4_000_000_000
"""Of comparing texts: some seconds of a processor."""
MOST_NUMBERS = 8_000_000
"""Of one array, such as scores of all classes for all examples: 64 MB."""
_PAIR = ("label", "prediction")
_A_CHARACTER = 500
"""Steps that a character takes by itself; beside it each takes one with each of the other text."""


class Extent(NamedTuple):
    """How much there is to measure.

    Attributes:
        rows: Examples.
        steps: Of comparing texts, each about a nanosecond; 0 where the task has none.
        classes: About how many there are, no less than half; 0 where the task has none.
        slices: How many it has, be they empty.
        scored: Whether there are scores, of which all classes have some when they are measured.
    """

    rows: int
    steps: int = 0
    classes: int = 0
    slices: int = 0
    scored: bool = False


def extent_of(contents: ContentReader, file: tuple[Digest, int]) -> Extent:
    """Return what measuring a table of predictions takes.

    A table whose header is damaged has its rows alone: whoever reads it is told so before any value is read.

    Args:
        contents: Has the table.
        file: Its digest and size in bytes.

    Raises:
        TooLarge: It is more than is measured for whoever asks.
        InvalidInput: It is damaged, or takes too long or too much to be measured.
        Unavailable: Too many tables are being read.
    """
    digest, size = file
    if size > MOST_BYTES:
        raise _too_large()
    rows, taken = measure_columns(contents, file, COLUMNS)
    if rows > MOST_EXAMPLES or taken > MOST_BYTES:
        raise _too_large()
    try:
        with BufferedReader(contents.open(digest)) as opened:
            header = read_header(opened)
    except (InvalidInput, Unsupported):
        return Extent(rows)
    # The engine gives columns other names that differ by case alone, and did not measure them.
    if len({name.lower() for name in header.columns}) < len(header.columns):
        raise InvalidInput("two columns of the predictions have the same name")
    slices = len(header.slices)
    if slices * rows > _MOST_MASKS:
        raise _too_large()
    if not set(_PAIR) <= set(header.columns):
        return Extent(rows)
    steps = classes = 0
    if header.task == TEXT:
        products, lengths = measure_pairs(contents, file, _PAIR)
        steps = products + _A_CHARACTER * lengths
    elif header.task == CLASSIFICATION:
        classes = max(count_different(contents, file, _PAIR), len(header.classes))
    scored = "scores" in header.columns
    if steps > MOST_STEPS or (scored and rows * classes > MOST_NUMBERS):
        raise _too_large()
    return Extent(rows, steps, classes, slices, scored)


def _too_large() -> TooLarge:
    return TooLarge("the predictions are more than a hub measures", hint="clone it, and measure them there")
