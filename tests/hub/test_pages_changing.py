"""Pages on which people write, rename, delete and upload files: who may, and what others try."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom, Reply

from tether.core.tree import EntryKind
from tether.hub.pages.changing.text import LONGEST

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}
FILE = {"content-type": "multipart/form-data; boundary=b", **HTML}
FORM = {"content-type": "application/x-www-form-urlencoded", **HTML}
AT = "/ada/birds"
FILES = {
    b"README.md": b"# Birds\n",
    b"code/run.sh": b"echo a\r\necho b\r\n",
    b"code/two.txt": b"two\n",
    b"bytes.bin": b"\xff\x00\x01",
    b"mixed.txt": b"a\r\nb\n",
    b"long.txt": b"x" * (LONGEST + 1),
    b"odd \xff.txt": b"odd\n",
}


class Room:
    """The repository ada/birds, in which ada owns all, bob may write and rex may read."""

    def __init__(self, hub: HubRoom) -> None:
        self.hub = hub
        self.ada, self.bob, self.rex = (hub.user(name) for name in ("ada", "bob", "rex"))
        hub.repository(self.ada, "ada/birds", private=True)
        for name, role in (("bob", "write"), ("rex", "read")):
            hub.ok("PUT", f"/repos/ada/birds/collaborators/{name}", self.ada, {"role": role})
        self.put({**FILES}, {b"code/run.sh": EntryKind.EXECUTABLE})

    def put(self, files: dict[bytes, bytes | None], kinds: dict[bytes, EntryKind] | None = None) -> None:
        """Commit files beside the pages."""
        with closing(open_hosted(self.hub, "ada/birds")) as repository:
            commit_paths(repository, files, kinds)

    def look(self, path: str, token: str | None = None) -> Reply:
        """Ask for a page as a browser does; ada's without a token."""
        cookie = {"cookie": f"tether-session={token or self.ada}"}
        return self.hub.call("GET", AT + path, headers={**HTML, **cookie})

    def send(self, at: str, token: str | None = None, /, **fields: str) -> Reply:
        """Send a form as a browser does."""
        headers = {**FORM, "cookie": f"tether-session={token or self.ada}"}
        return self.hub.call("POST", AT + at, headers=headers, parts=[urlencode(fields).encode()])

    def seen(self, path: str) -> str:
        """Return what the form of a page says that it is about."""
        return self.look(path).body.decode().partition('name="seen" value="')[2].partition('"')[0]

    def edit(self, path: str, text: str, token: str | None = None, **fields: str) -> Reply:
        """Change a file as somebody does who has just opened it."""
        at = f"/edit/main/{path}"
        return self.send(at, token, **{"seen": self.seen(at), "text": text, "do": "commit", **fields})

    def read(self, path: str, rev: str = "main") -> bytes | None:
        """Return a file of the repository; None where there is none."""
        reply = self.hub.call("GET", f"/api/v1/repos/ada/birds/files/{rev}/{path}", self.ada)
        return reply.body if reply.status == 200 else None

    def protect(self) -> None:
        """Let nobody but administrators push to main."""
        body = {"branches": "main", "push": {"role": "admin"}}
        self.hub.ok("PUT", "/repos/ada/birds/rules/closed", self.ada, body)

    def workspaces(self) -> int:
        """Return how many workspaces ada sees."""
        return len(self.hub.ok("GET", "/repos/ada/birds/workspaces", self.ada))

    def begin(self, token: str | None = None, at: str = "main", **fields: str) -> str:
        """Begin an upload and return the path of its workspace."""
        reply = self.send(f"/upload/{at}", token, **fields)
        assert reply.status == 303, reply
        return reply.headers["location"].removeprefix(AT).partition("?")[0]

    def stage(self, workspace: str, path: str, data: bytes, token: str | None = None) -> Reply:
        """Stage a file as the script of the page does."""
        headers = {"sec-fetch-site": "same-origin", "cookie": f"tether-session={token or self.ada}"}
        at = f"/api/v1/repos{AT}{workspace}/files/{path}"
        return self.hub.call("PUT", at, headers=headers, parts=[data])


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Return the room on the database that every hub has at hand: pages add no table."""
    hub = HubRoom(tmp_path / "hub")
    yield Room(hub)
    hub.close()


def test_a_file_is_written_on_the_page(room: Room) -> None:
    """The text is in the field as it is; what is sent is one commit, and no workspace is left."""
    page = room.look("/edit/main/README.md").body.decode()
    assert "# Birds\n</textarea>" in page

    reply = room.edit("README.md", "# Owls\r\n\r\nby night\r\n", message="Only owls")

    assert (reply.status, reply.headers["location"]) == (303, f"{AT}/file/main/README.md")
    assert room.read("README.md") == b"# Owls\n\nby night\n"
    assert "Only owls" in room.look("/history/main").body.decode()
    assert room.workspaces() == 0


def test_what_a_file_is_stays(room: Room) -> None:
    """Ends of lines and the right to run it are those of before; without a message the path is told."""
    assert room.edit("code/run.sh", "echo c\r\n").status == 303

    assert room.read("code/run.sh") == b"echo c\r\n"
    entry = room.hub.ok("GET", "/repos/ada/birds/tree/main/code/run.sh", room.ada)["entry"]
    assert entry["kind"] == "executable"
    assert "Change run.sh" in room.look("/history/main").body.decode()


def test_a_preview_commits_nothing(room: Room) -> None:
    """Markdown is shown as it will be read, safe, above what was typed."""
    text = "# New\n\n[two](code/two.txt)<script>alert(1)</script></textarea>"

    page = room.edit("README.md", text, do="preview", message="a <b>").body.decode()

    assert "<h1>New</h1>" in page
    assert f'href="{AT}/file/main/code/two.txt"' in page
    assert "<script>alert" not in page
    assert "&lt;/textarea&gt;" in page
    assert "a &lt;b&gt;</textarea>" in page
    assert room.read("README.md") == b"# Birds\n"


def test_what_others_changed_meanwhile_is_not_lost(room: Room) -> None:
    """The page comes again with what was typed, and writes over the other version only when told to."""
    at = "/edit/main/README.md"
    seen = room.seen(at)
    room.put({b"README.md": b"# Theirs\n"})

    refused = room.send(at, seen=seen, text="# Mine", do="commit")

    assert refused.status == 409
    assert b"# Mine" in refused.body
    assert room.read("README.md") == b"# Theirs\n"
    over = refused.body.decode().partition('name="over" value="')[2].partition('"')[0]
    room.put({b"README.md": b"# Third\n"})
    assert room.send(at, seen=seen, over=over, text="# Mine", do="commit").status == 409
    assert room.read("README.md") == b"# Third\n"
    assert room.send(at, seen=seen, over=room.seen(at), text="# Mine", do="commit").status == 303
    assert room.read("README.md") == b"# Mine"
    room.put({b"README.md": None})
    gone = room.send(at, seen=seen, text="# Kept", do="commit")
    assert (gone.status, b"# Kept" in gone.body) == (404, True)
    assert room.workspaces() == 0


def test_a_new_file(room: Room) -> None:
    """Slashes make folders; what is there is not written over, and a card begins with its headings."""
    assert b"Intended use" in room.look("/new/main/code?name=model-card.md").body

    made = room.send("/new/main/code", name="deep/er.txt", text="a\r\n", do="commit", seen="")
    again = room.send("/new/main/code", name="deep/er.txt", text="mine", do="commit", seen="")

    assert made.headers["location"] == f"{AT}/file/main/code/deep/er.txt"
    assert room.read("code/deep/er.txt") == b"a\n"
    assert again.status == 409
    assert b'value="deep/er.txt"' in again.body
    assert b"mine</textarea>" in again.body


@pytest.mark.parametrize(
    "name", ["../x", "a/../x", ".tether/config", "", "a//b", "two.txt/x", "a\nb", "a\u202eb"]
)
def test_names_that_no_file_can_have_are_refused(room: Room, name: str) -> None:
    """The page says so with what was typed, and nothing is committed."""
    before = room.read("README.md", "main")

    reply = room.send("/new/main/code", name=name, text="typed", do="commit", seen="")

    assert reply.status in (400, 409)
    assert b"typed</textarea>" in reply.body
    assert room.read("README.md", "main") == before
    assert room.workspaces() == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("bytes.bin", 400),
        ("mixed.txt", 400),
        ("long.txt", 413),
        ("odd%20%FF.txt", 400),
        ("absent", 404),
        ("code", 400),
    ],
)
def test_what_is_no_small_text_is_not_edited(room: Room, path: str, status: int) -> None:
    """The page says why instead of harming the file."""
    assert room.look(f"/edit/main/{path}").status == status
    assert room.send(f"/edit/main/{path}", text="x", do="commit", seen="").status == status


def test_a_text_that_is_too_long_is_refused(room: Room) -> None:
    """It is told before anything is stored."""
    assert room.edit("README.md", "x" * (LONGEST + 1)).status == 413
    assert room.read("README.md") == b"# Birds\n"


def test_rename_and_delete(room: Room) -> None:
    """A file and a folder get another path or go, each in a commit; a path that is taken is refused."""
    at = "/rename/main/code"
    taken = room.send(at, seen=room.seen(at), target="README.md")
    moved = room.send(at, seen=room.seen(at), target="src/deep")
    gone = room.send("/delete/main/README.md", seen=room.seen("/delete/main/README.md"), message="Not here")

    assert (taken.status, b'value="README.md"' in taken.body) == (409, True)
    assert moved.headers["location"].startswith(f"{AT}/commit/")
    assert (room.read("src/deep/two.txt"), room.read("code/two.txt")) == (b"two\n", None)
    assert gone.status == 303
    assert room.read("README.md") is None
    at = "/delete/main/src"
    assert "2 files" in room.look(at).body.decode()
    seen = room.seen(at)
    room.put({b"src/deep/new": b"1"})
    assert room.send(at, seen=seen).status == 409
    assert room.read("src/deep/new") == b"1"
    assert room.send(at, seen=room.seen(at)).status == 303
    assert room.read("src/deep/two.txt") is None
    assert room.workspaces() == 0


@pytest.mark.parametrize(
    "word",
    ["edit/main/README.md", "new/main", "delete/main/README.md", "rename/main/README.md", "upload/main"],
)
def test_only_who_may_write_gets_in(room: Room, word: str) -> None:
    """Readers are told so, strangers see nothing; pages of readers have no way in."""
    room.hub.user("eve")
    eve = room.hub.token("eve")
    anonymous = room.hub.call("GET", f"{AT}/{word}", headers=HTML)

    assert room.look(f"/{word}", room.bob).status == 200
    assert (room.look(f"/{word}", room.rex).status, room.send(f"/{word}", room.rex).status) == (403, 403)
    assert (room.look(f"/{word}", eve).status, room.send(f"/{word}", eve).status) == (404, 404)
    assert anonymous.status == 404
    assert b"/edit/main" not in room.look("/file/main/README.md", room.rex).body
    assert b"/edit/main" in room.look("/file/main/README.md", room.bob).body
    assert b"/upload/main" not in room.look("", room.rex).body
    assert b"/upload/main/code" in room.look("/tree/main/code", room.bob).body


def test_a_token_that_only_reads_changes_nothing(room: Room) -> None:
    """The scope holds on pages too."""
    reading = room.hub.token("bob", "read")

    assert room.send("/new/main", reading, name="x", text="", do="commit", seen="").status == 403
    assert room.read("x") is None


def test_only_branches_are_changed(room: Room) -> None:
    """A commit by its id and a tag are told to be none, also where a form is sent."""
    commit = room.hub.ok("GET", "/repos/ada/birds/tree/main", room.ada)["commit"]

    assert room.look(f"/edit/{commit}/README.md").status == 400
    assert room.send(f"/new/{commit}", name="x", text="", do="commit", seen="").status == 400
    assert b"/edit/" not in room.look(f"/file/{commit}/README.md").body


def test_a_protected_branch_is_told_with_the_way_round(room: Room) -> None:
    """The page says which rule it is and offers a new branch, where the change becomes a commit."""
    room.protect()

    page = room.look("/edit/main/README.md", room.bob).body.decode()
    refused = room.edit("README.md", "bob's", room.bob, to="here")
    made = room.edit("README.md", "bob's", room.bob, to="new", branch="bob/words")

    assert "Rule closed" in page
    assert 'value="here" disabled' in page
    assert 'value="bob-change-1"' in page
    assert (refused.status, b"bob&#39;s</textarea>" in refused.body) == (403, True)
    assert made.headers["location"] == f"{AT}/file/bob%2Fwords/README.md"
    assert (room.read("README.md"), room.read("README.md", "bob%2Fwords")) == (b"# Birds\n", b"bob's")
    again = room.edit("README.md", "more", room.bob, to="new", branch="bob/words")
    assert again.status == 409
    assert room.edit("README.md", "more", room.bob, to="new", branch="no..branch").status == 400
    assert room.edit("README.md", "more", room.bob, to="new", branch="").status == 400


@pytest.mark.parametrize("told", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}])
def test_pages_of_others_change_nothing(room: Room, told: dict[str, str]) -> None:
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


def _body(name: str = "owl.png", into: str = "", data: bytes = b"picture") -> bytes:
    """Return what a browser sends for the form with one file."""
    head = f'--b\r\nContent-Disposition: form-data; name="into"\r\n\r\n{into}\r\n--b\r\nContent-Disposition: '
    head += f'form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    return head.encode() + data + b"\r\n--b--\r\n"


def test_files_are_uploaded_and_committed(room: Room) -> None:
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


def test_a_form_of_files_that_is_none_is_refused(room: Room) -> None:
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


def test_a_conflict_is_told_and_has_ways_out(room: Room) -> None:
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


def test_dropping_leaves_no_file_in_the_place_of_a_folder(room: Room) -> None:
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


def test_an_upload_to_a_new_branch(room: Room) -> None:
    """For who may not push to main, the workspace is for a branch that its commit makes."""
    room.protect()
    workspace = room.begin(room.bob, to="new", branch="pictures")

    assert room.stage(workspace, "a", b"1", room.bob).status == 200
    assert room.hub.api("POST", f"/repos{AT}{workspace}/commit", room.bob, {"message": "x"}).status == 409
    page = room.look(workspace, room.bob).body.decode()
    made = room.send(f"{workspace}/commit", room.bob, message="Pictures", to="new", branch="pictures")

    assert "is made with this commit" in page
    assert (made.status, room.read("a", "pictures"), room.read("a")) == (303, b"1", None)
    assert room.send("/upload/main", room.bob, to="new", branch="pictures").status == 409
    refused = room.begin(room.bob)
    assert room.stage(refused, "a", b"1", room.bob).status == 403


def test_workspaces_are_seen_by_their_people_alone(room: Room) -> None:
    """Another writer gets the page of one that is not there; the owner discards it."""
    workspace = room.begin(room.bob)
    room.hub.ok("PUT", "/repos/ada/birds/collaborators/rex", room.ada, {"role": "write"})

    assert room.look(workspace, room.rex).status == 404
    assert room.send(f"{workspace}/discard", room.rex).status == 404
    assert workspace.encode() not in room.look("/workspaces", room.rex).body
    assert workspace.encode() in room.look("/workspaces", room.bob).body
    assert room.send(f"{workspace}/discard", room.bob).status == 303
    assert room.look(workspace, room.bob).status == 404


def test_an_empty_repository_begins_on_the_page(room: Room) -> None:
    """Its first file is its first commit."""
    room.hub.repository(room.ada, "ada/new")
    headers = {**FORM, "cookie": f"tether-session={room.ada}"}
    page = room.hub.call("GET", "/ada/new", headers=headers).body
    fields = urlencode({"name": "README.md", "text": "# New\n", "do": "commit", "seen": ""}).encode()

    assert b"/ada/new/new/main?name=README.md" in page
    assert room.hub.call("GET", "/ada/new/new/main?name=README.md", headers=headers).status == 200
    assert room.hub.call("POST", "/ada/new/new/main", headers=headers, parts=[fields]).status == 303
    assert room.hub.call("GET", "/api/v1/repos/ada/new/files/main/README.md", room.ada).body == b"# New\n"


def test_many_changes_leave_no_workspace_to_count(room: Room) -> None:
    """Somebody may have a hundred workspaces; those that are commits already do not count."""
    hub = room.hub
    with hub.hub.database.session() as session:
        from sqlalchemy import update

        from tether.hub.database.workspaces import Workspace

        for _ in range(100):
            room.begin()
        session.execute(update(Workspace).values(committed="0" * 64))
    assert room.begin()
