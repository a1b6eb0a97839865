"""Trains a small network on all arrays of a folder; it knows nothing of Tether but names of variables."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import skops.io
from architecture import build
from sklearn.exceptions import ConvergenceWarning


def main() -> None:
    """Read the data, train, write the model and the loss of each epoch."""
    parts = [np.load(path) for path in sorted(Path(os.environ["TETHER_DATA_TRAIN"]).glob("*.npz"))]
    images = np.concatenate([part["x"] for part in parts])
    labels = np.concatenate([part["y"] for part in parts])
    model = build(
        hidden=int(os.environ["TETHER_PARAM_HIDDEN"]),
        epochs=int(os.environ["TETHER_PARAM_EPOCHS"]),
        seed=int(os.environ["TETHER_PARAM_SEED"]),
    )
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # so many epochs are wanted
        model.fit(images, labels)
    model._optimizer = None  # nobody predicts with it, and readers need not trust its type
    skops.io.dump(model, "model.skops")
    with Path(os.environ["TETHER_METRICS"]).open("a") as file:
        for epoch, loss in enumerate(model.loss_curve_):
            file.write(json.dumps({"step": epoch, "loss": loss}) + "\n")


main()
