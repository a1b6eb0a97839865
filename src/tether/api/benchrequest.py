"""What a caller in Python may say of a bench."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from tether.api.benching import BenchRequest, default_threads
from tether.bench.inputs import Roles
from tether.bench.settings import SCENARIOS, Scenario, Settings
from tether.errors import InvalidInput


class BenchChoices(TypedDict, total=False):
    """What `Repo.bench` takes besides model and data; see `BenchRequest` and `Settings`."""

    command: Sequence[str]
    label: str
    id: str
    slices: Sequence[str]
    columns: Sequence[str]
    sizes: Mapping[str, Sequence[int]]
    scenarios: Sequence[Scenario]
    batches: Sequence[int]
    queries: int
    seconds: float
    limit_s: float
    warmup: int
    rounds: int
    rate: float
    threads: int
    sample: int
    seed: int
    timeout_s: float
    trust: bool
    providers: Sequence[str]
    name: str


def chosen(model: str | Path, data: str | None, choices: BenchChoices) -> BenchRequest:
    """Return what a caller in Python asks for; processes see its environment.

    Raises:
        InvalidInput: There is no such choice, or no such scenario.
    """
    wrong = sorted(choices.keys() - BenchChoices.__annotations__.keys())
    if wrong:
        raise InvalidInput(f"a bench has no {wrong[0]!r}")
    command = tuple(choices.get("command", ()))
    inputs = ["--random"] if data is None else ["--data", data]
    words = ["tether", "bench", str(model), *inputs, *(["--", *command] if command else [])]
    slices, columns = tuple(choices.get("slices", ())), tuple(choices.get("columns", ()))
    request = BenchRequest(
        str(model),
        Path.cwd(),
        dict(os.environ),
        tuple(words),
        data=data,
        roles=Roles(choices.get("id"), choices.get("label"), slices, columns),
        settings=_settings(choices),
        sizes={name: tuple(size) for name, size in choices.get("sizes", {}).items()},
        command=command,
        trust=choices.get("trust", False),
        name=choices.get("name"),
    )
    providers = choices.get("providers")
    return request if providers is None else replace(request, providers=tuple(providers))


def _settings(choices: BenchChoices) -> Settings:
    scenarios = tuple(choices.get("scenarios", SCENARIOS))
    unknown = [name for name in scenarios if name not in SCENARIOS]
    if unknown:
        raise InvalidInput(f"no such scenario: {unknown[0]}", hint=f"there are {', '.join(SCENARIOS)}")
    given = {name: value for name, value in choices.items() if name in _NUMBERS}
    return Settings(
        **{"threads": default_threads(), **given},  # type: ignore[arg-type]
        scenarios=scenarios,
        batches=tuple(choices.get("batches", ())),
    )


_NUMBERS = frozenset(
    {"queries", "seconds", "limit_s", "warmup", "rounds", "rate", "threads", "sample", "seed", "timeout_s"}
)
