"""Model files built byte by byte, from the descriptions of their formats and with no code of ours."""

import io
import json
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# -- protocol buffers and ONNX ----------------------------------------------------------------


def varint(value: int) -> bytes:
    """Return a number of a variable length."""
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def number(field: int, value: int) -> bytes:
    """Return a field with a number."""
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes | str) -> bytes:
    """Return a field with bytes, a text or a message."""
    raw = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def onnx_tensor(name: str, kind: int, shape: Sequence[int], *values: bytes) -> bytes:
    """Return a tensor; `values` are its fields of values."""
    return b"".join([*(number(1, size) for size in shape), number(2, kind), *values, block(8, name)])


def onnx_value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    """Return the description of an input or an output."""
    sizes = [block(1, number(1, s) if isinstance(s, int) else block(2, s)) for s in shape]
    return block(1, name) + block(2, block(1, number(1, kind) + block(2, b"".join(sizes))))


def onnx_model(graph: Iterable[bytes]) -> bytes:
    """Return a model with the fields of its graph."""
    opset = block(8, number(2, 17))
    return (
        number(1, 8)
        + block(2, "maker")
        + opset
        + block(7, b"".join(graph))
        + block(14, block(1, "author") + block(2, "Ada"))
    )


# -- GGUF -------------------------------------------------------------------------------------


def gguf(
    tensors: Mapping[str, tuple[int, Sequence[int], bytes]],
    pairs: bytes = b"",
    count: int = 0,
    *,
    order: str = "<",
    version: int = 3,
) -> bytes:
    """Return a GGUF file; a tensor is its type, its shape row by row, and its bytes."""
    table, data = b"", b""
    for name, (kind, shape, raw) in tensors.items():
        data += bytes(-len(data) % 32)
        sizes = struct.pack(f"{order}{len(shape)}Q", *reversed(shape))
        table += text(name, order) + struct.pack(f"{order}I", len(shape)) + sizes
        table += struct.pack(f"{order}IQ", kind, len(data))
        data += raw
    head = b"GGUF" + struct.pack(f"{order}IQQ", version, len(tensors), count) + pairs + table
    return head + bytes(-len(head) % 32) + data


def text(value: str, order: str = "<") -> bytes:
    """Return a text of GGUF."""
    return struct.pack(f"{order}Q", len(value.encode())) + value.encode()


# -- pickles and PyTorch ----------------------------------------------------------------------


