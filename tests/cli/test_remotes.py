"""`tether clone`, `remote`, `fetch`, `pull` and `push` between folders."""

from pathlib import Path

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture
def hub(room: Room) -> Path:
    """Return a bare repository `hub` with one commit, cloned as `here`."""
    room.ok("init", "-q", "first")
    room.write("first/a.txt", "one\n")
    first = room.work / "first"
    room.ok("add", "-q", "a.txt", cwd=first)
    room.ok("commit", "-q", "-m", "one", cwd=first)
    room.ok("clone", "-q", "--bare", "first", "hub")
    room.ok("clone", "-q", "hub", "here")
    return room.work / "hub"


def commit(room: Room, folder: str, text: str) -> str:
    """Commit a text as `a.txt` in a clone and return the commit."""
    room.write(f"{folder}/a.txt", text)
    made: str = room.json("commit", "-a", "-m", text.strip(), cwd=room.work / folder)["id"]
    return made


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("first", "first-copy"),
        ("data.v1", "data.v1"),
        ("data.v1/", "data.v1"),
        ("data.v1/.tether", "data.v1"),
        ("bare.tether", "bare"),
        ("all.bundle", "all"),
    ],
)
def test_clone_names_its_folder(room: Room, hub: Path, address: str, folder: str) -> None:
    """The folder is called like the source, dots and all, without our own endings."""
    room.ok("clone", "-q", "first", "there/data.v1")
    room.ok("clone", "-q", "--bare", "first", "there/bare.tether")
    room.ok("clone", "-q", "first", "there/first-copy")
    room.ok("bundle", "create", "../there/all.bundle", "--all", cwd=room.work / "first")
    source = f"there/{'first-copy' if address == 'first' else address}"

    made = room.json("clone", source)

    assert made["path"] == str(room.work / folder)
    assert (room.work / folder / "a.txt").read_text() == "one\n"


def test_clone_refuses(room: Room, hub: Path) -> None:
    """What exists is never written into, what is no repository is not found, and `.` wants a name."""
    room.transcript("""
        $ tether clone hub here
        error: ... exists and is not an empty folder
        hint: name another folder
        [4]
        $ tether clone nothing
        error: no repository at ...
        hint: ...
        [3]
        $ cd here && tether clone .
        error: no name for a copy of .
        hint: run 'tether clone . DIR'
        [2]
        $ tether clone hub other -b nothing
        error: ...
        hint: ...
        [3]
        $ ls
        first
        here
        hub
    """)


def test_remote(room: Room, hub: Path) -> None:
    """Remotes are listed, added, changed and forgotten by name."""
    room.transcript("""
        $ cd here && tether remote add more ../first
        added remote more: ../first
        $ cd here && tether remote
        more\t../first
        origin\t...hub
        $ cd here && tether remote add more elsewhere
        error: a remote named more exists
        hint: change it: 'tether remote set-url more URL'
        [4]
        $ cd here && tether remote set-url more /srv/x
        more is now /srv/x
        $ cd here && tether remote rm more
        removed remote more
        $ cd here && tether remote rm more
        error: no remote named more
        [3]
    """)
    assert room.json("remote", "list", cwd=room.work / "here") == [{"name": "origin", "url": str(hub)}]


def test_a_pull_of_nothing_new_sees_what_is_half_done(room: Room, hub: Path) -> None:
    """What is under way, or was cut short, is told where the remote has nothing new too."""
    here = room.work / "here"
    room.ok("branch", "other", cwd=here)
    commit(room, "here", "mine\n")
    room.ok("push", "-q", cwd=here)
    room.ok("switch", "-q", "other", cwd=here)
    commit(room, "here", "theirs\n")
    room.ok("switch", "-q", "main", cwd=here)
    assert room.ok("pull", cwd=here) == "already up to date\n"

    room.run("merge", "other", cwd=here)
    busy = room.run("pull", cwd=here)
    room.ok("merge", "--abort", cwd=here)
    (here / ".tether/worktree/checkout.journal").write_bytes(b"not a journal")
    cut = room.run("pull", cwd=here)

    assert (busy.code, busy.err.splitlines()[0]) == (5, "error: a merge is under way")
    assert (cut.code, "checkout is damaged" in cut.err) == (7, True)


