"""Making, moving, deleting and restoring repositories."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.hub import DAY, HubRoom

from tether.errors import Corrupt
from tether.hub.access import Role
from tether.hub.app import build_api, build_app
from tether.hub.keeping import purge
from tether.hub.repositories import find, open_repository
from tether.repo.repository import ROOT_ELSEWHERE


def folders(hub: HubRoom) -> set[str]:
    """Return the folders of repositories."""
    return {path.name for path in hub.hub.settings.repositories.iterdir()}


def test_make_one(hub: HubRoom) -> None:
    """It is an empty bare repository in a folder named by its id; its name keeps its capitals."""
    ada = hub.user("ada", "write")

    made = hub.ok("POST", "/repos", ada, {"owner": "ADA", "name": "Photos", "private": True, "kind": "model"})

    assert made["owner"] == "ada"
    assert {key: made[key] for key in ("name", "private", "kind", "archived", "deleted")} == {
        "name": "Photos",
        "private": True,
        "kind": "model",
        "archived": False,
        "deleted": None,
    }
    assert hub.ok("GET", "/repos/Ada/photos", ada) == made
    assert folders(hub) == {made["id"]}
    assert ROOT_ELSEWHERE in (hub.hub.settings.repositories / made["id"] / "format").read_text()
    with hub.hub.database.session() as session:
        row = find(session, "ada", "photos")
        assert row is not None
        repository = open_repository(hub.hub, row)
    assert repository.root().refs == {}
    assert repository.worktree is None
    repository.close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"owner": "ada", "name": "photos"}, "already-exists"),
        ({"owner": "ada", "name": "PHOTOS"}, "already-exists"),
        ({"owner": "bob", "name": "x"}, "forbidden"),
        ({"owner": "nobody", "name": "x"}, "forbidden"),
        ({"owner": "ada", "name": "../x"}, "invalid-input"),
        ({"owner": "ada", "name": "x/y"}, "invalid-input"),
        ({"owner": "ada", "name": "x", "kind": "film"}, "invalid-input"),
        ({"owner": "ada", "name": "x", "more": 1}, "invalid-input"),
        ({"owner": "ada"}, "invalid-input"),
        ([], "invalid-input"),
    ],
)
def test_refusals_leave_nothing(hub: HubRoom, body: object, code: str) -> None:
    """What is refused makes no folder and no row."""
    ada = hub.user("ada")
    hub.user("bob")
    hub.repository(ada, "ada/photos")

    assert hub.api("POST", "/repos", ada, body).code == code
    assert len(folders(hub)) == len(hub.ok("GET", "/repos", ada)) == 1


def test_a_repository_without_its_files_is_damage(hub: HubRoom) -> None:
    """It is not taken for one that is not there, and the reply does not say where the hub keeps files."""
    made = hub.repository(hub.user("ada"), "ada/a")
    shutil.rmtree(hub.hub.settings.repositories / made["id"])
    with hub.hub.database.session() as session:
        row = find(session, "ada", "a")
    assert row is not None

    with pytest.raises(Corrupt, match="ada/a") as caught:
        open_repository(hub.hub, row)
    assert str(hub.hub.settings.root) not in f"{caught.value} {caught.value.hint}"


def test_files_that_cannot_be_made_leave_no_row(hub: HubRoom) -> None:
    """If the folder of repositories cannot be written, the name stays free, and the fault is the hub's."""
    ada = hub.user("ada")
    hub.hub.settings.repositories.rmdir()
    hub.hub.settings.repositories.write_text("in the way")

    reply = hub.api("POST", "/repos", ada, {"owner": "ada", "name": "a"})

    assert (reply.status, reply.code) == (503, "unavailable")
    assert str(hub.hub.settings.root).encode() not in reply.body
    assert hub.ok("GET", "/repos", ada) == []
    hub.hub.settings.repositories.unlink()
    hub.hub.settings.repositories.mkdir()
    hub.repository(ada, "ada/a")


def test_one_signs_in_to_make_one(hub: HubRoom) -> None:
    """Nobody makes none, nor does a token to read."""
    reader = hub.user("ada", "read")
    body = {"owner": "ada", "name": "x"}

    assert hub.api("POST", "/repos", None, body).code == "unauthenticated"
    assert hub.api("POST", "/repos", reader, body).code == "forbidden"


