"""The example of docs/format/run.md is what the code writes, and the code reads it."""

import math
import re

from tests.support.pages import page

from tether.core.identity import Time
from tether.runs.metrics import Metrics, Series, decode_series, encode_series
from tether.runs.rundoc import DataInput, Exit, Resources, RunRecord, Status, stamp


def test_the_example_of_a_run() -> None:
    """Record and metrics are those on the page, byte for byte."""
    record, metrics = (
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
