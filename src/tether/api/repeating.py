"""Running commands as runs from Python: a first time, again in a clean room, and again on other data.

Nothing of what a command prints is shown unless the caller takes it; all of it is kept with the run.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypedDict, get_args

import msgspec

from tether.api.opened import Opened
from tether.api.originals import find_original
from tether.api.reproducing import (
    EnvironmentChoice,
    ReproPlan,
    ReproRequest,
    attest_verdict,
    execute_repro,
    plan_repro,
)
from tether.api.retraining import retraining
from tether.api.rooms import RoomPlace, temporary_room
from tether.api.runinputs import RunRequest
from tether.api.running import Outcome, run_command
from tether.errors import AlreadyExists, InvalidInput
from tether.releases.verdict import Rules, Verdict
from tether.runs.child import at_terminal
from tether.runs.journal import OUTPUTS
from tether.runs.rundoc import RunRecord, Scalar, scalar

Show = Callable[[bytes], object]
"""Takes what a command printed."""


class RunChoices(TypedDict, total=False):
    """What `Repo.run_command` takes besides the command; see `RunRequest`."""

    folder: str | Path
    name: str
    data: Sequence[str]
    parameters: Mapping[str, Scalar]
    seeds: Mapping[str, int]
    artefacts: Sequence[str]
    checkout: bool
    observe: bool
    mlflow: bool
    show: Show


class ReproChoices(TypedDict, total=False):
    """What `Repo.repro` takes besides what is repeated."""

    environment: EnvironmentChoice
    tolerance: Mapping[str, float]
    ignore: Sequence[str]
    code: str | Path
    room: str | Path
    key: str | Path
    show: Show


class RetrainChoices(TypedDict, total=False):
    """What `Repo.retrain` takes besides what is run again."""

    data: Sequence[str]
    parameters: Mapping[str, Scalar]
    seeds: Mapping[str, int]
    name: str
    show: Show


class Repeated(NamedTuple):
    """How a repetition went.

    Attributes:
        record: The new run.
        verdict: How it compares with the first.
        attestation: The id of the attestation that says so of the release; None where nothing was signed.
    """

    record: RunRecord
    verdict: Verdict
    attestation: str | None

    def __repr__(self) -> str:
        return f"Repeated({self.record.id!r}, verdict={str(self.verdict.verdict)!r})"


def run(repo: Opened, command: Sequence[str], choices: RunChoices) -> Outcome:
    """Run a command as a run; errors as for `tether.api.running.run_command`."""
    _refuse(choices, RunChoices, "run")
    request = RunRequest(
        tuple(command),
        Path(choices.get("folder", "")).absolute(),
        dict(os.environ),
        name=choices.get("name"),
        data=tuple(choices.get("data", ())),
        parameters=_scalars(choices.get("parameters", {})),
        seeds=dict(choices.get("seeds", {})),
        artefacts=tuple(choices.get("artefacts", ())),
        checkout=choices.get("checkout", True),
        observe=choices.get("observe", True),
        mlflow=choices.get("mlflow", True),
    )
    return run_command(repo, request, _shown(choices.get("show")), terminal=at_terminal())


def retrain(repo: Opened, ref: str, choices: RetrainChoices) -> Outcome:
    """Run the command of a run, or of the training of a release, again with the code of now.

    Raises:
        NotFound: There is no such run or release, or data of it is not here.
        InvalidInput: It can be several, or has no input of a name.
    """
    _refuse(choices, RetrainChoices, "retraining")
    original, around = find_original(repo, ref), (Path.cwd(), dict(os.environ))
    parameters = _scalars(choices.get("parameters", {}))
    request = retraining(repo, original, tuple(choices.get("data", ())), parameters, around)
    seeds = {**request.seeds, **choices.get("seeds", {})}
    request = msgspec.structs.replace(request, seeds=seeds, name=choices.get("name"))
    return run_command(repo, request, _shown(choices.get("show")), terminal=at_terminal())


# -- in a clean room ------------------------------------------------------------------------


def plan(repo: Opened, ref: str, choices: ReproChoices) -> ReproPlan:
    """Find all that repeating needs; nothing is written or run.

    Raises:
        NotFound: There is no such run or release, or data or code of it is not here.
        InvalidInput: It can be several, is not stored yet, or a choice makes no sense.
    """
    _refuse(choices, ReproChoices, "repetition")
    environment = choices.get("environment", "recorded")
    if environment not in get_args(EnvironmentChoice):
        there = ", ".join(get_args(EnvironmentChoice))
        raise InvalidInput(f"no such environment: {environment}", hint=f"there are {there}")
    original = find_original(repo, ref)
    tolerance = dict(original.release.manifest.tolerance) if original.release is not None else {}
    tolerance |= {name: _distance(name, value) for name, value in choices.get("tolerance", {}).items()}
    code = choices.get("code")
    own = [Path(repo.root)] if repo.repository.worktree is not None else []
    places = (Path(code),) if code is not None else (Path.cwd(), *own)
    rules = Rules(tolerance, tuple(choices.get("ignore", ())))
    return plan_repro(repo, ReproRequest(original, dict(os.environ), places, environment, rules))


def repeat(repo: Opened, ref: str, choices: ReproChoices) -> Repeated:
    """Repeat a run, or the training of a release, in a clean room, and compare.

    Raises:
        NotFound: As for `plan`, or the program is not here.
        InvalidInput: As for `plan`.
        AlreadyExists: There is something where the room was to be made.
        Unavailable: The room could not be made.
        Conflict: The recorded patch does not apply.
    """
    found = plan(repo, ref, choices)
    room, key = choices.get("room"), choices.get("key")
    request = found.request
    base = request.environ.get("TMPDIR") or None
    with chosen_room(Path(room) if room is not None else None, base) as place:
        done = execute_repro(repo, found, place, _shown(choices.get("show")), terminal=at_terminal())
    release = request.original.release
    path = Path(key) if key is not None else None
    said = attest_verdict(repo, done, release, path) if release is not None else None
    return Repeated(done.outcome.record, done.verdict, said)


@contextmanager
def chosen_room(room: Path | None, base: str | None) -> Iterator[RoomPlace]:
    """Yield an empty folder for a clean room: one that is kept, or one that goes afterwards.

    Args:
        room: The folder that is kept, which does not exist or is empty; None for one that goes.
        base: Where the other is made; None is the folder of the system for temporary files.

    Raises:
        AlreadyExists: There is something in it.
    """
    if room is None:
        with temporary_room(base) as given:
            yield given
        return
    place = room.absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise AlreadyExists(f"{room} is not empty", hint="name a folder that does not exist")
    place.mkdir(parents=True, exist_ok=True)
    yield RoomPlace(place)


# -- what callers say -----------------------------------------------------------------------


def _refuse(choices: Mapping[str, object], known: type, what: str) -> None:
    wrong = sorted(choices.keys() - known.__annotations__.keys())
    if wrong:
        raise InvalidInput(f"a {what} has no {wrong[0]!r}")


def _distance(name: str, value: float) -> float:
    if not 0 <= value < math.inf:
        raise InvalidInput(f"not a tolerance of {name}: {value}", hint="how far it may be, such as 0.005")
    return float(value)


def _scalars(given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {name: scalar(value) for name, value in given.items()}


def _nothing(_: bytes) -> None:
    return None


def _shown(show: Show | None) -> Mapping[str, Show]:
    return dict.fromkeys(OUTPUTS, show or _nothing)
