"""Files uploaded on pages into workspaces, and what becomes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.support.changing import AT, FILE, FORM, ChangingRoom
from tests.support.hub import HubRoom

from tether.hub.database.workspaces import Workspace


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ChangingRoom]:
    """Return the room on the database that every hub has at hand: pages add no table."""
    hub = HubRoom(tmp_path / "hub")
    yield ChangingRoom(hub)
    hub.close()


def _body(name: str = "owl.png", into: str = "", data: bytes = b"picture") -> bytes:
    """Return what a browser sends for the form with one file."""
    head = f'--b\r\nContent-Disposition: form-data; name="into"\r\n\r\n{into}\r\n--b\r\nContent-Disposition: '
    head += f'form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    return head.encode() + data + b"\r\n--b--\r\n"


@pytest.mark.parametrize("told", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}])
def test_pages_of_others_change_nothing(room: ChangingRoom, told: dict[str, str]) -> None:
    """Forms and files that come with a cookie and not from our page are refused."""
    cookie = {"cookie": f"tether-session={room.ada}", "accept": "text/html"}
    form = {**cookie, "content-type": FORM["content-type"], **told}
    files = {**cookie, "content-type": "multipart/form-data; boundary=b", **told}
    workspace = room.begin()

    for word in ("new/main", "delete/main/README.md", "upload/main"):
        assert room.hub.call("POST", f"{AT}/{word}", headers=form, parts=[b"name=x"]).status == 403
    assert room.hub.call("POST", f"{AT}{workspace}/files", headers=files, parts=[_body()]).status == 403
    assert room.hub.call("POST", f"{AT}{workspace}/discard", headers=form, parts=[b""]).status == 403

    assert b"nothing yet" in room.look(workspace).body


def test_files_are_uploaded_and_committed(room: ChangingRoom) -> None:
    """By the script and by the form alike; the page counts them, and the commit has them all."""
    workspace = room.begin(at="main/code")
    for number in range(120):
        assert room.stage(workspace, f"new/{number:03d}.png", b"%d" % number).status == 200
    headers = {**FILE, "cookie": f"tether-session={room.ada}"}
    at = f"{AT}{workspace}/files"
    assert room.hub.call("POST", at, headers=headers, parts=[_body("C:\\x\\ö.png", "code")]).status == 303

    page, second = (
        room.look(workspace).body.decode(),
        room.look(f"{workspace}?after=new/098.png").body.decode(),
    )
    assert "+121" in page
    assert ("new/098.png" in page, "new/099.png" in page) == (True, False)
    assert ("new/098.png" in second, "new/119.png" in second) == (False, True)
    assert room.send(f"{workspace}/commit", message="").status == 400
    made = room.send(f"{workspace}/commit", message="Pictures", to="here")

    assert made.headers["location"].startswith(f"{AT}/commit/")
    assert (room.read("new/119.png"), room.read("code/%C3%B6.png")) == (b"119", b"picture")
    assert b"This workspace is" in room.look(workspace).body
    assert b"committed" in room.look("/workspaces").body


def test_a_form_of_files_that_is_none_is_refused(room: ChangingRoom) -> None:
    """No file, too large a body, one that is no form and a hostile name are told; nothing is staged."""
    workspace = room.begin()
    headers = {**FILE, "cookie": f"tether-session={room.ada}"}

    def post(body: bytes, **more: str) -> int:
        at = f"{AT}{workspace}/files"
        return room.hub.call("POST", at, headers={**headers, **more}, parts=[body]).status

    assert post(_body(name="")) == 400
    assert post(_body(name="..")) == 400
    assert post(_body(into="../up")) == 400
    assert post(b"--b\r\nno form") == 400
    assert post(b"x=1", **{"content-type": FORM["content-type"]}) == 400
    assert post(_body(data=b"x" * room.hub.hub.settings.max_body)) == 413
    assert b"nothing yet" in room.look(workspace).body


def test_a_conflict_is_told_and_has_ways_out(room: ChangingRoom) -> None:
    """Both versions are kept by a new branch; or the change is dropped, and the rest is committed."""
    first, second = room.begin(), room.begin()
    for workspace in (first, second):
        room.stage(workspace, "README.md", b"mine")
        room.stage(workspace, "other", b"1")
    room.put({b"README.md": b"theirs"})

    told = room.send(f"{first}/commit", message="Words", to="here")
    kept = room.send(f"{first}/commit", message="Words", to="new", branch="mine")
    dropped = room.send(f"{second}/drop", path="README.md")
    rest = room.send(f"{second}/commit", message="Rest", to="here")

    assert told.status == 409
    assert b"has changed these too" in told.body
    assert b"Words</textarea>" in told.body
    assert (kept.status, room.read("README.md", "mine")) == (303, b"mine")
    assert (dropped.status, rest.status) == (303, 303)
    assert (room.read("README.md"), room.read("other")) == (b"theirs", b"1")


def test_dropping_leaves_no_file_in_the_place_of_a_folder(room: ChangingRoom) -> None:
    """What is staged above or below keeps a path from being as it was; what is not staged is told."""
    workspace = room.begin()
    api = f"/repos{AT}{workspace}"
    room.hub.ok("DELETE", f"{api}/files/code", room.ada)
    room.hub.ok("POST", f"{api}/rename", room.ada, {"path": "README.md", "target": "code"})

    assert room.send(f"{workspace}/drop", path="code/two.txt").status == 409
    assert room.send(f"{workspace}/drop", path="code").status == 409
    assert room.send(f"{workspace}/drop", path="absent").status == 404
    assert room.send(f"{workspace}/drop", path="bytes.bin").status == 404

    assert room.send(f"{workspace}/commit", message="why", to="here").status == 303
    assert room.read("code") == b"# Birds\n"


def test_an_upload_to_a_new_branch(room: ChangingRoom) -> None:
    """For who may not push to main, the workspace is for a branch that its commit makes."""
    room.protect()
    workspace = room.begin(room.bob, to="new", branch="pictures")

    assert room.stage(workspace, "a", b"1", room.bob).status == 200
    assert room.hub.api("POST", f"/repos{AT}{workspace}/commit", room.bob, {"message": "x"}).status == 409
    page = room.look(workspace, room.bob).body.decode()
    said = {"message": "Pictures", "to": "new", "branch": "pictures", "propose": "1"}
    made = room.send(f"{workspace}/commit", room.bob, **said)

    assert "is made with this commit" in page
    assert (made.status, room.read("a", "pictures"), room.read("a")) == (303, b"1", None)
    assert made.headers["location"] == f"{AT}/pulls/new?source=pictures&target=main"
    assert room.send("/upload/main", room.bob, to="new", branch="pictures").status == 409
    refused = room.begin(room.bob)
    assert room.stage(refused, "a", b"1", room.bob).status == 403


def test_workspaces_are_seen_by_their_people_alone(room: ChangingRoom) -> None:
    """Another writer gets the page of one that is not there; the owner discards it."""
    workspace = room.begin(room.bob)
    room.hub.ok("PUT", "/repos/ada/birds/collaborators/rex", room.ada, {"role": "write"})

    assert room.look(workspace, room.rex).status == 404
    assert room.send(f"{workspace}/discard", room.rex).status == 404
    assert workspace.encode() not in room.look("/workspaces", room.rex).body
    assert workspace.encode() in room.look("/workspaces", room.bob).body
    assert room.send(f"{workspace}/discard", room.bob).status == 303
    assert room.look(workspace, room.bob).status == 404


def test_many_changes_leave_no_workspace_to_count(room: ChangingRoom) -> None:
    """Somebody may have a hundred workspaces; those that are commits already do not count."""
    hub = room.hub
    with hub.hub.database.session() as session:
        for _ in range(100):
            room.begin()
        session.execute(update(Workspace).values(committed="0" * 64))
    assert room.begin()
