"""A hub inside of the test: requests reach it without a socket, and time stands until it is moved."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp
from tests.support.tables import lay_tables

from tether.core.identity import Time
from tether.core.tracing import UNTRACED
from tether.hub.access import OPERATOR, Scope
from tether.hub.accounts import create_user, find_user
from tether.hub.acting import acting
from tether.hub.app import build_app
from tether.hub.hub import Hub
from tether.hub.settings import load_settings
from tether.hub.tokens import create_token
from tether.storage.buckets import OpenBucket, as_surroundings_say

START = 1_795_000_000_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
ON_ONE_DATABASE = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
"""Marks a test of what no database has a part in."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a value; None where it is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """The code of the failure that it tells of."""
        code: str = self.json["error"]["code"]
        return code


@dataclass
class Wire:
    """One request and what the application sends for it."""

    parts: list[bytes]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, Any]:
        """Give the next part of the body; whoever asks for more waits for the end of the reply."""
        if not self.parts:
            await self.ended.wait()
            return {"type": "http.disconnect"}
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}

    async def send(self, message: Any) -> None:
        """Take the reply."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            for name, value in message["headers"]:  # of cookies there are several, here with a line each
                known = self.headers.get(name.decode())
                self.headers[name.decode()] = (
                    value.decode() if known is None else f"{known}\n{value.decode()}"
                )
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                self.ended.set()


async def ask(app: ASGIApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Let an application answer."""
    await app(scope, receive, send)


class HubRoom:
    """A hub with users that the test makes.

    Args:
        root: Its folder.
        open_bucket: Opens the bucket, where the settings name one.
        api: Other routes than those that all hubs share.
        settings: By name.

    Attributes:
        now: The time that the hub sees, in microseconds; move it as you like.
        lose_database: Takes the database away for good.
    """

    def __init__(
        self,
        root: Path,
        *,
        open_bucket: OpenBucket = as_surroundings_say,
        tracer: Any = UNTRACED,
        api: FastAPI | None = None,
        **settings: Any,
    ) -> None:
        self.now = START
        told = load_settings(root, settings, {})
        if not told.database:
            lay_tables(root)
        self.hub = Hub.open(told, lambda: Time(self.now, 0), open_bucket, tracer)
        self.app: ASGIApp = build_app(self.hub, lambda: self.now / SECOND, api)
        self.lose_database: Callable[[], None] = self._lose_folder

    def close(self) -> None:
        """Close the hub."""
        self.hub.close()

    def _lose_folder(self) -> None:
        self.hub.close()
        root = self.hub.settings.root
        root.rename(root.with_name("away"))

    def user(
        self, name: str, scope: str = "admin", *, password: str | None = None, admin: bool = False
    ) -> str:
        """Make a user and return a token of theirs."""
        with acting(self.hub, OPERATOR) as act:
            create_user(act, name, password=password, admin=admin)
        return self.token(name, scope)

    def token(self, name: str, scope: str = "admin", *, days: int | None = None) -> str:
        """Return another token of a user."""
        with acting(self.hub, OPERATOR) as act:
            expires = None if days is None else self.now + days * DAY
            return create_token(act, find_user(act.session, name), Scope(scope), expires=expires)[1]

    def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        parts: list[bytes] | None = None,
    ) -> Reply:
        """Send one request below the host and return the reply; `parts` are a raw body."""
        sent = {"host": "hub.example.org", **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if body is not None:
            parts, sent["content-type"] = [json.dumps(body).encode()], "application/json"
        wire = Wire(parts or [b""])
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(place),
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": (sent.get("x-test-client", "192.0.2.1"), 40000),
            "server": ("hub.example.org", 80),
        }
        asyncio.run(ask(self.app, scope, wire.receive, wire.send))
        return Reply(wire.status, wire.headers, wire.body)

    def api(self, method: str, path: str, token: str | None = None, body: object = None) -> Reply:
        """Send one request below `/api/v1`."""
        return self.call(method, f"/api/v1{path}", token, body)

    def ok(self, method: str, path: str, token: str | None = None, body: object = None) -> Any:
        """Send one request below `/api/v1`, which must succeed; return its document."""
        reply = self.api(method, path, token, body)
        assert 200 <= reply.status < 300, reply
        return reply.json

    def repository(self, token: str, address: str, *, private: bool = False) -> Any:
        """Make a repository OWNER/NAME."""
        owner, name = address.split("/")
        return self.ok("POST", "/repos", token, {"owner": owner, "name": name, "private": private})
