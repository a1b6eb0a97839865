"""Forks: they share storage with their source, and nothing else; neither can harm the other."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hub import DAY, HubRoom
from tests.support.network import BucketRoom, Network
from tests.support.postgres import Cluster

from tether.core.digest import Digest
from tether.errors import QuotaExceeded
from tether.hub import forks
from tether.hub.acting import acting
from tether.hub.backup import back_up
from tether.hub.keeping import purge
from tether.hub.repositories import find
from tether.hub.restoring import NewHub, restore
from tether.hub.strays import find_strays
from tether.hub.tokens import find_principal

BIG = random.Random(8).randbytes(200_000)


HISTORIES = {"sqlite": 0, "postgresql": 1, "bucket": 1, "bucket and postgresql": 0}
"""Which history each kind of hub has: both go over each database and over packs in each place."""


@pytest.fixture(params=["sqlite", "bucket and postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubRoom]:
    """Return an empty hub, on each database and with its packs in each place; all pairs where asked for."""
    if "postgresql" in request.param:
        cluster: Cluster = request.getfixturevalue("postgres")
        with cluster.hub_database() as url:
            kind = BucketRoom if "bucket" in request.param else HubRoom
            room = kind(tmp_path / "hub", database=url)
            yield room
            room.close()
        return
    room = BucketRoom(tmp_path / "hub") if request.param == "bucket" else HubRoom(tmp_path / "hub")
    yield room
    room.close()


@pytest.fixture
def network(hub: HubRoom, tmp_path: Path) -> Network:
    """Return an empty repository of Ada's."""
    return Network(hub, tmp_path / "local")


def test_a_fork_shares_what_is_there(network: Network) -> None:
    """It has branches and contents at once; a push to it sends what is new; both are sound."""
    hub = network.hub
    network.push("ada/x", "main", network.past.commit("one", {"a": BIG}))

    network.fork("ada/x", "bob/y")

    assert network.end("bob/y").refs() == network.end("ada/x").refs()
    assert network.read("bob/y", "main", "a") == BIG
    if hub.hub.bucket is None:
        packs = [path.stat() for path in hub.hub.settings.repositories.glob("*/packs/*.pack")]
        assert {info.st_nlink for info in packs} == {2}
        assert len(packs) == 2 * len({info.st_ino for info in packs})
    sent = network.push("bob/y", "main", network.past.commit("two", {"b": b"small"}))
    assert sent < len(BIG) / 20
    assert network.has("ada/x", b"small") == [False]
    assert network.has("bob/y", b"small") == [True]
    network.check()
    usage = hub.ok("GET", "/quotas/bob", network.tokens["bob"])
    assert len(BIG) < usage["fork_bytes"] <= usage["bytes"]
    assert hub.ok("GET", "/quotas/ada", network.tokens["ada"])["fork_bytes"] == 0
    actions = [entry["action"] for entry in hub.ok("GET", "/repos/bob/y/audit", network.tokens["bob"])]
    assert "repository.fork" in actions


def test_nothing_comes_along_that_refs_do_not_reach(network: Network) -> None:
    """What was pushed and taken back stays in the source alone, though it lies in the same pack."""
    tip = network.past.commit("one", {"a": b"kept"})
    network.past.commit("two", {"s": b"secret"})
    network.push("ada/x", "main", network.past.commit("three", {"s": None, "b": b"new"}, parents=[tip]))
    network.push("ada/x", "secret", network.past.commit("four", {"t": b"secret too"}, branch="other"))
    network.push("ada/x", "secret", None)
    network.push("ada/x", "main", tip)
    assert network.has("ada/x", b"kept", b"secret too", b"new") == [True, True, True]

    network.fork("ada/x", "bob/y")

    assert network.has("bob/y", b"kept", b"secret", b"secret too", b"new") == [True, False, False, False]
    network.push("ada/x", "main", network.past.commit("later", {"l": b"later"}))
    assert network.has("bob/y", b"later") == [False]
    network.check()


def test_the_source_goes(network: Network) -> None:
    """Collected, forced back, made private, deleted for good: the fork of a fork reads what it read."""
    hub, ada = network.hub, network.tokens["ada"]
    old = network.past.commit("one", {"a": b"1"})
    network.push("ada/x", "main", network.past.commit("two", {"big": BIG}))
    network.fork("ada/x", "bob/y")
    network.fork("bob/y", "bob/z")
    network.push("ada/x", "main", old)
    network.collect()
    assert network.has("ada/x", b"1") == [True]
    for address in ("bob/y", "bob/z"):
        assert network.read(address, "main", "big") == BIG
    hub.ok("PATCH", "/repos/ada/x", ada, {"private": True})
    hub.ok("DELETE", "/repos/ada/x", ada)
    hub.ok("DELETE", "/repos/bob/y", network.tokens["bob"])
    hub.now += 31 * DAY
    assert sorted(purge(hub.hub)) == ["ada/x", "bob/y"]
    network.collect()
    assert network.read("bob/z", "main", "big") == BIG
    network.check()
    assert hub.ok("GET", "/repos/bob/z/forks", network.tokens["bob"]) == {"fork_of": None, "forks": []}
    assert find_strays(hub.hub) == []


