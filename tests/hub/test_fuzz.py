"""Whatever is sent, the hub answers in its form, and never with a bug."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.hub import HubRoom
from tests.support.postgres import Cluster

HOSTILE = [
    "",
    ".",
    "..",
    "\0",
    "a\0b",
    "\ud800",
    "%2e%2e",
    "ada",
    "x",
    "a" * 200,
    "é",
    "a/b",
    "🙂",
    "' OR 1=1 --",
]
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
NUMBER = st.one_of(st.integers(-2, 200), st.sampled_from([2**31, 2**63, 2**64, -(2**64)]))
VALUE = st.one_of(st.none(), st.booleans(), NUMBER, TEXT, st.floats(), st.lists(TEXT, max_size=2))
FIELDS = [
    "owner",
    "name",
    "private",
    "archived",
    "kind",
    "role",
    "user",
    "password",
    "label",
    "scope",
    "days",
]
FIELDS += ["old", "new", "invitation", "admin", "disabled"]
RIGHTS = ["branches", "push", "force", "delete", "review", "paths", "exempt", "path", "branch", "who"]
RIGHTS += ["users", "teams", "role", "name", "max_bytes", "max_repositories"]
QUERIES = ["", "?limit=-1", f"?before={2**63}", "?before=-1", "?after=%00&owner=%00", "?after=a%2Fb%2Fc"]
GRANT = st.fixed_dictionaries(
    {},
    optional={
        "role": st.one_of(VALUE, st.sampled_from(["read", "admin"])),
        "users": st.one_of(VALUE, st.lists(TEXT, max_size=3)),
        "teams": st.one_of(VALUE, st.just(["data"])),
    },
)
OF_RIGHTS = st.one_of(
    VALUE,
    GRANT,
    st.sampled_from(["main", "HEAD", "a[b", "**", "[", "a\\", "data", "read"]),
    st.lists(st.fixed_dictionaries({"path": TEXT}, optional={"who": GRANT}), max_size=3),
)
BODY = st.one_of(VALUE, st.dictionaries(st.sampled_from(FIELDS), VALUE, max_size=5))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[HubRoom, str]]:
    """Return a hub with an open door, and the token of an administrator."""
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgres")
            url = stack.enter_context(cluster.hub_database())
        folder = tmp_path_factory.mktemp("fuzz") / "hub"
        settings: dict[str, Any] = {"signup": "open", "login_attempts": 10**6, "requests_per_s": 0}
        hub = HubRoom(folder, database=url, **settings)
        stack.callback(hub.close)
        token = hub.user("ada", password="a good password", admin=True)
        hub.ok("POST", "/organisations", token, {"name": "lab"})
        hub.ok("POST", "/organisations/lab/teams", token, {"name": "data"})
        hub.repository(token, "ada/x")
        hub.repository(token, "lab/x")
        yield hub, token


@pytest.fixture(scope="module")
def operations(room: tuple[HubRoom, str]) -> list[tuple[str, str]]:
    """Return each method and path that the hub describes."""
    hub, _ = room
    paths: dict[str, dict[str, Any]] = hub.call("GET", "/api/v1/openapi.json").json["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_request_is_a_bug(
    room: tuple[HubRoom, str], operations: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Every reply is a success or one of our failures, and none of them is a bug."""
    hub, token = room
    method, path = data.draw(st.sampled_from(operations))
    filled = re.sub(r"\{\w+\}", lambda _: quoted(data.draw(TEXT)), path)
    query = data.draw(
        st.sampled_from(["", "?limit=-1", f"?before={2**63}", "?before=-1", "?after=%00&owner=%00"])
    )
    who = data.draw(st.sampled_from([None, token, "tth_none", "é"]))

    reply = hub.call(method, filled + query, who, data.draw(BODY))

    assert reply.status < 500, (method, filled + query, reply)
    if reply.status >= 400:
        assert set(reply.json["error"]) == {"code", "message", "hint"}


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_wish_for_rights_is_a_bug(
    room: tuple[HubRoom, str], operations: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Bodies that are nearly right, for teams, rules, locks and quotas that are there."""
    hub, token = room
    asked = [
        (method, path)
        for method, path in operations
        if re.search(r"/(teams|rules|locks|quotas)\b", path) and method != "GET"
    ]
    method, path = data.draw(st.sampled_from(asked))
    path = path.replace("/organisations/{name}", "/organisations/lab").replace("{owner}/{name}", "lab/x")
    filled = re.sub(r"\{\w+\}", lambda _: quoted(data.draw(st.one_of(TEXT, st.just("data")))), path)
    body = data.draw(st.dictionaries(st.sampled_from(RIGHTS), OF_RIGHTS, max_size=6))
    needed = {"rules": "branches", "locks": "path", "teams": "role"}
    for word, name in needed.items():
        if f"/{word}" in path and data.draw(st.booleans()):
            body[name] = data.draw(OF_RIGHTS)

    reply = hub.call(method, filled, token, body)

    assert reply.status < 500, (method, filled, body, reply)


def quoted(text: str) -> str:
    """Return a name as one step of a path; what cannot be in an address is replaced."""
    from urllib.parse import quote

    return quote(text.encode("utf-8", "replace"), safe="")


def test_the_hub_is_still_there(room: tuple[HubRoom, str], tmp_path: Path) -> None:
    """After all of that the repositories are in the folder of the hub and nowhere else."""
    hub, _ = room
    names = {path.name for path in hub.hub.settings.repositories.iterdir()}

    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)
    assert {path.name for path in hub.hub.settings.root.iterdir()} <= {
        "hub.db",
        "hub.db-wal",
        "hub.db-shm",
        "repositories",
    }
