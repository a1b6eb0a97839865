"""Packs that clients put into the bucket past the hub: a real S3 server behind a proxy that fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.faultproxy import Fault
from tests.support.packs import pack
from tests.support.placed import Placed, ask, chunks, has, large, placed_hub, put, some, tell
from tests.support.s3 import s3_server

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.errors import Conflict, Forbidden, InvalidInput, NotFound, QuotaExceeded, TetherError, TooLarge
from tether.hub import places
from tether.hub.keeping import purge
from tether.hub.places import AFTER_S, incoming, remove_ended
from tether.hub.presigning import LEAST
from tether.repo.frames import META
from tether.sync.http import Request
from tether.sync.hubend import HubEnd
from tether.sync.placewire import PLACES_HEADER, GivenPlace, WantedPlace
from tether.sync.wire import MAX_PACK

HOUR = 3600 * 1_000_000


@pytest.fixture
def placed(tmp_path: Path) -> Iterator[Placed]:
    """Return a hub that gives places."""
    with placed_hub(tmp_path) as found:
        yield found


# -- pushes ---------------------------------------------------------------------------------


def test_a_push_puts_large_packs_into_the_bucket(placed: Placed) -> None:
    """Once, and past the hub, which gets the small ones; nothing is left over, and all is counted once."""
    tip, client = placed.commit({"a": some(1)}), placed.client()
    [(name, data)] = placed.packs()
    placed.push(tip, client)

    assert [(call.method, call.size) for call in placed.puts()] == [("PUT", len(data))]
    assert large(client) == []
    assert any(sent.method == "PUT" for sent in client.sent)
    assert (placed.left(), placed.rows()) == ([], [])
    assert placed.usage() == placed.stored()
    assert name.hex() not in placed.puts()[0].path


def test_small_packs_go_to_the_hub(placed: Placed) -> None:
    """One request is less than three."""
    placed.push(placed.commit({"a": some(1, LEAST // 2)}))

    assert placed.puts() == []
    assert placed.stored() > LEAST // 2


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault != Fault.STALLED])
def test_a_bucket_that_fails(placed: Placed, fault: Fault) -> None:
    """Whatever is wrong before the bucket: the pack goes to the hub, unless it arrived all the same."""
    placed.bucket.rule = lambda _number, _call: fault
    tip, client = placed.commit({"a": some(1)}), placed.client()
    placed.push(tip, client)

    arrived = fault in (Fault.LOST, Fault.CUT_AFTER, Fault.CUT_WITHIN)
    assert len(placed.puts()) == 1
    assert large(client) == ([] if arrived else ["PUT"])
    assert (placed.left(), placed.rows()) == ([], [])
    assert placed.usage() == placed.stored()


def test_a_push_that_was_cut_goes_on(placed: Placed) -> None:
    """A pack that was put is not sent again, neither to the bucket nor to the hub."""
    tip = placed.commit({"a": some(1)})
    [(name, data)] = placed.packs()
    assert put(ask(placed.client(), name, data), data) == 200
    client = placed.client()
    placed.push(tip, client)

    assert len(placed.puts()) == 1
    assert large(client) == []
    assert placed.usage() == placed.stored()


def test_many_pushes_at_once(placed: Placed) -> None:
    """Of the same pack and of others; each arrives, and is counted once when the hub has counted."""
    packs = [chunks(seed) for seed in range(3)]

    def send(number: int) -> None:
        end = HubEnd(placed.client(), "ada", "x")
        end.refs()
        end.put_pack(*packs[number % 3])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    assert all(has(placed, name) for name, _ in packs)
    assert (placed.left(), placed.rows()) == ([], [])
    placed.count()
    assert placed.usage() == sum(len(data) for _, data in packs)


@pytest.mark.parametrize("settings", [{"presign_uploads": "false"}, {"presign": "off"}])
def test_where_no_places_are_given(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Clients do not ask; who does is told to send the pack to the hub."""
    with placed_hub(tmp_path, **settings) as placed:
        reply = placed.room.api("GET", "/repos/ada/x/transfer/refs", placed.ada)
        assert PLACES_HEADER.lower() not in reply.headers
        client = placed.client()
        placed.push(placed.commit({"a": some(1)}), client)
        assert large(client) == ["PUT"]
        wanted = WantedPlace(LEAST, bytes(32)).encode()
        path = f"/api/v1/repos/ada/x/transfer/packs/{bytes(32).hex()}/places"
        assert placed.room.call("POST", path, placed.ada, parts=[wanted]).status == 204


def test_who_knows_of_no_places(placed: Placed) -> None:
    """Older clients go on as before."""
    name, data = chunks(1)
    path = f"/api/v1/repos/ada/x/transfer/packs/{name.hex()}"
    placed.client().call(Request("PUT", path, data))

    assert has(placed, name)
    assert placed.puts() == []


# -- what an address is good for --------------------------------------------------------------


