"""The systems that can be measured, in the order they run: the limits, Tether, then its peers."""

from benchmarks.adapters.base import Adapter
from benchmarks.adapters.borg import Borg
from benchmarks.adapters.dvc import Dvc
from benchmarks.adapters.git import Git
from benchmarks.adapters.git_lfs import GitLfs
from benchmarks.adapters.hf_xet import HfXet
from benchmarks.adapters.limits import Limits
from benchmarks.adapters.oxen import Oxen
from benchmarks.adapters.remote import GitLfsRemote, TetherHub
from benchmarks.adapters.restic import Restic
from benchmarks.adapters.tether import Tether, TetherSmallest

ORDER: tuple[type[Adapter], ...] = (
    Limits,
    Tether,
    TetherSmallest,
    TetherHub,
    Git,
    GitLfs,
    GitLfsRemote,
    Restic,
    Borg,
    Dvc,
    Oxen,
    HfXet,
)
ADAPTERS = {adapter.name: adapter for adapter in ORDER}
OURS = ("tether", "tether-smallest", "tether-hub")
PEERS = tuple(name for name in ADAPTERS if name not in {"limits", *OURS})
