"""Remotes: names for other repositories, and how an address is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tether.core.identity import Time
from tether.errors import InvalidInput, NotFound, Unsupported
from tether.repo.repository import FOLDER, Repository, is_repository
from tether.repo.unfinished import refuse_unfinished
from tether.sync.bundlefile import is_bundle, open_bundle

DEFAULT_REMOTE = "origin"


@dataclass(frozen=True, slots=True)
class Location:
    """A folder that an address names."""

    path: Path
    is_url: bool
    """Written as `file://`: then nothing is shared with the repository there, not even by hard links."""


def parse_location(address: str, base: Path) -> Location:
    """Return the folder that an address names.

    Args:
        address: `file:///DIR`, or a folder.
        base: What a relative folder is relative to.

    Raises:
        Unsupported: A scheme that this version does not speak.
        InvalidInput: A malformed address.
    """
    if "://" not in address:
        if not address:
            raise InvalidInput("an empty address", hint="give a folder or file:///DIR")
        return Location((base / Path(address).expanduser()).absolute(), is_url=False)
    parts = urlsplit(address)
    if parts.scheme != "file":
        raise Unsupported(
            f"{parts.scheme}:// addresses are not supported", hint="use a folder or file:///DIR"
        )
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise InvalidInput(f"not an address: {address}", hint="write file:///DIR with three slashes")
    return Location(Path(unquote(parts.path)), is_url=True)


def repository_folder(path: Path) -> Path | None:
    """Return the repository folder for `path` (its `.tether`, or itself when bare), or None."""
    for folder in (path / FOLDER, path):
        if is_repository(folder):
            return folder
    return None


def open_location(location: Location, clock: Callable[[], Time]) -> Repository:
    """Open the repository that an address names.

    Raises:
        NotFound: There is none.
        Unavailable: It is still being cloned itself.
    """
    for place in (location.path / FOLDER, location.path):
        refuse_unfinished(place)
    folder = repository_folder(location.path)
    if folder is None and is_bundle(location.path):
        return open_bundle(location.path, clock)
    if folder is None:
        raise NotFound(f"no repository at {location.path}", hint="check the address with 'tether remote'")
    return Repository.open(folder, clock=clock)


def remote_address(repository: Repository, remote: str) -> str:
    """Return the address of a remote by its name.

    Raises:
        NotFound: There is no such remote.
    """
    address = repository.config.get(f"remote.{remote}.url")
    if address is None:
        raise NotFound(f"no remote named {remote}", hint=f"run 'tether remote add {remote} URL'")
    return address


def open_remote(repository: Repository, remote: str) -> Repository:
    """Open the repository that a remote of `repository` names.

    Raises:
        NotFound: There is no such remote, or no repository at its address.
    """
    location = parse_location(remote_address(repository, remote), repository.worktree or repository.directory)
    return open_location(location, repository.clock)


def list_remotes(repository: Repository) -> dict[str, str]:
    """Return the address of every remote by name."""
    found = {}
    for key, value in repository.config.list().items():
        if key.startswith("remote.") and key.endswith(".url"):
            found[key[len("remote.") : -len(".url")]] = value
    return found
