"""The protocol of commands that answer queries: a line of JSON, then the bytes of the arrays that it names.

See docs/format/bench.md. A command in Python needs no more than `serve`.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
TYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
)
MOST_LINE = 16 << 20
MOST_BYTES = 4 << 30
_MOST_DIMENSIONS = 16


class WireError(ValueError):
    """The other side does not keep to the protocol."""


def write_message(stream: IO[bytes], header: Mapping[str, Any], arrays: Arrays) -> None:
    """Write one message and flush it.

    Args:
        stream: Where to.
        header: What else the line says; values that JSON has.
        arrays: By name; texts stand in the line itself.

    Raises:
        WireError: An array is of a type that cannot be sent.
    """
    rows, blocks = [], []
    for name, array in arrays.items():
        if array.dtype.kind in "UO":
            rows.append({"name": name, "values": [str(each) for each in array.tolist()]})
            continue
        if array.dtype.name not in TYPES:
            raise WireError(f"{name} is of the type {array.dtype.name}, which cannot be sent")
        rows.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
        blocks.append(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")))
    line = json.dumps({**header, "arrays": rows}, separators=(",", ":"))
    stream.write(line.encode() + b"\n")
    for block in blocks:
        if block.size:
            stream.write(block.reshape(-1).view(np.uint8).data)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """Read one message; None where the other side is gone.

    Raises:
        WireError: It is no message.
    """
    line = stream.readline(MOST_LINE)
    if not line:
        return None
    try:
        header = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise WireError(f"not a line of JSON: {line[:80]!r}")
    rows = header.pop("arrays", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WireError("'arrays' is no list of objects")
    return header, {str(row.get("name", "")): _array(stream, row) for row in rows}


def _array(stream: IO[bytes], row: Mapping[str, Any]) -> NDArray[Any]:
    values = row.get("values")
    if isinstance(values, list):
        return np.array([str(each) for each in values])
    kind, shape = row.get("dtype"), row.get("shape")
    if kind not in TYPES:
        raise WireError(f"{kind!r} is no type of numbers")
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
        raise WireError("a shape is no list of numbers")
    if not all(type(size) is int and 0 <= size <= MOST_BYTES for size in shape):
        raise WireError("a shape is no list of numbers")
    dtype = np.dtype(kind).newbyteorder("<")
    length = math.prod(shape) * dtype.itemsize
    if length > MOST_BYTES:
        raise WireError(f"an array of {length:,} bytes is larger than any that is taken")
    data = stream.read(length)
    if len(data) != length:
        raise WireError("the bytes of an array are cut")
    return np.frombuffer(data, dtype).reshape(shape)


def serve(
    answer: Callable[[Sequence[str], dict[str, NDArray[Any]]], Arrays], name: str = "", version: str = ""
) -> None:
    """Answer queries on stdin and stdout until there are no more; call it when the model is loaded.

    What else is printed goes to stderr meanwhile.

    Args:
        answer: Takes the ids and the arrays of a query, and returns arrays by name.
        name: Of the runtime, for the record.
        version: Of the runtime.
    """
    source, sink, shown = sys.stdin.buffer, sys.stdout.buffer, sys.stdout
    sys.stdout = sys.stderr
    try:
        write_message(sink, {"ready": True, "name": name, "version": version}, {})
        while (message := read_message(source)) is not None:
            header, arrays = message
            write_message(sink, {}, answer(header.get("ids", []), arrays))
    finally:
        sys.stdout = shown
