"""Forks on a hub whose packs are in a bucket: they cost no second copy, and nobody loses what refs reach."""

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.support.faultproxy import Call, Proxy, before
from tests.support.histories import Past
from tests.support.hub import DAY
from tests.support.network import BucketRoom, Network
from tests.support.postgres import Cluster
from tests.support.replicas import Replicas
from tests.support.repos import ticking
from tests.support.s3 import s3_server

from tether.errors import TetherError
from tether.hub.backup import back_up
from tether.hub.forks import WantedFork, make_fork
from tether.hub.keeping import purge
from tether.hub.presigning import address_of
from tether.hub.repositories import open_repository
from tether.hub.restoring import NewHub, restore
from tether.hub.tokens import find_principal
from tether.hub.upkeep import chosen, collect, verify
from tether.repo.repository import Repository
from tether.storage.buckets import open_bucket, parse_bucket_address
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove, RemoteRefs

PARTS = [random.Random(seed).randbytes(1_200_000) for seed in range(3)]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Return what counts requests to the S3 server."""
    with before(s3_server().url) as found:
        yield found


@pytest.fixture
def hub(tmp_path: Path, proxy: Proxy) -> Iterator[BucketRoom]:
    """Return an empty hub, whose requests to its bucket are counted."""
    room = BucketRoom(tmp_path / "hub", endpoint=proxy.url, presign="on")
    yield room
    room.close()


@pytest.fixture
def network(hub: BucketRoom, tmp_path: Path) -> Network:
    """Return a repository of Ada's with several packs."""
    made = Network(hub, tmp_path / "local")
    for number, part in enumerate(PARTS):
        made.push("ada/x", "main", made.past.commit(f"c{number}", {f"f{number}": part}))
    return made


def packs(storage: str) -> list[tuple[str, int]]:
    """Return the packs in a bucket, wherever, straight from the server."""
    bucket = open_bucket(parse_bucket_address(storage), s3_server().keys())
    return [(key, size) for key, size in bucket.list("") if key.endswith(".pack")]


def test_a_fork_costs_no_copy(network: Network, hub: BucketRoom, proxy: Proxy) -> None:
    """No pack is read, sent or copied; what the fork of a fork gets later is its own; each pays for all."""
    lying = packs(hub.storage)
    sizes = {key.rpartition("/")[2]: size for key, size in lying}
    with closing(open_repository(hub.hub, network.row("ada/x"))) as source:
        data = [f"{name.hex()}.pack" for name in source.root().data_packs]
    assert len(data) == len(PARTS)
    proxy.calls.clear()
    proxy.replies.clear()

    network.fork("ada/x", "bob/y")

    sent = sum(call.size for call in proxy.calls)
    written = [call for call in proxy.calls if call.method in ("PUT", "POST") and ".pack" in call.path]
    assert (sent < 10_000, written) == (True, [])
    came = sum(size for path, size in proxy.replies if any(name in path for name in data))
    assert 0 < came < 10_000 < min(sizes[name] for name in data)
    assert packs(hub.storage) == lying
    network.fork("bob/y", "ada/z")
    assert packs(hub.storage) == lying
    network.push("ada/z", "main", network.past.commit("more", {"g": b"of z"}))
    assert len(packs(hub.storage)) > len(lying)
    network.check()
    for address in ("ada/x", "bob/y", "ada/z"):
        assert [network.read(address, "main", f"f{number}") for number in range(3)] == PARTS
    assert network.has("ada/x", b"of z") == network.has("bob/y", b"of z") == [False]
    whole = sum(size for _, size in lying)
    usage = hub.ok("GET", "/quotas/bob", network.tokens["bob"])
    assert (usage["bytes"], usage["fork_bytes"]) == (whole, whole)


