"""Digits of scikit-learn as evaluation sets, and real models of them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.support.modelfiles import block, onnx_model, onnx_tensor, onnx_value

FLOAT = 1


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return 1797 pictures of 8 x 8 grey values from 0 to 16, and which digit each is."""
    from sklearn.datasets import load_digits  # takes long, and most processes of tests need none

    data = load_digits()
    return data.data.astype(np.float32), data.target.astype(np.int64)


def npz(**arrays: NDArray[Any]) -> bytes:
    """Return an archive of arrays."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def nearest_mean(
    x: NDArray[np.float32], y: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights of shape (64, 10) and biases for which the greatest score is the nearest mean."""
    means = np.stack([x[y == digit].mean(axis=0) for digit in range(10)])
    return means.T.astype(np.float32), (-(means**2).sum(axis=1) / 2).astype(np.float32)


def onnx_linear(
    weights: NDArray[np.float32], bias: NDArray[np.float32], shape: tuple[int | str, ...]
) -> bytes:
    """Return an ONNX model with probabilities from linear scores of flattened inputs.

    Args:
        weights: Of shape (features, classes).
        bias: Of shape (classes,).
        shape: Of the input, with the batch first.
    """

    def node(kind: str, inputs: list[str], output: str) -> bytes:
        return block(1, b"".join(block(1, each) for each in inputs) + block(2, output) + block(4, kind))

    def tensor(name: str, array: NDArray[np.float32]) -> bytes:
        return block(5, onnx_tensor(name, FLOAT, array.shape, block(9, array.tobytes())))

    graph = [
        node("Flatten", ["x"], "flat"),
        node("Gemm", ["flat", "w", "b"], "scores"),
        node("Softmax", ["scores"], "p"),
        block(2, "linear"),
        tensor("w", weights),
        tensor("b", bias),
        block(11, onnx_value("x", FLOAT, shape)),
        block(12, onnx_value("p", FLOAT, [shape[0], len(bias)])),
    ]
    return onnx_model(graph)


def write_pictures(folder: Path, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
    """Write digits as PNG files in a folder for each."""
    from PIL import Image

    for at, (row, digit) in enumerate(zip(x, y, strict=True)):
        place = folder / f"d{digit}" / f"{at:04}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((row.reshape(8, 8) * 15).astype(np.uint8)).save(place)
