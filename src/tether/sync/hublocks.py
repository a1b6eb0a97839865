"""Locks of files of a repository on a hub, over HTTP."""

from typing import Any, NamedTuple
from urllib.parse import quote

from tether.errors import Unavailable
from tether.sync.http import HttpClient
from tether.sync.hubend import repository_path


class FileLock(NamedTuple):
    """A file or folder that nobody but one user changes by a push."""

    id: str
    path: str
    branch: str | None
    """The only branch on which it is locked; None for all."""
    user: str
    created: int
    """Microseconds since 1970."""


class HubLocks:
    """The locks of one repository of a hub.

    Args:
        client: Speaks to the hub.
        owner: Whose repository.
        repository: Its name.
    """

    def __init__(self, client: HttpClient, owner: str, repository: str) -> None:
        self._client = client
        self._path = f"{repository_path(owner, repository)}/locks"

    def list(self) -> list[FileLock]:
        """Return all of them by path."""
        return [_lock(row) for row in self._client.json("GET", self._path) or ()]

    def lock(self, path: str, branch: str | None) -> FileLock:
        """Lock a file or folder, on one branch or on all; one that the user holds already stays.

        Raises:
            Conflict: Somebody else has locked it, something below it, or a folder that it is in.
            Forbidden: The user may not push.
        """
        return _lock(self._client.json("POST", self._path, {"path": path, "branch": branch}))

    def unlock(self, lock: FileLock, *, force: bool = False) -> FileLock:
        """Give a lock back, or take one of somebody else away.

        Raises:
            NotFound: It is not there any more.
            Conflict: It is somebody else's, and `force` is not given.
            Forbidden: It is somebody else's, and the user does not maintain the repository.
        """
        query = "?force=true" if force else ""
        return _lock(self._client.json("DELETE", f"{self._path}/{quote(lock.id, safe='')}{query}"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _lock(row: Any) -> FileLock:
    match row:
        case {
            "id": str(lock_id),
            "path": str(path),
            "branch": str() | None as branch,
            "user": str(user),
            "created": int(created),
        }:
            return FileLock(lock_id, path, branch, user, created)
    raise Unavailable("the hub did not reply as one with locks does", hint="check the address")
