"""The levels of verifying above R1: what can be computed again from what a release holds."""

from collections.abc import Mapping

from tether.releases.findings import Check, Untried
from tether.releases.reading import KnownRelease
from tether.repo.repository import Repository


def metrics_again(_repository: Repository, release: KnownRelease) -> Untried:
    """R2: compute the metrics of the evaluations again from their predictions."""
    if not release.manifest.evaluations:
        return Untried("R2", "the release has no evaluations")
    return Untried("R2", "metrics are not computed again yet")


CHECKS: Mapping[str, Check] = {"R2": metrics_again}
