"""Two benches beside each other, ranked only where nothing but the model differs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tether.bench.fingerprint import SOFTWARE, differences
from tether.bench.record import Bench, SectionPart
from tether.bench.stats import ratio_interval
from tether.errors import Conflict, InvalidInput

Latencies: TypeAlias = Mapping[tuple[str, int], NDArray[np.float64]]
INPUTS = "inputs"
VARIED = (*SOFTWARE, INPUTS)
"""What a user may name as the very thing that is compared."""
_SEED = 17


@dataclass(frozen=True, slots=True)
class SectionChange:
    """How one section changed.

    Attributes:
        old: What it was.
        new: What it is.
        ratio: Of the medians, new over old; below 1 is faster.
        ci: Of the ratio, 95 %; None where the latencies were not at hand.
        verdict: `faster` or `slower` where the interval leaves 1 out, else `same`.
    """

    old: SectionPart
    new: SectionPart
    ratio: float
    ci: tuple[float, float] | None
    verdict: Literal["faster", "slower", "same", "not known"]


@dataclass(frozen=True, slots=True)
class BenchDiff:
    """How two benches differ.

    Attributes:
        sections: Those that both have, of `server` with the same rate.
        peak_bytes: Memory of the model, old and new, without what an empty process has.
        bytes: On the disk, old and new.
        noisy: Why the figures are not to be trusted much.
        varied: What differs by the user's leave.
        runs: The ids of the runs that keep them, old and new, where they were taken from runs.
    """

    sections: tuple[SectionChange, ...]
    peak_bytes: tuple[int, int]
    bytes: tuple[int, int]
    noisy: tuple[str, ...]
    varied: tuple[str, ...]
    runs: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"BenchDiff({self.runs}, {len(self.sections)} sections)"


def compare_benches(
    old: Bench,
    new: Bench,
    latencies: tuple[Latencies, Latencies] | None = None,
    vary: Collection[str] = (),
) -> BenchDiff:
    """Compare two benches of one machine.

    Args:
        old: The one.
        new: The other.
        latencies: Of both, for intervals.
        vary: What may differ, of `VARIED`: the thing that is compared.

    Raises:
        Conflict: They were taken under different conditions, so no rank is given.
        InvalidInput: `vary` names what may not differ.
    """
    wrong = set(vary) - {*VARIED}
    if wrong:
        raise InvalidInput(f"{min(wrong)} may not differ", hint=f"these may: {', '.join(VARIED)}")
    found = differences(old.fingerprint, new.fingerprint)
    found += [INPUTS] if _inputs(old) != _inputs(new) else []
    barred = [name for name in found if name not in vary]
    if barred:
        free = [name for name in barred if name in VARIED]
        hint = f"if that is what you compare, say --vary {','.join(free)}" if free == barred else None
        raise Conflict(
            f"these benches cannot be ranked: not the same {', '.join(barred)}",
            hint=hint or "measure both on one machine",
        )
    pairs = {(each.scenario, each.batch, each.rate): each for each in old.sections}
    changes = tuple(
        _change(pairs[key], each, latencies)
        for each in new.sections
        if (key := (each.scenario, each.batch, each.rate)) in pairs
    )
    noisy = [f"{side}: {why}" for side, bench in (("old", old), ("new", new)) for why in bench.noisy]
    memory = (net_bytes(old), net_bytes(new))
    return BenchDiff(changes, memory, (old.model.bytes, new.model.bytes), tuple(noisy), tuple(found))


def net_bytes(bench: Bench) -> int:
    """Return the memory of a model: the middle of the rounds, without what an empty process has."""
    peak = int(np.median(bench.process.peak_bytes))
    return max(0, peak - (bench.process.baseline_bytes or 0))


def _inputs(bench: Bench) -> tuple[object, ...]:
    """Return what the inputs were: data and rows; of random ones their shapes."""
    inputs = bench.inputs
    shapes = None if inputs.digest else str(inputs.arrays)
    return inputs.source, inputs.digest, shapes, tuple(inputs.ids)


def _change(
    old: SectionPart, new: SectionPart, latencies: tuple[Latencies, Latencies] | None
) -> SectionChange:
    key = (new.scenario, new.batch)
    if latencies is None or any(len(side.get(key, ())) == 0 for side in latencies):
        return SectionChange(old, new, new.p50 / old.p50 if old.p50 else 1.0, None, "not known")
    ratio, low, high = ratio_interval(latencies[0][key], latencies[1][key], _SEED)
    verdict: Literal["faster", "slower", "same"] = "faster" if high < 1 else "slower" if low > 1 else "same"
    return SectionChange(old, new, ratio, (low, high), verdict)


def diff_document(diff: BenchDiff) -> dict[str, Any]:
    """Return how two benches differ as JSON has it."""
    sections = [
        {
            "scenario": each.new.scenario,
            "batch": each.new.batch,
            "old": msgspec.to_builtins(each.old),
            "new": msgspec.to_builtins(each.new),
            "ratio": each.ratio,
            "ci": each.ci,
            "verdict": each.verdict,
        }
        for each in diff.sections
    ]
    sides = dict(zip(("old", "new"), diff.runs or (None, None), strict=True))
    pairs = {name: dict(zip(sides, getattr(diff, name), strict=True)) for name in ("peak_bytes", "bytes")}
    return {**sides, "sections": sections, **pairs, "noisy": list(diff.noisy), "varied": list(diff.varied)}
