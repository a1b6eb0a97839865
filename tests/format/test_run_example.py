"""The examples of docs/format/run.md are what the code writes, and the code reads them."""

import math
import re

import msgspec
import pytest
from tests.support.pages import page

from tether.core.identity import Time
from tether.errors import Corrupt, Unsupported
from tether.mlflow.document import Document, Event, Input, Model
from tether.releases.verdict import ComparedMetric, Level, Verdict
from tether.runs.altered import Altered, named
from tether.runs.asked import Asked, Parent
from tether.runs.metrics import Metrics, Series, decode_series, encode_series
from tether.runs.observed import Observed, Undeclared
from tether.runs.rundoc import DataInput, Exit, Resources, RunRecord, Status, stamp


def test_the_example_of_a_run() -> None:
    """Record and metrics are those on the page, byte for byte."""
    record, metrics, _ = (
        block.encode() for block in re.findall(r"^```json\n(.*?)^```$", page("run"), re.M | re.S)
    )
    series = {"loss": Series([0, 1], [0.5, math.nan], [None, None])}
    data = DataInput(
        name="train",
        rev="main",
        commit="966008289c708ec776b8bbb302553925ae8f8a6985b3f84836f22fe862384d67",
        path="images",
        kind="directory",
        digest="dee2170ee4509f9b3b4e7a2948a6b0886972d1fb7ff77762c455297870734fe3",
        files=1,
        bytes=6,
    )

    made = RunRecord(
        "01kdvjkj00000000000000000a",
        Status.FINISHED,
        ("sh", "train.sh"),
        stamp(Time(1_767_225_600_000_000, 0)),
        name="base",
        ended=stamp(Time(1_767_225_602_000_000, 0)),
        exit=Exit(code=0),
        parameters={"lr": 0.1},
        seeds={"seed": 17},
        data=(data,),
        metrics=Metrics(series).summaries(),
        resources=Resources(wall_s=2.0),
    )

    assert made.encode() == record
    assert RunRecord.decode(record) == made
    assert encode_series(Metrics(series)) == metrics
    assert decode_series(metrics)["loss"].steps == [0, 1]


def test_the_example_of_what_is_beside_a_record() -> None:
    """The same for what was asked for, what was observed, and the verdict."""
    [lines] = re.findall(r"^```jsonl\n(.*?)^```$", page("run"), re.M | re.S)
    request, observed, altered, verdict = (line.encode() for line in lines.splitlines(keepends=True))
    parent = Parent("reproduces", "01kdvjkj00000000000000000a")
    digest = "dee2170ee4509f9b3b4e7a2948a6b0886972d1fb7ff77762c455297870734fe3"
    asked = Asked(parameters=("lr",), artefacts=("weights.bin",), folder=".", parent=parent)
    seen = Observed(declared={"train": 1}, undeclared=(Undeclared("extra.csv", 4, digest),))
    changed = Altered(inputs={"train": named([b"cat.txt"])}, unchecked=("test",))
    said = Verdict(
        Level.TOLERANCE,
        parent,
        Status.FINISHED,
        metrics=(ComparedMetric("loss", "tolerance", 0.5, 0.25, 0.5),),
        packages={"numpy": ("1.26.4", None)},
    )

    assert (asked.encode(), seen.encode(), said.encode()) == (request, observed, verdict)
    assert (changed.encode(), Altered.decode(altered)) == (altered, changed)
    assert Asked.decode(request) == asked
    assert Observed.decode(observed) == seen
    assert msgspec.json.decode(verdict, type=Verdict) == said
    later = request.replace(b'"version":1', b'"new":1,"version":1')
    assert Asked.decode(later) == asked
    for damaged in (b"", b"[]", b'{"parent": 1, "undeclared": 1, "inputs": 1}', b"\xff"):
        with pytest.raises(Corrupt):
            Asked.decode(damaged)
        with pytest.raises(Corrupt):
            Observed.decode(damaged)
        with pytest.raises(Corrupt):
            Altered.decode(damaged)


def test_the_example_of_what_a_client_said() -> None:
    """It is that on the page, byte for byte; what version 1 does not have is refused."""
    blocks = [block.encode() for block in re.findall(r"^```json\n(.*?)^```$", page("run"), re.M | re.S)]
    run, start = "01kdvjkj00000000000000000a", 1_767_225_600_000
    model = Model(f"m-{run}-1", "model", "models/model", start, start + 1, status="LOGGED_MODEL_READY")
    source = f"models:/{model.id}"

    made = Document(
        experiment="animals",
        name="base",
        user="ada",
        status="FINISHED",
        started=start,
        ended=start + 2000,
        tags={"team": "vision"},
        inputs=(Input({"name": "train", "digest": "966008289c70"}, {"mlflow.data.context": "training"}),),
        models=(model,),
        events=(
            Event(start, "model", "cats"),
            Event(start + 1, "version", "cats", 1, {"model": model.id, "run": run, "source": source}),
            Event(start + 2, "alias", "cats", 1, {"alias": "champion", "source": source}),
        ),
    )

    assert made.encode() == blocks[2]
    assert Document.decode(blocks[2]) == made
    with pytest.raises(Corrupt):
        Document.decode(blocks[2].replace(b'"deleted"', b'"removed"'))
    with pytest.raises(Unsupported):
        Document.decode(blocks[2].replace(b'"version":1}', b'"version":2}'))
