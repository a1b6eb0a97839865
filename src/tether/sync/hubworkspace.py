"""A workspace on a hub, spoken to over HTTP."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from tether.core.digest import Buffer, Digest, parse_digest
from tether.core.identity import Person
from tether.errors import Corrupt, InvalidInput
from tether.sync.http import HttpClient, Request
from tether.sync.hubend import repository_path

_PAGE = 1000


class HubWorkspace:
    """One workspace; what is staged lies on the hub.

    Args:
        client: Speaks to the hub.
        path: Where its routes begin.
        document: What the hub says of it.

    Attributes:
        id: Of the workspace.
        branch: That it is against.
        base: The commit that it is against, in hexadecimal; None in an empty repository.
    """

    def __init__(self, client: HttpClient, path: str, document: Any) -> None:
        match document:
            case {"id": str(name), "branch": str(branch), "base": str() | None as base}:
                self.id, self.branch, self.base = name, branch, base
            case _:
                raise Corrupt("the hub sent a workspace of an unknown form", hint="check the address")
        self._client, self._path = client, f"{path}/{quote(self.id, safe='')}"

    @classmethod
    def create(
        cls, client: HttpClient, owner: str, repository: str, branch: str | None, name: str
    ) -> "HubWorkspace":
        """Make one; without a branch against the default branch."""
        path = f"{repository_path(owner, repository)}/workspaces"
        return cls(client, path, client.json("POST", path, {"branch": branch, "name": name}))

    @classmethod
    def open(cls, client: HttpClient, owner: str, repository: str, workspace_id: str) -> "HubWorkspace":
        """Return one that is there."""
        path = f"{repository_path(owner, repository)}/workspaces"
        return cls(client, path, client.json("GET", f"{path}/{quote(workspace_id, safe='')}"))

    def put(self, path: str, data: Buffer, digest: Digest, *, executable: bool = False) -> None:
        """Stage a file; the hub refuses other contents than those of the digest."""
        query = urlencode({"digest": digest.hex(), "executable": str(executable).lower()})
        self._client.call(Request("PUT", f"{self._file(path)}?{query}", data))

    def remove(self, path: str) -> None:
        """Stage that a file or folder goes."""
        self._client.call(Request("DELETE", self._file(path)))

    def rename(self, path: str, target: str) -> None:
        """Stage that a file or folder gets another path."""
        self._client.json("POST", f"{self._path}/rename", {"path": path, "target": target})

    def diff(self) -> Iterator[dict[str, Any]]:
        """Yield what is changed in the base, in order of the paths."""
        after = ""
        while True:
            query = urlencode({"after": after, "limit": _PAGE})
            page = _rows(self._client.json("GET", f"{self._path}/diff?{query}"))
            yield from page
            if len(page) < _PAGE or page[-1]["path"] == after:
                return
            after = page[-1]["path"]

    def conflicts(self) -> list[dict[str, Any]]:
        """Return what both sides changed."""
        return _rows(self._client.json("GET", f"{self._path}/conflicts"))

    def update(self) -> None:
        """Let it be against the branch as it is now."""
        document = self._client.json("POST", f"{self._path}/update")
        self.base = document["commit"]

    def commit(self, message: str, author: Person | None = None) -> Digest:
        """Commit; done again, as after a lost reply, it gives the same commit."""
        body: dict[str, Any] = {"message": message}
        if author is not None:
            body |= {"author": author.name, "email": author.email}
        match self._client.json("POST", f"{self._path}/commit", body):
            case {"commit": str(commit)}:
                try:
                    return parse_digest(commit)
                except InvalidInput:
                    pass
        raise Corrupt("the hub sent a commit of an unknown form", hint="check the address")

    def discard(self) -> None:
        """Give it up with all that is staged."""
        self._client.call(Request("DELETE", self._path))

    def _file(self, path: str) -> str:
        return f"{self._path}/files/{quote(path)}"


def _rows(reply: Any) -> list[dict[str, Any]]:
    if isinstance(reply, list) and all(isinstance(r, dict) and isinstance(r.get("path"), str) for r in reply):
        return reply
    raise Corrupt("the hub sent a list of an unknown form", hint="check the address")