def test_an_old_address_leads_on(hub: HubRoom) -> None:
    """After renames and a change of owner each old address shows the repository, until it is taken."""
    ada = hub.user("ada")
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    first = hub.repository(ada, "ada/a", private=True)["id"]
    hub.ok("PATCH", "/repos/ada/a", ada, {"name": "b"})
    hub.ok("PATCH", "/repos/ada/a", ada, {"owner": "lab"})

    moved = [hub.ok("GET", f"/repos/{address}", ada) for address in ("ada/a", "ada/b", "lab/b")]
    assert {(row["id"], row["owner"], row["name"]) for row in moved} == {(first, "lab", "b")}
    second = hub.repository(ada, "ada/a")["id"]
    assert hub.ok("GET", "/repos/ada/a", ada)["id"] == second
    hub.ok("PATCH", "/repos/lab/b", ada, {"owner": "ada", "name": "B"})
    assert hub.ok("GET", "/repos/lab/b", ada)["id"] == first
    assert hub.ok("GET", "/repos/ada/b", ada)["name"] == "B"
    assert hub.api("PATCH", "/repos/ada/b", ada, {"name": "a"}).code == "already-exists"
    assert hub.ok("PATCH", "/repos/ada/b", ada, {"name": "b"})["name"] == "b"


def test_repositories_are_not_given_to_others(hub: HubRoom) -> None:
    """A new owner is one in whose name one may make repositories."""
    ada = hub.user("ada")
    hub.user("bob")
    hub.repository(ada, "ada/a")

    assert hub.api("PATCH", "/repos/ada/a", ada, {"owner": "bob"}).code == "forbidden"
    assert hub.api("PATCH", "/repos/ada/a", ada, {"name": "x y"}).code == "invalid-input"
    assert hub.ok("GET", "/repos/ada/a")["owner"] == "ada"


