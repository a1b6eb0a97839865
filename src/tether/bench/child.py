"""The process that is measured: started anew for each round, as `python -m tether.bench.child FOLDER`.

It reads `plan.json` and `inputs.npz` of the folder, and leaves `result.json`, `times-N.npy` for each section
and `outputs.npz`. What it imports is little, and the same in the empty process that memory is compared with.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tether.bench.loops import Arrivals, Times, closed_loop, open_loop
from tether.bench.runners import Arrays, Runner, RunnerError, make_runner, memory_bytes
from tether.bench.settings import SERVER, SINGLE, Section

PLAN, INPUTS, RESULT, OUTPUTS = "plan.json", "inputs.npz", "result.json", "outputs.npz"
_WARM_PART = 0.1
_LONGEST_ERROR = 2000
_S = 1e9


def main(folder: Path) -> None:
    """Do one round."""
    plan = json.loads((folder / PLAN).read_text())
    with np.load(folder / INPUTS, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    runner = make_runner(plan["runner"])
    try:
        result = _Round(plan, runner, arrays, folder).measure()
    except RunnerError as error:
        result = {"error": str(error)}
    except Exception as error:  # whatever the model does, the one who asked is told
        result = {"error": f"{type(error).__name__}: {str(error)[:_LONGEST_ERROR]}"}
    finally:
        runner.close()
    (folder / RESULT).write_text(json.dumps(result))


class _Round:
    def __init__(self, plan: dict[str, Any], runner: Runner, arrays: Arrays, folder: Path) -> None:
        self._plan, self._runner, self._folder = plan, runner, folder
        self._arrays, self._ids = arrays, plan["ids"]
        self._mean_s: float | None = None
        self._rate: float | None = plan["rate"]

    def measure(self) -> dict[str, Any]:
        runner, result = self._runner, dict[str, Any]()
        result["import_s"] = _timed(runner.bring)
        result["load_s"] = _timed(runner.load)
        sections = [Section(**row) for row in self._plan["sections"]]
        (first, *_) = self._feeds(sections[0].batch)
        result["first_s"] = _timed(lambda: runner.run(first))
        result["loaded_bytes"] = memory_bytes("VmRSS")
        result["sections"] = [self._section(at, section) for at, section in enumerate(sections)]
        return {**result, "peak_bytes": runner.peak_bytes(), "runner": runner.about()}

    def _section(self, at: int, section: Section) -> dict[str, Any]:
        feeds, run = self._feeds(section.batch), self._runner.run
        warm = Section(
            section.scenario,
            section.batch,
            self._plan["warmup"],
            section.seconds * _WARM_PART,
            section.limit_s,
        )
        warmed = closed_loop(run, feeds, warm)
        keep = len(feeds) if self._plan["keep"] and at == 0 else 0
        if section.scenario == SERVER:
            if self._rate is None:
                self._rate = 0.5 / max(self._mean_s or warmed.mean_s, 1e-9)
            arrivals = Arrivals(self._rate, self._plan["seed"] + at)
            times = open_loop(run, feeds, section, arrivals, keep)
        else:
            times = closed_loop(run, feeds, section, keep)
            self._mean_s = times.mean_s if section.scenario == SINGLE else self._mean_s
        self._write(at, times)
        rate = self._rate if section.scenario == SERVER else None
        return {"warmup": len(warmed.ends), "cut": times.cut, "rate": rate}

    def _feeds(self, batch: int) -> list[Any]:
        """Return queries that go once through all inputs; the last one goes on from the first input."""
        count, feeds = len(self._ids), []
        for start in range(0, count, batch):
            if start + batch <= count:
                rows: Any = slice(start, start + batch)
                ids = self._ids[rows]
            else:
                rows = np.arange(start, start + batch) % count
                ids = [self._ids[row] for row in rows]
            feeds.append(self._runner.feed(ids, {name: array[rows] for name, array in self._arrays.items()}))
        return feeds

    def _write(self, at: int, times: Times) -> None:
        columns = [times.starts, times.ends, times.due or times.starts]
        np.save(self._folder / f"times-{at}.npy", np.array(columns, np.int64))
        if times.kept:
            found = [self._runner.outputs(answer) for answer in times.kept]
            joined = {name: _joined([each[name] for each in found]) for name in found[0]}
            np.savez(self._folder / OUTPUTS, **joined)


def _joined(parts: list[Any]) -> Any:
    """Return the answers of several queries as one array, texts as such."""
    whole = np.concatenate([np.atleast_1d(part) for part in parts])
    return whole.astype(str) if whole.dtype.kind == "O" else whole


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / _S


if __name__ == "__main__":
    main(Path(sys.argv[1]))
