"""The classifier: two hidden layers that see shapes, and a head that names the digit."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

Tensors = dict[str, np.ndarray]
FILE = "model/digits.safetensors"
LAYERS = ("features.0", "features.1", "head")


def train(images: np.ndarray, labels: np.ndarray) -> Tensors:
    """Train the whole network."""
    network = MLPClassifier((384, 384), max_iter=12, random_state=0)
    with _short_training():
        network.fit(images, labels)
    tensors: Tensors = {}
    for name, weight, bias in zip(LAYERS, network.coefs_, network.intercepts_, strict=True):
        tensors[f"{name}.weight"] = np.ascontiguousarray(weight, np.float32)
        tensors[f"{name}.bias"] = np.ascontiguousarray(bias, np.float32)
    return tensors


def retrain_head(tensors: Tensors, images: np.ndarray, labels: np.ndarray) -> Tensors:
    """Fit the last layer to other data and keep the rest, as in fine-tuning."""
    head = LogisticRegression(max_iter=40)
    with _short_training():
        head.fit(_features(tensors, images), labels)
    return tensors | {
        "head.weight": np.ascontiguousarray(head.coef_.T, np.float32),
        "head.bias": np.ascontiguousarray(head.intercept_, np.float32),
    }


def accuracy(tensors: Tensors, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images that are named rightly."""
    read = scores(tensors, images).argmax(axis=1)
    return float((read == labels).mean())


def save(tensors: Tensors, path: Path) -> None:
    """Write the weights as safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def parse(data: bytes) -> Tensors:
    """Return the weights in the bytes of a safetensors file."""
    return dict(load(data))


def scores(tensors: Tensors, images: np.ndarray) -> np.ndarray:
    """Return a line of ten values for each image; the largest one names the digit."""
    return _features(tensors, images) @ tensors["head.weight"] + tensors["head.bias"]


def changed(old: Tensors, new: Tensors) -> list[str]:
    """Return the names of the tensors that differ."""
    return [name for name in new if not np.array_equal(old[name], new[name])]


@contextmanager
def _short_training() -> Iterator[None]:
    """Accept that a training ends before it converges: a short one is enough here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _features(tensors: Tensors, images: np.ndarray) -> np.ndarray:
    for name in LAYERS[:-1]:
        images = np.maximum(images @ tensors[f"{name}.weight"] + tensors[f"{name}.bias"], 0)
    return images