def test_there_and_back(network: Network, hub: BucketRoom) -> None:
    """A fork that was pushed to is forked back; sources go and are collected; the last one has all."""
    network.fork("ada/x", "bob/y")
    new = network.past.commit("more", {"g": b"of y"})
    network.push("bob/y", "main", new)
    network.fork("bob/y", "ada/back")
    network.push("ada/x", "main", network.past.commit("none", {"h": b"h"}, parents=[]))
    network.collect()
    network.check()
    for address in ("ada/x", "bob/y"):
        hub.ok("DELETE", f"/repos/{address}", network.tokens[address.partition("/")[0]])
    hub.now += 10 * DAY
    hub.ok("POST", "/repos/ada/x/restore", network.tokens["ada"])
    hub.ok("PATCH", "/repos/ada/x", network.tokens["ada"], {"name": "moved"})
    network.fork("ada/moved", "ada/small")
    hub.ok("DELETE", "/repos/ada/moved", network.tokens["ada"])
    hub.now += 32 * DAY
    assert sorted(purge(hub.hub)) == ["ada/moved", "bob/y"]
    network.collect()
    network.check()
    assert network.read("ada/back", "main", "g") == b"of y"
    assert [network.read("ada/back", "main", f"f{number}") for number in range(3)] == PARTS
    assert network.has("ada/small", PARTS[0]) == [False]
    for address in ("ada/back", "ada/small"):
        hub.ok("DELETE", f"/repos/{address}", network.tokens["ada"])
    hub.now += 60 * DAY
    purge(hub.hub)
    hub.now += 2 * DAY
    purge(hub.hub)
    assert packs(hub.storage) == []


def test_addresses_are_of_what_the_repository_names(network: Network, hub: BucketRoom) -> None:
    """A fork gets addresses of shared packs; not of what its source has beside, nor of what it gave up."""
    network.fork("ada/x", "bob/y")
    network.push("ada/x", "main", network.past.commit("secret", {"s": random.Random(9).randbytes(1_100_000)}))
    source, fork = network.row("ada/x"), network.row("bob/y")
    with closing(open_repository(hub.hub, source)) as there, closing(open_repository(hub.hub, fork)) as here:
        shared = here.root().data_packs
        [secret] = set(there.root().data_packs) - set(shared)
    size = dict(packs(hub.storage))
    for name in shared:
        pack = f"{source.id}/packs/{name.hex()}.pack"
        for row in (source, fork):
            told = address_of(hub.hub, row, name, size[pack])
            assert told is not None
            assert pack in told
    assert address_of(hub.hub, fork, secret, size[f"{source.id}/packs/{secret.hex()}.pack"]) is None
    hub.ok("DELETE", "/repos/bob/y", network.tokens["bob"])
    hub.now += 32 * DAY
    purge(hub.hub)
    assert address_of(hub.hub, fork, shared[0], size[f"{source.id}/packs/{shared[0].hex()}.pack"]) is None


def test_a_backup_says_nothing_of_the_bucket(network: Network, hub: BucketRoom, tmp_path: Path) -> None:
    """A hub made from it has all packs in folders, and leaves the bucket of the first one alone."""
    network.fork("ada/x", "bob/y")
    hub.ok("DELETE", "/repos/ada/x", network.tokens["ada"])
    hub.now += 32 * DAY
    purge(hub.hub)
    lying = packs(hub.storage)
    assert back_up(hub.hub, tmp_path / "safe").problems == []
    assert restore(tmp_path / "safe", NewHub(tmp_path / "copy")).problems == []
    other = BucketRoom(tmp_path / "copy", storage=hub.storage)
    other.now = hub.now + 3 * DAY

    [row] = chosen(other.hub, ())
    collect(other.hub, row)
    purge(other.hub)
    assert verify(other.hub, row, full=True).problems == []
    other.ok("DELETE", "/repos/bob/y", network.tokens["bob"])
    other.now += 60 * DAY
    assert purge(other.hub) == ["bob/y"]

    other.close()
    assert packs(hub.storage) == lying
    network.check()


