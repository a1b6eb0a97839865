"""Other repositories as one thing, whether they lie in a folder, in a bucket or on a hub."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.progress import Progress
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.storage.buckets import OpenBucket, is_in_bucket, parse_bucket_address
from tether.storage.locks import Wait
from tether.sync import exchange
from tether.sync.address import HubAddress, parse_repository_address
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import Exchange, FetchOptions, PushOptions, known_in
from tether.sync.negotiate import find_contents
from tether.sync.peel import peel
from tether.sync.remotes import open_location, parse_location
from tether.sync.transfer import copy_objects
from tether.sync.wire import MAX_DIGESTS

if TYPE_CHECKING:
    from tether.sync.bucketend import BucketEnd
    from tether.sync.http import HttpClient
    from tether.sync.hubend import HubEnd
    from tether.sync.remotefiles import RemoteFiles

Connect: TypeAlias = "Callable[[HubAddress], HttpClient]"
"""Returns a client for a hub, signed in where the user is."""


_SOME = 50


def as_nobody(address: HubAddress) -> "HttpClient":
    """Connect without signing in."""
    from tether.sync.http import HttpClient

    return HttpClient(address.base)


def is_on_hub(address: str) -> bool:
    """Say whether an address is one of a hub."""
    return address.startswith(("http://", "https://"))


class Place(Protocol):
    """Where another repository is."""

    def fetch(self, local: Repository, remote: str, options: FetchOptions, *, progress: Progress) -> Exchange:
        """Bring its branches and tags; see `exchange.fetch`."""
        ...

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches; see `exchange.push`."""
        ...

    def fill(self, target: Repository, options: CloneOptions, progress: Progress) -> str | None:
        """Fill an empty repository and return the branch that it is on; see `clone.fill_clone`."""
        ...

    def supply(
        self, local: Repository, transaction: Transaction, contents: Sequence[Digest], progress: Progress
    ) -> None:
        """Bring those of some contents that are not in `local` into a transaction.

        Raises:
            NotFound: One is not there any more.
        """
        ...

    def has_commit(self, local: Repository, commit: Digest) -> bool:
        """Say whether a commit is known to be part of a branch or tag there."""
        ...

    def verify(self, contents: Sequence[Digest]) -> Iterator[bool]:
        """Yield for each content whether it is there whole, every byte of it read and verified."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A repository on this machine."""

    repository: Repository

    def fetch(self, local: Repository, remote: str, options: FetchOptions, *, progress: Progress) -> Exchange:
        """Bring its branches and tags."""
        return exchange.fetch(local, self.repository, remote, options, progress=progress)

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches."""
        return exchange.push(local, self.repository, remote, options, progress=progress)

    def fill(self, target: Repository, options: CloneOptions, progress: Progress) -> str | None:
        """Fill an empty repository and return the branch that it is on."""
        return fill_clone(self.repository, target, options, progress)

    def supply(
        self, local: Repository, transaction: Transaction, contents: Sequence[Digest], progress: Progress
    ) -> None:
        """Bring those of some contents that are not in `local` into a transaction."""
        other = self.repository
        missing = find_contents(other.objects, known_in(transaction), contents, other.root())
        copy_objects(other.objects, transaction.objects, missing, progress)

    def has_commit(self, local: Repository, commit: Digest) -> bool:
        """Say whether a commit is part of a branch or tag there."""
        objects = self.repository.objects
        tips = {peel(objects, digest) for digest in self.repository.root().refs.values()}
        history = History.of(self.repository)
        return objects.has(commit) and any(history.is_ancestor(commit, tip) for tip in tips)

    def verify(self, contents: Sequence[Digest]) -> Iterator[bool]:
        """Yield for each content whether it is there whole."""
        from tether.sync.serving import Serving

        for digest in contents:
            yield from Serving(self.repository).verify([digest])

    def close(self) -> None:
        """Close it."""
        self.repository.close()


@dataclass(frozen=True, slots=True)
class FarPlace:
    """A repository that is spoken to as the far end of transfers: on a hub."""

    end: "HubEnd | BucketEnd"

    def fetch(self, local: Repository, remote: str, options: FetchOptions, *, progress: Progress) -> Exchange:
        """Bring its branches and tags."""
        from tether.sync.far import fetch_far

        return fetch_far(local, self.end, remote, options, progress=progress)

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches."""
        from tether.sync.far import push_far

        return push_far(local, self.end, remote, options, progress=progress)

    def fill(self, target: Repository, options: CloneOptions, progress: Progress) -> str | None:
        """Fill an empty repository and return the branch that it is on."""
        from tether.sync.far import fill_far

        return fill_far(self.end, target, options, progress)

    def supply(
        self, local: Repository, transaction: Transaction, contents: Sequence[Digest], progress: Progress
    ) -> None:
        """Bring those of some contents that are not in `local` into a transaction."""
        from tether.sync.download import download_contents

        download_contents(self.end, local, transaction, contents, progress)

    def has_commit(self, local: Repository, commit: Digest) -> bool:
        """Say whether a commit is part of a branch or tag there, as far as these are known here."""
        known = [digest for digest in self.end.refs().refs.values() if local.objects.has(digest)]
        tips = {peel(local.objects, digest) for digest in known}
        history = History.of(local)
        return any(history.is_ancestor(commit, tip) for tip in tips)

    def verify(self, contents: Sequence[Digest]) -> Iterator[bool]:
        """Yield for each content whether it is there whole."""
        left = list(contents)
        while left:
            found = self.end.verify(left[:MAX_DIGESTS])
            yield from found
            left = left[len(found) :]

    def close(self) -> None:
        """Close the connections."""
        self.end.close()


