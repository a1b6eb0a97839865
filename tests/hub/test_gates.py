"""Repositories that everybody finds and whose contents are read on request."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.hubpush import Desk

from tether.errors import Forbidden

TERMS = "Do not try to find out who is in the pictures.\n"


@pytest.fixture
def gated(hub: HubRoom, tmp_path: Path) -> tuple[HubRoom, str, str]:
    """Return a hub with a gated repository of Ada's, her token, and one of Bob's."""
    ada, bob = hub.user("ada"), hub.user("bob", "write")
    hub.repository(ada, "ada/x")
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": b"contents"})
    desk.push(ada)
    hub.ok("PUT", "/repos/ada/x/gate", ada, {"agreement": TERMS})
    return hub, ada, bob


def gate(hub: HubRoom, token: str | None) -> Any:
    """Return what stands before the contents."""
    return hub.ok("GET", "/repos/ada/x/gate", token)


def reads(hub: HubRoom, token: str | None) -> bool:
    """Say whether somebody may read a file; no other route of contents may say otherwise."""
    reply = hub.api("GET", "/repos/ada/x/files/main/a", token)
    refs = hub.api("GET", "/repos/ada/x/transfer/refs", token)
    assert (reply.status, refs.status) in ((200, 200), (403, 403)), (reply, refs)
    assert (reply.body == b"contents") == (reply.status == 200)
    return reply.status == 200


def ask(hub: HubRoom, token: str) -> Any:
    """Agree to what is there and ask."""
    return hub.ok("POST", "/repos/ada/x/access", token, {"agreed": gate(hub, token)["digest"]})


def actions(hub: HubRoom, ada: str) -> list[str]:
    """Return what the audit log of the repository says of gates and requests, oldest first."""
    found = [entry["action"] for entry in hub.ok("GET", "/repos/ada/x/audit", ada)]
    return [action for action in reversed(found) if action.startswith(("gate.", "access."))]


def test_found_but_not_read(gated: tuple[HubRoom, str, str]) -> None:
    """Everybody sees that it is there and what to agree to; the refusal says how to ask."""
    hub, ada, bob = gated

    for token in (None, bob):
        assert hub.ok("GET", "/repos/ada/x", token)["name"] == "x"
        assert [row["name"] for row in hub.ok("GET", "/repos", token)] == ["x"]
        assert gate(hub, token)["agreement"] == TERMS
        assert not reads(hub, token)
    error = hub.api("GET", "/repos/ada/x/files/main/a", bob).json["error"]
    assert error["code"] == "forbidden"
    assert "tether repo ask" in error["hint"]
    assert reads(hub, ada)


def test_no_route_of_contents_is_open(gated: tuple[HubRoom, str, str]) -> None:
    """Of all routes below the repository only those that show nothing of it answer before the gate."""
    hub, _, bob = gated
    paths: dict[str, dict[str, Any]] = hub.call("GET", "/api/v1/openapi.json").json["paths"]
    open_ = set()
    for path, methods in paths.items():
        if not path.startswith("/api/v1/repos/{owner}/{name}") or "get" not in methods:
            continue
        place = path.replace("{owner}/{name}", "ada/x").replace("{rev}", "main")
        place = place.replace("{path:anything}", "a").replace("{path}", "a").replace("{pack}", "1" * 64)
        if hub.call("GET", place, bob).status not in (403, 404):
            open_.add(path.removeprefix("/api/v1/repos/{owner}/{name}"))
    assert open_ <= {"", "/gate", "/forks"}


def test_granted_refused_and_taken_away(gated: tuple[HubRoom, str, str], tmp_path: Path) -> None:
    """An administrator decides, and may change the decision; all of it is recorded."""
    hub, ada, bob = gated
    assert ask(hub, bob)["state"] == "waiting"
    assert ask(hub, bob)["state"] == "waiting"
    assert not reads(hub, bob)
    waiting = hub.ok("GET", "/repos/ada/x/access-requests?state=waiting", ada)
    assert [(each["user"], each["agreed"]) for each in waiting] == [("bob", gate(hub, bob)["digest"])]
    assert hub.api("GET", "/repos/ada/x/access-requests", bob).status == 403
    assert hub.api("PUT", "/repos/ada/x/access-requests/bob", bob, {"grant": True}).status == 403

    hub.ok("PUT", "/repos/ada/x/access-requests/bob", ada, {"grant": True})

    assert reads(hub, bob)
    assert gate(hub, bob)["state"] == "granted"
    desk = Desk(hub, tmp_path / "bob", "ada/x")
    desk.commit({"b": b"1"}, "new")
    with pytest.raises(Forbidden, match="write is needed"):
        desk.push(bob, "new")
    hub.ok("PUT", "/repos/ada/x/access-requests/bob", ada, {"grant": False})
    assert not reads(hub, bob)
    assert hub.api("POST", "/repos/ada/x/access", bob, {"agreed": gate(hub, bob)["digest"]}).status == 403
    assert actions(hub, ada) == ["gate.set", "access.waiting", "access.granted", "access.refused"]


def test_withdrawn(gated: tuple[HubRoom, str, str]) -> None:
    """Who takes a request back has no access any more, and nobody grants it then; they may ask again."""
    hub, ada, bob = gated
    ask(hub, bob)
    hub.ok("DELETE", "/repos/ada/x/access", bob)

    assert hub.api("PUT", "/repos/ada/x/access-requests/bob", ada, {"grant": True}).code == "conflict"
    assert hub.api("DELETE", "/repos/ada/x/access", bob).status == 404
    assert not reads(hub, bob)
    assert ask(hub, bob)["state"] == "waiting"


def test_at_once(gated: tuple[HubRoom, str, str]) -> None:
    """An automatic gate lets everybody in who is signed in and agrees to the text as it is now."""
    hub, ada, bob = gated
    before = gate(hub, bob)["digest"]
    hub.ok("PUT", "/repos/ada/x/gate", ada, {"agreement": TERMS * 2, "automatic": True})

    assert hub.api("POST", "/repos/ada/x/access", bob, {"agreed": before}).code == "conflict"
    agreed = {"agreed": gate(hub, bob)["digest"]}
    assert hub.api("POST", "/repos/ada/x/access", None, agreed).status == 401
    assert hub.api("POST", "/repos/ada/x/access", hub.token("bob", "read"), agreed).status == 403
    assert not reads(hub, bob)
    assert ask(hub, bob)["state"] == "granted"
    assert reads(hub, bob)
    assert not reads(hub, None)


def test_no_gate(gated: tuple[HubRoom, str, str]) -> None:
    """Without a gate everybody reads; in a private repository a grant gives nothing."""
    hub, ada, bob = gated
    ask(hub, bob)
    hub.ok("PUT", "/repos/ada/x/access-requests/bob", ada, {"grant": True})
    hub.ok("PATCH", "/repos/ada/x", ada, {"private": True})
    assert hub.api("GET", "/repos/ada/x/files/main/a", bob).status == 404
    assert hub.api("GET", "/repos/ada/x/gate", bob).status == 404
    hub.ok("PATCH", "/repos/ada/x", ada, {"private": False})
    hub.ok("DELETE", "/repos/ada/x/gate", ada)
    assert reads(hub, None)
    assert reads(hub, bob)
    assert hub.api("GET", "/repos/ada/x/gate", bob).status == 404
    assert hub.api("PUT", "/repos/ada/x/gate", ada, {"agreement": " \n"}).status == 400
