"""What a run was for, and what each of its inputs was for: to train, or to judge a model."""

from collections.abc import Mapping
from typing import Literal

from tether.runs.rundoc import RunRecord

EVALUATION_FILE, PREDICTIONS_FILE = "eval.json", "predictions.parquet"
BENCH_FILE, LATENCIES_FILE = "bench.json", "latencies.parquet"
"""What evaluations and benches keep as their artefacts."""
Purpose = Literal["training", "evaluation", "bench"]
DataRole = Literal["train", "validation", "test", "evaluation"]
Role = Literal["train", "validation", "test", "evaluation", "bench"]

_ROLES: Mapping[str, DataRole] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "validation": "validation",
    "test": "test",
    "eval": "evaluation",
    "evaluation": "evaluation",
}


def role_of_name(name: str) -> DataRole:
    """Return what an input is for by the first word of its name; others are for the training."""
    word = name.lower().replace("_", "-").replace(".", "-").partition("-")[0]
    return _ROLES.get(word, "train")


def purpose_of(record: RunRecord) -> Purpose:
    """Return what a run was for, by what it kept; one that kept anything else was a training."""
    kept = {each.path for each in record.artefacts}
    if kept == {EVALUATION_FILE, PREDICTIONS_FILE}:
        return "evaluation"
    return "bench" if kept == {BENCH_FILE, LATENCIES_FILE} else "training"


def role_of_input(record: RunRecord | None, name: str) -> Role:
    """Return what an input of a run was for.

    Args:
        record: The run; None while it is under way.
        name: Of the input.
    """
    purpose = "training" if record is None else purpose_of(record)
    return role_of_name(name) if purpose == "training" else purpose
