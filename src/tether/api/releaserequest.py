"""What a person wants released, and the parts that were found for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from tether.api.releaseorigins import Origin
from tether.errors import InvalidInput
from tether.runs.rundoc import Scalar


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What is released. What is left empty comes from the run, as far as it knows.

    Attributes:
        name: Of the model.
        version: Of the release.
        run: The training, as `runs show` takes it; None for none.
        weights: Files and folders: artefacts of the run, `REV:PATH`, or paths of the disk.
        checkpoints: Weights from the time of the training, in its order, as `weights`.
        data: Each `ROLE=REV:PATH`, or `ROLE=NAME` of an input of the run.
        private: Roles and names of data that is only named.
        code: Each `ROLE=PLACE`, with places as in `weights`.
        documents: Each `ROLE=PLACE`.
        lock: The place of a file with exact packages.
        evaluations: Runs that evaluated the model.
        benches: Runs that measured it.
        profiles: Each `ROLE=PLACE`, for the first data of that role; `ROLE` alone computes it.
        licences: By `release`, `weights`, `code`, `data`, `documents`, or a path in the release.
        bases: Releases that it was made from, the first first.
        parameters: Hyper-parameters beside those of the run.
        tolerance: By how much metrics of a repeated training may differ.
        description: A sentence or two.
        folder: What paths of the disk are relative to.
        environ: The environment, to find Git.
    """

    name: str
    version: str
    folder: Path
    environ: Mapping[str, str]
    run: str | None = None
    weights: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    lock: str | None = None
    evaluations: tuple[str, ...] = ()
    benches: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    licences: Mapping[str, str] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    tolerance: Mapping[str, float] = field(default_factory=dict)
    description: str | None = None


class ReleaseChoices(TypedDict, total=False):
    """What a release is made of, for Python; each is a field of `ReleaseRequest`."""

    run: str
    weights: Sequence[str]
    checkpoints: Sequence[str]
    data: Sequence[str]
    private: Sequence[str]
    code: Sequence[str]
    documents: Sequence[str]
    lock: str
    evaluations: Sequence[str]
    benches: Sequence[str]
    profiles: Sequence[str]
    licences: Mapping[str, str]
    bases: Sequence[str]
    parameters: Mapping[str, Scalar]
    tolerance: Mapping[str, float]
    description: str


class Pick(NamedTuple):
    """Something that goes into a release.

    Attributes:
        component: The field of the manifest.
        origin: Where it comes from.
        path: Where it goes.
        facts: What the manifest says of it besides.
        among: What was found with it.
    """

    component: str
    origin: Origin
    path: str
    facts: Mapping[str, Any] = {}
    among: tuple[Origin, ...] = ()


class Picked(NamedTuple):
    """All that goes into a release.

    Attributes:
        picks: Its parts.
        notes: What could not be had, for people.
    """

    picks: list[Pick]
    notes: list[str]


def pairs(given: Iterable[str], roles: Iterable[str], what: str) -> Iterator[tuple[Any, str]]:
    """Yield role and place of each `ROLE=PLACE`.

    Raises:
        InvalidInput: It is not written so, or there is no such role.
    """
    known = tuple(roles)
    for text in given:
        role, equals, place = text.partition("=")
        if not equals or not place or role not in known:
            hint = f"write ROLE=PLACE, with a role of: {', '.join(known)}"
            raise InvalidInput(f"not a {what} of a release: {text}", hint=hint)
        yield role, place
