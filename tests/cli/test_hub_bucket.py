"""A hub whose contents are in a bucket of any kind: people see no difference."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.s3 import s3_server
from tests.support.served import Served, add_user
from tests.support.stores import SERVERS, StoreServer

from tether.storage.buckets import BucketAddress, open_bucket

FILES = {f"images/{number:03}.jpg": random.Random(number).randbytes(4000) for number in range(300)}
WEIGHTS = random.Random(5).randbytes(20_000_000)


class Hosted:
    """A hub over a prefix of the bucket, and Ada, who is signed in."""

    def __init__(self, folder: Path, server: StoreServer) -> None:
        self.server, self.prefix = server, server.new_prefix()
        self.keeper, self.ada = Room(folder / "keeper"), Room(folder / "ada")
        self.keeper.environ |= server.environment()
        token = add_user(self.keeper, "ada")
        self.hub = self.start()
        self.ada.do("login", self.hub.url, "--token", token)
        self.url = f"{self.hub.url}/ada/photos"

    def start(self, *options: str) -> Served:
        """Start the hub."""
        server = self.server
        storage = f"{server.scheme}://{server.bucket}/{self.prefix}"
        return Served(self.keeper, "--storage", storage, *options)

    def listed(self) -> list[str]:
        """Return all keys of the hub in the bucket."""
        address = BucketAddress(self.server.scheme, self.server.bucket, self.prefix)
        return [key for key, _ in open_bucket(address, self.server.keys()).list("")]


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    """A hub that runs."""
    hosted = Hosted(tmp_path, s3_server())
    yield hosted
    hosted.hub.stop()


@pytest.fixture(params=SERVERS)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hosted]:
    """A hub that runs over each kind of bucket."""
    hosted = Hosted(tmp_path, SERVERS[request.param]())
    yield hosted
    hosted.hub.stop()


def test_contents_lie_in_the_bucket(anywhere: Hosted) -> None:
    """Push, a hub that is killed, clone, a second version, pull; no pack is in the folder of the hub."""
    hosted = anywhere
    ada = hosted.ada
    ada.do("repo", "create", hosted.url)
    ada.do("init", "-q", "one")
    for name, data in {**FILES, "weights.bin": WEIGHTS}.items():
        ada.write(f"one/{name}", data)
    one, two = ada.work / "one", ada.work / "two"
    ada.do("add", "-q", ".", cwd=one)
    ada.do("commit", "-q", "-m", "First", cwd=one)
    ada.do("remote", "add", "-q", "origin", hosted.url, cwd=one)
    ada.ok("push", "-q", cwd=one)
    hosted.hub.kill()
    hosted.hub = hosted.start("--port", hosted.hub.url.rpartition(":")[2])

    ada.ok("clone", "-q", hosted.url, "two")
    assert (two / "weights.bin").read_bytes() == WEIGHTS
    assert all((two / name).read_bytes() == data for name, data in FILES.items())
    (one / "weights.bin").write_bytes(WEIGHTS[:10_000_000] + b"!" + WEIGHTS[10_000_001:])
    ada.do("commit", "-q", "-a", "-m", "Second", cwd=one)
    ada.ok("push", "-q", cwd=one)
    ada.ok("pull", "-q", cwd=two)
    assert (two / "weights.bin").read_bytes() == (one / "weights.bin").read_bytes()

    [folder] = (hosted.keeper.work / "hub/repositories").iterdir()
    assert {path.name for path in folder.iterdir()} == {"locks"}
    assert any(key.startswith(f"{folder.name}/packs/") for key in hosted.listed())


def test_what_was_deleted_for_good_leaves_the_bucket(hosted: Hosted) -> None:
    """When the time of grace is over, the next start of the hub removes it, and nothing else."""
    for name in ("photos", "kept"):
        hosted.ada.do("repo", "create", f"{hosted.hub.url}/ada/{name}")
    assert sum(key.endswith("/format") for key in hosted.listed()) == 2
    hosted.ada.do("repo", "delete", hosted.url)
    hosted.hub.stop()
    hosted.keeper.environ |= {"TETHER_DATE": "2026-03-31T12:00:00+00:00"}
    hosted.hub = hosted.start()
    deadline = time.monotonic() + 60
    while sum(key.endswith("/format") for key in hosted.listed()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    hosted.hub.stop()

    assert sum(key.endswith("/format") for key in hosted.listed()) == 1
    hosted.hub = hosted.start()


def test_a_hub_does_not_start_without_its_bucket(hosted: Hosted) -> None:
    """A missing bucket and wrong keys are told at once."""
    for storage, environ, code in (
        ("s3://no-such-bucket/x", {}, 3),
        ("s3://data/x", {"AWS_SECRET_ACCESS_KEY": "wrong"}, 6),
        ("data", {}, 2),
    ):
        command = ("hub", "serve", "--root", "other", "--port", "0", "--storage", storage)
        result = hosted.keeper.run(*command, environ=environ)
        assert (result.code, result.out) == (code, ""), result