def test_push_fetch_and_pull(room: Room, hub: Path) -> None:
    """What one pushes another fetches and pulls; who is behind is refused until they joined."""
    room.ok("clone", "-q", "hub", "there")
    made = commit(room, "here", "two\n")
    room.transcript("""
        $ tether -C here push
        to origin: ..., ... B
           main  ...
        $ tether -C here push
        to origin: up to date
        $ tether -C there fetch
        from origin: ...
           origin/main  ...
        $ tether -C there status
        on branch main
        1 commit behind origin/main ('tether pull' brings them)
        nothing to commit, everything is as committed
        $ tether -C there pull
        fast-forward to ..., 1 file changed
        $ tether -C there pull --rebase
        already up to date
    """)
    there = room.work / "there"
    assert room.json("log", "-n", "1", cwd=there)[0]["id"] == made
    commit(room, "here", "three\n")
    room.ok("push", "-q", cwd=room.work / "here")
    commit(room, "there", "mine\n")

    refused = room.run("push", cwd=there)
    pulled = room.json("pull", cwd=there, code=5)

    assert (refused.code, "hint: " in refused.err) == (5, True)
    assert [row["path"] for row in pulled["conflicts"]] == ["a.txt"]
    room.ok("resolve", "-q", "--ours", "a.txt", cwd=there)
    room.ok("merge", "-q", "--continue", cwd=there)
    assert room.json("push", cwd=there)["refs"][0]["state"] == "forward"


def test_push_of_branches_and_tags(room: Room, hub: Path) -> None:
    """Branches and tags arrive under their names, and -d removes a branch there."""
    here = room.work / "here"
    room.ok("switch", "-q", "-c", "side", cwd=here)
    room.ok("tag", "-q", "v1", cwd=here)

    states = {
        row["name"]: row["state"] for row in room.json("push", "origin", "side", "--tags", cwd=here)["refs"]
    }
    assert states == {"refs/heads/side": "new", "refs/tags/v1": "new"}
    assert room.ok("status", cwd=here).splitlines()[1] == "up to date with origin/side"
    assert room.json("push", "origin", "-d", "side", cwd=here)["refs"][0]["state"] == "deleted"
    assert [row["name"] for row in room.json("branch", cwd=hub)] == ["main"]
    assert [row["name"] for row in room.json("tag", cwd=hub)] == ["v1"]


def test_push_with_a_lease(room: Room, hub: Path) -> None:
    """A rewritten branch goes over the old one only as long as nobody else moved it."""
    here, there = room.work / "here", room.work / "there"
    room.ok("clone", "-q", "hub", "there")
    room.ok("commit", "-q", "--amend", "-m", "rewritten", cwd=here)
    assert room.run("push", cwd=here).code == 5
    assert room.json("push", "--force-with-lease", cwd=here)["refs"][0]["state"] == "forced"
    room.ok("commit", "-q", "--amend", "-m", "also", cwd=there)

    assert room.run("push", "--force-with-lease", cwd=there).code == 5


def test_a_new_folder_becomes_bare(room: Room, hub: Path) -> None:
    """The first push makes the remote, and the branch follows it; fetch --prune forgets what is gone."""
    here = room.work / "here"
    room.ok("remote", "add", "-q", "new", "../made/by/push", cwd=here)
    room.ok("push", "-q", "new", "main", cwd=here)
    room.ok("clone", "-q", "made/by/push", "copy")
    assert (room.work / "copy/a.txt").read_text() == "one\n"

    room.ok("branch", "-q", "brief", cwd=hub)
    room.ok("fetch", "-q", cwd=here)
    room.ok("branch", "-q", "-d", "brief", cwd=hub)
    room.ok("fetch", "-q", "--prune", cwd=here)
    names = [row["name"] for row in room.json("branch", "-a", cwd=here)]
    assert names == ["main", "new/main", "origin/main"]