def test_delete_and_restore(hub: HubRoom) -> None:
    """What was deleted is not there, its address is free, and it comes back while the time of grace lasts."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/a")
    hub.ok("PUT", "/repos/ada/a/collaborators/bob", ada, {"role": "maintain"})

    assert hub.api("DELETE", "/repos/ada/a", bob).code == "forbidden"
    gone = hub.ok("DELETE", "/repos/ada/a", ada)
    assert gone["deleted"] == hub.now
    assert hub.api("GET", "/repos/ada/a", ada).status == 404
    assert hub.api("DELETE", "/repos/ada/a", ada).status == 404
    other = hub.repository(ada, "ada/a")
    assert hub.api("POST", "/repos/ada/a/restore", ada).code == "already-exists"
    hub.ok("PATCH", "/repos/ada/a", ada, {"name": "other"})
    assert hub.api("POST", "/repos/ada/a/restore", bob).code == "forbidden"
    assert hub.ok("POST", "/repos/ada/a/restore", ada)["id"] == gone["id"]
    assert hub.ok("GET", "/repos/ada/a")["id"] == gone["id"]
    assert hub.ok("GET", "/repos/ada/other")["id"] == other["id"]
    assert hub.api("POST", "/repos/ada/a/restore", ada).status == 404


def test_the_time_of_grace_ends(hub: HubRoom) -> None:
    """Then the files and the row go, with roles and old addresses; what is younger stays."""
    ada = hub.user("ada")
    hub.user("bob")
    old, young = hub.repository(ada, "ada/old"), hub.repository(ada, "ada/young")
    hub.ok("PUT", "/repos/ada/old/collaborators/bob", ada, {"role": "read"})
    hub.ok("PATCH", "/repos/ada/old", ada, {"name": "older"})
    hub.ok("DELETE", "/repos/ada/older", ada)
    hub.now += DAY
    hub.ok("DELETE", "/repos/ada/young", ada)
    hub.now += 29 * DAY

    assert hub.api("POST", "/repos/ada/older/restore", ada).status == 404
    assert folders(hub) == {old["id"], young["id"]}
    assert list(purge(hub.hub)) == ["ada/older"]
    assert list(purge(hub.hub)) == []
    assert folders(hub) == {young["id"]}
    assert hub.ok("POST", "/repos/ada/young/restore", ada)["id"] == young["id"]
    hub.repository(ada, "ada/old")


def test_a_purge_that_was_cut_short_goes_on(hub: HubRoom) -> None:
    """If the files are gone and the row is left, the next purge removes the row."""
    ada = hub.user("ada")
    made = hub.repository(ada, "ada/a")
    hub.ok("DELETE", "/repos/ada/a", ada)
    hub.now += 31 * DAY
    shutil.rmtree(hub.hub.settings.repositories / made["id"])

    assert list(purge(hub.hub)) == ["ada/a"]


def test_hubs_that_purge_at_once(hub: HubRoom) -> None:
    """Whatever two of them do at the same time, each repository is removed and recorded once."""
    ada = hub.user("ada")
    for number in range(6):
        hub.repository(ada, f"ada/r{number}")
        hub.ok("DELETE", f"/repos/ada/r{number}", ada)
    hub.now += 31 * DAY

    with ThreadPoolExecutor(3) as pool:
        purged = [name for names in pool.map(lambda _: purge(hub.hub), range(3)) for name in names]

    assert sorted(purged) == [f"ada/r{number}" for number in range(6)]
    assert folders(hub) == set()


def test_every_change_is_recorded(hub: HubRoom) -> None:
    """The audit log has who did what, newest first: all for administrators, its own for each repository."""
    ada, root = hub.user("ada"), hub.user("root", admin=True)
    hub.user("bob")
    hub.repository(ada, "ada/a")
    hub.ok("PUT", "/repos/ada/a/collaborators/bob", ada, {"role": "write"})
    hub.ok("PATCH", "/repos/ada/a", ada, {"name": "b", "private": True})
    hub.ok("DELETE", "/repos/ada/b/collaborators/bob", ada)
    hub.ok("DELETE", "/repos/ada/b", ada)
    hub.ok("POST", "/repos/ada/b/restore", ada)

    entries = hub.ok("GET", "/repos/ada/b/audit", ada)

    assert {entry["actor"] for entry in entries} == {"ada"}
    assert [(entry["action"], entry["subject"]) for entry in reversed(entries)] == [
        ("repository.create", "ada/a"),
        ("repository.role", "ada/a"),
        ("repository.move", "ada/b"),
        ("repository.change", "ada/b"),
        ("repository.role", "ada/b"),
        ("repository.delete", "ada/b"),
        ("repository.restore", "ada/b"),
    ]
    assert entries[-2]["details"] == {"user": "bob", "role": "write"}
    everything = hub.ok("GET", "/audit", root)
    assert {"user.create", "token.create"} < {entry["action"] for entry in everything}
    page = hub.ok("GET", f"/audit?limit=2&before={everything[0]['id']}", root)
    assert page == everything[1:3]
    assert hub.api("GET", "/audit", ada).code == "forbidden"
    assert "tth_" not in str(everything)


def test_a_failed_change_is_not_recorded(hub: HubRoom) -> None:
    """Record and change are one transaction."""
    ada = hub.user("ada")
    hub.repository(ada, "ada/a")
    hub.repository(ada, "ada/b")
    before = hub.ok("GET", "/repos/ada/a/audit", ada)

    assert hub.api("PATCH", "/repos/ada/a", ada, {"name": "b", "private": True}).code == "already-exists"
    assert hub.ok("GET", "/repos/ada/a/audit", ada) == before
    assert hub.ok("GET", "/repos/ada/a")["private"] is False


def test_repository_for_gives_what_routes_need(hub: HubRoom, tmp_path: Path) -> None:
    """The dependency hands over the row, who asks, and the open repository; it asks for the role."""
    from typing import Annotated

    from fastapi import Depends

    from tether.hub.routes.dependencies import Hosted, repository_for

    ada, reader = hub.user("ada"), hub.user("bob")
    made = hub.repository(ada, "ada/a")

    def route(found: Annotated[Hosted, Depends(repository_for(Role.WRITE))]) -> list[str]:
        with found.open() as repository:
            return [found.row.id, found.principal.name, repository.directory.name]

    api = build_api()
    api.get("/api/v1/repos/{owner}/{name}/transfer/test")(route)
    hub.app = build_app(hub.hub, lambda: hub.now / 1_000_000, api)

    assert hub.ok("GET", "/repos/ada/a/transfer/test", ada) == [made["id"], "ada", made["id"]]
    assert hub.api("GET", "/repos/ada/a/transfer/test", reader).code == "forbidden"
