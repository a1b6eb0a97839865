"""Locks of files at a remote on a hub: while somebody holds one, pushes of others leave the path as it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tether.api.opened import Opened
from tether.api.remotes import default_remote, remotes
from tether.core.names import check_path, display
from tether.errors import Conflict, InvalidInput, NotFound, Unsupported
from tether.sync.address import parse_repository_address
from tether.sync.hublocks import FileLock, HubLocks
from tether.sync.places import is_on_hub


def list_locks(repo: Opened, remote: str | None = None) -> list[FileLock]:
    """Return the locks at a remote by path.

    Raises:
        NotFound: There is no such remote, or no repository at its address.
        Unsupported: It is not on a hub.
    """
    with _locks(repo, remote) as locks:
        return locks.list()


def lock_paths(
    repo: Opened, paths: Sequence[bytes], *, branch: str | None = None, remote: str | None = None
) -> list[FileLock]:
    """Lock files or folders at a remote, all or none.

    Args:
        repo: Has the remote.
        paths: Relative to the top; nothing needs to be there yet.
        branch: The only branch on which they are locked; None for all.
        remote: Its name; None is the one that the current branch follows.

    Raises:
        Conflict: Somebody else has locked one of them; names who.
        Forbidden: The user may not push there.
        InvalidInput: A path or the branch cannot be there.
        NotFound, Unsupported: As for `list_locks`.
    """
    names = [_text(path) for path in paths]
    with _locks(repo, remote) as locks:
        before = {lock.id for lock in locks.list()}
        made: list[FileLock] = []
        try:
            for name in names:
                made.append(locks.lock(name, branch))  # noqa: PERF401 - those before one that fails are given back
        except BaseException:
            for lock in made:
                if lock.id not in before:
                    locks.unlock(lock)
            raise
        return made


def unlock_paths(
    repo: Opened,
    paths: Sequence[bytes],
    *,
    branch: str | None = None,
    remote: str | None = None,
    force: bool = False,
) -> list[FileLock]:
    """Give back locks on exactly these paths.

    Args:
        repo: Has the remote.
        paths: Relative to the top.
        branch: On which they are locked, where one path is locked on several.
        remote: Its name; None is the one that the current branch follows.
        force: Take them away from somebody else too.

    Raises:
        NotFound: One is not locked; nothing was unlocked.
        InvalidInput: One is locked on several branches, and none is named.
        Conflict: Somebody else holds one, and `force` is not given.
        Forbidden: Somebody else holds one, and the user does not maintain the repository.
    """
    with _locks(repo, remote) as locks:
        there = locks.list()
        wanted = [_found(there, _text(path), branch) for path in paths]
        try:
            return [locks.unlock(lock, force=force) for lock in wanted]
        except Conflict as error:
            raise Conflict(str(error), hint="to take the lock away, add --force") from None


def _found(there: Sequence[FileLock], path: str, branch: str | None) -> FileLock:
    """Return the lock on a path."""
    on_path = [lock for lock in there if lock.path == path]
    found = on_path if branch is None else [lock for lock in on_path if lock.branch == branch]
    if not found:
        where = "" if branch is None else f" on {branch}"
        raise NotFound(f"{path} is not locked{where}", hint="'tether locks' lists what is")
    if len(found) > 1:
        raise InvalidInput(f"{path} is locked on several branches", hint="name one with --branch")
    return found[0]


def _text(path: bytes) -> str:
    """Return a path as it is written in a request."""
    try:
        return check_path(path).decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{display(path)} is no text", hint="lock the folder that it is in") from None


@contextmanager
def _locks(repo: Opened, remote: str | None) -> Iterator[HubLocks]:
    name = remote or default_remote(repo)
    address = remotes(repo).get(name)
    if address is None:
        raise NotFound(f"no remote named {name}", hint=f"run 'tether remote add {name} URL'")
    if not is_on_hub(address):
        raise Unsupported(f"{name} is not on a hub, and only hubs keep locks", hint="name another remote")
    place = parse_repository_address(address)
    locks = HubLocks(repo.connect(place), place.owner, place.name)
    try:
        yield locks
    finally:
        locks.close()