def string(value: str) -> bytes:
    """Return the operation that pushes a text."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    """Return the operation that pushes a number."""
    return b"\x8a\x08" + struct.pack("<q", value)


def row(values: Iterable[int]) -> bytes:
    """Return the operations that push a tuple of numbers."""
    return b"(" + b"".join(map(integer, values)) + b"t"


def torch_tensor(
    key: str,
    kind: str,
    shape: Sequence[int],
    strides: Sequence[int],
    offset: int = 0,
    *,
    legacy: bool = False,
) -> bytes:
    """Return the operations that push a tensor, as PyTorch writes them."""
    storage = b"(" + string("storage") + f"ctorch\n{kind}\n".encode() + string(key) + string("cpu")
    storage += integer(0) + (b"N" if legacy else b"") + b"tQ"
    arguments = storage + integer(offset) + row(shape) + row(strides) + b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def torch_pickle(items: Mapping[str, bytes]) -> bytes:
    """Return the pickle of a dictionary whose values are given as operations."""
    pairs = b"".join(string(name) + value for name, value in items.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + pairs + b"u."


def torch_zip(
    pickle: bytes,
    storages: Mapping[str, bytes],
    more: Mapping[str, bytes] | None = None,
    *,
    compressed: bool = False,
) -> bytes:
    """Return a checkpoint as PyTorch writes it today, or with its members deflated as PyTorch reads them."""
    files = {"data.pkl": pickle, "byteorder": b"little", "version": b"3\n", **(more or {})}
    files |= {f"data/{key}": data for key, data in storages.items()}
    return archive({f"archive/{name}": data for name, data in files.items()}, compressed=compressed)


def torch_shared(size: int, count: int = 10) -> bytes:
    """Return a checkpoint whose tensors are the last two of `size` numbers in one deflated storage each."""
    last = torch_tensor("0", "FloatStorage", (2,), (1,), size - 2)
    storages = {"0": bytes(4 * size)}
    return torch_zip(torch_pickle({f"w{at}": last for at in range(count)}), storages, compressed=True)


def torch_legacy(pickle: bytes, storages: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Return a checkpoint as PyTorch wrote it before; a storage is its count of numbers and its bytes."""
    magic = b"\x80\x02\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    system = b"\x80\x02}(" + string("little_endian") + b"\x88u."
    keys = b"\x80\x02](" + b"".join(map(string, storages)) + b"e."
    data = b"".join(struct.pack("<Q", count) + raw for count, raw in storages.values())
    return magic + b"\x80\x02M\xe9\x03." + system + pickle + keys + data


# -- archives ---------------------------------------------------------------------------------


def archive(files: Mapping[str, bytes], *, compressed: bool = False) -> bytes:
    """Return a zip archive."""
    out = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", method) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return out.getvalue()


def npy(array: NDArray[np.generic]) -> bytes:
    """Return an array as NumPy saves it."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def skops(schema: Mapping[str, object], files: Mapping[str, bytes]) -> bytes:
    """Return a file of skops."""
    return archive({"schema.json": json.dumps(schema).encode(), **files}, compressed=True)


def keras(config: Mapping[str, object], weights: bytes | None = None) -> bytes:
    """Return a file of Keras 3, with its weights in HDF5."""
    from tests.support import hdf5files

    metadata = {"keras_version": "3.8.0", "date_saved": "2026-01-31@12:00:00"}
    files = {"metadata.json": metadata, "config.json": config}
    written = {name: json.dumps(value).encode() for name, value in files.items()}
    return archive({**written, "model.weights.h5": hdf5files.flat({}) if weights is None else weights})


# -- the same weights in every format ---------------------------------------------------------

WEIGHTS = {
    "layer.0.weight": np.arange(12, dtype="<f4").reshape(3, 4) / 7,
    "layer.0.bias": np.array([0.5, -0.25, 1.0], "<f4"),
    "ids": np.array([[1, -2], [3, 1 << 40]], "<i8"),
}
"""Small weights of two types."""


def everywhere() -> dict[str, bytes]:
    """Return files of `WEIGHTS`, by names that tell the format."""
    from safetensors.numpy import save
    from tests.support import hdf5files

    onnx_kinds, gguf_kinds = {"<f4": 1, "<i8": 7}, {"<f4": 0, "<i8": 27}
    torch_kinds = {"<f4": "FloatStorage", "<i8": "LongStorage"}
    graph = [
        block(5, onnx_tensor(name, onnx_kinds[array.dtype.str], array.shape, block(9, array.tobytes())))
        for name, array in WEIGHTS.items()
    ]
    steps = {name: [step // array.itemsize for step in array.strides] for name, array in WEIGHTS.items()}

    def torch(*, legacy: bool) -> bytes:
        return torch_pickle(
            {
                name: torch_tensor(
                    str(at), torch_kinds[array.dtype.str], array.shape, steps[name], legacy=legacy
                )
                for at, (name, array) in enumerate(WEIGHTS.items())
            }
        )

    storages = {str(at): array.tobytes() for at, array in enumerate(WEIGHTS.values())}
    counted = {str(at): (array.size, array.tobytes()) for at, array in enumerate(WEIGHTS.values())}
    arrays = {f"{name}.npy": npy(array) for name, array in WEIGHTS.items()}
    turned = {f"{name}.npy": npy(np.asfortranarray(array.astype(array.dtype.newbyteorder(">"))))
              for name, array in WEIGHTS.items()}  # fmt: skip
    infos = {
        name: (gguf_kinds[array.dtype.str], array.shape, array.tobytes()) for name, array in WEIGHTS.items()
    }
    swapped = {
        name: (kind, shape, WEIGHTS[name].byteswap().tobytes()) for name, (kind, shape, _) in infos.items()
    }
    return {
        "w.safetensors": save(WEIGHTS, metadata={"format": "np"}),
        "w.onnx": onnx_model(graph),
        "w.gguf": gguf(infos),
        "big.gguf": gguf(swapped, order=">"),
        "w.pt": torch_zip(torch(legacy=False), storages),
        "legacy.pt": torch_legacy(torch(legacy=True), counted),
        "w.npz": archive(arrays),
        "compressed.npz": archive(arrays, compressed=True),
        "turned.npz": archive(turned, compressed=True),
        "w.h5": hdf5files.flat(WEIGHTS),
        "latest.h5": hdf5files.flat(WEIGHTS, hdf5files.LATEST),
        "w.keras": keras({"class_name": "Sequential", "config": {}}, hdf5files.flat(WEIGHTS)),
    }
