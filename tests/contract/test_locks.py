"""What every kind of lock must do; see `tether.storage.locks.Lock`."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.contract.lockplaces import KINDS, LockPlace, lock_place
from tests.support.holding import Other, holding, release

from tether.errors import Unavailable
from tether.storage.locks import Holder, Lock

STARTED = 1_700_000_000_000_000
HOLD = """
import sys
from tests.contract.lockplaces import open_address

lock = open_address(sys.argv[1], "one").lock(
    "writer", command="push by ada", started=int(sys.argv[3]), timeout_s=60.0
)
with getattr(lock, sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
print("left", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LockPlace]:
    """Return each kind in turn."""
    with lock_place(request.param, tmp_path, lambda: request.getfixturevalue("postgres")) as made:
        yield made


def lock_of(place: LockPlace, *, repository: str = "one", name: str = "writer", wait_s: float = 0.15) -> Lock:
    """Return a lock that does not wait for long."""
    return place.open(repository).lock(name, command="gc", started=STARTED, timeout_s=wait_s)


def other_process(place: LockPlace, mode: str) -> AbstractContextManager[Other]:
    """Let another process hold the lock until it is released."""
    return holding(HOLD, place.address, mode, str(STARTED))


@pytest.mark.parametrize(
    ("held", "wanted", "together"),
    [
        ("shared", "shared", True),
        ("shared", "exclusive", False),
        ("exclusive", "shared", False),
        ("exclusive", "exclusive", False),
    ],
)
@pytest.mark.parametrize("where", ["same thread", "other process"])
def test_only_sharers_go_together(
    place: LockPlace, held: str, wanted: str, together: bool, where: str
) -> None:
    """The rule is the same within a process and between processes."""
    other = getattr(lock_of(place), held)() if where == "same thread" else other_process(place, held)
    with other:
        if together:
            with getattr(lock_of(place), wanted)():
                pass
        else:
            with pytest.raises(Unavailable, match="in use by"), getattr(lock_of(place), wanted)():
                raise AssertionError("two writers at once")
    with lock_of(place).exclusive():
        pass


def test_other_names_and_other_repositories_are_other_locks(place: LockPlace) -> None:
    """They do not wait for each other."""
    with (
        lock_of(place).exclusive(),
        lock_of(place, name="other").exclusive(),
        lock_of(place, repository="two").exclusive(),
        pytest.raises(Unavailable),
        lock_of(place).shared(),
    ):
        raise AssertionError("two writers at once")


def test_the_timeout_names_who_holds_the_lock(place: LockPlace) -> None:
    """The message has the command and the process of the holder."""
    with other_process(place, "shared") as process:
        with pytest.raises(Unavailable) as failure, lock_of(place).exclusive():
            raise AssertionError("not exclusive")

        assert str(failure.value) == f"the repository is in use by `tether push by ada` (pid {process.pid})"
        assert failure.value.hint == "wait for it to finish, then run it again"


def test_waiting_ends_when_the_holder_leaves(place: LockPlace) -> None:
    """The callback learns who holds the lock; when that one leaves, the lock is taken."""
    seen: list[Holder] = []
    with other_process(place, "exclusive") as process:

        def wait(holder: Holder) -> bool:
            seen.append(holder)
            if len(seen) == 3:
                release(process)
            return True

        with lock_of(place, wait_s=0.0).exclusive(wait):
            pass

    assert seen[:3] == [Holder(process.pid, "push by ada", STARTED)] * 3


def test_the_callback_can_give_up(place: LockPlace) -> None:
    """False from the callback ends the waiting."""
    with lock_of(place).shared():
        with pytest.raises(Unavailable, match="`tether gc`"), lock_of(place).exclusive(lambda _: False):
            raise AssertionError("not exclusive")
        with lock_of(place).shared(lambda _: False):
            pass


def test_a_killed_holder_leaves_a_free_lock(place: LockPlace) -> None:
    """However a process ends, what it held is free."""
    with other_process(place, "exclusive") as process:
        process.kill()

        with lock_of(place, wait_s=10.0).exclusive():
            pass


def test_an_error_in_the_block_frees_the_lock(place: LockPlace) -> None:
    """The error comes out as it is."""
    with pytest.raises(ZeroDivisionError), lock_of(place).exclusive():
        raise ZeroDivisionError

    with lock_of(place).exclusive():
        pass


def test_a_lock_can_be_taken_again(place: LockPlace) -> None:
    """One object serves for several blocks, one after the other."""
    lock = lock_of(place)
    for _ in range(3):
        with lock.exclusive():
            pass
        with lock.shared():
            pass


def test_threads_take_turns(place: LockPlace) -> None:
    """Of several threads only one at a time is inside an exclusive block."""
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with lock_of(place).exclusive(lambda _: True):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_a_long_command_is_cut(place: LockPlace) -> None:
    """What does not fit or does not print is left out; the lock holds all the same."""
    odd = place.open("one").lock("writer", command="push by \x1b é" + "x" * 300, started=5, timeout_s=0.0)
    with odd.exclusive(), pytest.raises(Unavailable, match="`tether push by "), lock_of(place).exclusive():
        raise AssertionError("not exclusive")
