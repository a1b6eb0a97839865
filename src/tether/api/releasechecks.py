"""The levels of verifying above R1: what can be computed again from what a release holds."""

from collections.abc import Mapping

from tether.api.repredicting import predictions_again
from tether.releases.findings import LEVELS, Check
from tether.releases.recomputing import metrics_again


def checks(environ: Mapping[str, str], highest: str = LEVELS[-1]) -> Mapping[str, Check] | None:
    """Return what is done for each level above R1; None where R1 is not tried either.

    Args:
        environ: The environment of processes in which models run.
        highest: Nothing is done above this level.
    """
    if highest == LEVELS[0]:
        return None
    known: Mapping[str, Check] = {"R2": metrics_again, "R3": predictions_again(environ)}
    return {level: check for level, check in known.items() if level <= highest}
