"""Arrays of NumPy, read in blocks. Pickled objects are never loaded: an array of them has no numbers here."""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput
from tether.model.dtypes import LAYOUTS
from tether.model.facts import Tensor
from tether.model.reading import read_facts
from tether.model.source import CachedSource, FileSource, Source
from tether.model.values import as_numbers, blocks
from tether.releases.profiles.columns import MOST_LABELS
from tether.releases.profiles.document import Array as ToldArray
from tether.releases.profiles.spread import Spread, counts_of

ENDINGS = ("npy", "npz")
_INTEGERS = {
    "BOOL": "u1", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8",
}  # fmt: skip
_FLOATS = frozenset(("F16", "BF16", "F32", "F64"))


class Array:
    """What was read of arrays of one name, type and shape of a row."""

    def __init__(self, path: str, tensor: Tensor) -> None:
        self.path, self.dtype = path, tensor.dtype
        self.name = tensor.name.encode("utf-8", "backslashreplace").decode()
        self.shape = tensor.shape[1:]
        self.rows = tensor.shape[0] if tensor.shape else 1
        self.vector = len(tensor.shape) == 1
        self.files = 1
        self.numbers: Spread | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What arrays have in common that are put together."""
        return self.name, self.dtype, self.shape, self.vector

    def merge(self, other: "Array") -> None:
        """Take all that an array with the same key took."""
        self.rows += other.rows
        self.files += other.files
        if self.numbers is not None and other.numbers is not None:
            self.numbers.merge(other.numbers)
        else:
            self.numbers = None

    def told(self, *, named: bool) -> ToldArray:
        """Return what a profile says of it; `named` with its file."""
        numbers, values = self.numbers, None
        tally = numbers.tally() if numbers is not None and self.vector else None
        if tally and len(tally) <= MOST_LABELS and self.rows >= 2 * len(tally):
            values = counts_of(tally, MOST_LABELS)
        told = numbers.told() if numbers is not None and numbers.count else None
        path = self.path if named else None
        return ToldArray(path, self.name, self.dtype, self.rows, self.shape, self.files, told, values)


def read_arrays(path: str, file: BinaryIO) -> list[Array]:
    """Read all arrays of a file.

    Args:
        path: What it is called.
        file: A file that can be sought.

    Raises:
        InvalidInput: It is damaged.
        Unsupported: It is of no form that is read.
    """
    source = CachedSource(FileSource(file))
    found = []
    for tensor in read_facts(source, path.rpartition("/")[2]).tensors:
        array = Array(path, tensor)
        if tensor.place is not None and tensor.dtype in LAYOUTS:
            array.numbers = _spread(source, tensor)
        found.append(array)
    return found


def _spread(source: Source, tensor: Tensor) -> Spread | None:
    if tensor.dtype not in _INTEGERS and tensor.dtype not in _FLOATS:
        return None
    spread = Spread()
    for block in blocks(source, tensor):
        spread.add(_numbers(block, tensor.dtype))
    return spread


def _numbers(block: bytes, dtype: str) -> NDArray[Any]:
    if len(block) % LAYOUTS[dtype].bytes:
        raise InvalidInput("an array that ends within a number")
    if dtype in _INTEGERS:
        return np.frombuffer(block, _INTEGERS[dtype])
    return as_numbers(block, dtype)
