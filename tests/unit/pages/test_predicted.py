"""Tables of predictions are measured before they are read, whatever is in them."""

import io
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.predicted import predicted

from tether.core.digest import hash_bytes
from tether.errors import InvalidInput, TooLarge
from tether.pages.records.predicted import Extent, extent_of
from tether.repo.contents import ContentReader


class _Only:
    """Contents with one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self, _: object) -> io.BytesIO:
        return io.BytesIO(self.data)


def extent(data: bytes) -> Extent:
    """Return what a table takes."""
    return extent_of(cast("ContentReader", _Only(data)), (hash_bytes(data), len(data)))


def test_texts_count_by_their_products() -> None:
    """Each character of a label is held against each of a prediction, and costs something by itself."""
    found = extent(predicted("text", ["abc", "\N{GREEK SMALL LETTER ALPHA}" * 4, ""], ["ab", "abcde", "x"]))

    assert found == Extent(3, steps=3 * 2 + 4 * 5 + 500 * (3 + 2 + 4 + 5 + 1))
    assert extent(predicted("retrieval", ["[]"], ['["x"]'])).steps == 0
    assert extent(predicted("text", [], [])) == Extent(0)


def test_long_texts_are_too_large() -> None:
    """One row of some kilobytes takes minutes to be compared."""
    long = predicted("text", ["ab" * 50_000], ["ba" * 50_000])

    assert len(long) < 10_000
    with pytest.raises(TooLarge):
        extent(long)
    with pytest.raises(TooLarge):  # as many characters in very many rows
        extent(predicted("text", ["a"] * 50_000, ["b" * 200] * 50_000))
    assert extent(predicted("text", ["a b " * 75] * 1000, ["b a " * 75] * 1000)).rows == 1000


def test_classes_are_counted() -> None:
    """Of labels and predictions together; scores of all of them for all examples are an array."""
    assert extent(predicted("classification", [3, 1, 3], [2, 3, 3])) == Extent(3, classes=3)
    scored = predicted("classification", ["x"] * 3, ["y"] * 3, scores=[[0.5]] * 3)
    assert extent(scored) == Extent(3, classes=2, scored=True)
    names = [f"c{number}" for number in range(3000)]
    assert extent(predicted("classification", names, names)).classes == 3000
    with pytest.raises(TooLarge):
        extent(predicted("classification", names, names, scores=[[0.5]] * 3000))


def test_slices_are_counted() -> None:
    """A header may name far more of them than there are examples, and each is as long as the table."""
    few = predicted("regression", [1.0], [2.0], slices=["a", "b"])

    assert extent(few) == Extent(1, slices=2)
    with pytest.raises(TooLarge):
        extent(predicted("regression", [1.0] * 200, [2.0] * 200, slices=[f"{at}" for at in range(50_001)]))


def test_columns_that_the_engine_gives_other_names() -> None:
    """The engine sees no `label` behind a `LABEL`, so it would be read without having been measured."""
    hidden = predicted("text", ["ab" * 50_000], ["x"], LABEL=["a"])

    with pytest.raises(InvalidInput, match="two columns"):
        extent(hidden)


def test_no_predictions() -> None:
    """Whoever reads the table says what is wrong; nothing else is."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"label": ["a"] * 7}), sink)

    assert extent(sink.getvalue()) == Extent(7)
    assert extent(predicted("nothing", ["a"], ["b"])) == Extent(1)
    with pytest.raises(InvalidInput):
        extent(b"PAR1")
