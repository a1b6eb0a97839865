"""The examples of the pages of evaluations and slices are what the code writes, and the code reads them."""

import re
from pathlib import Path

import msgspec
import pyarrow as pa
from blake3 import blake3
from tests.support.pages import page

from tether.evals.data.opening import collect, open_data, set_digest
from tether.evals.data.source import DataOptions
from tether.evals.evaldoc import EvalData, Evaluation, Intervals, Predictor
from tether.evals.evaluating import evaluate, evaluated_again
from tether.evals.expressions import columns_of
from tether.evals.intervals import Plan
from tether.evals.outputs import Outputs, join
from tether.evals.predictions import read_predictions
from tether.evals.slices import read_slices


def blocks(name: str, kind: str) -> list[str]:
    """Return the blocks of a kind of a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page(name), re.M | re.S)


def test_the_example_of_an_evaluation(tmp_path: Path) -> None:
    """Ids, the digest of the set and the document are those on the page, byte for byte."""
    [rows], [listed], [document] = (
        blocks("evaluation", "csv"),
        blocks("evaluation", "text"),
        blocks("evaluation", "json"),
    )
    (tmp_path / "test.csv").write_text(rows)

    examples = collect(
        open_data(tmp_path / "test.csv", (), DataOptions()),
        read_slices(b"slices: {ones: {where: a = 1, min: 1}}"),
    )
    given = Outputs(pa.array(["cat"] * 3), pa.array(examples.ids.to_pylist()[::-1]))
    table = join("classification", examples, given)
    found = evaluate(table, read_slices(b"slices: {ones: {where: a = 1, min: 1}}"), Plan(replicates=0))
    table.write(tmp_path / "predictions.parquet", found.measures.error)
    data = EvalData("main", "96" * 32, "test.csv", "8e" * 32, set_digest(table.ids, table.labels), 3, "row")
    made = Evaluation(
        found.task,
        data,
        Predictor("file"),
        "de" * 32,
        Intervals(0.95, 0, 0),
        found.measures.primary,
        found.metrics,
        slices=found.slices,
        confusion=found.confusion,
    )

    assert examples.ids.to_pylist() == listed.split()
    assert made.encode().decode() == document
    assert Evaluation.decode(document.encode()) == made
    assert evaluated_again(read_predictions(tmp_path / "predictions.parquet"), made) == made


def test_the_example_follows_from_the_page() -> None:
    """Whoever has only the page gets the same ids and the same digest of the set."""
    [listed], [document] = blocks("evaluation", "text"), blocks("evaluation", "json")
    pack = msgspec.msgpack.encode

    ids = [
        blake3(pack(["a"]) + pack([value]), derive_key_context="tether 2026 example v1").hexdigest(16)
        for value in ("1", "2")
    ]
    rows = sorted([(ids[0], "cat"), (ids[1], "dog"), (f"{ids[0]}#2", "cat")])
    whole = blake3(
        pack([[*column] for column in zip(*rows, strict=True)]),
        derive_key_context="tether 2026 evaluation set v1",
    )

    assert listed.split() == [ids[0], ids[1], f"{ids[0]}#2"]
    assert msgspec.json.decode(document)["data"]["set"] == whole.hexdigest()


def test_the_example_of_slices() -> None:
    """It is read as the page says."""
    [text] = blocks("slices", "yaml")

    zeros, dark = read_slices(text.encode())

    assert (zeros.name, zeros.where, zeros.least, zeros.note) == ("zeros", "label == 0", 20, None)
    assert (dark.least, dark.note) == (50, "as the cameras of the night shift see")
    assert columns_of(dark.condition) == {"brightness", "path"}
