"""`put`: files become a commit on a hub or in a folder, without a clone."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import TETHER, Room
from tests.support.cutting import CuttingProxy
from tests.support.served import check_hub
from tests.support.shelf import WEIGHTS, Shelf

MORE = random.Random(6).randbytes(3_000_000)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return the repository and a hub that runs."""
    shelf = Shelf(tmp_path / "shelf")
    shelf.ada.inside = True
    yield shelf
    shelf.hub.stop()


@pytest.fixture(params=["hub", "folder"])
def address(shelf: Shelf, request: pytest.FixtureRequest) -> str:
    """Return the address of the repository on the hub, and of a bare one in a folder."""
    if request.param == "folder":
        shelf.ada.ok("remote", "add", "-q", "bare", "../bare", cwd=shelf.source)
        shelf.ada.ok("push", "-q", "bare", "main", "feature/x", cwd=shelf.source)
        return str(shelf.ada.work / "bare")
    return shelf.url


def cat(room: Room, address: str, path: str) -> str:
    """Return a file that is there."""
    return room.ok("get", f"{address}:{path}", "-o", "-")


def test_put_files(shelf: Shelf, address: str) -> None:
    """They are added and replaced in one commit on top of the branch; all else stays as it is."""
    room = shelf.ada
    room.write("labels.csv", "cat\n")
    room.write("weights.bin", WEIGHTS[:4_000_000] + MORE + WEIGHTS[4_000_000:])
    room.write("tool", "#!/bin/sh\n").chmod(0o755)
    shown = room.json("put", "labels.csv", "weights.bin", "tool", f"{address}:", "-m", "Three files")
    assert (shown["branch"], shown["paths"]) == ("main", ["labels.csv", "tool", "weights.bin"])
    assert 3_000_000 < shown["sent"] < 3_600_000

    room.ok("clone", "-q", address, "copy")
    copy = room.work / "copy"
    log = room.json("log", cwd=copy)
    assert (log[0]["id"], log[0]["message"], log[0]["author"]) == (
        shown["id"],
        "Three files",
        "Ada Lovelace",
    )
    assert len(log) == 3
    assert (copy / "labels.csv").read_text() == "cat\n"
    assert (copy / "weights.bin").read_bytes() == WEIGHTS[:4_000_000] + MORE + WEIGHTS[4_000_000:]
    assert (copy / "tool").stat().st_mode & 0o100
    assert (copy / "images/cat.png").read_text() == "cat"
    assert room.json("fsck", "--full", cwd=copy)["problems"] == []
    check_hub(shelf.keeper)


def test_where_files_go(shelf: Shelf, address: str) -> None:
    """To the path, or into it where it is a folder or is to be one; nothing of another kind gives way."""
    room = shelf.ada
    room.write("a.txt", "a\n")
    room.write("README", "r\n")
    room.ok("put", "-q", "a.txt", f"{address}:b.txt", "-m", "as b")
    room.ok("put", "-q", "a.txt", f"{address}:images", "-m", "into a folder")
    room.ok("put", "-q", "a.txt", "README", f"{address}@feature%2Fx:new/folder/", "-m", "into a new one")
    assert cat(room, address, "b.txt") == cat(room, address, "images/a.txt") == "a\n"
    assert cat(room, f"{address}@feature%2Fx", "new/folder/README") == "r\n"

    for place, code in (
        (":README/a.txt", 4),
        (":images/small/../small", 0),
        (":a/../../x", 2),
        (":.tether/x", 2),
        ("@none:x", 3),
        ("@v1..2:x", 2),
    ):
        result = room.run("put", "a.txt", f"{address}{place}", "-m", "m")
        assert result.code == code, (place, result)
    room.write("small", "s")
    assert room.run("put", "small", f"{address}:images/", "-m", "m").code == 4
    assert room.run("put", "a.txt", "README", f"{address}:b.txt", "-m", "m").code == 2
    assert room.run("put", "none", f"{address}:", "-m", "m").code == 3
    assert room.run("put", str(room.work), f"{address}:", "-m", "m").code == 2
    assert room.run("put", "a.txt", f"{address}:", "-m", " ").code == 2
    check_hub(shelf.keeper)


