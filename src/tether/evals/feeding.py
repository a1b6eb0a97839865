"""From columns of examples to the arrays that a model takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput
from tether.evals.needs import arrow, needed

Wanted: TypeAlias = Mapping[str, tuple[Sequence[Any], str | None]]
"""Shape of one example (whole numbers, or anything where it is open) and type, by the name of the input."""


def fed(batch: Any, spec: Mapping[str, Any], wanted: Wanted) -> dict[str, NDArray[Any]]:
    """Return the arrays for a batch by the names of the inputs.

    Args:
        batch: An Arrow batch.
        spec: Its `feed` says what the columns are; `image` how images are scaled.
        wanted: What the model takes; empty is one array of any shape, which gets the name "".

    Raises:
        InvalidInput: The columns do not fit.
    """
    names = [*wanted] or [""]
    if len(names) > 1:
        missing = [name for name in names if name not in batch.schema.names]
        if missing:
            raise InvalidInput(f"the model has an input {missing[0]}, the data no such column")
        found = {name: _rows(batch, [name], spec) for name in names}
    elif spec["feed"]["kind"] == "images":
        shape, kind = wanted.get(names[0], ((), None))
        return {names[0]: _images(batch, spec["image"], shape, kind)}
    else:
        found = {names[0]: _rows(batch, spec["feed"].get("columns", ["text"]), spec)}
    return {
        name: _fitted(rows, name, *wanted[name]) if name in wanted else rows for name, rows in found.items()
    }


def _rows(batch: Any, columns: Sequence[str], spec: Mapping[str, Any]) -> NDArray[Any]:
    """Return columns as one array with a row an example."""
    feed = spec["feed"]
    if feed["kind"] == "files":
        raise InvalidInput("files of this kind are fed to no model", hint="write a program for --predictor")
    types, parts = arrow().types, []
    for name in columns:
        column = batch.column(name)
        if types.is_fixed_size_list(column.type):
            shape = feed.get("shapes", {}).get(name) or [column.type.list_size]
            parts.append(np.asarray(column.flatten()).reshape(len(column), *shape))
        elif types.is_string(column.type) or types.is_large_string(column.type):
            parts.append(np.array(column.to_pylist(), object))
        else:
            parts.append(np.asarray(column.cast(arrow().float64()) if column.null_count else column))
    if len(parts) == 1:
        return (
            parts[0]
            if feed["kind"] != "columns" or parts[0].dtype == object
            else parts[0].reshape(len(batch), -1)
        )
    wide = next(
        (name for name, part in zip(columns, parts, strict=True) if part.ndim > 1 or part.dtype == object),
        None,
    )
    if wide is not None:
        raise InvalidInput(
            f"{wide} is no column of numbers", hint="name those that the model takes: --input A,B"
        )
    return np.stack(parts, axis=1)


def _fitted(rows: NDArray[Any], name: str, shape: Sequence[Any], kind: str | None) -> NDArray[Any]:
    """Return rows in the shape and type that an input has."""
    if kind is None:
        raise InvalidInput(
            f"the input {name} has a type that is not fed", hint="write a program for --predictor"
        )
    given, fixed = rows.shape[1:], [size if isinstance(size, int) and size > 0 else None for size in shape]
    fits = len(given) == len(fixed) and all(
        size in (None, had) for size, had in zip(fixed, given, strict=True)
    )
    if not fits:
        open_ones, size = fixed.count(None), int(np.prod(given, dtype=np.int64))
        known = int(np.prod([each for each in fixed if each is not None], dtype=np.int64))
        if open_ones > 1 or (open_ones == 0 and known != size) or (open_ones == 1 and size % max(known, 1)):
            raise InvalidInput(f"the input {name} wants {[*shape]} for an example, the data has {[*given]}")
        rows = rows.reshape(len(rows), *(-1 if each is None else each for each in fixed))
    return rows.astype(kind, copy=False)


def _images(batch: Any, how: Mapping[str, Any], shape: Sequence[Any], kind: str | None) -> NDArray[Any]:
    """Return images in the layout of an input: (channels, height, width), or channels last."""
    if len(shape) != 3:
        raise InvalidInput("only models that take images (channels, height, width) are fed with images")
    first = shape[0] in (1, 3, 4)
    channels, sizes = (shape[0], shape[1:]) if first else (shape[2], shape[:2])
    height, width = (size if isinstance(size, int) else how.get("size") for size in sizes)
    if not height or not width:
        raise InvalidInput("the model takes images of any size", hint="say which: --image-size 224")
    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(channels)
    if mode is None:
        raise InvalidInput(f"the model takes images of {channels} channels")
    rows = [_image(Path(file), mode, (width, height)) for file in batch.column("file").to_pylist()]
    pixels: NDArray[Any] = np.stack(rows)
    if kind != "uint8":
        scaled = pixels.astype(np.float32) / np.float32(255)
        mean, spread = (
            np.asarray(how.get(name) or default, np.float32) for name, default in (("mean", 0), ("std", 1))
        )
        pixels = (scaled - mean) / spread
    if first:
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels.astype(kind or "float32", copy=False))


def _image(path: Path, mode: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    image = needed("PIL.Image")
    try:
        with image.open(path) as opened:
            shown = opened.convert(mode)
            shown = shown if shown.size == size else shown.resize(size, image.Resampling.BILINEAR)
            return np.asarray(shown, np.uint8).reshape(size[1], size[0], -1)
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
        raise InvalidInput(f"{path.name} is no image that can be read: {error}") from None