def test_an_address_takes_one_pack_once(placed: Placed) -> None:
    """Nothing else, nothing longer, nothing twice; and it gives nothing."""
    name, data = chunks(1)
    place = ask(placed.client(), name, data)
    assert put(place, data[:-1] + b"x", data) >= 400
    assert put(place, data + b"x", data) >= 400
    assert put(place, data + b"x") == 403
    assert put(place, data[:-1] + b"x") == 403
    assert placed.left() == []
    assert put(place, data) == 200
    assert put(place, data) == 412
    for method in ("GET", "DELETE", "POST"):
        assert put(place, data, method=method) >= 400
    elsewhere = str(place.url).replace(place.id.hex(), "0" * 32)
    assert put(GivenPlace(place.id, elsewhere), data) == 403
    assert placed.left() == [incoming(place.id.hex())]
    tell(placed.client(), name, place)
    assert has(placed, name)


def test_an_address_tells_no_secrets(placed: Placed) -> None:
    """Neither keys of the hub nor the token of who asked, nor what will lie there."""
    name, data = chunks(1)
    url = str(ask(placed.client(), name, data).url)

    secret = s3_server().keys()["aws_secret_access_key"]
    assert not any(each in url for each in (secret, placed.ada, name.hex()))


LIES: dict[str, Callable[[bytes], bytes | None]] = {
    "nothing": lambda _: None,
    "other bytes": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "longer": lambda data: data + b"x",
    "shorter": lambda data: data[:-1],
    "another pack": lambda data: chunks(2)[1],
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_that_the_store_lets_pass(placed: Placed, lie: str) -> None:
    """Whatever lies at a place, if it is not the pack nothing of it is kept."""
    name, data = chunks(1)
    check_lie(placed, name, data, LIES[lie](data))


def unsound() -> dict[str, bytes]:
    """Return what has a right name and is not to be taken."""
    _, states = pack(META, (ObjectKind.STATE, some(1)))
    _, contents = pack(META, *((ObjectKind.CHUNK, some(at, 100_000)) for at in range(12)))
    return {"no pack": some(3), "states": states, "contents as metadata": contents}


@pytest.mark.parametrize("what", ["no pack", "states", "contents as metadata"])
def test_packs_that_are_not_sound(placed: Placed, what: str) -> None:
    """Their names are right; what they hold is not."""
    data = unsound()[what]
    check_lie(placed, hash_bytes(data), data, data)


def check_lie(placed: Placed, name: Digest, data: bytes, lie: bytes | None) -> None:
    """Ask for a place for a pack and put a lie there, with the keys of the hub itself."""
    place, found = ask(placed.client(), name, data), placed.room.hub.bucket
    assert placed.usage() == len(data)
    assert found is not None
    if lie is not None:
        found.put(incoming(place.id.hex()), lie)

    with pytest.raises((InvalidInput, NotFound)):
        tell(placed.client(), name, place)
    assert (placed.left(), placed.rows(), placed.usage(), placed.stored()) == ([], [], 0, 0)
    assert not has(placed, name)
    with pytest.raises(NotFound):
        tell(placed.client(), name, place)


# -- whose a place is -------------------------------------------------------------------------


def test_places_of_others(placed: Placed) -> None:
    """Nobody else can use it, also who may push there; nor its owner elsewhere or for another pack."""
    bob, eve = placed.room.user("bob"), placed.room.user("eve")
    placed.room.repository(placed.ada, "ada/y")
    placed.room.ok("PUT", "/repos/ada/x/collaborators/bob", placed.ada, {"role": "write"})
    (name, data), (other, _) = chunks(1), chunks(2)
    place = ask(placed.client(), name, data)
    assert put(place, data) == 200

    for token, pack_name, repository in ((bob, name, "x"), (placed.ada, other, "x"), (placed.ada, name, "y")):
        with pytest.raises(NotFound, match="no such place"):
            tell(placed.client(token), pack_name, place, repository)
    with pytest.raises(Forbidden):
        tell(placed.client(eve), name, place)
    assert ask(placed.client(bob), name, data).id != place.id
    assert ask(placed.client(), name, data, "y").id != place.id
    assert not has(placed, name)
    tell(placed.client(), name, place)
    assert has(placed, name)


def test_only_who_may_push_gets_a_place(placed: Placed) -> None:
    """At that moment, and still when the pack is there."""
    bob = placed.room.user("bob")
    name, data = chunks(1)
    with pytest.raises(Forbidden):
        ask(placed.client(bob), name, data)
    placed.room.ok("PUT", "/repos/ada/x/collaborators/bob", placed.ada, {"role": "write"})
    place = ask(placed.client(bob), name, data)
    placed.room.ok("PUT", "/repos/ada/x/collaborators/bob", placed.ada, {"role": "read"})
    with pytest.raises(Forbidden):
        tell(placed.client(bob), name, place)
    placed.room.ok("PATCH", "/repos/ada/x", placed.ada, {"archived": True})
    with pytest.raises(Conflict, match="archived"):
        ask(placed.client(), name, data)


def test_saying_it_twice(placed: Placed) -> None:
    """Does nothing more."""
    name, data = chunks(1)
    place = ask(placed.client(), name, data)
    put(place, data)
    tell(placed.client(), name, place)
    tell(placed.client(), name, place)

    assert placed.usage() == len(data)
    assert (placed.left(), placed.rows()) == ([], [])


def test_asking_twice(placed: Placed) -> None:
    """Gives the same place, and counts once; for another size another one."""
    name, data = chunks(1)
    first, again = (ask(placed.client(), name, data) for _ in range(2))
    assert first.id == again.id
    assert placed.usage() == len(data)
    longer = ask(placed.client(), name, data + b"x")
    assert longer.id != first.id
    assert placed.usage() == len(data) + 1
    put(first, data)
    with pytest.raises(NotFound):
        tell(placed.client(), name, first)
    remove_ended(placed.room.hub)
    assert placed.left() == []


@pytest.mark.parametrize(("size", "error"), [(MAX_PACK + 1, TooLarge), (LEAST - 1, InvalidInput)])
def test_sizes_that_no_place_has(placed: Placed, size: int, error: type[TetherError]) -> None:
    """Larger than any pack, or small."""
    path = f"/api/v1/repos/ada/x/transfer/packs/{bytes(32).hex()}/places"
    with pytest.raises(error):
        placed.client().call(Request("POST", path, WantedPlace(size, bytes(32)).encode()))


# -- quotas, and what is left over --------------------------------------------------------------


def test_places_count_against_the_quota(placed: Placed) -> None:
    """Until they are used, when the pack counts instead; a push near the quota passes."""
    (name, data), (other, more) = chunks(1), chunks(2)
    root = placed.room.user("root", admin=True)
    placed.room.ok("PUT", "/quotas/ada", root, {"max_bytes": len(data) + 1000})
    place = ask(placed.client(), name, data)
    with pytest.raises(QuotaExceeded):
        ask(placed.client(), other, more)
    with pytest.raises(QuotaExceeded):
        HubEnd(placed.client(), "ada", "x").put_pack(other, more)
    put(place, data)
    tell(placed.client(), name, place)

    assert placed.usage() == len(data)
    with pytest.raises(QuotaExceeded):
        ask(placed.client(), other, more)


def test_a_bucket_that_fails_near_the_quota(placed: Placed) -> None:
    """The place does not count any more when the pack goes to the hub instead."""
    name, data = chunks(1)
    root = placed.room.user("root", admin=True)
    placed.room.ok("PUT", "/quotas/ada", root, {"max_bytes": len(data) + 1000})
    placed.bucket.rule = lambda _number, _call: Fault.BUSY
    end = HubEnd(placed.client(), "ada", "x")
    end.refs()
    end.put_pack(name, data)

    assert has(placed, name)
    assert len(placed.puts()) == 1


def test_places_end(placed: Placed) -> None:
    """What was put there is collected; what others hold is not."""
    (name, data), (other, more) = chunks(1), chunks(2)
    old = ask(placed.client(), name, data)
    put(old, data)
    placed.room.now += (placed.room.hub.settings.presign_s + AFTER_S - 60) * 1_000_000
    young = ask(placed.client(), other, more)
    put(young, more)
    placed.room.now += 61 * 1_000_000
    assert placed.usage() == len(more)
    with pytest.raises(NotFound, match="no such place"):
        tell(placed.client(), name, old)
    remove_ended(placed.room.hub)
    assert placed.left() == [incoming(young.id.hex())]
    assert [row.id for row in placed.rows()] == [young.id.hex()]
    assert ask(placed.client(), name, data).id != old.id
    tell(placed.client(), other, young)
    assert has(placed, other)


def test_what_comes_after_the_end_is_collected(placed: Placed) -> None:
    """Also at an address that was used, and of a repository that is gone."""
    (name, data), (other, more) = chunks(1), chunks(2)
    place, gone = ask(placed.client(), name, data), ask(placed.client(), other, more)
    put(place, data)
    tell(placed.client(), name, place)
    assert put(place, data) == 200
    put(gone, more)
    placed.room.ok("DELETE", "/repos/ada/x", placed.ada)
    placed.room.now += 60 * 24 * HOUR
    assert purge(placed.room.hub) == ["ada/x"]
    remove_ended(placed.room.hub)
    assert (placed.left(), placed.rows()) == ([], [])


def test_places_are_few(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has many sends the next pack to the hub."""
    monkeypatch.setattr(places, "MOST", 2)
    packs = [chunks(seed) for seed in range(3)]
    for name, data in packs[:2]:
        ask(placed.client(), name, data)
    client = placed.client()
    end = HubEnd(client, "ada", "x")
    end.refs()
    end.put_pack(*packs[2])

    assert large(client) == ["PUT"]
    assert len(placed.rows()) == 2
