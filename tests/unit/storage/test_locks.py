"""Locks between processes: who may go together, who waits, and what a stopped process leaves."""

import errno
import fcntl
import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.support.holding import Other, holding, release

from tether.errors import Forbidden, NotFound, Unavailable, Unsupported
from tether.storage import locks
from tether.storage.locks import Holder, LockFile

HOLD = """
import sys
from pathlib import Path
from tether.storage.locks import LockFile

lock = LockFile(Path(sys.argv[1]), command="add", started=1_700_000_000_000_000)
with getattr(lock, sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
print("left", flush=True)
sys.stdin.readline()
"""


def other_process(path: Path, mode: str) -> AbstractContextManager[Other]:
    """Let another process hold the lock until it is released."""
    return holding(HOLD, str(path), mode)


def no_sleep(_seconds: float) -> None:
    """Poll at once."""


def impatient(path: Path) -> LockFile:
    """Return a lock that waits a few polls and never sleeps."""
    return LockFile(path, command="gc", timeout_s=0.2, sleep=no_sleep)


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
def test_only_sharers_go_together(tmp_path: Path, held: str, wanted: str, together: bool, where: str) -> None:
    """The rule is the same within a process and between processes."""
    path = tmp_path / "lock"
    other = getattr(LockFile(path), held)() if where == "same thread" else other_process(path, held)
    with other:
        if together:
            with getattr(impatient(path), wanted)():
                assert len(impatient(path).holders()) == 2
        else:
            with pytest.raises(Unavailable, match="in use by"), getattr(impatient(path), wanted)():
                raise AssertionError("two writers at once")


def test_the_timeout_names_who_holds_the_lock(tmp_path: Path) -> None:
    """The message has the command and the pid of the holder, and the holder's start is known."""
    path = tmp_path / "lock"
    with other_process(path, "shared") as process:
        lock = impatient(path)
        with pytest.raises(Unavailable) as failure, lock.exclusive():
            raise AssertionError("not exclusive")

        assert str(failure.value) == f"the repository is in use by `tether add` (pid {process.pid})"
        assert failure.value.hint == "wait for it to finish, then run it again"
        assert lock.holders() == [Holder(process.pid, "add", 1_700_000_000_000_000)]


def test_waiting_ends_when_the_holder_leaves(tmp_path: Path) -> None:
    """The callback learns who holds the lock; when that one leaves, the lock is taken."""
    path = tmp_path / "lock"
    seen: list[Holder] = []
    with other_process(path, "exclusive") as process:

        def wait(holder: Holder) -> bool:
            seen.append(holder)
            if len(seen) == 3:
                release(process)
            return True

        with LockFile(path, command="gc", sleep=no_sleep).exclusive(wait):
            assert [holder.command for holder in impatient(path).holders()] == ["gc"]

    assert [holder.pid for holder in seen[:3]] == [process.pid] * 3


def test_the_callback_can_give_up(tmp_path: Path) -> None:
    """False from the callback ends the waiting with Unavailable."""
    path = tmp_path / "lock"
    with LockFile(path, command="add").shared():
        with pytest.raises(Unavailable, match="`tether add`"), LockFile(path).exclusive(lambda _: False):
            raise AssertionError("not exclusive")
        with LockFile(path).shared(lambda _: False):
            pass


def test_a_killed_holder_leaves_a_free_lock(tmp_path: Path) -> None:
    """The kernel frees the lock of a process however it ends; its note is recognised and removed."""
    path = tmp_path / "lock"
    with other_process(path, "exclusive") as process:
        process.kill()
        assert len(list((tmp_path / "lock.holders").iterdir())) == 1

        with impatient(path).exclusive():
            assert [holder.command for holder in impatient(path).holders()] == ["gc"]

    assert list((tmp_path / "lock.holders").iterdir()) == []


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """After the block, with or without an error in it, nobody holds the lock and no note remains."""
    path = tmp_path / "lock"
    with impatient(path).shared():
        pass
    with pytest.raises(ZeroDivisionError), impatient(path).exclusive():
        raise ZeroDivisionError

    assert impatient(path).holders() == []
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["lock", "lock.holders"]


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """When the block ends the lock is free even while a child forked in it lives."""
    path = tmp_path / "lock"
    read, write = os.pipe()
    with impatient(path).exclusive():
        child = os.fork()
        if not child:  # pragma: no cover - the child only waits
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    try:
        with impatient(path).exclusive():
            assert len(impatient(path).holders()) == 1
    finally:
        os.close(write)
        os.close(read)
        os.waitpid(child, 0)


def test_threads_take_turns(tmp_path: Path) -> None:
    """Of several threads only one at a time is inside an exclusive block."""
    path = tmp_path / "lock"
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with LockFile(path, sleep=no_sleep).exclusive(lambda _: True):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_without_a_note_the_lock_holds_as_well(tmp_path: Path) -> None:
    """Where the note cannot be written the lock is taken; those who wait hear of another process."""
    path = tmp_path / "lock"
    (tmp_path / "lock.holders").write_text("a file is in the way")
    with impatient(path).exclusive():
        (tmp_path / "lock.holders").unlink()
        with pytest.raises(Unavailable, match=r"in use by another process$"), impatient(path).shared():
            raise AssertionError("not exclusive")


def test_a_note_that_is_not_ours_is_not_shown(tmp_path: Path) -> None:
    """Notes come from other processes: what is no note is left out, what does not print is cut out."""
    assert locks._parse(b"") is None
    assert locks._parse(b"12") is None
    assert locks._parse(b"x\n0\nadd") is None
    assert locks._parse(b"12\n5\nad\x1b[31md\n\xff" + b"x" * 500) == Holder(
        12, "ad[31md\ufffd" + "x" * 192, 5
    )
    (tmp_path / "lock.holders").mkdir()
    (tmp_path / "lock.holders" / "gone").symlink_to("nowhere")
    assert impatient(tmp_path / "lock").holders() == []


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    """The folder of the lock must be there."""
    with pytest.raises(NotFound, match="lock"), impatient(tmp_path / "no" / "lock").shared():
        raise AssertionError("held")


@pytest.mark.parametrize(("code", "error"), [(errno.ENOLCK, Unsupported), (errno.EROFS, Forbidden)])
def test_errors_of_the_system_are_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    """A file system without locks, or one that cannot be written, is told in our words."""

    def fail(_descriptor: int, _mode: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(error, match="lock"), impatient(tmp_path / "lock").shared():
        raise AssertionError("held")
