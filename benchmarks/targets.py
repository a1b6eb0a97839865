"""What Tether must reach, and whether a run shows that it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.figures import Figure

MEGABYTE = 1_000_000
MEMORY_LIMIT = 400 * MEGABYTE

Figures = Mapping[str, Mapping[str, Figure]]
"""System, then operation, of one workload."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one figure: a factor times another system's figure, or a constant.

    `metric` names an attribute of `Figure`. A constant holds at full size only.
    """

    workload: str
    operation: str
    metric: str
    factor: float = 1.0
    reference: tuple[str, str] | None = None
    constant: float = 0.0
    system: str = "tether"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside what was measured; None where the run does not tell."""

    target: Target
    ours: float | None
    theirs: float | None
    allowed: float | None

    @property
    def ratio(self) -> float | None:
        """Return our figure divided by the reference's, or by the constant."""
        base = self.theirs if self.target.reference else self.allowed
        return self.ours / base if self.ours is not None and base else None

    @property
    def met(self) -> bool | None:
        """Return whether the bound holds."""
        if self.ours is None or self.allowed is None:
            return None
        return self.ours <= self.allowed


def _image_targets() -> list[Target]:
    return [
        Target("A", "add_commit_v1", "durable_s", 0.6, ("limits", "copy")),
        Target("A", "status_clean", "wall_s", 3, ("limits", "list")),
        Target("A", "status_touched", "wall_s", 3, ("limits", "list")),
        Target("A", "add_commit_v2", "durable_s", 1, ("git", "add_commit_v2")),
        Target("A", "checkout_previous", "durable_s", 1, ("git", "checkout_previous")),
        Target("A", "checkout_back", "durable_s", 1, ("git", "checkout_back")),
        Target("A", "clone", "durable_s", 1.3, ("limits", "extract")),
        Target("A", "check", "wall_s", 1.5, ("limits", "hash")),
        Target("A", "read_old", "wall_s", 1, ("tether", "start"), 0.03),
    ]


def _weight_targets() -> list[Target]:
    return [
        Target("B", "add_commit_v1", "durable_s", 1.2, ("limits", "copy")),
        Target("B", "add_commit_v1", "stored_bytes", constant=3450 * MEGABYTE),
        Target("B", "add_commit_v1", "stored_bytes", constant=3100 * MEGABYTE, system="tether-smallest"),
        Target("B", "add_commit_v2", "durable_s", 1, ("hf-xet", "add_commit_v2")),
        Target("B", "add_commit_v2", "added_bytes", 1, ("hf-xet", "add_commit_v2")),
        Target("B", "checkout_previous", "durable_s", 1, ("limits", "copy")),
    ]


def _table_targets() -> list[Target]:
    later = [
        Target("C", f"add_commit_{version}", metric, 1, ("hf-xet", f"add_commit_{version}"))
        for version in ("v2", "v3")
        for metric in ("durable_s", "added_bytes")
    ]
    return [
        Target("C", "add_commit_v1", "durable_s", 1.3, ("limits", "compress")),
        Target("C", "add_commit_v1", "stored_bytes", constant=460 * MEGABYTE),
        *later,
    ]


def _log_targets() -> list[Target]:
    versions = [f"v{number}" for number in range(1, 7)]
    times = [
        Target("D", f"add_commit_{version}", "durable_s", 1, ("hf-xet", f"add_commit_{version}"))
        for version in versions
    ]
    sizes = [
        Target("D", f"add_commit_{version}", "added_bytes", constant=4 * MEGABYTE) for version in versions[1:]
    ]
    return [*times, Target("D", "add_commit_v1", "stored_bytes", constant=230 * MEGABYTE), *sizes]


def _transfer_targets() -> list[Target]:
    hub = "tether-hub"
    copied = ("copy", "clone_v1")
    later = [
        Target(work, operation, "durable_s", 1, ("copy", operation), 1.0, system=hub)
        for work in "AB"
        for operation in ("push_v2", "pull_v2")
    ]
    idle = [
        Target(work, operation, "durable_s", constant=0.5, system=hub)
        for work in "AB"
        for operation in ("push_again", "pull_again")
    ]
    return [
        Target("A", "push_v1", "durable_s", 1, copied, system=hub),
        Target("A", "clone_v1", "durable_s", 1.4, copied, system=hub),
        Target("B", "push_v1", "durable_s", 1.3, copied, system=hub),
        Target("B", "clone_v1", "durable_s", 1.3, (hub, "copy_all"), system=hub),
        *later,
        *idle,
    ]


TARGETS = (*_image_targets(), *_weight_targets(), *_table_targets(), *_log_targets(), *_transfer_targets())


def judge(workload: str, scale: float, figures: Figures) -> list[Verdict]:
    """Return a verdict for every target of the workload, then for the memory of every operation of ours.

    Targets of systems that did not run are left out.
    """
    chosen = [target for target in TARGETS if target.workload == workload and target.system in figures]
    verdicts = [_judge(target, scale, figures) for target in chosen]
    for system in ("tether", "tether-smallest", "tether-hub", "tether-s3"):
        for operation, figure in figures.get(system, {}).items():
            target = Target(workload, operation, "peak_bytes", constant=MEMORY_LIMIT, system=system)
            verdicts.append(Verdict(target, figure.peak_bytes, None, MEMORY_LIMIT))
    return verdicts


def _judge(target: Target, scale: float, figures: Figures) -> Verdict:
    ours = _value(figures, (target.system, target.operation), target.metric)
    if target.reference is None:
        return Verdict(target, ours, None, target.constant if scale == 1 else None)
    theirs = _value(figures, target.reference, target.metric)
    allowed = None if theirs is None else theirs * target.factor + target.constant
    return Verdict(target, ours, theirs, allowed)


def _value(figures: Figures, place: tuple[str, str], metric: str) -> float | None:
    system, operation = place
    figure = figures.get(system, {}).get(operation)
    if figure is None or figure.error:
        return None
    value: float | None = getattr(figure, metric)
    return value
