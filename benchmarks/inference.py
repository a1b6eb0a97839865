"""What `tether bench` measures, beside ONNX Runtime's own profile and a loop that anybody would write.

    python -m benchmarks.inference [--model FILE.onnx] [--rounds 7] [--queries 300] [--threads 1]

Each way does its part of a round in a fresh process, one after the other, so that what the machine does
meanwhile meets all of them. Printed are medians over all rounds, and their ratios. The profile takes time
itself, which its own figures have in them: the same loop with the profile on, beside the one without, says
how much.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tests.support import nets

from tether.bench.fingerprint import Quiet
from tether.bench.launch import Subject, measure
from tether.bench.runners import allowed_cores, limit_threads, session_options
from tether.bench.settings import Section, Settings
from tether.model.reading import read_facts
from tether.model.source import BytesSource

_WARMUP = 50
_ROWS = 64
ALLOWED = 0.05
"""How far the medians may lie apart, relative to the smaller one."""
_COMPARED = ("tether", "loop", "profile")

MODELS: dict[str, Callable[[], bytes]] = {
    "small images": lambda: nets.convolutions(96, [3, 32, 64, 128, 256]),
    "large images": lambda: nets.convolutions(160, [3, 32, 64, 128, 256]),
}
"""Models that take a millisecond or more: the profile notes every operation, which takes 10 us itself."""


def main() -> int:
    """Measure each model in each way; return 1 where two medians lie too far apart."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, help="measure this model instead of ours")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument(
        "--threads", type=int, default=1, help=f"of the runtime; here are {allowed_cores()} cores"
    )
    parser.add_argument("--json", type=Path, help="write what was found here too")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(_PARTS[options.part[0]](Path(options.part[1]), options.queries, options.threads)))
        return 0
    found = {}
    for name, data in _models(options.model).items():
        found[name] = compare(data, options)
        print(_line(name, found[name]), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))
    return int(any(each["apart"] > ALLOWED for each in found.values()))


def _models(path: Path | None) -> dict[str, bytes]:
    return (
        {path.name: path.read_bytes()}
        if path is not None
        else {name: make() for name, make in MODELS.items()}
    )


def compare(data: bytes, options: argparse.Namespace) -> dict[str, Any]:
    """Return the median of each way, in seconds, and how far they lie apart."""
    times: dict[str, list[float]] = {name: [] for name in (*_COMPARED, "profiled loop")}
    with tempfile.TemporaryDirectory(prefix="tether-inference-") as folder:
        place = Path(folder)
        (place / "model.onnx").write_bytes(data)
        arrays = _inputs(data)
        np.savez(place / "data.npz", **arrays)  # type: ignore[arg-type]
        before = Quiet.now()
        for number in range(options.rounds):
            names = [*times]
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if name == "tether":
                    times[name] += _tether(place, arrays, options, number)
                else:
                    times[name] += _process(name, place, options)
        load = before.until(Quiet.now())
    medians = {name: statistics.median(each) for name, each in times.items()}
    quick = {name: statistics.quantiles(each, n=10)[0] for name, each in times.items()}
    return {
        **medians,
        "quickest_tenth": {**quick, "apart": _apart(quick)},
        "queries": {name: len(each) for name, each in times.items()},
        "apart": _apart(medians),
        "profile_costs": medians["profiled loop"] / medians["loop"] - 1,
        "load": load,
    }


def _apart(times: dict[str, float]) -> float:
    """Return how far the ways lie apart that measure the same, relative to the smallest."""
    compared = [times[name] for name in _COMPARED]
    return max(compared) / min(compared) - 1


