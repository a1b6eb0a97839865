"""Workload B: one file of model weights whose last layer is then trained further, in place."""

import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.deltas import ChangeWriter
from benchmarks.workloads import SEED
from benchmarks.workloads.require import require

TOTAL = 1 << 32
WIDTH, INNER, VOCABULARY = 2048, 5632, 32_000
FILE = "model.safetensors"
PIECE = 1 << 24


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's place in the file; `number` seeds its values."""

    name: str
    number: int
    dtype: str
    shape: tuple[int, ...]
    offset: int = 0

    @property
    def elements(self) -> int:
        """Return how many values it has."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Return its length in bytes."""
        return self.elements * (2 if self.dtype == "BF16" else 4)


def generate(folder: Path, scale: float, jobs: int) -> dict[str, Any]:
    """Write a safetensors file of bf16 layers with a float32 head, and the last layer's new values."""
    require("numpy", "numpy")
    tensors, header = lay_out(scale)
    path = folder / "v1" / FILE
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(header)
        file.truncate(tensors[-1].offset + tensors[-1].size)
    layer = max(int(tensor.name.split(".")[2]) for tensor in tensors if ".layers." in tensor.name)
    tuned = [tensor for tensor in tensors if f".layers.{layer}." in tensor.name]
    change = ChangeWriter(folder / "v2")
    patch = change.patch(FILE, [(tensor.offset, tensor.size) for tensor in tuned])
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(write_tensor, [(path, tensor) for tensor in tensors]))
    with patch.open("wb") as file:
        for tensor in tuned:
            for piece in values(tensor, moved=True):
                file.write(piece)
    change.close()
    size = path.stat().st_size
    share = sum(tensor.size for tensor in tuned) / size
    return {
        "title": f"one safetensors file of {size / 1e6:,.0f} MB; v2 changes {share:.1%} in place",
        "versions": ["v1", "v2"],
        "sample": FILE,
        "touched": [],
    }


def lay_out(scale: float) -> tuple[list[Tensor], bytes]:
    """Return the tensors with their offsets in the file, and the file's header.

    Smaller scales make the layers thinner, not fewer, so that a layer stays the same share of the file.
    """
    factor = math.sqrt(scale)
    width, inner = (max(64, round(size * factor / 64) * 64) for size in (WIDTH, INNER))
    vocabulary = max(256, round(VOCABULARY * factor))
    kinds: list[tuple[str, str, tuple[int, ...]]] = (
        [(f"self_attn.{part}_proj", "BF16", (width, width)) for part in "qo"]
        + [(f"self_attn.{part}_proj", "BF16", (width // 4, width)) for part in "kv"]
        + [(f"mlp.{part}_proj", "BF16", (inner, width)) for part in ("gate", "up")]
        + [("mlp.down_proj", "BF16", (width, inner))]
        + [(f"{place}_layernorm", "F32", (width,)) for place in ("input", "post_attention")]
    )
    layer_size = sum(Tensor("", 0, dtype, shape).size for _, dtype, shape in kinds)
    rest = round(TOTAL * scale) - vocabulary * width * 6
    layers = max(2, rest // layer_size)
    rows: list[tuple[str, str, tuple[int, ...]]] = [
        ("model.embed_tokens.weight", "BF16", (vocabulary, width))
    ]
    for layer in range(layers):
        rows += [(f"model.layers.{layer}.{name}.weight", dtype, shape) for name, dtype, shape in kinds]
    rows += [
        ("model.norm.weight", "F32", (width,)),
        ("lm_head.weight", "F32", (vocabulary, width)),
    ]
    spare = (rest - layers * layer_size) // 2
    if spare > 0:
        rows.append(("extra.weight", "BF16", (spare,)))
    return place(rows)


def place(rows: Sequence[tuple[str, str, tuple[int, ...]]]) -> tuple[list[Tensor], bytes]:
    """Lay the tensors out one after another behind a header padded to 8 bytes."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    relative: list[Tensor] = []
    end = 0
    for number, (name, dtype, shape) in enumerate(rows):
        tensor = Tensor(name, number, dtype, shape, end)
        relative.append(tensor)
        end += tensor.size
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [tensor.offset, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    moved = [Tensor(t.name, t.number, t.dtype, t.shape, t.offset + len(header)) for t in relative]
    return moved, header


def write_tensor(task: tuple[Path, Tensor]) -> None:
    """Write a tensor's values at its place in the file."""
    path, tensor = task
    with path.open("r+b") as file:
        file.seek(tensor.offset)
        for piece in values(tensor, moved=False):
            file.write(piece)


def values(tensor: Tensor, *, moved: bool) -> Any:
    """Yield the tensor's bytes piece by piece; `moved` adds what a little more training would."""
    numpy = require("numpy", "numpy")
    random = numpy.random.default_rng([SEED, 3, tensor.number])
    step = numpy.random.default_rng([SEED, 4, tensor.number])
    norm = "norm" in tensor.name
    for start in range(0, tensor.elements, PIECE):
        count = min(PIECE, tensor.elements - start)
        piece = random.standard_normal(count, dtype=numpy.float32)
        piece *= numpy.float32(0.05 if norm else 0.02)
        piece += numpy.float32(1 if norm else 0)
        if tensor.dtype == "BF16":
            piece = from_bf16(to_bf16(piece))
        if moved:
            piece += numpy.float32(1e-3) * step.standard_normal(count, dtype=numpy.float32)
        yield memoryview(to_bf16(piece) if tensor.dtype == "BF16" else piece).cast("B")


def to_bf16(array: Any) -> Any:
    """Round float32 values to the nearest bf16, ties to even, as 16-bit words."""
    numpy = require("numpy", "numpy")
    bits = array.view(numpy.uint32)
    rounded = bits + (((bits >> 16) & 1) + 0x7FFF)
    return (rounded >> 16).astype(numpy.uint16)


def from_bf16(words: Any) -> Any:
    """Return the float32 values that bf16 words stand for."""
    numpy = require("numpy", "numpy")
    return (words.astype(numpy.uint32) << 16).view(numpy.float32)
