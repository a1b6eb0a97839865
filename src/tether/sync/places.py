"""Other repositories as one thing, whether they lie in a folder or on a hub."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tether.core.progress import Progress
from tether.repo.repository import Repository
from tether.sync import exchange
from tether.sync.address import HubAddress, parse_repository_address
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import Exchange, PushOptions

if TYPE_CHECKING:
    from tether.sync.http import HttpClient
    from tether.sync.hubend import HubEnd

Connect: TypeAlias = "Callable[[HubAddress], HttpClient]"
"""Returns a client for a hub, signed in where the user is."""


def as_nobody(address: HubAddress) -> "HttpClient":
    """Connect without signing in."""
    from tether.sync.http import HttpClient

    return HttpClient(address.base)


def is_on_hub(address: str) -> bool:
    """Say whether an address is one of a hub."""
    return address.startswith(("http://", "https://"))


class Place(Protocol):
    """Where another repository is."""

    def fetch(self, local: Repository, remote: str, *, prune: bool, progress: Progress) -> Exchange:
        """Bring its branches and tags; see `exchange.fetch`."""
        ...

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches; see `exchange.push`."""
        ...

    def fill(self, target: Repository, options: CloneOptions, progress: Progress) -> str | None:
        """Fill an empty repository and return the branch that it is on; see `clone.fill_clone`."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A repository on this machine."""

    repository: Repository

    def fetch(self, local: Repository, remote: str, *, prune: bool, progress: Progress) -> Exchange:
        """Bring its branches and tags."""
        return exchange.fetch(local, self.repository, remote, prune=prune, progress=progress)

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches."""
        return exchange.push(local, self.repository, remote, options, progress=progress)

    def fill(self, target: Repository, options: CloneOptions, progress: Progress) -> str | None:
        """Fill an empty repository and return the branch that it is on."""
        return fill_clone(self.repository, target, options, progress)

    def close(self) -> None:
        """Close it."""
        self.repository.close()


@dataclass(frozen=True, slots=True)
class HubPlace:
    """A repository on a hub."""

    end: "HubEnd"

    def fetch(self, local: Repository, remote: str, *, prune: bool, progress: Progress) -> Exchange:
        """Bring its branches and tags."""
        from tether.sync.far import fetch_far

        return fetch_far(local, self.end, remote, prune=prune, progress=progress)

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches."""
        from tether.sync.far import push_far

        return push_far(local, self.end, remote, options, progress=progress)

    def fill(self, target: Repository, options: CloneOptions, progress: Progress) -> str | None:
        """Fill an empty repository and return the branch that it is on."""
        from tether.sync.far import fill_far

        return fill_far(self.end, target, options.remote, options.branch, progress)

    def close(self) -> None:
        """Close the connections."""
        self.end.close()


def hub_place(address: str, connect: Connect) -> HubPlace:
    """Return the place of a repository on a hub; nothing is asked of the hub yet.

    Raises:
        InvalidInput: It is no address of a repository on a hub.
    """
    from tether.sync.hubend import HubEnd

    parsed = parse_repository_address(address)
    return HubPlace(HubEnd(connect(parsed), parsed.owner, parsed.name))
