"""Who may do what in which repository."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.hub import HubRoom
from tests.support.postgres import Cluster
from tests.support.statements import statements

from tether.errors import TetherError
from tether.hub.access import ANONYMOUS, Principal, Role, Scope, require
from tether.hub.repositories import find
from tether.hub.tokens import find_principal

ROLES = ("read", "triage", "write", "maintain", "admin")


def outcome(hub: HubRoom, token: str | None, address: str, role: Role) -> str:
    """Return "ok", or the code of the error, for one who needs a role at an address."""
    with hub.hub.database.session(reads_only=True) as session:
        principal = find_principal(session, hub.now, token)
        try:
            require(session, principal, find(session, *address.split("/")), role, address)
        except TetherError as error:
            return error.code
    return "ok"


@pytest.mark.parametrize("given", ROLES)
def test_a_role_includes_those_before_it(hub: HubRoom, given: str) -> None:
    """A collaborator may do what the role and the lesser ones may, and no more."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/x", private=True)
    assert hub.api("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": given}).status == 204

    held = Role[given.upper()]

    for role in Role:
        assert outcome(hub, bob, "ada/x", role) == ("ok" if role <= held else "forbidden")


@pytest.mark.parametrize(
    ("scope", "highest"), [("read", Role.READ), ("write", Role.WRITE), ("admin", Role.ADMIN)]
)
def test_a_token_carries_its_scope_at_most(hub: HubRoom, scope: str, highest: Role) -> None:
    """Owners and administrators of the hub with a narrow token may do what its scope says."""
    ada = hub.user("ada")
    hub.user("root", admin=True)
    hub.repository(ada, "ada/x", private=True)

    for name in ("ada", "root"):
        for role in Role:
            wanted = "ok" if role <= highest else "forbidden"
            assert outcome(hub, hub.token(name, scope), "ada/x", role) == wanted


