"""Numbers: mean absolute error, root of the mean squared error, and the share of the variance explained."""

import numpy as np

from tether.evals.metrics.base import Figures, Floats, Measures, Sums, divided, sums_of_rows


def regression(labels: Floats, predictions: Floats) -> Measures:
    """Return what is measured of predicted numbers, both of shape (examples,)."""
    error = np.abs(predictions - labels)
    centred = labels - (labels.mean() if len(labels) else 0.0)  # keeps the difference of squares exact
    rows = np.stack([np.ones_like(error), error, error**2, centred, centred**2], axis=1)
    return Measures(len(labels), "rmse", Sums(sums_of_rows(rows), _figures, 5), error)


def _figures(sums: Floats) -> Figures:
    count, absolute, square, centred, spread = sums.T
    around = spread - divided(centred**2, count)
    return {
        "mae": divided(absolute, count),
        "rmse": np.sqrt(divided(square, count)),
        "r2": 1 - divided(square, np.where(around > 1e-12 * np.maximum(spread, 1e-300), around, 0.0)),
    }
