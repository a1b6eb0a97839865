"""The levels of verifying above R1: what can be computed again from what a release holds."""

from collections.abc import Mapping

from tether.releases.findings import Check, Untried
from tether.releases.reading import KnownRelease
from tether.releases.recomputing import metrics_again
from tether.repo.repository import Repository


def predictions_again(_repository: Repository, _release: KnownRelease) -> Untried:
    """R3: make the predictions again from the weights."""
    return Untried(
        "R3", "predictions are not made again by 'verify': evaluate the weights with 'tether eval'"
    )


CHECKS: Mapping[str, Check] = {"R2": metrics_again, "R3": predictions_again}
