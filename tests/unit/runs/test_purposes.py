"""What a run was for: by what it kept, and by its words only where Tether itself did the work."""

import pytest

from tether.runs.purposes import Purpose, made_here, purpose_of
from tether.runs.rundoc import Artefact, Output, RunRecord, Status

EVAL, BENCH = ("tether", "eval", "HEAD:set.csv"), ("tether", "bench", "m.onnx")


@pytest.mark.parametrize(
    ("command", "kept", "printed", "purpose", "here"),
    [
        (EVAL, ("eval.json", "predictions.parquet"), 0, "evaluation", True),
        (BENCH, ("bench.json", "latencies.parquet"), 0, "bench", True),
        (EVAL, (), 0, "evaluation", True),
        (BENCH, (), 0, "bench", True),
        (EVAL, (), 9, "training", False),
        (("tether", "bench", "compare", "a", "b"), (), 9, "training", False),
        (EVAL, ("weights.bin",), 0, "training", False),
        (("python", "judge.py"), ("eval.json", "predictions.parquet"), 0, "evaluation", False),
        (("python", "train.py"), (), 0, "training", False),
        ((), (), 0, "training", False),
    ],
)
def test_what_was_kept_decides_and_then_the_words(
    command: tuple[str, ...], kept: tuple[str, ...], printed: int, purpose: Purpose, here: bool
) -> None:
    """A run that `tether run` made of the same words has printed something, and is a command."""
    record = RunRecord(
        "01kdvjkj00000000000000000a",
        Status.INTERRUPTED,
        command,
        "2026-01-01T00:00:00Z",
        artefacts=tuple(Artefact(path, "0" * 64, 1) for path in kept),
        output={"stdout": Output(printed, printed)} if printed else {},
    )

    assert purpose_of(record) == purpose
    assert made_here(record) == (purpose if here else None)