def test_public_and_private(hub: HubRoom) -> None:
    """All read what is public; to change it one signs in and needs a role. What is private is not there."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/open")
    hub.repository(ada, "ada/closed", private=True)

    assert [outcome(hub, None, "ada/open", role) for role in (Role.READ, Role.WRITE)] == [
        "ok",
        "unauthenticated",
    ]
    assert [outcome(hub, bob, "ada/open", role) for role in (Role.READ, Role.WRITE)] == ["ok", "forbidden"]
    for token in (None, bob):
        for role in Role:
            assert outcome(hub, token, "ada/closed", role) == "not-found"


ROUTES = [
    ("GET", "", None),
    ("PATCH", "", {"private": False}),
    ("DELETE", "", None),
    ("POST", "/restore", None),
    ("GET", "/collaborators", None),
    ("PUT", "/collaborators/bob", {"role": "read"}),
    ("DELETE", "/collaborators/bob", None),
    ("GET", "/audit", None),
    ("GET", "/teams", None),
    ("PUT", "/teams/data", {"role": "read"}),
    ("DELETE", "/teams/data", None),
    ("GET", "/rules", None),
    ("PUT", "/rules/r", {"branches": "main"}),
    ("DELETE", "/rules/default-branch", None),
    ("GET", "/locks", None),
    ("POST", "/locks", {"path": "a"}),
    ("DELETE", "/locks/none", None),
    ("GET", "/tree/main", None),
    ("GET", "/files/main/a", None),
    ("GET", "/transfer/refs", None),
    ("GET", "/forks", None),
    ("GET", "/gate", None),
    ("GET", "/workspaces", None),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hidden(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[HubRoom, str]]:
    """Return a hub with private repositories of ada's that are there, renamed and gone, and bob's token.

    Requests that are refused leave it as it was.
    """
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgres")
            url = stack.enter_context(cluster.hub_database())
        hub = HubRoom(tmp_path_factory.mktemp("hidden") / "hub", database=url, requests_per_s=0)
        stack.callback(hub.close)
        ada, bob = hub.user("ada"), hub.user("bob")
        hub.repository(ada, "ada/secret", private=True)
        hub.repository(ada, "ada/before", private=True)
        hub.ok("PATCH", "/repos/ada/before", ada, {"name": "after"})
        hub.repository(ada, "ada/gone", private=True)
        hub.ok("DELETE", "/repos/ada/gone", ada)
        hub.ok("GET", "/me", bob)  # the first use of a token in a while is noted
        yield hub, bob


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_a_private_repository_looks_like_none(
    hidden: tuple[HubRoom, str], method: str, path: str, body: object
) -> None:
    """On every route the whole reply is the same but for the name, and so is what the database is asked.

    The statements are what a request costs: with the same ones, the time tells nothing either.
    """
    hub, bob = hidden
    for token in (None, bob):
        seen = set()
        for address in ("ada/secret", "ada/absent", "ada/before", "ada/gone", "nobody/absent"):
            with statements(hub) as asked:
                reply = hub.api(method, f"/repos/{address}{path}", token, body)
            assert asked
            headers = {name: value for name, value in reply.headers.items() if name != "x-request-id"}
            headers.pop("content-length")
            body_of_none = reply.body.replace(address.encode(), b"")
            seen.add((reply.status, tuple(sorted(headers.items())), body_of_none, tuple(asked)))
        assert len(seen) == 1
        assert next(iter(seen))[0] == 404


def test_lists_show_what_one_may_read(hub: HubRoom) -> None:
    """Public ones for all, private for owners, members, collaborators, administrators; none that is gone."""
    ada, bob, root = hub.user("ada"), hub.user("bob"), hub.user("root", admin=True)
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    for name, private in (("ada/open", False), ("ada/mine", True), ("lab/shared", True), ("ada/gone", False)):
        hub.repository(ada, name, private=private)
    hub.ok("DELETE", "/repos/ada/gone", ada)

    def listed(token: str | None, query: str = "") -> list[str]:
        return [f"{row['owner']}/{row['name']}" for row in hub.ok("GET", f"/repos{query}", token)]

    everything = ["ada/mine", "ada/open", "lab/shared"]
    assert listed(None) == ["ada/open"]
    assert listed(ada) == listed(root) == everything
    assert listed(bob) == ["ada/open"]
    hub.ok("PUT", "/repos/ada/mine/collaborators/bob", ada, {"role": "read"})
    hub.ok("PUT", "/organisations/lab/members/bob", ada, {"role": "member"})
    assert listed(bob) == everything
    assert listed(ada, "?owner=LAB") == ["lab/shared"]
    assert listed(ada, "?limit=2") == everything[:2]
    assert listed(ada, "?after=ada/open") == everything[2:]


def test_organisations(hub: HubRoom) -> None:
    """Owners make repositories and members; members read; others see nothing; an owner always remains."""
    ada, bob, eve = hub.user("ada"), hub.user("bob"), hub.user("eve")
    hub.ok("POST", "/organisations", ada, {"name": "Lab"})
    hub.repository(ada, "lab/x", private=True)
    hub.ok("PUT", "/organisations/lab/members/bob", ada, {"role": "member"})

    assert [outcome(hub, bob, "lab/x", role) for role in (Role.READ, Role.TRIAGE)] == ["ok", "forbidden"]
    assert outcome(hub, ada, "lab/x", Role.ADMIN) == "ok"
    assert outcome(hub, eve, "lab/x", Role.READ) == "not-found"
    assert hub.api("POST", "/repos", bob, {"owner": "lab", "name": "y"}).code == "forbidden"
    assert hub.ok("GET", "/organisations/lab/members", bob) == [
        {"user": "ada", "role": "owner"},
        {"user": "bob", "role": "member"},
    ]
    assert hub.api("GET", "/organisations/lab/members", eve).code == "forbidden"
    assert hub.api("PUT", "/organisations/lab/members/eve", bob, {"role": "member"}).code == "forbidden"
    assert hub.api("DELETE", "/organisations/lab/members/ada", ada).code == "conflict"
    assert hub.api("PUT", "/organisations/lab/members/ada", ada, {"role": "member"}).code == "conflict"
    hub.ok("PUT", "/organisations/lab/members/bob", ada, {"role": "owner"})
    hub.ok("DELETE", "/organisations/lab/members/ada", bob)
    assert outcome(hub, ada, "lab/x", Role.READ) == "not-found"
    assert hub.api("DELETE", "/organisations/lab/members/ada", bob).code == "not-found"
    assert hub.api("POST", "/organisations", eve, {"name": "ADA"}).code == "already-exists"
    assert hub.api("GET", "/organisations/ada/members", ada).code == "not-found"
    assert hub.api("POST", "/login", None, {"user": "lab", "password": "x"}).code == "unauthenticated"


def test_roles_are_taken_away(hub: HubRoom) -> None:
    """Without the role the repository is not there any more; the list tells who has which."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/x", private=True)
    hub.ok("PUT", "/repos/ada/x/collaborators/BOB", ada, {"role": "write"})
    hub.ok("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "maintain"})

    assert hub.ok("GET", "/repos/ada/x/collaborators", ada) == [{"user": "bob", "role": "maintain"}]
    hub.ok("DELETE", "/repos/ada/x/collaborators/bob", ada)
    assert hub.api("GET", "/repos/ada/x", bob).status == 404
    assert hub.api("DELETE", "/repos/ada/x/collaborators/bob", ada).code == "not-found"
    assert hub.api("PUT", "/repos/ada/x/collaborators/nobody", ada, {"role": "read"}).code == "not-found"
    assert hub.api("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "king"}).code == "invalid-input"


def test_an_archived_repository_is_only_read(hub: HubRoom) -> None:
    """Nobody writes to it until an administrator takes it back."""
    ada = hub.user("ada")
    hub.repository(ada, "ada/x")
    hub.ok("PATCH", "/repos/ada/x", ada, {"archived": True})

    assert outcome(hub, ada, "ada/x", Role.READ) == "ok"
    assert outcome(hub, ada, "ada/x", Role.WRITE) == "conflict"
    assert hub.ok("PATCH", "/repos/ada/x", ada, {"archived": False})["archived"] is False
    assert outcome(hub, ada, "ada/x", Role.WRITE) == "ok"


def test_nobody_and_the_command_line(hub: HubRoom) -> None:
    """Nobody has the narrowest scope; the command line of the hub is named in records and administers."""
    assert (ANONYMOUS.name, ANONYMOUS.administers) == ("(nobody)", False)
    assert (
        Principal(scope=Scope.ADMIN).administers,
        Principal(scope=Scope.ADMIN, operator=True).administers,
    ) == (
        False,
        True,
    )


def test_a_request_asks_the_database_little(tmp_path: Path) -> None:
    """Who asks, for what and with which role, are three questions; a root and what room there is are two."""
    hub = HubRoom(tmp_path / "hub")
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/x", private=True)
    hub.ok("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "write"})
    hub.ok("GET", "/repos/ada/x", bob)
    for method, path, most in (("GET", "refs", 4), ("POST", "packs", 5)):
        way = f"/api/v1/repos/ada/x/transfer/{path}"
        with statements(hub) as asked:
            assert hub.call(method, way, bob, parts=[bytes(32)] if method == "POST" else []).status == 200
        assert len([each for each in asked if each.startswith(("SELECT", "WITH"))]) <= most, path
    hub.close()