def test_nothing_to_put(shelf: Shelf, address: str) -> None:
    """What is there already makes no commit."""
    room = shelf.ada
    room.write("README", "hello again\n")
    room.transcript(f"""
        $ tether put README {address}: -m again
        nothing to put: main ... has it all
        $ tether put source/weights.bin {address}:copy.bin -m copy
        put 1 file on main ..., ... kB sent
    """)
    assert len(cat(room, address, "copy.bin").encode("utf-8", "surrogateescape")) == len(WEIGHTS)
    check_hub(shelf.keeper)


def test_the_first_commit(shelf: Shelf) -> None:
    """An empty repository gets its branch."""
    room, url = shelf.ada, f"{shelf.hub.url}/ada/empty"
    room.ok("repo", "create", url)
    room.write("a.txt", "a\n")
    room.ok("put", "-q", "a.txt", f"{url}:data/", "-m", "first")

    assert cat(room, url, "data/a.txt") == "a\n"


def test_who_may_not(shelf: Shelf) -> None:
    """A token that reads does not put; without one there is nothing."""
    room = shelf.ada
    room.write("a.txt", "a\n")
    token = shelf.keeper.ok("hub", "token", "create", "ada", "--root", "hub", "--scope", "read").strip()
    for environ, code in (({"TETHER_TOKEN": token}, 6), ({"TETHER_TOKEN": None}, 3)):
        result = room.run("put", "a.txt", f"{shelf.url}:", "-m", "m", environ=environ)
        assert result.code == code, result


def test_a_branch_that_is_checked_out(shelf: Shelf) -> None:
    """Its working files would look changed; another branch of the same repository is good."""
    room = shelf.ada
    room.write("a.txt", "a\n")
    assert room.run("put", "a.txt", "source@main:", "-m", "m").code == 5
    room.ok("put", "-q", "a.txt", "source@feature%2Fx:", "-m", "m")
    assert cat(room, "source@feature%2Fx", "a.txt") == "a\n"
    assert room.json("status", cwd=shelf.source)["unstaged"] == []


def test_many_at_once(shelf: Shelf) -> None:
    """Everybody's file is there in the end, each by a commit of its own."""
    room = shelf.ada
    processes = []
    for number in range(6):
        path = room.write(f"{number}.txt", f"{number}\n")
        command = [str(TETHER), "put", "-q", str(path), f"{shelf.url}:many/", "-m", f"file {number}"]
        processes.append(subprocess.Popen(command, cwd=room.work, env=room.environ))

    assert [process.wait(120) for process in processes] == [0] * 6
    room.ok("clone", "-q", shelf.url, "copy")
    assert len(list((room.work / "copy/many").iterdir())) == 6
    assert len(room.json("log", cwd=room.work / "copy")) == 8
    check_hub(shelf.keeper)


def test_cut_connections(shelf: Shelf) -> None:
    """A cut reply is asked for again, and one commit is made."""
    room = shelf.ada
    room.write("more.bin", MORE)
    with CuttingProxy(shelf.hub.url) as proxy:
        proxy.cuts = [400, 150, 500, 150]
        room.ok("put", "-q", "more.bin", f"{proxy.url}/ada/photos:", "-m", "more")
        assert proxy.connections > 2
    room.ok("clone", "-q", shelf.url, "copy")
    assert (room.work / "copy/more.bin").read_bytes() == MORE
    assert len(room.json("log", cwd=room.work / "copy")) == 3


def test_folders_are_put_and_paths_removed(shelf: Shelf, address: str) -> None:
    """In one commit, whose other files stay; what is not there or put at once is refused."""
    room = shelf.ada
    for name in ("set/a.txt", "set/deep/b.txt", "one.txt"):
        room.write(name, name)
    at = f"{address}:data/"
    shown = room.json("put", "set", "one.txt", at, "-m", "both", "--remove", "images", "--remove", "README")
    assert shown["paths"] == ["README", "data/one.txt", "data/set/a.txt", "data/set/deep/b.txt", "images"]
    assert cat(room, address, "data/set/deep/b.txt") == "set/deep/b.txt"
    assert room.run("get", f"{address}:images/cat.png", "-o", "-").code == 3
    shown = room.json("put", f"{address}:", "-m", "less", "--remove", "data/set")
    assert shown["paths"] == ["data/set"]
    assert room.run("put", f"{address}:", "-m", "again", "--remove", "data/set").code == 3
    assert room.run("put", "one.txt", at, "-m", "both", "--remove", "data").code == 2
    assert room.run("put", at, "-m", "nothing").code == 2
    (room.work / "set/link").symlink_to("a.txt")
    assert room.run("put", "set", at, "-m", "a link").code == 2
    check_hub(shelf.keeper)
