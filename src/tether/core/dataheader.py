"""What the first bytes of array, weight and sound files say, in a few words for people.

Each reader returns words to put after the kind, or "" when the head holds none. They may
raise `ValueError`, `IndexError` or `struct.error` on damaged heads; `tether.core.filetype`
takes care of that. Only numbers and checked short names from a file reach the words.

Source: the safetensors format page, NumPy's `numpy.lib.format`, the WAVE and FLAC formats.
"""

import re
from struct import unpack_from
from typing import Any

import msgspec

_NPY_DTYPE = re.compile(r"'descr': *'([<>|=]?)([a-zA-Z])([0-9]{0,6})'")
_NPY_SHAPE = re.compile(r"'shape': *\(([0-9, ]{0,400})\)")
_NPY_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
_NPY_OTHERS = {"b": "bool", "S": "bytes", "U": "text", "V": "void", "O": "objects"}
_NPY_OTHERS |= {"M": "datetime", "m": "timedelta"}
_TENSOR_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,11}")
_TENSOR_MARK = b'"data_offsets"'
_LARGEST_HEADER = 100_000_000
_LARGEST_COUNT = 1 << 63


def safetensors(head: bytes) -> str:
    """Return the number of tensors and of parameters, and the types of numbers."""
    (length,) = unpack_from("<Q", head)
    if 8 + length > len(head):
        return f"over {_count(head.count(_TENSOR_MARK), 'tensor')}"
    header = msgspec.json.decode(head[8 : 8 + length], type=dict[str, Any])
    header.pop("__metadata__", None)
    parameters = sum(_elements(tensor["shape"]) for tensor in header.values())
    types = sorted({tensor["dtype"] for tensor in header.values()})
    if not all(_TENSOR_TYPE.fullmatch(name) for name in types):
        raise ValueError("not the name of a number type")
    words = f"{_count(len(header), 'tensor')}, {_count(parameters, 'parameter')}"
    return f"{words}, {' '.join(types)}" if types else words


def _elements(shape: list[int]) -> int:
    total = 1
    for size in shape:
        if not isinstance(size, int) or size < 0:
            raise ValueError("not a size")
        total *= size
        if total > _LARGEST_COUNT:
            raise ValueError("no file is that large")
    return total


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def is_safetensors(head: bytes) -> bool:
    """Return whether the head is a length and the start of a JSON object, as in safetensors files."""
    if len(head) < 10 or head[8:9] != b"{":
        return False
    return 2 <= int.from_bytes(head[:8], "little") <= _LARGEST_HEADER


def npy(head: bytes) -> str:
    """Return the type and the shape of a NumPy array."""
    start, form = (10, "<H") if head[6] == 1 else (12, "<L")
    (length,) = unpack_from(form, head, 8)
    header = head[start : start + length].decode("latin-1")
    dtype, shape = _NPY_DTYPE.search(header), _NPY_SHAPE.search(header)
    sizes = [int(size) for size in shape[1].replace(" ", "").split(",") if size] if shape else []
    words = _npy_type(dtype) if dtype else "structured"
    return f"{words}, shape ({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})" if shape else words


def _npy_type(dtype: re.Match[str]) -> str:
    order, kind, size = dtype.groups()
    if kind in _NPY_KINDS and size:
        big = ", big-endian" if order == ">" else ""
        return f"{_NPY_KINDS[kind]}{8 * int(size)}{big}"
    return _NPY_OTHERS.get(kind, "other type")


def wav(head: bytes) -> str:
    """Return sample rate, channels, sample size and duration."""
    words: list[str] = []
    byte_rate, at = 0, 12
    while at + 8 <= len(head):
        (size,) = unpack_from("<L", head, at + 4)
        if head[at : at + 4] == b"fmt ":
            _, channels, rate, byte_rate, _, bits = unpack_from("<HHLLHH", head, at + 8)
            words += [f"{rate} Hz", _count(channels, "channel"), f"{bits} bit"]
        elif head[at : at + 4] == b"data":
            # A stream written to a pipe has no size yet.
            words += [f"{size / byte_rate:.2f} s"] if byte_rate and size < 0xFFFFFFFF else []
            break
        at += 8 + size + size % 2
    return ", ".join(words)


def flac(head: bytes) -> str:
    """Return sample rate, channels, sample size and duration."""
    (packed,) = unpack_from(">Q", head, 18)
    rate, channels = packed >> 44, (packed >> 41 & 7) + 1
    bits, samples = (packed >> 36 & 31) + 1, packed & (1 << 36) - 1
    words = f"{rate} Hz, {_count(channels, 'channel')}, {bits} bit"
    return f"{words}, {samples / rate:.2f} s" if rate and samples else words