def _inputs(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Return random inputs: the same for all."""
    random, found = np.random.default_rng(1), {}
    for row in read_facts(BytesSource(data), "model.onnx").metadata["inputs"]:
        shape = [size if isinstance(size, int) and size > 0 else 1 for size in row["shape"][1:]]
        found[row["name"]] = random.standard_normal((_ROWS, *shape)).astype(np.float32)
    return found


def _tether(place: Path, arrays: dict[str, Any], options: argparse.Namespace, number: int) -> list[float]:
    """Return the latencies of one round as `tether bench` takes them."""
    folder = place / f"round-{number}"
    folder.mkdir()
    plan = {"kind": "onnx", "path": str(place / "model.onnx"), "threads": options.threads}
    plan["providers"] = ["CPUExecutionProvider"]
    ids = [str(row) for row in range(_ROWS)]
    subject = Subject(plan, ids, arrays, False, folder, os.environ)
    settings = Settings(rounds=1, threads=options.threads, warmup=_WARMUP)
    sections = [Section("single", 1, options.queries, 0.0, 600.0)]
    ((starts, ends, _),) = measure(subject, settings, sections, lambda: None).rounds[0].times
    latencies: list[float] = ((ends - starts) / 1e9).tolist()
    return latencies


def _process(part: str, place: Path, options: argparse.Namespace) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.inference", "--part", part, str(place)]
    command += ["--queries", str(options.queries), "--threads", str(options.threads)]
    environ = {**os.environ, **limit_threads(options.threads)}
    said = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True).stdout
    latencies: list[float] = json.loads(said)
    return latencies


def _session(place: Path, threads: int, profile: bool) -> tuple[Any, list[dict[str, Any]]]:
    import onnxruntime

    options = session_options(onnxruntime, threads)
    options.enable_profiling = profile
    options.profile_file_prefix = str(place / "profile")
    session = onnxruntime.InferenceSession(
        str(place / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    with np.load(place / "data.npz") as file:
        arrays = {name: file[name] for name in file.files}
    return session, [{name: each[row : row + 1] for name, each in arrays.items()} for row in range(_ROWS)]


def loop(place: Path, queries: int, threads: int, *, profile: bool = False) -> list[float]:
    """Return the latencies of a plain loop over the same inputs, where ONNX Runtime may write its profile."""
    session, feeds = _session(place, threads, profile)
    for at in range(_WARMUP):
        session.run(None, feeds[at % _ROWS])
    times = []
    for at in range(queries):
        start = time.perf_counter()
        session.run(None, feeds[at % _ROWS])
        times.append(time.perf_counter() - start)
    if profile:
        Path(session.end_profiling()).unlink()
    return times


def profile(place: Path, queries: int, threads: int) -> list[float]:
    """Return the latencies that ONNX Runtime itself writes down for each run."""
    session, feeds = _session(place, threads, profile=True)
    for at in range(_WARMUP + queries):
        session.run(None, feeds[at % _ROWS])
    path = Path(session.end_profiling())
    runs = [row for row in json.loads(path.read_text()) if row.get("name") == "model_run"]
    path.unlink()
    return [row["dur"] / 1e6 for row in runs[_WARMUP:]]


_PARTS: dict[str, Callable[[Path, int, int], list[float]]] = {
    "loop": loop,
    "profile": profile,
    "profiled loop": partial(loop, profile=True),
}


def _line(name: str, found: dict[str, Any]) -> str:
    times = "  ".join(f"{way} {found[way] * 1e6:9.1f} us" for way in (*_COMPARED, "profiled loop"))
    ratios = ", ".join(f"{found['tether'] / found[way]:.3f} of the {way}" for way in ("loop", "profile"))
    load, quick = found["load"], found["quickest_tenth"]["apart"]
    noted = found["profile"] / found["profiled loop"]
    return (
        f"{name:<12} {times}  tether is {ratios}; all within {100 * found['apart']:.1f} %,"
        f" the quickest tenths within {100 * quick:.1f} %; the profile costs the loop"
        f" {100 * found['profile_costs']:.1f} %, and is {noted:.3f} of the loop with it"
        f"  (load {load['before']:.2f}, others {load['other_cores']} cores)"
    )


if __name__ == "__main__":
    sys.exit(main())
