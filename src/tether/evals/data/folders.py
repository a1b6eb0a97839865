"""Examples from a folder that has a folder for each class: `cat/1.png` is a cat.

An id is the digest of the file, so it stays when the file moves, also to another class. Slices may ask for
`path` and `bytes`; of images for `width`, `height`, `brightness`, `contrast` and `sharpness`, of texts for
`text`, whose length is `length(text)`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tether.core.filetype import HEAD_SIZE, sniff
from tether.errors import InvalidInput
from tether.evals.data.source import LABEL, Batch, DataOptions
from tether.evals.needs import arrow, needed

_BATCH = 256
_IMAGES = frozenset(["png", "jpeg", "gif", "webp", "bmp", "tiff"])
_TEXTS = frozenset(["text", "json", "csv", "xml", "html", "markdown", "yaml"])
_FACETS = frozenset(["width", "height", "brightness", "contrast", "sharpness"])
_MOST_TEXT = 16 << 20


class ExampleFile(NamedTuple):
    """One file below the folder."""

    path: str
    """From the folder, with `/`."""
    digest: str
    size: int


class FolderSource:
    """Files of a folder; see `ExampleSource`.

    Args:
        path: The folder.
        files: What is in it, in order.
        options: What the user says of it.

    Raises:
        InvalidInput: A file is in no class, or there are none.
    """

    identity = "content"
    label = LABEL

    def __init__(self, path: Path, files: Sequence[ExampleFile], options: DataOptions) -> None:
        self._path, self._files = path, files
        if options.key is not None or options.inputs or options.label not in (None, LABEL):
            raise InvalidInput(
                "in a folder the folders are the labels and files the inputs: no names of columns"
            )
        loose = next((file.path for file in files if "/" not in file.path), None)
        if loose is not None or not files:
            what = f"{loose} is in no folder of a class" if loose else "the folder has no files"
            raise InvalidInput(what, hint="a folder has a folder for each class, with its files")
        kinds = {self._kind(file) for file in files[:: max(1, len(files) // 64)]}
        self.kind = "images" if kinds <= _IMAGES else "texts" if kinds <= _TEXTS else "files"
        self.inputs: tuple[str, ...] = ("path", "file", "text") if self.kind == "texts" else ("path", "file")
        self.feed: Mapping[str, Any] = {"kind": self.kind}
        self._facets = options.wanted & _FACETS if self.kind == "images" else frozenset()

    def batches(self) -> Iterator[Batch]:
        """Yield all files."""
        pa = arrow()
        for start in range(0, len(self._files), _BATCH):
            files = self._files[start : start + _BATCH]
            columns = {
                "path": pa.array([file.path for file in files], pa.string()),
                "file": pa.array([str(self._path / file.path) for file in files], pa.string()),
                "bytes": pa.array([file.size for file in files], pa.int64()),
                LABEL: pa.array([file.path.partition("/")[0] for file in files], pa.string()),
            }
            if self.kind == "texts":
                columns["text"] = pa.array([*map(self._text, files)], pa.string())
            if self._facets:
                rows = [image_facets(self._path / file.path) for file in files]
                columns |= {name: pa.array([row[name] for row in rows]) for name in self._facets}
            yield Batch(pa.array([file.digest for file in files], pa.string()), columns)

    def _kind(self, file: ExampleFile) -> str:
        with (self._path / file.path).open("rb") as data:
            return sniff(data.read(HEAD_SIZE), file.path.encode(errors="surrogateescape")).kind

    def _text(self, file: ExampleFile) -> str:
        if file.size > _MOST_TEXT:
            raise InvalidInput(f"{file.path} is too large for a text: {file.size:,} bytes")
        return (self._path / file.path).read_text("utf-8", errors="replace")


def image_facets(path: Path) -> dict[str, float]:
    """Return size in pixels, and brightness, contrast and sharpness of an image, from 0 to about 1.

    Brightness is the mean of the grey values, contrast their standard deviation, sharpness the root of the
    mean square of the differences of neighbours.

    Raises:
        InvalidInput: It is no image that can be read.
    """
    image = needed("PIL.Image")
    try:
        with image.open(path) as opened:
            width, height = opened.size
            grey = np.asarray(opened.convert("L"), np.float64) / 255
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
        raise InvalidInput(f"{path.name} is no image that can be read: {error}") from None
    steps = np.concatenate([np.diff(grey, axis=0).ravel(), np.diff(grey, axis=1).ravel(), [0.0]])
    return {
        "width": width,
        "height": height,
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "sharpness": float(np.sqrt((steps**2).mean())),
    }
