"""Examples from arrays with one row an example: an `.npz` file, or a folder of `.npy` files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tether.core.codec import encode
from tether.errors import InvalidInput
from tether.evals.data.source import BATCH, ID_BYTES, LABEL, Batch, DataOptions, found_column, row_hasher
from tether.evals.needs import arrow
from tether.evals.tasks import texts

_USUAL_LABELS = (LABEL, "labels", "y", "target")
_USUAL_INPUTS = ("x", "X", "images", "data", "inputs")
_KINDS = "biufU"
_ROW_BYTES = 64 << 20


class ArraySource:
    """Rows of arrays; see `ExampleSource`. What lies in an `.npz` file is held in memory.

    Args:
        path: The file or folder.
        options: What the user says of it.

    Raises:
        InvalidInput: It cannot be read, the arrays are not equally long, or one is not there.
    """

    def __init__(self, path: Path, options: DataOptions) -> None:
        self._arrays = _opened(path)
        names = [*self._arrays]
        self.label = found_column(options.label, names, _USUAL_LABELS, "--label")
        self._key = options.key and found_column(options.key, names, (), "--key")
        if options.inputs:
            self.inputs = tuple(found_column(each, names, (), "--input") for each in options.inputs)
        else:
            others = [name for name in names if name not in (self.label, self._key)]
            usual = _USUAL_INPUTS if len(others) != 1 else (others[0],)
            self.inputs = (found_column(None, others, usual, "--input"),)
        self._count = len(self._arrays[self.label])
        for name, array in self._arrays.items():
            if len(array) != self._count:
                raise InvalidInput(f"{name} has {len(array):,} rows, {self.label} has {self._count:,}")
        self.identity = f"column {self._key}" if self._key is not None else "row"
        shapes = {name: list(self._arrays[name].shape[1:]) for name in self.inputs}
        self.feed: Mapping[str, Any] = {"kind": "arrays", "columns": [*self.inputs], "shapes": shapes}
        plain = (name for name in names if self._arrays[name].ndim == 1 and name in options.wanted)
        self._shown = dict.fromkeys([*self.inputs, self.label, *plain])

    def batches(self) -> Iterator[Batch]:
        """Yield all rows."""
        width = sum(array.nbytes // max(len(array), 1) for array in self._arrays.values())
        step = max(1, min(BATCH, _ROW_BYTES // max(width, 1)))
        for start in range(0, self._count, step):
            part = slice(start, start + step)
            columns = {name: _column(self._arrays[name][part]) for name in self._shown}
            yield Batch(self._ids(part), columns)

    def _ids(self, part: slice) -> Any:
        if self._key is not None:
            return texts(_column(self._arrays[self._key][part]))
        hasher = row_hasher([*self.inputs])
        rows = [np.ascontiguousarray(_little(self._arrays[name][part])) for name in self.inputs]
        for array in rows:
            hasher.update(encode([array.dtype.str, [*array.shape[1:]]]))
        found = []
        for at in range(len(rows[0])):
            each = hasher.copy()
            for array in rows:
                each.update(array[at].tobytes())
            found.append(each.hexdigest(ID_BYTES))
        return arrow().array(found, arrow().string())


def _opened(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.is_dir():
            files = sorted(path.glob("*.npy"))
            found = {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in files}
        else:
            with np.load(path, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {' '.join(str(error).split())[:200]}") from None
    for name, array in found.items():
        if array.ndim < 1 or array.dtype.kind not in _KINDS:
            raise InvalidInput(f"{name} in {path.name} has no rows of numbers, truth or texts")
    return found


def _little(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _column(rows: NDArray[Any]) -> Any:
    """Return rows as an Arrow array; those of more numbers lie flat in lists of a fixed length."""
    pa = arrow()
    rows = np.ascontiguousarray(rows.astype(rows.dtype.newbyteorder("="), copy=False))
    if rows.ndim == 1:
        return pa.array(rows.tolist(), pa.string()) if rows.dtype.kind == "U" else pa.array(rows)
    width = int(np.prod(rows.shape[1:]))
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), width)
