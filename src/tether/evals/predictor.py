"""Runs a model over examples in a process of its own: `python -m tether.evals.predictor SPEC.json`.

The file names the model, a Parquet file with inputs, how they are fed, and where predictions go. This is the
one place where a model is loaded; whoever starts it is not touched by what the model does to a process.
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput, TetherError
from tether.evals.feeding import fed
from tether.evals.needs import arrow, needed, parquet

CLASSES, INDEXED = b"tether.classes", b"tether.indexed"
FAILED = 2
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


class Said(NamedTuple):
    """What a model says of some examples."""

    prediction: NDArray[Any]
    scores: NDArray[Any] | None = None
    classes: tuple[str, ...] | None = None
    indexed: bool = False
    """The predictions are places of classes whose names the model does not know."""


Model = Callable[[Any], Said]
"""Takes an Arrow batch."""


def main(path: str) -> None:
    """Do what the file at `path` says."""
    spec = json.loads(Path(path).read_text())
    load = {"onnx": _onnx, "sklearn": _sklearn}[spec["kind"]]
    model = load(spec)
    writer: Any = None
    for batch in parquet().ParquetFile(spec["in"]).iter_batches(int(spec["batch"])):
        said = model(batch)
        table = _table(batch, said)
        if writer is None:
            writer = parquet().ParquetWriter(spec["out"], table.schema)
        writer.write_batch(table)
    if writer is not None:
        writer.close()


def _table(batch: Any, said: Said) -> Any:
    pa = arrow()
    if len(said.prediction) != batch.num_rows:
        raise InvalidInput(f"the model gave {len(said.prediction)} predictions for {batch.num_rows} examples")
    columns = {"example_id": batch.column("example_id"), "prediction": pa.array(said.prediction.tolist())}
    if said.scores is not None:
        flat = np.ascontiguousarray(said.scores, np.float64)
        columns["scores"] = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])
    metadata = {INDEXED: b"1"} if said.indexed else {}
    if said.classes is not None:
        metadata[CLASSES] = json.dumps(said.classes).encode()
    return pa.record_batch(columns).replace_schema_metadata(metadata)


# -- ONNX -----------------------------------------------------------------------------------


def _onnx(spec: dict[str, Any]) -> Model:
    runtime = needed("onnxruntime", "onnx")
    try:
        session = runtime.InferenceSession(spec["model"], providers=["CPUExecutionProvider"])
    except Exception as error:  # the package has no common class for what it raises
        raise InvalidInput(f"onnxruntime cannot load the model: {_first(error)}") from None
    inputs = session.get_inputs()

    def predict(batch: Any) -> Said:
        wanted = {each.name: (each.shape[1:], _TYPES.get(each.type)) for each in inputs}
        feeds = fed(batch, spec, wanted)
        fixed = inputs[0].shape[0] if inputs[0].shape else None
        size = fixed if isinstance(fixed, int) and fixed > 0 else batch.num_rows
        return _said(_in_pieces(session, feeds, batch.num_rows, size), spec["task"])

    return predict


def _in_pieces(session: Any, feeds: dict[str, NDArray[Any]], count: int, size: int) -> list[Any]:
    """Run a model that takes a fixed number at once; the last piece is filled up and cut again."""
    pieces = []
    for start in range(0, count, size):
        part = {name: rows[start : start + size] for name, rows in feeds.items()}
        some = min(size, count - start)
        if some < size:
            part = {
                name: np.concatenate([rows, np.repeat(rows[-1:], size - some, 0)])
                for name, rows in part.items()
            }
        try:
            pieces.append([output[:some] for output in session.run(None, part)])
        except Exception as error:
            raise InvalidInput(f"onnxruntime cannot run the model: {_first(error)}") from None
    if len(pieces) == 1:
        return pieces[0]
    return [_joined(outputs) for outputs in zip(*pieces, strict=True)]


def _joined(outputs: tuple[Any, ...]) -> Any:
    if isinstance(outputs[0], list):
        return [row for output in outputs for row in output]
    return np.concatenate(outputs)


def _said(outputs: list[Any], task: str) -> Said:
    """Return what outputs mean: labels, scores by class, or numbers."""
    if task not in ("classification", "regression", "text"):
        raise InvalidInput(f"outputs for {task} have no common form", hint="write a program for --predictor")
    flat = [np.asarray(output) for output in outputs if not isinstance(output, list)]
    plain = [output.reshape(len(output)) for output in flat if output.size == len(output)]
    if task == "regression":
        numbers = [output for output in plain if output.dtype.kind in "fiu"]
        return Said(_one(numbers, "numbers"))
    labels = next((output for output in plain if output.dtype.kind in "iubUO"), None)
    if task == "text":
        return Said(_one([output for output in plain if output.dtype.kind in "UO"], "texts"))
    mapped = next((output for output in outputs if isinstance(output, list) and output), None)
    if mapped is not None and isinstance(mapped[0], dict):
        names = [*mapped[0]]
        scores = np.array([[row[name] for name in names] for row in mapped])
        return _classified(labels, scores, tuple(map(str, names)))
    tables = [output for output in flat if output.ndim == 2 and output.dtype.kind == "f"]
    return _classified(labels, tables[0] if tables else None, None)


def _classified(
    labels: NDArray[Any] | None, scores: NDArray[Any] | None, names: tuple[str, ...] | None
) -> Said:
    if scores is not None and scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    if labels is not None:
        return Said(labels, scores, names)
    if scores is None:
        raise InvalidInput(
            "the model has no output with classes or scores", hint="write a program for --predictor"
        )
    best = scores.argmax(axis=1)
    return (
        Said(best, scores, None, indexed=True)
        if names is None
        else Said(np.array(names)[best], scores, names)
    )


def _one(found: list[NDArray[Any]], what: str) -> NDArray[Any]:
    if not found:
        raise InvalidInput(f"the model has no output with {what}", hint="write a program for --predictor")
    return found[0]


# -- scikit-learn ---------------------------------------------------------------------------


def _sklearn(spec: dict[str, Any]) -> Model:
    needed("sklearn", "sklearn")
    model = _loaded(Path(spec["model"]), spec["format"], trust=bool(spec["trust"]))
    columns = getattr(model, "feature_names_in_", None)

    def predict(batch: Any) -> Said:
        rows = _frame(batch, columns) if columns is not None else fed(batch, spec, {})[""]
        if isinstance(rows, np.ndarray) and rows.ndim > 2:
            rows = rows.reshape(len(rows), -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prediction = np.asarray(model.predict(rows))
            scores = _sklearn_scores(model, rows) if spec["task"] == "classification" else None
        names = tuple(map(_class_name, model.classes_)) if scores is not None else None
        return Said(prediction, scores, names)

    return predict


def _class_name(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _sklearn_scores(model: Any, rows: Any) -> NDArray[Any] | None:
    if not hasattr(model, "classes_"):
        return None
    if hasattr(model, "predict_proba"):
        found = model.predict_proba(rows)
    elif hasattr(model, "decision_function"):
        found = np.asarray(model.decision_function(rows))
        found = np.stack([-found, found], axis=1) if found.ndim == 1 else found
    else:
        return None
    table = np.asarray(found)
    return table if table.ndim == 2 and table.shape[1] == len(model.classes_) else None


def _loaded(path: Path, form: str, *, trust: bool) -> Any:
    """Return a model; what runs code when it is loaded, only where it is trusted."""
    if form != "skops":
        if not trust:
            raise InvalidInput(
                f"loading {path.name} can run anything", hint="give --trust if you know who made it"
            )
        return needed("joblib", "sklearn").load(path)
    skops = needed("skops.io", "sklearn")
    unknown = skops.get_untrusted_types(file=path)
    if unknown and not trust:
        shown = ", ".join(unknown[:5])
        raise InvalidInput(
            f"the model has types that are not known: {shown}", hint="give --trust if you know them"
        )
    return skops.load(path, trusted=unknown)


def _frame(batch: Any, columns: Any) -> Any:
    """Return the columns that a model was trained on, with their names where pandas is there."""
    missing = [name for name in columns if name not in batch.schema.names]
    if missing:
        raise InvalidInput(f"the model wants a column {missing[0]}", hint="the data does not have it")
    table = batch.select([*columns])
    try:
        return table.to_pandas()
    except ModuleNotFoundError:
        return np.stack([np.asarray(column, np.float64) for column in table.columns], axis=1)


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except TetherError as problem:
        sys.stderr.write(f"error: {problem}\n" + (f"hint: {problem.hint}\n" if problem.hint else ""))
        sys.exit(FAILED)
