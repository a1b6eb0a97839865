"""Two people, two homes and a hub, each in processes of their own: push, clone, pull, and what breaks."""

import atexit
import json
import random
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from tests.support.cli import TETHER, Room
from tests.support.served import Served, add_user, check_hub

IMAGES = {f"images/{number:03}.jpg": random.Random(number).randbytes(4000) for number in range(400)}
WEIGHTS = random.Random(5).randbytes(20_000_000)


class People:
    """Ada, who owns the repository, and Bob; each has a home and a folder, and is signed in."""

    def __init__(self, folder: Path) -> None:
        self.keeper = Room(folder / "keeper")
        self.tokens = {name: add_user(self.keeper, name) for name in ("ada", "bob")}
        self.hub = Served(self.keeper)
        self.ada, self.bob = Room(folder / "ada"), Room(folder / "bob")
        for name, room in (("ada", self.ada), ("bob", self.bob)):
            room.environ["TETHER_USER_NAME"] = name.title()
            room.do("login", self.hub.url, "--token", self.tokens[name])
        self.url = f"{self.hub.url}/ada/photos"
        self.ada.do("repo", "create", self.url, "--private")

    def api(self, method: str, path: str, body: object, token: str) -> None:
        """Send one request below the API."""
        data = json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.hub.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30):
            pass

    def stored(self) -> int:
        """Return how many bytes the folder of the hub has for repositories."""
        found = 0
        for path in (self.keeper.work / "hub/repositories").rglob("*"):
            with suppress(FileNotFoundError):
                found += path.stat().st_size if path.is_file() else 0
        return found

    def kill_hub(self, client: "subprocess.Popen[bytes]", delay_s: float) -> None:
        """Start the hub again a while after its first reply to a client."""
        self.hub.await_reply(client)
        time.sleep(delay_s)
        self.restart_hub()

    def restart_hub(self) -> None:
        """Kill the hub and start it again at the same address."""
        self.hub.kill()
        self.hub = Served(self.keeper, "--port", self.hub.url.rpartition(":")[2])

    def check_hub(self) -> None:
        """Fail unless the repository on the hub is sound."""
        check_hub(self.keeper)

    def share(self, *paths: str) -> None:
        """Let Ada push one commit with small files, and Bob, who may write, clone it into his folder."""
        ada = self.ada
        self.api("PUT", "/repos/ada/photos/collaborators/bob", {"role": "write"}, self.tokens["ada"])
        ada.do("init", "-q")
        for path in paths:
            ada.write(path, "1\n")
        ada.do("add", "-q", "-A")
        ada.do("commit", "-q", "-m", "first")
        ada.do("remote", "add", "-q", "origin", self.url)
        ada.do("push", "-q")
        self.bob.do("clone", "-q", self.url, ".")


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return the two and a hub that runs."""
    people = People(tmp_path)
    yield people
    people.hub.close()


def commit_images(room: Room) -> None:
    """Put a repository with images and weights into the folder of a room."""
    shutil.copytree(_images().work, room.work, dirs_exist_ok=True)


@cache
def _images() -> Room:
    """Return a room with that repository, made once."""
    folder = tempfile.TemporaryDirectory(prefix="tether-images-")
    atexit.register(folder.cleanup)
    room = Room(Path(folder.name))
    room.do("init", "-q")
    for name, data in {**IMAGES, "weights.bin": WEIGHTS}.items():
        room.write(name, data)
    room.do("add", "-q", "-A")
    room.do("commit", "-q", "-m", "images")
    return room


def assert_has_images(folder: Path) -> None:
    """Fail unless a clone has every file as it was."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    found = {name: path for name, path in found.items() if not name.startswith(".tether")}
    assert found.keys() == {*IMAGES, "weights.bin"}
    assert all(found[name].read_bytes() == data for name, data in IMAGES.items())
    assert found["weights.bin"].read_bytes() == WEIGHTS


def test_two_people_work_on_one_repository(people: People) -> None:
    """Private until a role is given; both push, one is refused and pulls; a revoked token is refused."""
    ada, bob, url = people.ada, people.bob, people.url
    commit_images(ada)
    ada.ok("remote", "add", "-q", "origin", url)
    ada.transcript("""
        $ tether push
        to origin: ... objects, 21... MB
         * main  new
        $ tether push
        to origin: up to date
    """)
    refused = bob.run("clone", url)
    assert (refused.code, refused.err.splitlines()[0]) == (3, "error: no repository ada/photos for you here")
    assert not (bob.work / "photos").exists()

    people.api("PUT", "/repos/ada/photos/collaborators/bob", {"role": "read"}, people.tokens["ada"])
    bob.ok("clone", "-q", url)
    copy = bob.work / "photos"
    assert_has_images(copy)
    (copy / "notes.txt").write_text("by bob\n")
    bob.ok("add", "-q", "notes.txt", cwd=copy)
    bob.ok("commit", "-q", "-m", "notes", cwd=copy)
    assert bob.run("push", cwd=copy).code == 6

    people.api("PUT", "/repos/ada/photos/collaborators/bob", {"role": "write"}, people.tokens["ada"])
    bob.ok("push", "-q", cwd=copy)
    ada.write("labels.csv", "cat\n")
    ada.ok("add", "-q", "labels.csv")
    ada.ok("commit", "-q", "-m", "labels")
    ada.transcript("""
        $ tether push
        error: origin refused main: it has commits that are not here
        hint: run 'tether pull' first, then push again
        [5]
        $ tether pull -q
        $ tether push -q
    """)
    assert (ada.work / "notes.txt").read_text() == "by bob\n"
    bob.ok("pull", "-q", cwd=copy)
    assert (copy / "labels.csv").read_text() == "cat\n"
    bob.ok("logout", people.hub.url)
    assert bob.run("pull", cwd=copy).code == 3
    token = {"TETHER_TOKEN": people.tokens["bob"]}
    assert bob.run("pull", cwd=copy, environ=token).code == 6
    people.check_hub()


