"""Tables of predictions as somebody makes them up."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def predicted(
    task: str,
    labels: Sequence[Any],
    predictions: Sequence[Any],
    *,
    slices: Sequence[str] = (),
    scores: Sequence[Sequence[float]] | None = None,
    **more: Any,
) -> bytes:
    """Return a table; no example is in a slice, scores are of the class `a`, and `more` are columns."""
    count = len(labels)
    columns: dict[str, Any] = {
        "example_id": [f"e{number}" for number in range(count)],
        "label": labels,
        "prediction": predictions,
        "slices": pa.array([[]] * count, pa.list_(pa.string())),
    }
    if scores is not None:
        columns["scores"] = scores
    classes = ["a"] if scores is not None else []
    header = {"version": 1, "task": task, "classes": classes, "slices": [*slices], "about": {}}
    table = pa.table({**more, **columns}).replace_schema_metadata({"tether.predictions": json.dumps(header)})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
