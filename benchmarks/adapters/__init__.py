"""The systems that can be measured, in the order they run: the limits, Tether, then its peers."""

from benchmarks.adapters.base import Adapter
from benchmarks.adapters.borg import Borg
from benchmarks.adapters.dvc import Dvc
from benchmarks.adapters.dvc_s3 import DvcS3
from benchmarks.adapters.git import Git
from benchmarks.adapters.git_lfs import GitLfs
from benchmarks.adapters.git_remote import GitLfsRemote, GitRemote
from benchmarks.adapters.hf_xet import HfXet
from benchmarks.adapters.limits import Limits
from benchmarks.adapters.oxen import Oxen
from benchmarks.adapters.remote import Remote
from benchmarks.adapters.restic import Restic
from benchmarks.adapters.tether import Tether, TetherSmallest
from benchmarks.adapters.tether_remote import TetherHub, TetherS3
from benchmarks.adapters.wire import Copy, Http, Rsync

ORDER: tuple[type[Adapter], ...] = (
    Limits,
    Copy,
    Rsync,
    Http,
    Tether,
    TetherSmallest,
    TetherHub,
    TetherS3,
    Git,
    GitRemote,
    GitLfs,
    GitLfsRemote,
    Restic,
    Borg,
    Dvc,
    DvcS3,
    Oxen,
    HfXet,
)
ADAPTERS = {adapter.name: adapter for adapter in ORDER}
LIMITS = ("limits", "copy", "rsync", "http")
OURS = ("tether", "tether-smallest", "tether-hub", "tether-s3")
ABSENT = {
    "oxen-server": "neither the package oxenai nor another one holds a server (see benchmarks/README.md)"
}
"""Systems with another place that cannot be had, with the reason."""


def usual(*, transfer: bool) -> tuple[str, ...]:
    """Return the systems that run when nobody chooses: those with another place, or those without."""
    return tuple(name for name, adapter in ADAPTERS.items() if issubclass(adapter, Remote) == transfer)
