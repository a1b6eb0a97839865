"""The place where the story happens: one project with its people, and what was measured in it."""

from pathlib import Path

import numpy as np

from demo import data, model
from demo.terminal import Person, say


class World:
    """A project below the output folder.

    Attributes:
        output: The folder that is written.
        project: Where Ada works.
        ada: She began the project.
        scores: (version, accuracy on the test digits, accuracy on the same in low light) as measured.
        moments: Times between commands, by a name.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.project = output / "project"
        self.project.mkdir(parents=True)
        self.home = output / "home"
        self.home.mkdir()
        self.ada = Person("Ada", self.project, self.home)
        self.scores: list[tuple[str, float, float]] = []
        self.moments: dict[str, str] = {}

    def rows(self) -> list[data.Row]:
        """Return labels.csv as it is in the project now."""
        return data.read_labels((self.project / "labels.csv").read_text())

    def weights(self) -> model.Tensors:
        """Return the weights as they are in the project now."""
        return model.parse((self.project / model.FILE).read_bytes())

    def training_set(self) -> tuple[np.ndarray, np.ndarray]:
        """Return images and labels of the rows for training, read from the files."""
        rows = [row for row in self.rows() if row.split == "train"]
        return data.load_images(self.project, rows), np.array([row.label for row in rows])

    def measure(self, version: str, weights: model.Tensors) -> tuple[float, float]:
        """Measure weights on the test digits, well lit and in low light; note and say the result."""
        rows = [row for row in self.rows() if row.split == "test"]
        images, labels = data.load_images(self.project, rows), np.array([data.folder_of(row) for row in rows])
        bright = model.accuracy(weights, images, labels)
        dark = model.accuracy(weights, data.darken(images, seed=9), labels)
        self.scores.append((version, bright, dark))
        say(
            f"Measured: it names {bright:.1%} of {len(rows)} test digits rightly, "
            f"and {dark:.1%} of the same digits in low light."
        )
        return bright, dark
