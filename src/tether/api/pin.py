"""Pins: a small TOML file in a Git repository that names a commit of data here.

url = "https://example.org/ada/photos"    where to fetch it; left out without a remote
commit = "64 hexadecimal digits"
path = "train"                            a folder or file in it; left out for everything
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tether.api.opened import Opened
from tether.api.remotes import default_remote
from tether.core.digest import Digest, parse_digest
from tether.core.names import REMOTES, check_path, display, path_bytes
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.repo.history import History
from tether.repo.revision import find_entry
from tether.storage.oserrors import translated
from tether.sync.remotes import list_remotes

DEFAULT_FILE = "tether.pin"
_MAX_SIZE = 64 << 10


@dataclass(frozen=True, slots=True)
class Pin:
    """What a pin names."""

    commit: Digest
    path: bytes
    """Empty for the whole commit."""
    url: str | None


@dataclass(frozen=True, slots=True)
class PinCheck:
    """A pin beside the repository.

    Attributes:
        pin: What the file says.
        current: Whether the checked out commit is the pinned one.
        pushed: Whether a remote is known to have the commit.
    """

    pin: Pin
    current: bool
    pushed: bool


def write_pin(repo: Opened, place: str, file: Path, remote: str | None = None) -> PinCheck:
    """Write a pin of REV or REV:PATH into a file, which is replaced if it is a pin.

    Args:
        repo: Where the commit is.
        place: What to pin.
        file: The pin.
        remote: Whose address to write; None takes the one that the branch follows.

    Raises:
        NotFound: There is no such revision, path or remote.
        InvalidInput: The file exists and is no pin, or the place is the stage.
    """
    found, _ = find_entry(repo.repository, place)
    if found.commit is None:
        raise InvalidInput("the stage cannot be pinned", hint="commit it first")
    remotes = list_remotes(repo.repository)
    if remote is not None and remote not in remotes:
        raise NotFound(f"no remote named {remote}", hint="'tether remote' lists them")
    url = remotes.get(remote or default_remote(repo))
    if file.exists():
        read_pin(file)
    pin = Pin(found.commit, found.path, url)
    _replace(file, _encode(pin))
    return _compare(repo, pin)


def check_pin(repo: Opened, file: Path) -> PinCheck:
    """Read a pin and see that this repository has what it names.

    Raises:
        NotFound: There is no such file, or the commit or the path is not here.
        InvalidInput: The file is no pin.
    """
    pin = read_pin(file)
    try:
        find_entry(repo.repository, f"{pin.commit.hex()}:{os.fsdecode(pin.path)}")
    except NotFound:
        hint = f"fetch it from {pin.url}" if pin.url else "fetch it first"
        place = f" with {display(pin.path)}" if pin.path else ""
        raise NotFound(f"commit {pin.commit.hex()[:12]}{place} is not here", hint=hint) from None
    return _compare(repo, pin)


def read_pin(file: Path) -> Pin:
    """Read a pin.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no pin.
    """
    with translated(str(file)), file.open("rb") as stream:
        data = stream.read(_MAX_SIZE)
    try:
        values = tomllib.loads(data.decode())
        url, path = values.get("url"), values.get("path", "")
        if not isinstance(path, str) or not (url is None or isinstance(url, str)):
            raise InvalidInput(f"{file} is no pin")
        raw = check_path(path_bytes(path)) if path else b""
        return Pin(parse_digest(values["commit"]), raw, url)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError):
        raise InvalidInput(f"{file} is no pin", hint="name another file") from None


def _compare(repo: Opened, pin: Pin) -> PinCheck:
    root, history = repo.repository.root(), History.of(repo.repository)
    pushed = False
    for name, tip in root.refs.items():
        if name.startswith(REMOTES) and not pushed:
            try:
                pushed = history.is_ancestor(pin.commit, tip)
            except (NotFound, Corrupt):
                continue
    return PinCheck(pin, root.head_commit() == pin.commit, pushed)


def _encode(pin: Pin) -> bytes:
    import tomli_w

    try:
        path = pin.path.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{display(pin.path)} is not UTF-8", hint="pin a folder above it") from None
    values = {"url": pin.url, "commit": pin.commit.hex(), "path": path}
    text = tomli_w.dumps({key: value for key, value in values.items() if value})
    return f"# Data of this commit: fetch it with 'tether', see 'tether pin --help'.\n{text}".encode()


def _replace(file: Path, data: bytes) -> None:
    temporary = file.with_name(f".{file.name}.tmp")
    with translated(str(file)):
        try:
            temporary.write_bytes(data)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
