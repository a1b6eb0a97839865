"""Opening the place where a remote is."""

from pathlib import Path

from tether.api.opened import Opened
from tether.core.names import BRANCHES
from tether.errors import NotFound
from tether.repo.repository import Repository, is_unmade
from tether.storage.buckets import is_in_bucket
from tether.sync.places import FolderPlace, Place, bucket_place, hub_place, is_on_hub
from tether.sync.remotes import list_remotes, open_location, parse_location, repository_folder


def open_place(repo: Opened, remote: str, *, create: bool = False) -> Place:
    """Return where a remote is.

    Args:
        repo: Has the remote.
        remote: Its name.
        create: Make a repository in a folder or a prefix of a bucket that is missing or empty.

    Raises:
        NotFound: There is no such remote, or no repository at its address.
    """
    address = list_remotes(repo.repository).get(remote)
    if address is None:
        raise NotFound(f"no remote named {remote}", hint=f"run 'tether remote add {remote} URL'")
    if is_on_hub(address):
        return hub_place(address, repo.connect)
    branch = (repo.repository.root().head.ref or f"{BRANCHES}main").removeprefix(BRANCHES)
    if is_in_bucket(address):
        return bucket_place(address, repo.open_bucket, repo.clock, create=branch if create else None)
    location = parse_location(address, base_of(repo))
    if create and repository_folder(location.path) is None and _is_free(location.path):
        return FolderPlace(Repository.init(location.path, clock=repo.clock, bare=True, branch=branch))
    other = open_location(location, repo.clock)
    other.wait = repo.repository.wait
    return FolderPlace(other)


def _is_free(path: Path) -> bool:
    return not path.exists() or (path.is_dir() and is_unmade(path))


def base_of(repo: Opened) -> Path:
    """Return what the addresses of remotes are relative to."""
    return repo.repository.worktree or repo.repository.directory
