"""HDF5 files as h5py writes them: flat ones, and the layouts of Keras built by hand."""

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

OLDEST, LATEST = "earliest", "latest"


def written(fill: Callable[[h5py.File], object], libver: str = OLDEST, **options: Any) -> bytes:
    """Return the file that `fill` fills."""
    out = io.BytesIO()
    with h5py.File(out, "w", libver=libver, **options) as file:
        fill(file)
    return out.getvalue()


def flat(arrays: Arrays, libver: str = OLDEST) -> bytes:
    """Return a file with arrays; a slash in a name makes a group."""

    def fill(file: h5py.File) -> None:
        for name, array in arrays.items():
            file[name] = array

    return written(fill, libver)


def layers(count: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return weights with the names of `.weights.h5` of Keras 3, with as many layers and an optimizer."""
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray[Any]] = {}
    for at in range(count):
        layer = "layers/dense" + (f"_{at}" if at else "")
        found[f"{layer}/vars/0"] = rng.normal(size=(3, 2)).astype("<f4")
        found[f"{layer}/vars/1"] = rng.normal(size=2).astype("<f4")
    found["optimizer/vars/0"] = np.array(12, "<i8")
    found["optimizer/vars/1"] = np.array(0.001, "<f4")
    return found


def keras_weights(arrays: Arrays, libver: str = OLDEST) -> bytes:
    """Return a `.weights.h5` of Keras 3, which makes an empty group `vars` for what has no weights too."""

    def fill(file: h5py.File) -> None:
        file.create_group("layers/dropout/vars")
        for name, array in arrays.items():
            file[name] = array

    return written(fill, libver)


def keras_model(arrays: Arrays, config: object, libver: str = OLDEST) -> bytes:
    """Return a whole model as Keras wrote `.h5` files before version 3.

    Source: keras/src/legacy/saving/legacy_h5_format.py of the Keras project.
    """

    def fill(file: h5py.File) -> None:
        file.attrs["keras_version"] = b"2.15.0"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps({"loss": "mse"})
        weights = file.create_group("model_weights")
        names = sorted({name.partition("/")[0] for name in arrays})
        weights.attrs["layer_names"] = [name.encode() for name in names]
        weights.attrs["keras_version"] = b"2.15.0"
        for layer in names:
            group = weights.create_group(layer)
            inside = {name: array for name, array in arrays.items() if name.partition("/")[0] == layer}
            group.attrs["weight_names"] = [name.encode() for name in inside]
            for name, array in inside.items():
                dataset = group.create_dataset(name, array.shape, dtype=array.dtype)
                dataset[...] = array

    return written(fill, libver)