def test_gc_forks_and_deletions_on_two_replicas(postgres: Cluster, tmp_path: Path) -> None:
    """While one replica forks, another one collects and purges the source; forks that were made are whole."""
    with postgres.hub_database() as url:
        one = BucketRoom(tmp_path / "one", database=url)
        network = Network(one, tmp_path / "local")
        two = BucketRoom(tmp_path / "two", database=url, storage=one.storage)
        tips = [network.past.commit(f"c{n}", {f"f{n}": PARTS[n][:40_000]}, parents=[]) for n in range(3)]
        network.push("ada/x", "main", tips[0])
        with one.hub.database.session(reads_only=True) as session:
            bob = find_principal(session, one.now, network.tokens["bob"])
        made, stop, source = [], threading.Event(), network.row("ada/x")

        def fork() -> None:
            for number in range(8):
                with suppress(TetherError):
                    wanted = WantedFork("bob", f"y{number}")
                    made.append(make_fork(one.hub, bob, source, wanted).full_name)
            stop.set()

        thread = threading.Thread(target=fork)
        thread.start()
        turns = 0
        while not stop.is_set() or turns < 3:
            turns += 1
            network.push("ada/x", "main", tips[turns % 3])
            for row in chosen(two.hub, ()):
                folder = two.hub.settings.repositories / row.id
                folder.mkdir(exist_ok=True)
                (folder / "config.toml").write_text("[gc]\nretention = 0\n")
                with suppress(TetherError):
                    collect(two.hub, row)
            two.now += DAY
        thread.join()

        assert len(made) > 3
        one.ok("DELETE", "/repos/ada/x", network.tokens["ada"])
        one.now = two.now = two.now + 60 * DAY
        assert "ada/x" in purge(two.hub)
        for row in chosen(one.hub, made):
            collect(one.hub, row)
        two.now += 3 * DAY
        purge(two.hub)
        network.check()
        two.close()
        one.close()


@pytest.mark.parametrize("moment", [0.3, 0.8])
def test_a_hub_that_is_killed(moment: float, proxy: Proxy, tmp_path: Path) -> None:
    """Nothing is seen of the fork, or all; the source is whole, and the same fork can be made."""
    server = s3_server()
    settings = {"STORAGE": f"s3://{server.bucket}/{server.new_prefix()}"}
    hubs = Replicas(tmp_path, 1, settings=settings, environ=server.environment(url=proxy.url), fixed=False)
    local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
    push(hubs, local)
    count = requests_of_a_fork(hubs, proxy)
    at = len(proxy.calls) + int(count * moment)
    killed = threading.Event()

    def rule(number: int, _call: Call) -> None:
        if number >= at and not killed.is_set():
            killed.set()
            hubs.hubs[0].process.kill()

    proxy.rule = rule
    with suppress(TetherError, subprocess.SubprocessError):
        forked(hubs, "y")
    assert killed.wait(10)
    proxy.rule = lambda _number, _call: None
    hubs.restart(0, away_s=0.0)

    client = hubs.client(0)
    names = {each["name"] for each in client.json("GET", "/api/v1/repos?owner=ada")}
    client.close()
    if "y" not in names:
        forked(hubs, "y")
    assert hubs.fsck() == hubs.fsck("y") == hubs.fsck("second") == []
    lying = [key.rpartition("/")[2] for key, _ in packs(settings["STORAGE"])]
    assert len(lying) == len(set(lying))
    hubs.close()


def push(hubs: Replicas, local: Repository) -> None:
    """Push three commits, each in packs of its own."""
    past, old = Past(local), None
    for number, part in enumerate(PARTS):
        new = past.commit(f"c{number}", {f"f{number}": part[:30_000]})
        with closing(hubs.end(0)) as end:
            sent = upload(end, local, [new], end.refs() if old else RemoteRefs(None, {}))
            move = RefMove("refs/heads/main", old, new, False)
            end.push(PushRequest(bytes([number]) * 16, sent.packs, (move,)))
        old = new


def forked(hubs: Replicas, name: str) -> None:
    """Fork the repository."""
    client = hubs.client(0)
    with closing(client):
        client.json("POST", "/api/v1/repos/ada/photos/forks", {"owner": "ada", "name": name})


def requests_of_a_fork(hubs: Replicas, proxy: Proxy) -> int:
    """Fork, and return how many requests that sends to the bucket when the hub knows the source."""
    forked(hubs, "first")
    begun = len(proxy.calls)
    forked(hubs, "second")
    return len(proxy.calls) - begun
