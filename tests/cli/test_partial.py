"""Partial clones by the real command: of a folder, and of a hub in a process of its own."""

import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import TETHER, Room
from tests.support.served import Served, add_user

pytestmark = pytest.mark.usefixtures("inside")

IMAGES = {f"images/{n:03}.jpg": b"image %d " % n * 50 for n in range(40)}
LABELS = {f"labels/{n % 4}/{n:03}.txt": b"label %d\n" % n for n in range(40)}
TEXT = b"".join(b"line %d\n" % n for n in range(50))


class Desk:
    """A person with a working copy `src` whose commits are at a remote, and a folder for clones.

    Attributes:
        url: Of the remote.
        room: Where the clones are made.
        hub: The hub, if the remote is on one.
    """

    def __init__(self, room: Room, folder: Path, *, far: bool) -> None:
        self.room, self.src = room, room.work / "src"
        self.hub: Served | None = None
        self.keeper = Room(folder / "keeper")
        self.url = str(folder / "there")
        if far:
            token = add_user(self.keeper, "ada")
            self.hub = Served(self.keeper)
            room.do("login", self.hub.url, "--token", token)
            self.url = f"{self.hub.url}/ada/photos"
            room.do("repo", "create", self.url, "--private")
        room.do("init", "-q", "src")
        room.do("remote", "add", "-q", "origin", self.url, cwd=self.src)
        self.commit("one", {**IMAGES, **LABELS, "notes.txt": TEXT, "top.csv": b"a,b\n"})
        self.commit("two", {"labels/0/000.txt": b"label zero\n", "images/000.jpg": b"new image"})
        self.commit("three", {"notes.txt": TEXT + b"more\n"})
        room.do("push", "-q", "origin", "main", cwd=self.src)

    def ok(self, *arguments: str, at: str = "src") -> str:
        """Run a command in one of the working copies."""
        return self.room.ok(*arguments, cwd=self.room.work / at)

    def commit(self, message: str, files: dict[str, bytes | None], at: str = "src") -> str:
        """Write files, None removes one, and commit them."""
        folder = self.room.work / at
        for name, data in files.items():
            place = folder / name
            if data is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        self.room.do("add", "-q", "-A", cwd=folder)
        self.room.do("commit", "-q", "-m", message, cwd=folder)
        return str(json.loads(self.room.do("log", "-n", "1", "--json", cwd=folder))[0]["id"])

    def json(self, *arguments: str, at: str, code: int = 0) -> Any:
        """Return what a command says in JSON."""
        return self.room.json(*arguments, cwd=self.room.work / at, code=code)

    def clone(self, name: str, *options: str) -> None:
        """Make a clone."""
        self.room.ok("clone", "-q", self.url, name, *options)

    def files(self, at: str) -> dict[str, bytes]:
        """Return the working files."""
        top = self.room.work / at
        found = {str(path.relative_to(top)): path for path in top.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".tether/")}

    def absent(self, at: str) -> int:
        """Check a clone, which must be sound, and return how many contents are absent."""
        report = self.json("fsck", "--full", at=at)
        assert report["problems"] == []
        return len(report["absent"])

    def away(self) -> None:
        """Take the remote off the net."""
        if self.hub is not None:
            self.hub.stop()
        else:
            Path(self.url).rename(self.url + ".away")


