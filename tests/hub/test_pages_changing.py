"""Pages on which people write, rename and delete files: who may, and what others try."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.changing import AT, FORM, HTML, ChangingRoom
from tests.support.hub import HubRoom

from tether.hub.pages.changing.text import LONGEST
from tether.storage.local import LocalBackend
from tether.storage.objecterrors import translate


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ChangingRoom]:
    """Return the room on the database that every hub has at hand: pages add no table."""
    hub = HubRoom(tmp_path / "hub")
    yield ChangingRoom(hub)
    hub.close()


def test_a_file_is_written_on_the_page(room: ChangingRoom) -> None:
    """The text is in the field as it is; what is sent is one commit, and no workspace is left."""
    page = room.look("/edit/main/README.md").body.decode()
    assert "# Birds\n</textarea>" in page

    reply = room.edit("README.md", "# Owls\r\n\r\nby night\r\n", message="Only owls")

    assert (reply.status, reply.headers["location"]) == (303, f"{AT}/file/main/README.md")
    assert room.read("README.md") == b"# Owls\n\nby night\n"
    assert "Only owls" in room.look("/history/main").body.decode()
    assert room.workspaces() == 0


def test_what_a_file_is_stays(room: ChangingRoom) -> None:
    """Ends of lines and the right to run it are those of before; without a message the path is told."""
    assert room.edit("code/run.sh", "echo c\r\n").status == 303

    assert room.read("code/run.sh") == b"echo c\r\n"
    entry = room.hub.ok("GET", "/repos/ada/birds/tree/main/code/run.sh", room.ada)["entry"]
    assert entry["kind"] == "executable"
    assert "Change run.sh" in room.look("/history/main").body.decode()


def test_a_preview_commits_nothing(room: ChangingRoom) -> None:
    """Markdown is shown as it will be read, safe, above what was typed."""
    text = "# New\n\n[two](code/two.txt)<script>alert(1)</script></textarea>"

    page = room.edit("README.md", text, do="preview", message="a <b>").body.decode()

    assert "<h1>New</h1>" in page
    assert f'href="{AT}/file/main/code/two.txt"' in page
    assert "<script>alert" not in page
    assert "&lt;/textarea&gt;" in page
    assert "a &lt;b&gt;</textarea>" in page
    assert room.read("README.md") == b"# Birds\n"


def test_what_others_changed_meanwhile_is_not_lost(room: ChangingRoom) -> None:
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


def test_a_new_file(room: ChangingRoom) -> None:
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
def test_names_that_no_file_can_have_are_refused(room: ChangingRoom, name: str) -> None:
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
def test_what_is_no_small_text_is_not_edited(room: ChangingRoom, path: str, status: int) -> None:
    """The page says why instead of harming the file."""
    assert room.look(f"/edit/main/{path}").status == status
    assert room.send(f"/edit/main/{path}", text="x", do="commit", seen="").status == status


def test_a_text_that_is_too_long_is_refused(room: ChangingRoom) -> None:
    """It is told before anything is stored."""
    assert room.edit("README.md", "x" * (LONGEST + 1)).status == 413
    assert room.read("README.md") == b"# Birds\n"


def test_rename_and_delete(room: ChangingRoom) -> None:
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
def test_only_who_may_write_gets_in(room: ChangingRoom, word: str) -> None:
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


def test_a_token_that_only_reads_changes_nothing(room: ChangingRoom) -> None:
    """The scope holds on pages too."""
    reading = room.hub.token("bob", "read")

    assert room.send("/new/main", reading, name="x", text="", do="commit", seen="").status == 403
    assert room.read("x") is None


def test_only_branches_are_changed(room: ChangingRoom) -> None:
    """A commit by its id and a tag are told to be none, also where a form is sent."""
    commit = room.hub.ok("GET", "/repos/ada/birds/tree/main", room.ada)["commit"]

    assert room.look(f"/edit/{commit}/README.md").status == 400
    assert room.send(f"/new/{commit}", name="x", text="", do="commit", seen="").status == 400
    assert b"/edit/" not in room.look(f"/file/{commit}/README.md").body


def test_a_protected_branch_is_told_with_the_way_round(room: ChangingRoom) -> None:
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
    offered = room.edit("README.md", "and", room.bob, to="new", branch="bob/and", propose="1")
    assert offered.headers["location"] == f"{AT}/pulls/new?source=bob%2Fand&target=main"
    assert b'name="propose" value="1" checked' in room.look("/edit/main/README.md", room.bob).body
    again = room.edit("README.md", "more", room.bob, to="new", branch="bob/words")
    assert again.status == 409
    assert room.edit("README.md", "more", room.bob, to="new", branch="no..branch").status == 400
    assert room.edit("README.md", "more", room.bob, to="new", branch="").status == 400


def test_an_empty_repository_begins_on_the_page(room: ChangingRoom) -> None:
    """Its first file is its first commit."""
    room.hub.repository(room.ada, "ada/new")
    headers = {**FORM, "cookie": f"tether-session={room.ada}"}
    page = room.hub.call("GET", "/ada/new", headers=headers).body
    fields = urlencode({"name": "README.md", "text": "# New\n", "do": "commit", "seen": ""}).encode()

    assert b"/ada/new/new/main?name=README.md" in page
    assert room.hub.call("GET", "/ada/new/new/main?name=README.md", headers=headers).status == 200
    assert room.hub.call("POST", "/ada/new/new/main", headers=headers, parts=[fields]).status == 303
    assert room.hub.call("GET", "/api/v1/repos/ada/new/files/main/README.md", room.ada).body == b"# New\n"


def test_storage_that_fails_is_told_as_nobodys_matter(
    room: ChangingRoom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The form comes again, with nothing of where storage is and no wish for other keys; the log has that."""
    begun = room.begin()
    seen = {at: room.seen(at) for at in ("/edit/main/README.md", "/delete/main/README.md")}

    def upload(_: LocalBackend) -> None:
        ended = ValueError("status code: 401: <Code>ExpiredToken</Code>")
        raise translate(ended, "s3://ours/hub", "packs/x")

    monkeypatch.setattr(LocalBackend, "upload", upload)
    replies = [
        room.send("/edit/main/README.md", seen=seen["/edit/main/README.md"], text="new words", do="commit"),
        room.send("/new/main", name="x.txt", text="new words", do="commit"),
        room.send("/delete/main/README.md", seen=seen["/delete/main/README.md"]),
        room.stage(begun, "x.txt", b"words"),
    ]

    for reply in replies:
        assert reply.status == 503, reply
        assert b"hub cannot use its storage now" in reply.body
        assert b"ours" not in reply.body
        assert reply.headers["x-request-id"] + " failed: s3://ours/hub wants other keys" in caplog.text
    assert b"new words" in replies[0].body