def begin(room: Room, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a command and do not wait for it."""
    return subprocess.Popen(
        [str(TETHER), *arguments],
        cwd=room.work,
        env=room.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("delay_s", [0.15, 0.25, 0.35, 0.5])
def test_a_push_whose_client_is_killed(people: People, delay_s: float) -> None:
    """Nothing of it shows, and the next push ends it."""
    commit_images(people.ada)
    people.ada.do("remote", "add", "-q", "origin", people.url)
    push = begin(people.ada, "push")
    time.sleep(delay_s)
    push.send_signal(signal.SIGKILL)
    push.wait()
    people.check_hub()

    people.ada.do("push", "-q")

    people.check_hub()
    people.ada.do("clone", "-q", people.url, "copy")
    assert_has_images(people.ada.work / "copy")


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.12, 0.25])
def test_a_push_whose_hub_is_killed(people: People, delay_s: float) -> None:
    """The client tries again by itself, and goes on when the hub is back."""
    commit_images(people.ada)
    people.ada.do("remote", "add", "-q", "origin", people.url)
    push = begin(people.ada, "push")
    people.kill_hub(push, delay_s)
    assert push.wait(timeout=60) == 0

    people.check_hub()
    people.ada.do("clone", "-q", people.url, "copy")
    assert_has_images(people.ada.work / "copy")


@pytest.mark.parametrize("delay_s", [0.0, 0.25])
def test_a_clone_whose_hub_is_killed(people: People, delay_s: float) -> None:
    """What came before is not lost and not doubled."""
    commit_images(people.ada)
    people.ada.do("remote", "add", "-q", "origin", people.url)
    people.ada.do("push", "-q")
    clone = begin(people.ada, "clone", people.url, "copy")
    people.kill_hub(clone, delay_s)
    assert clone.wait(timeout=60) == 0
    assert_has_images(people.ada.work / "copy")
    assert people.ada.do("fsck", "--full", cwd=people.ada.work / "copy").endswith("no problems\n")


def test_a_token_that_is_revoked_in_the_midst_of_a_push(people: People) -> None:
    """The push ends, no branch has moved, and with another token the next one brings it to its end."""
    ada = people.ada
    ada.do("init", "-q")
    ada.write("weights.bin", WEIGHTS[:6_000_000])
    ada.do("add", "-q", "-A")
    ada.do("commit", "-q", "-m", "weights")
    ada.do("remote", "add", "-q", "origin", people.url)
    push = begin(ada, "push", "--limit-rate", "2MB")
    while people.stored() < 1_000_000:
        assert push.poll() is None
        time.sleep(0.02)
    people.api("DELETE", "/tokens/current", None, people.tokens["ada"])

    assert push.wait(timeout=60) == 6

    people.check_hub()
    token = people.keeper.do("hub", "token", "create", "ada", "--root", "hub").strip()
    ada.do("login", people.hub.url, "--token", token)
    assert ada.do("push").splitlines()[1] == " * main  new"
    people.check_hub()


def test_pushes_at_the_same_moment(people: People) -> None:
    """One of two wins, the other is told to pull; then both have what both did."""
    people.share("labels.csv")
    rooms = (people.ada, people.bob)
    for number, room in enumerate(rooms):
        room.write(f"by-{number}", f"{number}")
        room.do("add", "-q", "-A")
        room.do("commit", "-q", "-m", f"by {number}")
    pushes = [begin(room, "push") for room in rooms]

    codes = [push.wait(timeout=60) for push in pushes]

    assert sorted(codes) == [0, 5]
    late = rooms[codes.index(5)]
    late.do("pull", "-q")
    late.do("push", "-q")
    rooms[codes.index(0)].do("pull", "-q")
    assert all((room.work / f"by-{number}").exists() for room in rooms for number in range(2))
    people.check_hub()


def test_without_a_hub_the_message_says_so(people: People) -> None:
    """The address is named, and nothing here has changed."""
    commit_images(people.ada)
    people.ada.do("remote", "add", "-q", "origin", "http://127.0.0.1:9/ada/photos")
    result = people.ada.run("push")
    assert result.code == 8
    assert result.err.startswith("error: no connection to 127.0.0.1:9: ")