@pytest.fixture(params=[False, True], ids=["folder", "hub"])
def desk(request: pytest.FixtureRequest, room: Room, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk."""
    desk = Desk(room, tmp_path, far=request.param)
    yield desk
    if desk.hub is not None:
        desk.hub.close()


ALL = {
    **IMAGES,
    **LABELS,
    "notes.txt": TEXT + b"more\n",
    "top.csv": b"a,b\n",
    "labels/0/000.txt": b"label zero\n",
    "images/000.jpg": b"new image",
}


def test_a_clone_of_some_paths(desk: Desk) -> None:
    """Only these files are there; names, log and status are whole; a commit keeps the other files."""
    desk.clone("p", "--path", "images", "--path", "*.csv")
    shown = {name: data for name, data in ALL.items() if name.startswith("images/") or name == "top.csv"}
    assert desk.files("p") == shown
    assert desk.ok("status", "--short", at="p") == ""
    assert len(desk.ok("ls", "-r", at="p").splitlines()) == len(ALL)
    assert len(desk.ok("log", "--oneline", "--", "labels", at="p").splitlines()) == 2
    assert "labels/0/000.txt" in desk.ok("diff", "HEAD~2", "--name-only", at="p")
    assert desk.absent("p") == 43

    desk.commit("mine", {"images/new.jpg": b"mine", "images/001.jpg": None, "labels/9/own.txt": b"own"}, "p")
    assert desk.ok("status", "--short", at="p") == ""
    desk.ok("push", "-q", at="p")
    desk.ok("pull", "-q")
    expected = {**ALL, "images/new.jpg": b"mine", "labels/9/own.txt": b"own"}
    del expected["images/001.jpg"]
    assert desk.files("src") == expected


def test_it_shows_more_later(desk: Desk) -> None:
    """Files come to the working copy as they are asked for; with everything it is a whole clone."""
    desk.clone("p", "--path", "images")
    grown = desk.json("fetch", "--path", "labels/1", "--path", "labels/2/0*", at="p")
    some = {name for name in ALL if name.startswith(("images/", "labels/1/", "labels/2/"))}
    assert desk.files("p").keys() == some
    assert grown["files"] == 20
    assert desk.ok("status", "--short", at="p") == ""

    other = desk.room.run("restore", "notes.txt", cwd=desk.room.work / "p")
    assert (other.code, "fetch --path notes.txt" in other.err) == (2, True)
    (desk.room.work / "p/notes.txt").write_bytes(b"in the way")
    blocked = desk.room.run("fetch", "--path", ".", cwd=desk.room.work / "p")
    assert (blocked.code, "notes.txt" in blocked.err) == (5, True)
    assert desk.ok("status", "--short", at="p").split() == ["M", "notes.txt"]
    (desk.room.work / "p/notes.txt").unlink()

    desk.ok("fetch", "-q", "--path", ".", at="p")
    assert desk.files("p") == ALL
    assert desk.absent("p") == 0
    assert desk.room.run("fetch", "--path", "x", cwd=desk.room.work / "p").code == 2


def test_switching_in_a_clone_of_some_paths(desk: Desk) -> None:
    """Only shown files follow, on the way there and back, and undo knows it too."""
    desk.clone("p", "--path", "labels")
    desk.ok("switch", "-q", "-c", "old", at="p")
    desk.ok("reset", "-q", "--hard", "HEAD~2", at="p")
    assert desk.files("p") == LABELS
    desk.ok("switch", "-q", "main", at="p")
    shown = {name: data for name, data in ALL.items() if name.startswith("labels/")}
    assert desk.files("p") == shown
    desk.ok("undo", "-q", at="p")
    assert desk.files("p") == LABELS
    assert desk.ok("status", "--short", at="p") == ""


def test_removing_and_moving_in_a_clone_of_some_paths(desk: Desk) -> None:
    """A shown file that is deleted counts as deleted, and others do not; an emptied folder keeps its rest."""
    desk.clone("p", "--path", "labels/0", "--path", "labels/1/001.txt")
    shutil.rmtree(desk.room.work / "p/labels/1")
    assert desk.ok("status", "--short", at="p").split() == ["D", "labels/1/001.txt"]
    (desk.room.work / "p/labels/1").mkdir()
    (desk.room.work / "p/images").mkdir()
    desk.ok("add", "-q", "-A", at="p")
    desk.ok("rm", "-q", "notes.txt", at="p")
    desk.ok("commit", "-q", "-m", "less", at="p")
    gone = {"labels/1/001.txt", "notes.txt"}
    assert set(desk.ok("ls", "-r", at="p").split("\n")) - {""} == ALL.keys() - gone


def test_merging_in_a_clone_of_some_paths(desk: Desk) -> None:
    """Hidden files merge in the store; one that conflicts comes to the working copy to be resolved."""
    desk.clone("p", "--path", "images")
    desk.ok("switch", "-q", "-c", "side", at="src")
    desk.commit("side", {"notes.txt": b"side\n" + TEXT + b"more\n", "top.csv": b"a,c\n"})
    desk.ok("push", "-q", "origin", "side")
    desk.ok("switch", "-q", "main")
    desk.commit("main", {"notes.txt": TEXT + b"more\nmain\n", "top.csv": b"a,d\n"})
    desk.ok("push", "-q", "origin", "main")

    desk.ok("pull", "-q", at="p")
    assert desk.room.run("merge", "origin/side", cwd=desk.room.work / "p").code == 5
    place = desk.room.work / "p/top.csv"
    assert b"<<<<<<<" in place.read_bytes()
    assert not (desk.room.work / "p/notes.txt").exists()
    place.write_bytes(b"a,c,d\n")
    desk.ok("resolve", "-q", "--mark", "top.csv", at="p")
    desk.ok("merge", "-q", "--continue", at="p")
    merged = desk.ok("cat", "HEAD:notes.txt", at="p").encode()
    assert merged == b"side\n" + TEXT + b"more\nmain\n"
    assert desk.ok("cat", "HEAD:top.csv", at="p") == "a,c,d\n"
    assert desk.ok("status", "--short", at="p") == ""
    desk.ok("push", "-q", at="p")


def test_a_lazy_clone(desk: Desk) -> None:
    """The working files are there, old contents come when they are read, and then stay."""
    desk.clone("l", "--lazy")
    assert desk.files("l") == ALL
    assert desk.absent("l") == 3
    assert desk.ok("cat", "HEAD~2:images/000.jpg", at="l").encode() == IMAGES["images/000.jpg"]
    assert "-label 0" in desk.ok("diff", "HEAD~2", "HEAD", at="l")
    desk.away()
    assert desk.ok("cat", "HEAD~2:labels/0/000.txt", at="l") == "label 0\n"
    assert desk.absent("l") == 0


def test_without_the_remote(desk: Desk) -> None:
    """The error names a file and the remote; nothing has changed, and what is here can be read."""
    desk.clone("l", "--lazy", "--no-checkout")
    assert desk.files("l") == {}
    assert desk.ok("status", "--short", at="l") == ""
    desk.ok("fetch", "-q", "--path", "labels", at="l")
    desk.away()

    failed = desk.room.run("cat", "HEAD:images/001.jpg", cwd=desk.room.work / "l")
    assert failed.err.startswith("error: images/001.jpg must come from origin: ")
    assert failed.code == (8 if desk.hub else 3)
    failed = desk.room.run("prefetch", cwd=desk.room.work / "l")
    assert "more must come from origin" in failed.err
    assert len(desk.files("l")) == 40
    assert desk.ok("cat", "HEAD:labels/1/001.txt", at="l") == "label 1\n"
    assert desk.ok("log", "--oneline", at="l").count("\n") == 3
    assert desk.absent("l") == 45


def test_prefetch(desk: Desk) -> None:
    """Contents come before they are needed, in part, of one commit or of all."""
    desk.clone("l", "--lazy", "-n")
    assert desk.json("prefetch", "labels/0*", at="l") == {"contents": 10}
    assert desk.json("prefetch", at="l") == {"contents": 72}
    assert desk.json("prefetch", "--all", at="l") == {"contents": 3}
    desk.away()
    assert desk.absent("l") == 0
    assert "new image" in desk.ok("cat", "HEAD:images/000.jpg", at="l")


def test_a_clone_of_recent_history(desk: Desk) -> None:
    """The log says where it is cut; what lies before is asked for by name of the command that brings it."""
    desk.clone("d", "--depth", "2")
    log = desk.ok("log", "--oneline", at="d").splitlines()
    assert len(log) == 3
    assert "fetch --unshallow" in log[-1]
    assert desk.absent("d") == 0
    older = desk.room.run("show", "HEAD~2", cwd=desk.room.work / "d")
    assert (older.code, "fetch --unshallow" in older.err) == (3, True)
    assert "two" in desk.ok("show", "HEAD~1", at="d")

    desk.commit("mine", {"mine": b"mine"}, "d")
    desk.ok("push", "-q", at="d")
    desk.ok("pull", "-q")
    assert desk.files("src")["mine"] == b"mine"
    desk.ok("fetch", "-q", "--unshallow", at="d")
    assert len(desk.ok("log", "--oneline", at="d").splitlines()) == 4
    assert desk.absent("d") == 0


def test_merging_beyond_the_cut(desk: Desk) -> None:
    """Where the histories parted before the cut the error says what to do, and then it works."""
    desk.ok("branch", "-q", "side", "HEAD~2")
    desk.ok("switch", "-q", "side")
    desk.commit("side", {"side": b"side"})
    desk.ok("push", "-q", "origin", "side")
    desk.clone("d", "--depth", "1")

    failed = desk.room.run("merge", "origin/side", cwd=desk.room.work / "d")
    assert (failed.code, "fetch --unshallow" in failed.err) == (3, True)
    assert desk.ok("status", "--short", at="d") == ""
    desk.ok("fetch", "-q", "--unshallow", at="d")
    desk.ok("merge", "-q", "origin/side", at="d")
    assert desk.files("d") == {**ALL, "side": b"side"}


def test_dropping_what_the_remote_has(desk: Desk) -> None:
    """It is verified there first; in a lazy clone it comes again when it is read."""
    desk.clone("l", "--lazy")
    dropped = desk.json("drop", "images", at="l")
    assert (dropped["files"], dropped["remote"]) == (40, "origin")
    assert desk.absent("l") == 43
    assert desk.ok("cat", "HEAD:images/001.jpg", at="l").encode() == IMAGES["images/001.jpg"]
    assert desk.absent("l") == 42
    unpushed = desk.commit("mine", {"mine": b"mine"}, "l")
    assert unpushed
    refused = desk.room.run("drop", "mine", cwd=desk.room.work / "l")
    assert (refused.code, "push" in refused.err) == (3, True)


def test_a_damaged_remote_is_found_before_anything_is_dropped(desk: Desk) -> None:
    """What the remote does not have whole stays here."""
    weights = random.Random(1).randbytes(5000)
    desk.commit("weights", {"weights.bin": weights})
    desk.ok("push", "-q", "origin", "main")
    desk.clone("c")
    folder = Path(desk.url)
    if desk.hub is not None:
        [folder] = (desk.keeper.work / "hub/repositories").iterdir()
    for pack in (folder / "packs").iterdir():
        data = bytearray(pack.read_bytes())
        at = data.find(weights[:20])
        if at >= 0:
            data[at] ^= 1
            pack.unlink()
            pack.write_bytes(data)

    refused = desk.room.run("drop", ".", cwd=desk.room.work / "c")

    assert (refused.code, "weights.bin" in refused.err) == (3, True)
    assert desk.absent("c") == 0


def test_gc_and_undo_in_a_partial_clone(desk: Desk) -> None:
    """Nothing that is needed goes, nothing is missed, and undo works as anywhere."""
    desk.clone("l", "--lazy", "--path", "labels")
    desk.ok("cat", "HEAD:images/001.jpg", at="l")
    desk.ok("gc", "-q", "--prune-now", at="l")
    desk.away()
    assert desk.ok("cat", "HEAD:images/001.jpg", at="l")
    desk.commit("mine", {"labels/mine": b"mine"}, "l")
    desk.ok("undo", "-q", at="l")
    assert desk.ok("log", "--oneline", at="l").count("\n") == 3
    assert desk.absent("l") > 0


def test_rules_come_with_the_paths(desk: Desk) -> None:
    """Ignore rules above the paths hold in the clone, and attributes are read from what is there."""
    desk.commit("rules", {".tetherignore": b"*.tmp\n", "labels/.tetherattributes": b"*.txt binary\n"})
    desk.ok("push", "-q", "origin", "main")
    desk.clone("p", "--path", "labels/1")
    assert {".tetherignore", "labels/.tetherattributes"} < desk.files("p").keys()
    (desk.room.work / "p/labels/1/x.tmp").write_bytes(b"x")
    assert desk.ok("status", "--short", at="p") == ""


def test_status_says_what_is_shown(desk: Desk) -> None:
    """People see the paths, and scripts get them."""
    desk.clone("p", "--path", "labels", "--path", "*.csv")
    assert "shown are *.csv, labels (" in desk.ok("status", at="p")
    assert desk.json("status", at="p")["shown"] == ["*.csv", "labels"]
    assert desk.json("status", at="src")["shown"] is None
    desk.clone("n", "-n")
    assert "no files are shown" in desk.ok("status", at="n")


def test_a_remote_that_is_needed_is_not_forgotten(desk: Desk) -> None:
    """It can be removed when everything came."""
    desk.clone("l", "--lazy")
    refused = desk.room.run("remote", "rm", "origin", cwd=desk.room.work / "l")
    assert (refused.code, "prefetch --all" in refused.err) == (5, True)
    desk.ok("prefetch", "-q", "--all", at="l")
    desk.ok("remote", "rm", "-q", "origin", at="l")
    assert desk.absent("l") == 0


def test_rebasing_and_stashing_in_a_clone_of_some_paths(desk: Desk) -> None:
    """Other commands that write files leave hidden ones alone as well."""
    desk.clone("p", "--path", "labels", "--lazy")
    desk.commit("theirs", {"notes.txt": b"theirs\n", "labels/0/000.txt": b"theirs\n"})
    desk.ok("push", "-q", "origin", "main")
    desk.commit("mine", {"labels/1/001.txt": b"mine\n"}, "p")
    desk.ok("pull", "-q", "--rebase", at="p")
    assert desk.files("p")["labels/0/000.txt"] == b"theirs\n"
    assert not (desk.room.work / "p/notes.txt").exists()
    (desk.room.work / "p/labels/1/001.txt").write_bytes(b"put aside\n")
    desk.ok("stash", "push", "-q", at="p")
    assert desk.ok("status", "--short", at="p") == ""
    desk.ok("stash", "pop", "-q", at="p")
    assert desk.ok("status", "--short", at="p").split() == ["M", "labels/1/001.txt"]
    desk.ok("commit", "-q", "-a", "-m", "again", at="p")
    assert desk.ok("cat", "HEAD:notes.txt", at="p") == "theirs\n"
    desk.ok("push", "-q", at="p")


def test_a_clone_of_a_partial_clone_is_refused(desk: Desk) -> None:
    """It says why and where the contents are; a clone of a grown one works."""
    desk.clone("l", "--lazy", "-n")
    refused = desk.room.run("clone", "l", "again")
    assert (refused.code, "origin" in refused.err, "prefetch" in refused.err) == (8, True, True)
    assert not (desk.room.work / "again").exists()
    desk.ok("prefetch", "-q", "--all", at="l")
    desk.room.ok("clone", "-q", "l", "again")
    assert desk.files("again") == ALL


def test_few_requests(tmp_path: Path, room: Room) -> None:
    """Thousands of files that are read together are asked for together."""
    desk = Desk(room, tmp_path, far=True)
    assert desk.hub is not None
    desk.commit("many", {f"many/{n % 20}/{n}": b"file %d\n" % n for n in range(10_000)})
    desk.commit("more", {f"many/0/{n}": b"changed %d\n" % n for n in range(0, 10_000, 20)})
    desk.ok("push", "-q", "origin", "main")
    desk.clone("l", "--lazy", "-n")
    desk.ok("fetch", "-q", "--path", ".", at="l")
    assert len(desk.files("l")) == 10_082
    changed = desk.ok("diff", "HEAD~1", "HEAD", "--stat", at="l")
    assert "500 files changed" in changed
    assert len(desk.ok("blame", "notes.txt", at="l").splitlines()) == 51
    _, log = desk.hub.stop()
    paths = [json.loads(line)["path"] for line in log.splitlines() if line.startswith("{")]
    cloned = [path for path in paths if path.endswith(("/objects", "/bytes", "/shares"))]
    assert len(cloned) < 25, cloned


def test_the_hub_is_killed_while_contents_come(tmp_path: Path, room: Room) -> None:
    """The command goes on when the hub is back; so does one that was killed itself and is run again."""
    desk = Desk(room, tmp_path, far=True)
    weights = {f"w{n}": random.Random(n).randbytes(15_000_000) for n in range(4)}
    desk.commit("weights", dict(weights))
    desk.ok("push", "-q", "origin", "main")
    desk.clone("l", "--lazy", "-n")

    command = [str(TETHER), "prefetch", "-q"]
    first = subprocess.Popen(command, cwd=room.work / "l", env=room.environ, stderr=subprocess.PIPE)
    time.sleep(0.5)
    first.kill()
    first.communicate()
    desk.absent("l")
    again = subprocess.Popen(command, cwd=room.work / "l", env=room.environ, stderr=subprocess.PIPE)
    time.sleep(0.5)
    assert desk.hub is not None
    desk.hub.kill()
    desk.hub = Served(desk.keeper, "--port", desk.hub.port)
    _, err = again.communicate(timeout=120)
    assert (again.returncode, err) == (0, b"")
    desk.hub.stop()

    assert desk.absent("l") == 3
