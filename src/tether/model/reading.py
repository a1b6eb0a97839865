"""Finding out of which format a model file is, and reading its facts.

The first bytes decide; names are asked only where the bytes of a format have no mark.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from tether.errors import InvalidInput, TetherError, Unsupported
from tether.model.facts import ModelFacts, Tensor
from tether.model.formats import gguf, keras, npy, onnx, pickled, pytorch, safetensors, skops
from tether.model.formats.hdf5 import reading as hdf5
from tether.model.formats.hdf5.raw import MAGIC as HDF5_MAGIC
from tether.model.formats.packed import compression_of
from tether.model.formats.zips import Archive
from tether.model.source import CachedSource, Source

Reader: TypeAlias = Callable[[Source, str], ModelFacts]

_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt")


def read_facts(source: Source, name: str = "") -> ModelFacts:
    """Return what a model file holds; a few kB of it are read, and nothing of it is run.

    Args:
        source: The file.
        name: Its name, asked where the bytes do not tell the format.

    Raises:
        InvalidInput: The file is damaged.
        Unsupported: It is no model file of a format that is read.
    """
    source = CachedSource(source)
    reader = reader_of(source, name.lower())
    if reader is None:
        raise Unsupported(
            f"not a model file of a known format: {name or 'the file'}",
            hint="safetensors, ONNX, GGUF, PyTorch, pickle, joblib, skops, Keras, HDF5, npy and npz are read",
        )
    facts = reader(source, name.lower())
    return replace(facts, tensors=_distinct(facts.tensors))


def reader_of(source: Source, name: str) -> Reader | None:
    """Return the reader of a file, or None where it is no model file."""
    head = source.read(0, 16)
    if head.startswith(gguf.MAGIC):
        return gguf.read
    if head.startswith(npy.MAGIC):
        return npy.read
    if head.startswith(HDF5_MAGIC):
        return hdf5.read
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_archive(source, name)
    if _is_safetensors(head, name):
        return safetensors.read
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return pytorch.read_legacy if pytorch.is_legacy(source) else pickled.read
    if name.endswith(".onnx") or head[:1] == b"\x08":
        return onnx.read if name.endswith(".onnx") or _is_onnx(source) else None
    return pickled.read if _is_old_pickle(head, name) else None


def _is_safetensors(head: bytes, name: str) -> bool:
    if name.endswith(".safetensors"):
        return True
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= safetensors.LARGEST_HEADER


def _is_onnx(source: Source) -> bool:
    try:
        onnx.read(source, "")
    except TetherError:
        return False
    return True


def _is_old_pickle(head: bytes, name: str) -> bool:
    """Return whether a pickle without a mark, or a compressed one, is what the name says."""
    if name.endswith((".joblib", ".pkl", ".pickle")):
        return True
    return name.endswith(_PICKLES) and bool(head) and compression_of(head) is None


def _in_archive(source: Source, name: str) -> Reader | None:
    names = Archive(source).names
    if any(each == "data.pkl" or each.endswith("/data.pkl") for each in names):
        return pytorch.read
    if skops.SCHEMA in names:
        return skops.read
    if keras.CONFIG in names and keras.METADATA in names:
        return keras.read
    if name.endswith(".npz") or (names and all(each.endswith(".npy") for each in names)):
        return npy.read_archive
    return None


def _distinct(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the tensors with names that differ: a second `w` is called `w#2`."""
    seen: dict[str, int] = {}
    found: list[Tensor] = []
    for each in tensors:
        name = each.name.encode("utf-8", "replace").decode()  # no halves of surrogate pairs
        tensor = each if name == each.name else replace(each, name=name)
        count = seen[tensor.name] = seen.get(tensor.name, 0) + 1
        found.append(tensor if count == 1 else replace(tensor, name=f"{tensor.name}#{count}"))
    if len({tensor.name for tensor in found}) != len(found):
        raise InvalidInput("the names of the tensors in this file cannot be told apart")
    return tuple(found)
