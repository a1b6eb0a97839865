"""The data: scikit-learn's handwritten digits and scikit-image's photographs, as files."""

import csv
import io
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage
from PIL import Image
from sklearn.datasets import load_digits

SCALE = 8  # a pixel of the 8 x 8 original becomes a square that one can see
WRONG = 25
DARK = 400
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png",
    "motorcycle_right.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip


class Row(NamedTuple):
    """One line of labels.csv."""

    file: str
    label: int
    split: str


def write_digits(folder: Path) -> list[Row]:
    """Write each digit as a PNG file below its class; return the true labels, every fourth for tests."""
    rows = []
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        name = f"digits/{label}/{number:04d}.png"
        save_digit(folder / name, image / 16)
        rows.append(Row(name, int(label), "test" if number % 4 == 0 else "train"))
    return rows


def write_photographs(folder: Path) -> int:
    """Copy the photographs that this version of scikit-image carries; return how many."""
    source = Path(skimage.__file__).parent / "data"
    found = [source / name for name in PHOTOGRAPHS if (source / name).is_file()]
    folder.mkdir(parents=True)
    for path in found:
        shutil.copyfile(path, folder / path.name)
    return len(found)


def mislabel(rows: list[Row]) -> list[Row]:
    """Return the rows with `WRONG` labels of training digits replaced by others."""
    chance = random.Random(1)
    picked = set(chance.sample([at for at, row in enumerate(rows) if row.split == "train"], WRONG))
    return [
        row._replace(label=(row.label + chance.randrange(1, 10)) % 10) if at in picked else row
        for at, row in enumerate(rows)
    ]


def audit(rows: list[Row]) -> list[Row]:
    """Return the rows whose label is not that of the folder where the image lies."""
    return [row for row in rows if row.label != folder_of(row)]


def folder_of(row: Row) -> int:
    """Return the class of the folder of an image."""
    return int(row.file.split("/")[1])


def write_labels(path: Path, rows: list[Row]) -> None:
    """Write labels.csv."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)


def read_labels(text: str) -> list[Row]:
    """Parse labels.csv."""
    return [Row(row["file"], int(row["label"]), row["split"]) for row in csv.DictReader(io.StringIO(text))]


def save_digit(path: Path, pixels: np.ndarray) -> None:
    """Write 8 x 8 values from 0 to 1 as a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
    Image.fromarray(np.kron(grey, np.ones((SCALE, SCALE), np.uint8))).save(path)


def load_images(folder: Path, rows: list[Row]) -> np.ndarray:
    """Read the images of the rows from their files, a line of 64 values from 0 to 1 for each."""
    half = SCALE // 2
    pictures = [np.asarray(Image.open(folder / row.file))[half::SCALE, half::SCALE] for row in rows]
    return np.stack(pictures).reshape(len(rows), -1).astype(np.float32) / 255


def darken(pixels: np.ndarray, seed: int) -> np.ndarray:
    """Return images as a camera sees them with little light: an eighth as bright, and noisy."""
    noise = np.random.default_rng(seed).normal(0, 0.04, pixels.shape)
    return np.clip(pixels * 0.12 + np.abs(noise), 0, 1).astype(np.float32)


def add_low_light(folder: Path, rows: list[Row]) -> list[Row]:
    """Write low-light versions of `DARK` training digits; return their rows."""
    picked = random.Random(2).sample([row for row in rows if row.split == "train"], DARK)
    dark = darken(load_images(folder, picked), seed=3)
    added = [Row(row.file.replace("digits/", "low-light/", 1), folder_of(row), "train") for row in picked]
    for row, pixels in zip(added, dark, strict=True):
        save_digit(folder / row.file, pixels.reshape(8, 8))
    return sorted(added)


def darken_photograph(path: Path) -> None:
    """Write a photograph again, a third as bright."""
    with Image.open(path) as image:
        dark = image.point([value // 3 for value in range(256)] * len(image.getbands()))
    dark.save(path)
