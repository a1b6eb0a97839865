"""What every place for a root must do; see `tether.repo.rootstore.RootStore`."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.contract.rootplaces import KINDS, RootPlace, root_place
from tests.support.holding import Other
from tests.support.racing import WRITERS, race

from tether.errors import AlreadyExists, Conflict, NotFound

COUNT = """
import sys
from tests.contract.rootplaces import open_address
from tether.errors import Conflict

store = open_address(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
won = 0
while won < int(sys.argv[2]):
    old = store.read()
    try:
        store.swap(old, b"%d %d" % (int(old.split()[0]) + 1, int(sys.argv[3])))
        won += 1
    except Conflict:
        pass
"""


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RootPlace]:
    """Return each place in turn, without a root."""
    with root_place(request.param, tmp_path / "store", lambda: request.getfixturevalue("postgres")) as made:
        yield made


def test_there_is_none_at_first(place: RootPlace) -> None:
    """Reading, swapping and setting aside say so."""
    store = place.open()
    with pytest.raises(NotFound):
        store.read()
    with pytest.raises(Conflict):
        store.swap(b"old", b"new")
    with pytest.raises(NotFound):
        store.set_aside("quarantine/damaged/root-1")


@pytest.mark.parametrize("data", [b"one", b"", bytes(range(256)), b"\0" * 3_000_000])
def test_what_was_created_is_read(place: RootPlace, data: bytes) -> None:
    """Any bytes, also by another store over the same place."""
    place.open().create(data)

    assert place.open().read() == data


def test_a_root_is_created_once(place: RootPlace) -> None:
    """The second one is refused, and the first one stays."""
    store = place.open()
    store.create(b"one")
    with pytest.raises(AlreadyExists):
        place.open().create(b"two")

    assert store.read() == b"one"


def test_a_swap_needs_the_value_that_is_there(place: RootPlace) -> None:
    """It takes its place then; otherwise nothing changes."""
    store, other = place.open(), place.open()
    store.create(b"one")
    store.swap(b"one", b"two")
    for expected in (b"one", b"", b"two "):
        with pytest.raises(Conflict):
            other.swap(expected, b"three")

    assert store.read() == other.read() == b"two"


def test_a_swap_for_the_same_value(place: RootPlace) -> None:
    """It tells whether the value is there, and changes nothing."""
    store = place.open()
    store.create(b"one")
    store.swap(b"one", b"one")
    with pytest.raises(Conflict):
        store.swap(b"two", b"two")

    assert store.read() == b"one"


def test_every_store_sees_the_newest(place: RootPlace) -> None:
    """Nothing that was read before is kept for longer than it is true, also when a value comes back."""
    first, second = place.open(), place.open()
    first.create(b"one")
    assert second.read() == b"one"
    first.swap(b"one", b"two")
    assert second.read() == b"two"
    first.swap(b"two", b"one")
    assert second.read() == b"one"


def test_a_root_that_is_set_aside(place: RootPlace) -> None:
    """It is kept under the key, and another one can be created."""
    store = place.open()
    store.create(b"damaged")
    store.set_aside("quarantine/damaged/root-1")

    assert place.backend.read("quarantine/damaged/root-1") == b"damaged"
    with pytest.raises(NotFound):
        place.open().read()
    store.create(b"new")
    assert place.open().read() == b"new"


def test_of_several_that_expect_the_same_one_wins(place: RootPlace) -> None:
    """Its value is the one that is there; the same for creating."""
    stores = [place.open() for _ in range(WRITERS)]
    [creator] = race(lambda number: stores[number].create(b"%d" % number), AlreadyExists)
    before = place.open().read()
    assert before == b"%d" % creator

    winners = race(lambda number: stores[number].swap(before, b"new %d" % number), Conflict)

    assert len(winners) == 1
    assert place.open().read() == b"new %d" % winners[0]


def test_readers_see_whole_values_in_order(place: RootPlace) -> None:
    """Each read gives one whole value, never an older one than the one before."""
    size = 50_000
    stores = [place.open() for _ in range(WRITERS)]
    stores[0].create(bytes(size))

    def act(number: int) -> None:
        if number == 0:
            for turn in range(1, 20):
                stores[0].swap(bytes([turn - 1]) * size, bytes([turn]) * size)
            return
        newest = 0
        while newest < 19:
            value = stores[number].read()
            assert value == value[:1] * size
            assert value[0] >= newest
            newest = value[0]

    assert race(act, Conflict) == list(range(WRITERS))


def test_threads_lose_no_update(place: RootPlace) -> None:
    """Several count to a total together by compare-and-swap."""
    stores = [place.open() for _ in range(WRITERS)]
    stores[0].create(b"0")

    def act(number: int) -> None:
        won = 0
        while won < 10:
            old = stores[number].read()
            try:
                stores[number].swap(old, b"%d" % (int(old) + 1))
                won += 1
            except Conflict:
                pass

    race(act, OSError)

    assert place.open().read() == b"%d" % (10 * WRITERS)


def test_processes_lose_no_update(place: RootPlace) -> None:
    """The same for processes."""
    if not place.address:
        pytest.skip("no other process reaches the memory of this one")
    place.open().create(b"0 0")
    others = [Other(COUNT, place.address, "8", str(number)) for number in range(3)]
    with ExitStack() as stack:
        for other in others:
            stack.callback(other.close)
            assert other.line() == "ready\n"
        for other in others:
            other.say()

        assert [other.process.wait(60) for other in others] == [0] * 3
    assert place.open().read().split()[0] == b"24"
