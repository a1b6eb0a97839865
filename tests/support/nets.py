"""Small networks as ONNX files that real runtimes load, built byte by byte."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.support.modelfiles import block, number, onnx_model, onnx_tensor, onnx_value

KINDS = {"float32": 1, "int64": 7}


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> bytes:
    """Return one operation of a graph; a name with a dot before it has a domain."""
    domain, _, name = kind.rpartition(".")
    parts = [block(1, each) for each in inputs] + [block(2, each) for each in outputs] + [block(4, name)]
    parts += [block(5, _attribute(key, value)) for key, value in attributes.items()]
    return block(1, b"".join([*parts, block(7, domain)] if domain else parts))


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, int):
        return block(1, name) + number(3, value) + number(20, 2)
    if isinstance(value, str):
        return block(1, name) + block(4, value) + number(20, 3)
    return block(1, name) + b"".join(number(8, each) for each in value) + number(20, 7)


def weight(name: str, array: NDArray[Any]) -> bytes:
    """Return a tensor that is part of the model."""
    data = block(9, array.tobytes())
    return block(5, onnx_tensor(name, KINDS[array.dtype.name], array.shape, data))


def model(
    nodes: Sequence[bytes],
    weights: Mapping[str, NDArray[Any]],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
) -> bytes:
    """Return a model; what goes in and out is float32."""
    graph = [*nodes, block(2, "net"), *(weight(name, array) for name, array in weights.items())]
    graph += [block(11, onnx_value(name, 1, shape)) for name, shape in inputs.items()]
    graph += [block(12, onnx_value(name, 1, shape)) for name, shape in outputs.items()]
    return onnx_model(graph)


def mlp(sizes: Sequence[int], seed: int = 1) -> bytes:
    """Return layers of products and sums, with rectifiers between, for any number of inputs."""
    random = np.random.default_rng(seed)
    nodes, weights, last = list[bytes](), dict[str, NDArray[Any]](), "x"
    for at, (rows, columns) in enumerate(pairwise(sizes)):
        weights[f"w{at}"] = random.standard_normal((rows, columns)).astype(np.float32) / np.sqrt(
            rows, dtype="f4"
        )
        weights[f"b{at}"] = np.zeros(columns, np.float32)
        is_last = at == len(sizes) - 2
        nodes.append(node("Gemm", [last, f"w{at}", f"b{at}"], ["y" if is_last else f"g{at}"]))
        if not is_last:
            nodes.append(node("Relu", [f"g{at}"], [last := f"r{at}"]))
    return model(nodes, weights, {"x": ["n", sizes[0]]}, {"y": ["n", sizes[-1]]})


def convolutions(size: int, channels: Sequence[int], classes: int = 10, seed: int = 1) -> bytes:
    """Return convolutions of 3x3 that halve each side, a mean over what is left, and a product at the end."""
    random = np.random.default_rng(seed)
    nodes, weights, last = list[bytes](), dict[str, NDArray[Any]](), "x"
    for at, (old, new) in enumerate(pairwise(channels)):
        scale = np.float32(1 / np.sqrt(9 * old))
        weights[f"w{at}"] = random.standard_normal((new, old, 3, 3)).astype(np.float32) * scale
        nodes.append(
            node("Conv", [last, f"w{at}"], [f"c{at}"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        )
        nodes.append(node("Relu", [f"c{at}"], [last := f"r{at}"]))
    weights["head"] = random.standard_normal((channels[-1], classes)).astype(np.float32)
    nodes += [
        node("GlobalAveragePool", [last], ["mean"]),
        node("Flatten", ["mean"], ["flat"], axis=1),
        node("MatMul", ["flat", "head"], ["y"]),
    ]
    return model(nodes, weights, {"x": ["n", channels[0], size, size]}, {"y": ["n", classes]})
