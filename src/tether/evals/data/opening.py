"""Opens the data of an evaluation, and goes through it once: ids, labels, slices, and what a model sees."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from tether.core.codec import encode
from tether.errors import InvalidInput, Unsupported
from tether.evals.data.arrays import ArraySource
from tether.evals.data.folders import ExampleFile, FolderSource
from tether.evals.data.source import Batch, DataOptions, ExampleSource
from tether.evals.data.tables import SUFFIXES, TableSource
from tether.evals.expressions import holds
from tether.evals.needs import arrow, compute, parquet
from tether.evals.slices import Slice

_SET = "tether 2026 evaluation set v1"
_STEP = 8192


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of an evaluation set.

    Attributes:
        ids: Arrow texts, each once.
        labels: Arrow array as the data has it.
        slices: Which examples are in a slice, by its name.
        paths: Where each lies, in a folder of files.
    """

    ids: Any
    labels: Any
    slices: dict[str, NDArray[np.bool_]]
    paths: Any | None = None


def open_data(path: Path, files: Sequence[ExampleFile], options: DataOptions) -> ExampleSource:
    """Return the source of examples that a file or folder is.

    Args:
        path: Where it is.
        files: What a folder has.
        options: What the user says of it.

    Raises:
        InvalidInput: It cannot be read, or has not what is asked for.
        Unsupported: It is of no form that is read.
    """
    if path.is_dir():
        if files and all(file.path.endswith(".npy") and "/" not in file.path for file in files):
            return ArraySource(path, options)
        return FolderSource(path, files, options)
    if path.suffix in SUFFIXES:
        return TableSource(path, options)
    if path.suffix == ".npz":
        return ArraySource(path, options)
    raise Unsupported(
        f"{path.name} is no data of a known form",
        hint="a .parquet, .csv, .tsv or .npz file, a folder of .npy files, or of folders by class",
    )


def collect(source: ExampleSource, slices: Sequence[Slice], target: Path | None = None) -> Examples:
    """Go through all examples once.

    Args:
        source: Where they come from.
        slices: Parts to find.
        target: Where to write what a model sees, as a Parquet file with `example_id` first.

    Raises:
        InvalidInput: There are none, a key stands twice, or a slice asks for what is not there.
    """
    ids, labels, paths = [], [], []
    masks: dict[str, list[NDArray[np.bool_]]] = {each.name: [] for each in slices}
    with ExitStack() as stack:
        writer: Any = None
        for batch in _distinct(source):
            ids.append(batch.ids)
            labels.append(batch.columns[source.label])
            if "path" in batch.columns and source.identity == "content":
                paths.append(batch.columns["path"])
            for each in slices:
                masks[each.name].append(_found(each, source, batch))
            if target is not None:
                table = arrow().record_batch(
                    {"example_id": batch.ids, **{name: batch.columns[name] for name in source.inputs}}
                )
                if writer is None:
                    writer = stack.enter_context(
                        parquet().ParquetWriter(target, table.schema, compression="lz4")
                    )
                writer.write_batch(table)
    if not ids:
        raise InvalidInput("the data has no examples")
    pa = arrow()
    return Examples(
        pa.concat_arrays(ids),
        pa.concat_arrays(labels),
        {name: np.concatenate(parts) for name, parts in masks.items()},
        pa.concat_arrays(paths) if paths else None,
    )


def _found(each: Slice, source: ExampleSource, batch: Batch) -> NDArray[np.bool_]:
    """Return which examples of a batch are in a slice; `label` is the label whatever its column is called."""
    columns = {"label": batch.columns[source.label], **batch.columns}
    try:
        found = np.asarray(holds(each.condition, columns), np.bool_)
    except InvalidInput as error:
        raise InvalidInput(f"slice {each.name}: {error}", hint=error.hint) from None
    return found


def _distinct(source: ExampleSource) -> Iterator[Batch]:
    """Yield batches in which no id stands twice: the second of equal examples is called `ID#2`."""
    seen: dict[str, int] = {}
    for batch in source.batches():
        found = []
        for each in batch.ids.to_pylist():
            count = seen[each] = seen.get(each, 0) + 1
            if count > 1 and source.identity.startswith("column "):
                raise InvalidInput(
                    f"{source.identity.partition(' ')[2]} {each!r} stands twice, so it is no key"
                )
            found.append(each if count == 1 else f"{each}#{count}")
        yield batch._replace(ids=arrow().array(found, arrow().string()))


def set_digest(ids: Any, labels: Any) -> str:
    """Return one digest of all ids with their labels, whatever their order: of equal sets it is equal."""
    order = compute().sort_indices(ids)
    hasher = blake3(derive_key_context=_SET)
    for start in range(0, len(ids), _STEP):
        rows = order[start : start + _STEP]
        hasher.update(encode([ids.take(rows).to_pylist(), labels.take(rows).to_pylist()]))
    return hasher.hexdigest()