def test_the_fork_goes(network: Network) -> None:
    """Deleting and purging a fork leaves the source as it was."""
    network.push("ada/x", "main", network.past.commit("one", {"big": BIG}))
    network.fork("ada/x", "bob/y")
    network.hub.ok("DELETE", "/repos/bob/y", network.tokens["bob"])
    network.hub.now += 31 * DAY
    assert purge(network.hub.hub) == ["bob/y"]
    network.collect()
    assert network.read("ada/x", "main", "big") == BIG
    network.check()


@pytest.mark.parametrize(("hub", "seed"), HISTORIES.items(), indirect=["hub"])
def test_any_history_of_a_network(network: Network, seed: int) -> None:
    """Beside a model: whatever is pushed, forced, forked, collected and deleted, each ref keeps its files."""
    chance, hub = random.Random(seed), network.hub
    model: dict[str, dict[str, tuple[Digest, dict[str, bytes]]]] = {"ada/x": {}}
    for step in range(16):
        address = chance.choice(sorted(model))
        branches = model[address]
        match chance.choice(["push", "push", "push", "fork", "fork", "back", "collect", "delete"]):
            case "push":
                name, data = chance.choice(["main", "b"]), random.Random(f"{seed}{step}").randbytes(3000)
                parents, files = ([branches[name][0]], branches[name][1]) if name in branches else ([], {})
                new = network.past.commit("c", {f"f{step}": data}, branch=f"l{step}", parents=parents)
                network.push(address, name, new)
                branches[name] = (new, {**files, f"f{step}": data})
            case "fork":
                target = f"{chance.choice(['ada', 'bob'])}/r{step}"
                network.fork(address, target)
                model[target] = dict(branches)
                told = {data for each in branches.values() for data in each[1].values()}
                others = [d for known in model.values() for e in known.values() for d in e[1].values()]
                absent = [data for data in others if data not in told]
                assert not absent or not any(network.has(target, *absent))
            case "back" if "b" in branches:
                network.push(address, "b", None)
                del branches["b"]
            case "collect":
                network.collect()
            case "delete" if len(model) > 1:
                hub.ok("DELETE", f"/repos/{address}", network.tokens[address.partition("/")[0]])
                del model[address]
                hub.now += chance.choice([1, 40]) * DAY
                purge(hub.hub)
            case _:
                pass
        if step % 6 == 5:
            network.check()
    for address, branches in model.items():
        refs = {f"refs/heads/{name}": tip for name, (tip, _) in branches.items()}
        assert network.end(address).refs().refs == refs
        for name, (_, files) in branches.items():
            assert {path: network.read(address, name, path) for path in files} == files
    network.check()


