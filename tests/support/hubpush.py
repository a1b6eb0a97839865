"""Pushes to a hub inside of the test, through its routes, by people with one repository between them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.support.histories import Past
from tests.support.hub import HubRoom
from tests.support.repos import make_repository

from tether.core.digest import Digest
from tether.core.names import branch_ref
from tether.sync.exchange import PushOptions, refuse
from tether.sync.far import push_far
from tether.sync.http import _KINDS, HttpClient, Reply, Request
from tether.sync.hubend import HubEnd

T = TypeVar("T")


class RoomClient(HttpClient):
    """Sends requests to a hub without a socket, once each.

    Attributes:
        sent: All requests so far.
    """

    def __init__(self, room: HubRoom, token: str | None, base: str = "http://hub.example.org") -> None:
        super().__init__(base, token)
        self._room, self._token = room, token
        self.sent: list[Request] = []

    def exchange(self, make: Callable[[], Request], use: Callable[[Reply], T], *, block: int = 1) -> T:
        """Send the request that `make` gives and return what `use` makes of the reply."""
        request = make()
        self.sent.append(request)
        body = [bytes(request.body)] if request.body is not None else None
        reply = self._room.call(
            request.method, request.path, self._token, headers=request.headers, parts=body
        )
        if reply.status >= 300:
            given = json.loads(reply.body)["error"]
            raise _KINDS[given["code"]](given["message"], hint=given["hint"])
        headers = {name.title(): value for name, value in reply.headers.items()}
        return use(Reply(reply.status, headers, iter([reply.body])))


class Desk:
    """A repository from which several people push to one on the hub.

    Attributes:
        past: Makes commits.
    """

    def __init__(self, room: HubRoom, folder: Path, address: str) -> None:
        self._room, self._address = room, address
        self.local = make_repository(folder)
        self.past = Past(self.local)

    def end(self, token: str | None, address: str = "") -> HubEnd:
        """Return the repository on the hub as the one with a token reaches it."""
        owner, _, name = (address or self._address).partition("/")
        return HubEnd(RoomClient(self._room, token), owner, name)

    def commit(self, files: Mapping[str, bytes | None], branch: str = "main") -> Digest:
        """Commit changes on a branch here."""
        return self.past.commit("change", files, branch=branch)

    def move(self, branch: str, commit: Digest) -> None:
        """Let a branch here name a commit."""
        with self.local.transaction("move") as transaction:
            transaction.set_ref(branch_ref(branch), commit)

    def push(self, token: str, branch: str = "main", *, force: bool = False, delete: bool = False) -> None:
        """Push a branch as the one with a token.

        Raises:
            Forbidden: The hub does not allow it.
            Conflict: It would lose commits.
        """
        options = PushOptions((branch,), lease=force, delete=delete)
        refuse(push_far(self.local, self.end(token), "hub", options), "hub")

    def tip(self, token: str, branch: str = "main") -> Digest | None:
        """Return where a branch is on the hub."""
        return self.end(token).refs().refs.get(branch_ref(branch))
