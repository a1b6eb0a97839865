"""A small bench, as records have it."""

import io
from typing import Any

import msgspec

from tether.bench.record import Bench, InputPart, ModelPart, ProcessPart, SectionPart


def small(**changes: object) -> Bench:
    """Return a bench of three queries, with other values for some of its fields."""
    section = SectionPart(
        scenario="single", batch=1, queries=3, seconds=0.00375, warmup=20, cut=False, rate=None,
        p50=0.001, p90=0.0018, p95=0.0019, p99=None, max=0.002, mean=0.00125,
        ci={"mean": (0.00075, 0.002), "p50": (0.00075, 0.002)}, medians=[0.001], spread=None,
        throughput=800.0, throughput_ci=(500.0, 1333.0),
    )  # fmt: skip
    made = Bench(
        model=ModelPart(
            "net.onnx", "main:net.onnx", "96" * 32, "de" * 32, 3000, "onnx", "ab" * 32, 650, {"F32": 650},
            {
                "counter": "tether-macs 1", "per_input": 640, "complete": True, "by_operator": {"Gemm": 640},
                "unknown": {},
            },
        ),
        inputs=InputPart(
            "data", "main:test.npz", "96" * 32, "test.npz", "cd" * 32, 100, 17, ["41", "7"],
            [{"name": "x", "dtype": "float32", "shape": [64]}],
        ),
        runner={"name": "onnxruntime", "version": "1.31.0", "providers": ["CPUExecutionProvider"]},
        settings={"queries": 3, "rounds": 1, "seed": 17},
        process=ProcessPart([0.25], [0.01], [0.002], [90_000_000], [91_000_000], 30_000_000),
        sections=[section],
        accuracy={"scorer": "tether-score 1", "metric": "accuracy", "score": 0.5, "n": 2, "ci": [0.1, 0.9]},
        fingerprint={"processor": "A", "cores": 2, "threads": 1, "runtime": {"name": "onnxruntime"}},
        load={"before": 0.1, "after": 0.2, "other_cores": 0.01},
        noisy=[],
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def latencies(**changes: list[Any]) -> bytes:
    """Return `latencies.parquet` of three queries as anybody may write it, with other columns for some."""
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, list[Any]] = {
        "scenario": ["single"] * 3, "batch": [1] * 3, "due_ns": [0, 0, 0], "end_ns": [1000, 2000, 3000]
    }  # fmt: skip
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({**columns, **changes}), sink)
    return sink.getvalue()
