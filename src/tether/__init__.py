"""Version control and collaboration for deep-learning data and models.

Example:
    >>> import tether
    >>> with tether.Repo.open("photos") as repo:
    ...     print(repo.at("v1").read_text("labels.csv"), end="")
    file,label
    cat.png,cat
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tether import errors
    from tether.api.merging import MergeOptions
    from tether.api.models import Model
    from tether.api.releases import Release
    from tether.api.remoterepo import RemoteRepo
    from tether.api.remotes import CloneRequest
    from tether.api.repo import Repo
    from tether.api.snapshot import Snapshot
    from tether.api.staging import CommitRequest
    from tether.api.tracking import Run, run
    from tether.core.identity import Person, Time

__all__ = [
    "CloneRequest",
    "CommitRequest",
    "MergeOptions",
    "Model",
    "Person",
    "Release",
    "RemoteRepo",
    "Repo",
    "Run",
    "Snapshot",
    "Time",
    "errors",
    "run",
]

_HOMES = {
    "CloneRequest": "tether.api.remotes",
    "CommitRequest": "tether.api.staging",
    "MergeOptions": "tether.api.merging",
    "Model": "tether.api.models",
    "Person": "tether.core.identity",
    "Release": "tether.api.releases",
    "RemoteRepo": "tether.api.remoterepo",
    "Repo": "tether.api.repo",
    "Run": "tether.api.tracking",
    "Snapshot": "tether.api.snapshot",
    "Time": "tether.core.identity",
    "run": "tether.api.tracking",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command starts quickly."""
    if name == "errors":
        return import_module("tether.errors")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tether' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted({*globals(), *__all__})