@dataclass(frozen=True, slots=True)
class BucketPlace(FarPlace):
    """A repository in a bucket."""

    end: "BucketEnd"
    repository: Repository

    def push(self, local: Repository, remote: str, options: PushOptions, *, progress: Progress) -> Exchange:
        """Send branches."""
        from tether.sync.far import push_far

        with self.writing("push", local.wait):
            return push_far(local, self.end, remote, options, progress=progress)

    @contextmanager
    def writing(self, command: str, wait: Wait | None = None) -> Iterator["BucketEnd"]:
        """Yield the end for a command that writes; what is there stays from its first question on.

        Raises:
            Unavailable: Garbage collection is at work there.
        """
        self.end.command = command
        with self.repository.lock("writer", command).shared(wait):
            yield self.end
        self.end.tidy()


def bucket_place(
    address: str, open_bucket: OpenBucket, clock: Callable[[], Time], *, create: str | None = None
) -> BucketPlace:
    """Return the place of a repository in a bucket.

    Args:
        address: Where it is.
        open_bucket: Opens the bucket.
        clock: Gives the time for operations.
        create: Make an empty one with this branch, where nothing is.

    Raises:
        InvalidInput: It is no address in a bucket.
        NotFound: There is no repository.
        AlreadyExists: Something else is there.
    """
    from tether.repo.bucket import create_in_bucket, open_in_bucket

    store = open_bucket(parse_bucket_address(address)).as_far()
    if create is not None:
        create_in_bucket(address, store, store.some(_SOME), create)
    repository = open_in_bucket(address, store, clock=clock)
    from tether.sync.bucketend import BucketEnd

    return BucketPlace(BucketEnd(repository, store), repository)


def hub_place(address: str, connect: Connect) -> FarPlace:
    """Return the place of a repository on a hub; nothing is asked of the hub yet.

    Raises:
        InvalidInput: It is no address of a repository on a hub.
    """
    from tether.sync.hubend import HubEnd

    parsed = parse_repository_address(address)
    return FarPlace(HubEnd(connect(parsed), parsed.owner, parsed.name))


def open_files(
    address: str, base: Path, connect: Connect, open_bucket: OpenBucket, clock: Callable[[], Time]
) -> "RemoteFiles":
    """Open the files of the repository at an address; of a hub nothing is asked yet.

    Args:
        address: Of a repository on a hub, in a bucket or in a folder.
        base: What a relative folder is relative to.
        connect: Makes connections to hubs.
        open_bucket: Opens places in buckets.
        clock: Gives the time.

    Raises:
        NotFound: There is no repository in the folder or the bucket.
        InvalidInput: It is no address.
    """
    if is_on_hub(address):
        from tether.sync.hubfiles import HubFiles

        parsed = parse_repository_address(address)
        return HubFiles(connect(parsed), parsed.owner, parsed.name)
    from tether.sync.remotefiles import FolderFiles

    if is_in_bucket(address):
        from tether.repo.bucket import open_in_bucket

        store = open_bucket(parse_bucket_address(address)).as_far()
        return FolderFiles(open_in_bucket(address, store, clock=clock))
    return FolderFiles(open_location(parse_location(address, base), clock))
