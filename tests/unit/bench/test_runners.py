"""Runners in the process of the test, and what is known of a process."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tether.bench.runners import RunnerError, allowed_cores, cpu_quota, make_runner, memory_bytes


class Doubling:
    """A model of somebody's own."""

    def predict(self, rows: Any) -> Any:
        """Return twice the first column."""
        return 2 * rows[:, 0]


def test_models_of_scikit_learn(tmp_path: Path) -> None:
    """Known types of skops are loaded; unknown ones, and pickles, by leave only."""
    skops_io = pytest.importorskip("skops.io")
    joblib = pytest.importorskip("joblib")
    linear_model = pytest.importorskip("sklearn.linear_model")
    rows = np.eye(3)
    skops_io.dump(linear_model.LinearRegression().fit(rows, [1.0, 2.0, 4.0]), tmp_path / "known.skops")
    skops_io.dump(Doubling(), tmp_path / "own.skops")
    joblib.dump(Doubling(), tmp_path / "own.joblib")

    def answers(name: str, *, trust: bool) -> list[float]:
        runner = make_runner({"kind": "sklearn", "path": str(tmp_path / name), "trust": trust, "columns": []})
        runner.bring()
        runner.load()
        found: list[float] = runner.outputs(runner.run(runner.feed(["0"], {"x": rows})))[
            "prediction"
        ].tolist()
        return found

    assert answers("known.skops", trust=False) == pytest.approx([1, 2, 4])
    for name in ("own.skops", "own.joblib"):
        with pytest.raises(RunnerError, match="--trust"):
            answers(name, trust=False)
        assert answers(name, trust=True) == [2, 0, 0]


def test_the_peak_of_a_process_is_its_own() -> None:
    """Memory is read from the process, also of another one."""
    assert memory_bytes() >= 0.99 * memory_bytes("VmRSS") > 1 << 20
    assert memory_bytes(pid=os.getpid()) == pytest.approx(memory_bytes(), rel=0.01)
    assert memory_bytes(pid=2**31 - 1) == 0


def test_cores_are_those_that_may_be_used(tmp_path: Path) -> None:
    """Of a group with a quota the smallest on the way up counts."""
    groups = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line[3:] for line in groups if line.startswith("0::")), "/")
    place = tmp_path / own.lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    (place / "cpu.max").write_text("150000 100000\n")

    assert cpu_quota(tmp_path) == 1.5
    (place / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(tmp_path) is None
    assert 1 <= allowed_cores() <= (os.cpu_count() or 1)
