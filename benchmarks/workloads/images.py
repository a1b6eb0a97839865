"""Workload A: many small JPEG files in many folders, and the table of their labels."""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.deltas import ChangeWriter
from benchmarks.workloads import SEED
from benchmarks.workloads.require import require

IMAGES, FOLDERS, ATTRIBUTES = 100_000, 1_000, 40
WIDTH, HEIGHT, QUALITY = 178, 218, 80
BATCH = 250


def generate(folder: Path, scale: float, jobs: int) -> dict[str, Any]:
    """Write the first version, and a second with 1 % new, 0.5 % changed and 0.5 % removed images."""
    require("numpy", "numpy")
    require("PIL.Image", "pillow")
    count, folders = max(400, round(IMAGES * scale)), max(4, round(FOLDERS * scale))
    names = [image_name(number, folders) for number in range(count + count // 100)]
    changed = range(7, count, 200)
    removed = {number + 1 for number in changed}
    change = ChangeWriter(folder / "v2")
    for name in {Path(name).parent for name in names}:
        (folder / "v1" / name).mkdir(parents=True)
    tasks = [(number, 0, folder / "v1" / names[number]) for number in range(count)]
    tasks += [(number, 0, change.put(names[number])) for number in range(count, len(names))]
    tasks += [(number, 1, change.put(names[number])) for number in changed]
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(write_images, [tasks[at : at + BATCH] for at in range(0, len(tasks), BATCH)]))
    for number in sorted(removed):
        change.remove(names[number])
    write_labels(folder / "v1" / "labels.csv", range(count))
    write_labels(change.put("labels.csv"), [n for n in range(len(names)) if n not in removed])
    change.close()
    return {
        "title": f"{count:,} JPEG images of {WIDTH}x{HEIGHT} in {folders:,} folders, and labels.csv",
        "versions": ["v1", "v2"],
        "sample": names[3],
        "touched": [names[count // 2 + step * 9] for step in range(10)],
    }


def image_name(number: int, folders: int) -> str:
    """Spread consecutive images over the folders, as exports of data sets do."""
    return f"images/{number % folders:03d}/{number:06d}.jpg"


def write_images(tasks: Sequence[tuple[int, int, Path]]) -> None:
    """Write one JPEG per (number, edition, path)."""
    for number, edition, path in tasks:
        path.write_bytes(picture(number, edition))


def picture(number: int, edition: int) -> bytes:
    """Return a JPEG of soft shapes, some texture and grain: about as compressible as a cropped portrait."""
    numpy = require("numpy", "numpy")
    image_module = require("PIL.Image", "pillow")
    random = numpy.random.default_rng([SEED, 1, number, edition])

    def layer(columns: int, rows: int) -> Any:
        grid = random.integers(0, 256, (rows, columns, 3), dtype=numpy.uint8)
        scaled = image_module.fromarray(grid).resize((WIDTH, HEIGHT), image_module.Resampling.BICUBIC)
        return numpy.asarray(scaled, dtype=numpy.float32)

    shapes, texture = layer(4, 5), layer(30, 36)
    share = numpy.float32(random.uniform(0.12, 0.36))
    grain = random.standard_normal((HEIGHT, WIDTH, 1), dtype=numpy.float32)
    pixels = shapes + share * (texture - shapes) + grain * numpy.float32(random.uniform(1.1, 2.9))
    whole = numpy.clip(pixels, 0, 255).astype(numpy.uint8)
    buffer = io.BytesIO()
    image_module.fromarray(whole).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def write_labels(path: Path, numbers: Sequence[int]) -> None:
    """Write one row of yes and no attributes per image; a row depends on its image alone."""
    numpy = require("numpy", "numpy")
    random = numpy.random.default_rng([SEED, 2])
    table = random.integers(0, 2, (max(numbers) + 1, ATTRIBUTES)).astype(bool)
    with path.open("w") as file:
        file.write(
            ",".join(["image_id", *(f"attribute_{column:02d}" for column in range(ATTRIBUTES))]) + "\n"
        )
        for number in numbers:
            row = ",".join("1" if value else "-1" for value in table[number].tolist())
            file.write(f"{number:06d}.jpg,{row}\n")