def test_who_may(network: Network) -> None:
    """A reader may, to themselves or an organisation of theirs; a stranger learns nothing."""
    hub, ada, bob = network.hub, network.tokens["ada"], network.tokens["bob"]
    hub.ok("PATCH", "/repos/ada/x", ada, {"private": True})
    body = {"owner": "bob", "name": "y"}
    absent = hub.api("POST", "/repos/ada/none/forks", bob, body)
    hidden = hub.api("POST", "/repos/ada/x/forks", bob, body)
    assert (hidden.status, hidden.body.replace(b"ada/x", b"ada/none")) == (404, absent.body)
    hub.ok("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "read"})
    assert hub.api("POST", "/repos/ada/x/forks", hub.token("bob", "read"), body).status == 403
    assert hub.api("POST", "/repos/ada/x/forks", bob, {"owner": "ada", "name": "y"}).status == 403
    assert hub.api("POST", "/repos/ada/x/forks", bob, {**body, "private": False}).status == 400
    assert hub.api("POST", "/repos/ada/x/forks", bob, {**body, "name": "../y"}).status == 400
    hub.ok("POST", "/organisations", bob, {"name": "lab"})

    assert hub.ok("POST", "/repos/ada/x/forks", bob, body)["private"] is True
    assert hub.ok("POST", "/repos/ada/x/forks", bob, {**body, "owner": "lab"})["private"] is True

    assert hub.api("POST", "/repos/ada/x/forks", bob, body).code == "already-exists"
    assert hub.ok("GET", "/repos/ada/x/forks", ada)["forks"] == []
    mine = hub.ok("GET", "/repos/ada/x/forks", bob)["forks"]
    assert [(each["owner"], each["name"]) for each in mine] == [("bob", "y"), ("lab", "y")]
    assert hub.ok("GET", "/repos/bob/y/forks", bob)["fork_of"] == "ada/x"
    assert hub.api("PATCH", "/repos/bob/y", bob, {"private": False}).status == 403
    hub.ok("DELETE", "/repos/ada/x/collaborators/bob", ada)
    assert hub.ok("GET", "/repos/bob/y/forks", bob)["fork_of"] is None
    hub.ok("PATCH", "/repos/ada/x", ada, {"private": False})
    hub.ok("PATCH", "/repos/bob/y", bob, {"private": False})
    assert len(hub.ok("GET", "/repos/ada/x/forks")["forks"]) == 1


def test_a_gate_is_not_walked_around(network: Network) -> None:
    """Who was not let in cannot fork; who was gets a private fork."""
    hub, ada, bob = network.hub, network.tokens["ada"], network.tokens["bob"]
    hub.ok("PUT", "/repos/ada/x/gate", ada, {"agreement": "Be kind.", "automatic": True})
    body = {"owner": "bob", "name": "y"}
    assert hub.api("POST", "/repos/ada/x/forks", bob, body).status == 403
    digest = hub.ok("GET", "/repos/ada/x/gate", bob)["digest"]
    hub.ok("POST", "/repos/ada/x/access", bob, {"agreed": digest})
    assert hub.ok("POST", "/repos/ada/x/forks", bob, body)["private"] is True
    assert hub.api("PATCH", "/repos/bob/y", bob, {"private": False}).status == 403


def test_a_stop_in_the_midst(network: Network) -> None:
    """Nothing is seen of a fork that a kill left half made; the address is free, and it is purged."""
    hub, bob = network.hub, network.tokens["bob"]
    network.push("ada/x", "main", network.past.commit("one", {"big": BIG}))
    for name, shares in (("begun", False), ("shared", True)):
        with hub.hub.database.session() as session:
            principal = find_principal(session, hub.now, bob)
            source = find(session, "ada", "x")
        assert source is not None
        with acting(hub.hub, principal) as act:
            row = forks._begin(act, source, forks.WantedFork("bob", name))
        if shares:
            forks._share(hub.hub, source, row)

        assert hub.api("GET", f"/repos/bob/{name}", bob).status == 404
        assert hub.api("POST", f"/repos/bob/{name}/restore", bob).status == 404
        network.fork("ada/x", f"bob/{name}")
        assert network.read(f"bob/{name}", "main", "big") == BIG
    assert find_strays(hub.hub) == []
    folders = len(list(hub.hub.settings.repositories.iterdir()))
    hub.now += 32 * DAY
    assert sorted(purge(hub.hub)) == ["bob/begun", "bob/shared"]
    assert len(list(hub.hub.settings.repositories.iterdir())) < folders
    network.collect()
    assert network.read("ada/x", "main", "big") == network.read("bob/shared", "main", "big") == BIG
    network.check()


def test_what_cannot_be_made_leaves_nothing(network: Network) -> None:
    """Without room no fork is made, nothing is charged, and the address is free."""
    hub, bob = network.hub, network.tokens["bob"]
    root = hub.user("root", admin=True)
    network.push("ada/x", "main", network.past.commit("one", {"big": BIG}))
    hub.ok("PUT", "/quotas/bob", root, {"max_bytes": 1000})
    body = {"owner": "bob", "name": "y"}

    assert hub.api("POST", "/repos/ada/x/forks", bob, body).code == QuotaExceeded.code

    assert hub.ok("GET", "/quotas/bob", bob)["bytes"] == 0
    assert len(list(hub.hub.settings.repositories.iterdir())) == 1
    hub.ok("PUT", "/quotas/bob", root, {"max_bytes": None})
    network.fork("ada/x", "bob/y")
    network.check()


@pytest.mark.parametrize("hub", ["sqlite", "bucket"], indirect=True)
def test_backup_and_restore(network: Network, tmp_path: Path) -> None:
    """A backup has the packs of forks once, also when it goes on, and gives a hub with both."""
    hub, safe = network.hub, tmp_path / "safe"
    tip = network.past.commit("one", {"big": BIG})
    network.push("ada/x", "main", tip)
    back_up(hub.hub, safe)
    network.fork("ada/x", "bob/y")
    network.push("ada/x", "main", network.past.commit("two", {"b": b"2"}))

    done = back_up(hub.hub, safe)
    restored = restore(safe, NewHub(tmp_path / "copy"))

    assert done.problems == restored.problems == []
    assert done.bytes < len(BIG)
    for folder in (safe, tmp_path / "copy"):
        sizes = {info.st_ino: info.st_size for info in map(Path.stat, folder.glob("repositories/*/packs/*"))}
        assert sum(sizes.values()) < 1.5 * len(BIG)
    other = HubRoom(tmp_path / "copy")
    network.hub.close()
    network.hub = other
    network.check()
    network.push("ada/x", "main", network.past.commit("none", {"c": b"3"}, parents=[]))
    network.collect()
    assert network.read("bob/y", "main", "big") == BIG
    network.check()
    assert other.ok("GET", "/repos/bob/y/forks", network.tokens["bob"])["fork_of"] == "ada/x"
