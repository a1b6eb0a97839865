"""The levels of verifying above R1: what can be computed again from what a release holds."""

from collections.abc import Mapping

from tether.api.repredicting import predictions_again
from tether.releases.findings import Check
from tether.releases.recomputing import metrics_again


def checks(environ: Mapping[str, str]) -> Mapping[str, Check]:
    """Return what is done for each level.

    Args:
        environ: The environment of processes in which models run.
    """
    return {"R2": metrics_again, "R3": predictions_again(environ)}
