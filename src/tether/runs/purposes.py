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

_KEPT: Mapping[Literal["evaluation", "bench"], frozenset[str]] = {
    "evaluation": frozenset([EVALUATION_FILE, PREDICTIONS_FILE]),
    "bench": frozenset([BENCH_FILE, LATENCIES_FILE]),
}
_WORDS: Mapping[tuple[str, ...], Literal["evaluation", "bench"]] = {
    ("tether", "eval"): "evaluation",
    ("tether", "bench"): "bench",
}
"""How the commands begin that stand in records of what `evaluate_model` and `bench_model` do."""
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


def made_here(record: RunRecord) -> Literal["evaluation", "bench"] | None:
    """Return what a process of Tether did itself and stored as this run; None for a command or a block.

    The record has the command of the user as its words, and nothing that was printed: `tether run` with the
    same words keeps what they print. One that was stopped, or is under way, has kept nothing yet.
    """
    said = _WORDS.get(record.command[:2])
    if said is None or record.output:
        return None
    kept = {each.path for each in record.artefacts}
    return said if not kept or kept == _KEPT[said] else None


def purpose_of(record: RunRecord) -> Purpose:
    """Return what a run was for: by what it kept, and where that is nothing, by what it was told to do."""
    kept = {each.path for each in record.artefacts}
    for purpose, files in _KEPT.items():
        if kept == files:
            return purpose
    return made_here(record) or "training"


def role_of_input(record: RunRecord | None, name: str) -> Role:
    """Return what an input of a run was for.

    Args:
        record: The run, as far as it came; None where nobody knows more than that it was begun.
        name: Of the input.
    """
    purpose = "training" if record is None else purpose_of(record)
    return role_of_name(name) if purpose == "training" else purpose
