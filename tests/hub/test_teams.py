"""Teams of organisations, and the roles that they give."""

import pytest
from tests.hub.test_access import ROLES, outcome
from tests.support.hub import HubRoom

from tether.hub.access import Role


@pytest.fixture
def lab(hub: HubRoom) -> dict[str, str]:
    """Return the tokens of Ada, who owns the organisation `Lab`, of Bob, a member, and of Eve."""
    tokens = {name: hub.user(name) for name in ("ada", "bob", "eve")}
    hub.ok("POST", "/organisations", tokens["ada"], {"name": "Lab"})
    hub.ok("PUT", "/organisations/lab/members/bob", tokens["ada"], {"role": "member"})
    hub.repository(tokens["ada"], "lab/x", private=True)
    hub.ok("POST", "/organisations/lab/teams", tokens["ada"], {"name": "Data"})
    return tokens


def test_a_team_has_members_of_its_organisation(hub: HubRoom, lab: dict[str, str]) -> None:
    """Owners make teams and choose members; who leaves the organisation leaves its teams."""
    ada = lab["ada"]

    assert hub.api("PUT", "/organisations/lab/teams/data/members/eve", ada).code == "conflict"
    hub.ok("PUT", "/organisations/lab/teams/data/members/bob", ada)
    hub.ok("PUT", "/organisations/lab/teams/data/members/bob", ada)
    assert hub.ok("GET", "/organisations/lab/teams", lab["bob"]) == [{"name": "Data"}]
    assert hub.ok("GET", "/organisations/lab/teams/data/members", lab["bob"]) == [{"user": "bob"}]
    hub.ok("DELETE", "/organisations/lab/members/bob", ada)
    hub.ok("PUT", "/organisations/lab/members/bob", ada, {"role": "member"})
    assert hub.ok("GET", "/organisations/lab/teams/data/members", ada) == []
    assert hub.api("DELETE", "/organisations/lab/teams/data/members/bob", ada).code == "not-found"
    assert hub.api("POST", "/organisations/lab/teams", ada, {"name": "DATA"}).code == "already-exists"
    assert hub.api("POST", "/organisations/lab/teams", ada, {"name": "a b"}).code == "invalid-input"
    hub.ok("DELETE", "/organisations/lab/teams/data", ada)
    assert hub.ok("GET", "/organisations/lab/teams", ada) == []


@pytest.mark.parametrize("given", ROLES)
def test_the_highest_role_counts(hub: HubRoom, lab: dict[str, str], given: str) -> None:
    """A member of a team has its role, or the one that they have beside it if that is higher."""
    ada, bob = lab["ada"], lab["bob"]
    hub.ok("PUT", "/organisations/lab/teams/data/members/bob", ada)
    hub.ok("POST", "/organisations/lab/teams", ada, {"name": "others"})
    hub.ok("PUT", "/repos/lab/x/teams/data", ada, {"role": given})
    hub.ok("PUT", "/repos/lab/x/teams/others", ada, {"role": "admin"})
    hub.ok("PUT", "/repos/lab/x/collaborators/bob", ada, {"role": "triage"})

    held = max(Role[given.upper()], Role.TRIAGE)

    for role in Role:
        assert outcome(hub, bob, "lab/x", role) == ("ok" if role <= held else "forbidden")
    assert hub.ok("GET", "/repos/lab/x/teams", ada) == [
        {"team": "Data", "role": given},
        {"team": "others", "role": "admin"},
    ]


def test_roles_of_teams_are_taken_away(hub: HubRoom, lab: dict[str, str]) -> None:
    """By taking the role, the member or the team away, or by giving the repository to another owner."""
    ada, bob = lab["ada"], lab["bob"]
    hub.ok("PUT", "/organisations/lab/teams/data/members/bob", ada)

    def give() -> None:
        hub.ok("PUT", "/repos/lab/x/teams/data", ada, {"role": "write"})
        assert outcome(hub, bob, "lab/x", Role.WRITE) == "ok"

    give()
    hub.ok("DELETE", "/repos/lab/x/teams/data", ada)
    assert outcome(hub, bob, "lab/x", Role.WRITE) == "forbidden"
    assert hub.api("DELETE", "/repos/lab/x/teams/data", ada).code == "not-found"
    give()
    hub.ok("PATCH", "/repos/lab/x", ada, {"owner": "ada"})
    assert outcome(hub, bob, "ada/x", Role.READ) == "not-found"
    hub.ok("PATCH", "/repos/ada/x", ada, {"owner": "lab"})
    assert outcome(hub, bob, "lab/x", Role.WRITE) == "forbidden"
    give()
    hub.ok("DELETE", "/organisations/lab/teams/data", ada)
    assert outcome(hub, bob, "lab/x", Role.WRITE) == "forbidden"
    changes = [entry for entry in hub.ok("GET", "/repos/lab/x/audit", ada) if "team" in entry["details"]]
    assert [entry["details"]["role"] for entry in changes] == ["write", None, "write", None, "write"]
    assert {entry["action"] for entry in changes} == {"repository.role"}


def test_teams_of_others_are_not_there(hub: HubRoom, lab: dict[str, str]) -> None:
    """A team gives no role elsewhere; outsiders learn nothing of teams, and members change none."""
    ada, bob, eve = lab["ada"], lab["bob"], lab["eve"]
    hub.repository(eve, "eve/y", private=True)

    assert hub.api("PUT", "/repos/eve/y/teams/data", eve, {"role": "read"}).code == "not-found"
    for team in ("data", "none"):
        assert hub.api("GET", f"/organisations/lab/teams/{team}/members", eve).code == "forbidden"
        assert hub.api("DELETE", f"/organisations/lab/teams/{team}", bob).code == "forbidden"
        assert hub.api("PUT", f"/organisations/lab/teams/{team}/members/bob", bob).code == "forbidden"
    assert hub.api("GET", "/organisations/lab/teams", eve).code == "forbidden"
    assert hub.api("GET", "/organisations/lab/teams", None).code == "unauthenticated"
    assert hub.api("POST", "/organisations/lab/teams", bob, {"name": "mine"}).code == "forbidden"
    assert hub.api("PUT", "/organisations/lab/teams/none/members/bob", ada).code == "not-found"
    assert hub.api("GET", "/organisations/ada/teams", ada).code == "not-found"
