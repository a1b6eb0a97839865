"""What is evaluated, and whether that makes sense."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from tether.errors import InvalidInput
from tether.evals.data.source import PLAIN, DataOptions
from tether.evals.intervals import STANDARD, Plan
from tether.evals.tasks import TASKS
from tether.runs.journal import OUTPUTS

Show = Callable[[bytes], object]
"""Takes what a program printed."""


def _nothing(_: bytes) -> None:
    return None


SILENT: Mapping[str, Show] = dict.fromkeys(OUTPUTS, _nothing)
"""Shows nothing."""


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """What is evaluated.

    Attributes:
        data: The evaluation set, as `REV:PATH`.
        folder: What paths are relative to.
        environ: The environment of a predictor.
        model: A name as `modelnames` has them; None with predictions alone.
        predictions: A file with predictions; None runs the model.
        predictor: A program with `{in}`, `{out}` and `{model}`; None is the runner of the format.
        task: What is predicted; None asks the labels.
        options: What the columns of the data are.
        classes: The names of the classes whose scores a model gives.
        slices: A file of slices as `REV:PATH`; None is `slices.yml` beside the data or above, empty is none.
        trust: Load what can run code.
        in_order: Predictions without ids are in the order of the examples.
        batch: Examples at once.
        image: How images are fed: `size`, `mean`, `std`.
        plan: How intervals are made.
        name: What people call the run.
    """

    data: str
    folder: Path
    environ: Mapping[str, str]
    model: str | None = None
    predictions: str | None = None
    predictor: str | None = None
    task: str | None = None
    options: DataOptions = PLAIN
    classes: tuple[str, ...] = ()
    slices: str | None = None
    trust: bool = False
    in_order: bool = False
    batch: int = 256
    image: Mapping[str, Any] = field(default_factory=dict)
    plan: Plan = STANDARD
    name: str | None = None


def check_request(request: EvalRequest) -> None:
    """Refuse what makes no sense.

    Raises:
        InvalidInput: The request is not sound.
    """
    request.plan.check()
    if request.task is not None and request.task not in TASKS:
        raise InvalidInput(f"no task {request.task}", hint=f"there are: {', '.join(TASKS)}")
    if request.predictions is None and request.model is None:
        raise InvalidInput(
            "no model and no predictions", hint="tether eval MODEL DATA, or --predictions FILE DATA"
        )
    if request.predictions is not None and request.predictor is not None:
        raise InvalidInput("predictions are there already: leave out --predictor")
    words = " ".join(split_words(request.predictor)) if request.predictor is not None else "{in} {out}"
    if "{in}" not in words or "{out}" not in words:
        raise InvalidInput(
            "a predictor is told where to read and write", hint="--predictor 'python p.py {in} {out}'"
        )


def split_words(command: str) -> tuple[str, ...]:
    """Return the words of a command as a shell would; nothing else of a shell is done.

    Raises:
        InvalidInput: A quotation mark is alone, or there is no word.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise InvalidInput(f"not a command: {command!r}: {error}") from None
    if not words:
        raise InvalidInput("the predictor has no words")
    return words


def words_of(request: EvalRequest) -> tuple[str, ...]:
    """Return the command that does the same."""
    words = ["tether", "eval", *([request.model] if request.model is not None else []), request.data]
    options = {
        "--predictions": request.predictions,
        "--predictor": request.predictor,
        "--task": request.task,
        "--label": request.options.label,
        "--key": request.options.key,
        "--input": ",".join(request.options.inputs) or None,
        "--classes": ",".join(request.classes) or None,
        "--slices": request.slices or None,
        "--image-size": _joined([request.image["size"]] if request.image.get("size") else None),
        "--image-mean": _joined(request.image.get("mean")),
        "--image-std": _joined(request.image.get("std")),
    }
    for name, value in options.items():
        words += [name, value] if value is not None else []
    flags = {"--no-slices": request.slices == "", "--trust": request.trust, "--in-order": request.in_order}
    return (*words, *(name for name, given in flags.items() if given))


def _joined(numbers: Sequence[float] | None) -> str | None:
    return ",".join(repr(each) for each in numbers) if numbers else None


class EvalChoices(TypedDict, total=False):
    """What `Repo.evaluate` takes besides data and model; see `EvalRequest`."""

    predictions: str | Path
    predictor: str
    task: str
    label: str
    key: str
    inputs: Sequence[str]
    classes: Sequence[str]
    slices: str
    trust: bool
    in_order: bool
    replicates: int
    seed: int
    name: str


def chosen(data: str, model: str | Path | None, choices: EvalChoices) -> EvalRequest:
    """Return what a caller in Python asks for; programs see its environment."""
    given = choices.get("predictions")
    return EvalRequest(
        data,
        Path.cwd(),
        dict(os.environ),
        model=None if model is None else str(model),
        predictions=None if given is None else str(given),
        predictor=choices.get("predictor"),
        task=choices.get("task"),
        options=DataOptions(choices.get("label"), choices.get("key"), tuple(choices.get("inputs", ()))),
        classes=tuple(choices.get("classes", ())),
        slices=choices.get("slices"),
        trust=choices.get("trust", False),
        in_order=choices.get("in_order", False),
        plan=Plan(replicates=choices.get("replicates", 1000), seed=choices.get("seed", 0)),
        name=choices.get("name"),
    )
