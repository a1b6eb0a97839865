"""Ranked results: recall at k, the reciprocal rank of the first hit, and nDCG.

Source of nDCG: K. Järvelin, J. Kekäläinen, ACM TOIS 20 (2002), with gains as they are and log2(rank + 1).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tether.evals.metrics.base import Figures, Floats, Measures, Sums, divided, sums_of_rows

DEPTHS = (1, 5, 10)
_NDCG_AT = 10


def retrieval(labels: Sequence[Mapping[str, float]], rankings: Sequence[Sequence[str]]) -> Measures:
    """Return what is measured of ranked results.

    Args:
        labels: What is relevant to each query, with its gain (greater than 0).
        rankings: What was found for each, the best first; what stands there twice counts once.
    """
    rows = np.array([_row(*pair) for pair in zip(labels, rankings, strict=True)])
    rows = rows.reshape(-1, 3 + len(DEPTHS))
    error = 1 - rows[:, 2]
    return Measures(len(rows), f"ndcg@{_NDCG_AT}", Sums(sums_of_rows(rows), _figures, rows.shape[1]), error)


def _row(relevant: Mapping[str, float], ranking: Sequence[str]) -> tuple[float, ...]:
    """Return 1, the reciprocal rank, nDCG and the recalls; all 0 where nothing is relevant."""
    if not relevant:
        return (0.0,) * (3 + len(DEPTHS))
    found = list(dict.fromkeys(ranking))
    hits = [rank for rank, each in enumerate(found) if each in relevant]
    recalls = [sum(rank < depth for rank in hits) / len(relevant) for depth in DEPTHS]
    gains = [relevant.get(each, 0.0) for each in found[:_NDCG_AT]]
    best = sorted(relevant.values(), reverse=True)[:_NDCG_AT]
    return (1.0, 1 / (hits[0] + 1) if hits else 0.0, _discounted(gains) / _discounted(best), *recalls)


def _discounted(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(rank + 2) for rank, gain in enumerate(gains)))


def _figures(sums: Floats) -> Figures:
    count, reciprocal, ndcg, *recalls = sums.T
    found = {"mrr": divided(reciprocal, count), f"ndcg@{_NDCG_AT}": divided(ndcg, count)}
    return found | {
        f"recall@{depth}": divided(recall, count) for depth, recall in zip(DEPTHS, recalls, strict=True)
    }
