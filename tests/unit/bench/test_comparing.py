"""Two benches are ranked where nothing but the model differs, and refused where something does."""

import msgspec
import numpy as np
import pytest
from tests.support.benches import small

from tether.bench.comparing import compare_benches, net_bytes
from tether.bench.fingerprint import noise
from tether.bench.record import recomputed
from tether.errors import Conflict, InvalidInput

KEY = ("single", 1)


def test_a_faster_model() -> None:
    """The ratio of the medians has an interval from the raw times, and a verdict by that."""
    random = np.random.default_rng(1)
    latencies = ({KEY: random.normal(2, 0.1, 500)}, {KEY: random.normal(1, 0.1, 500)})

    found = compare_benches(small(), small(), latencies)

    (change,) = found.sections
    assert change.verdict == "faster"
    assert change.ci is not None
    assert change.ci[0] < change.ratio < change.ci[1] < 0.6
    assert compare_benches(small(), small(), (latencies[0], latencies[0])).sections[0].verdict == "same"
    assert compare_benches(small(), small()).sections[0].verdict == "not known"
    assert found.peak_bytes == (61_000_000, 61_000_000)
    assert net_bytes(small()) == 61_000_000


@pytest.mark.parametrize("name", ["processor", "cores"])
def test_other_machines_are_never_ranked(name: str) -> None:
    """Nothing that a user says makes two machines one."""
    other = small(fingerprint={**small().fingerprint, name: "another"})

    with pytest.raises(Conflict, match=f"not the same {name}"):
        compare_benches(small(), other, vary=("runtime", "threads", "inputs"))
    with pytest.raises(InvalidInput, match="may not differ"):
        compare_benches(small(), other, vary=(name,))


def test_what_is_compared_may_differ() -> None:
    """Another number of threads is refused, and ranked where it is the thing that is compared."""
    other = small(fingerprint={**small().fingerprint, "threads": 2})

    with pytest.raises(Conflict) as refused:
        compare_benches(small(), other)
    assert "--vary threads" in (refused.value.hint or "")
    assert compare_benches(small(), other, vary=("threads",)).varied == ("threads",)


def test_other_inputs_are_not_ranked() -> None:
    """Neither other rows of the same data nor other data."""
    rows = small(inputs=msgspec.structs.replace(small().inputs, ids=["1", "2"]))

    with pytest.raises(Conflict, match="not the same inputs"):
        compare_benches(small(), rows)


def test_percentiles_are_computed_anew() -> None:
    """A record that says something else than its raw times is found out."""
    latencies = {KEY: np.array([0.001, 0.00075, 0.002])}

    assert recomputed(small(), latencies) == []
    section = msgspec.structs.replace(small().sections[0], p50=0.0009)
    assert recomputed(small(sections=[section]), latencies) == ["single 1: p50 is 0.001000000 s"]
    assert recomputed(small(), {KEY: np.array([0.001])}) == ["single 1: 1 latencies for 3 queries"]


def test_what_makes_a_bench_noisy() -> None:
    """Load before, other work meanwhile, and rounds that disagree."""
    quiet = {"before": 0.3, "after": 2.0, "other_cores": 0.1}

    assert noise(quiet, 2, [0.02, None]) == []
    assert noise({**quiet, "before": 1.5}, 2, []) == ["the load was 1.50 when it began"]
    assert noise({**quiet, "other_cores": 0.8}, 2, []) == ["other work used 0.80 cores"]
    assert noise(quiet, 2, [0.3]) == ["the medians of the rounds lie 30 % apart"]
