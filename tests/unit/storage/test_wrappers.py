"""Read-only and retrying backends."""

from collections.abc import Callable
from functools import partial

import pytest
from tests.support.faults import Faults, LossyBackend, Stopped

from tether.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unavailable
from tether.storage.backend import Backend
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import ReadOnly, Retry, Wrapper


def filled() -> MemoryBackend:
    """Return a backend with two values."""
    backend = MemoryBackend()
    backend.write_new("key", b"value")
    backend.write_new("root", b"1")
    return backend


def contents(backend: Backend) -> dict[str, bytes]:
    """Return all values."""
    return {key: backend.read(key) for key, _ in backend.list("")}


def unavailable() -> Unavailable:
    """Return the error of a connection that was cut."""
    return Unavailable("connection cut")


CHANGES: dict[str, Callable[[Backend], object]] = {
    "upload": lambda backend: backend.upload(),
    "write_new": lambda backend: backend.write_new("new", b"x"),
    "swap": lambda backend: backend.swap("root", b"1", b"2"),
    "delete": lambda backend: backend.delete("key"),
    "move": lambda backend: backend.move("key", "new"),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_read_only_storage_refuses_every_change(change: str) -> None:
    """Nothing is changed, and reading goes on."""
    inner = filled()
    backend = ReadOnly(inner)

    with pytest.raises(Forbidden, match="read-only storage"):
        CHANGES[change](backend)

    assert contents(backend) == contents(inner) == {"key": b"value", "root": b"1"}
    assert backend.exists("key")
    assert backend.map("key") == b"value"


class Flaky(Wrapper):
    """Every read is unavailable the first few times."""

    def __init__(self, inner: Backend, failures: int) -> None:
        super().__init__(inner)
        self.failures = failures

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise unavailable()

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read, after the failures."""
        self._fail()
        return super().read(key, offset, length)


def test_retry_waits_twice_as_long_each_time() -> None:
    """What was unavailable is asked for again after growing waits."""
    waits: list[float] = []
    backend = Retry(Flaky(filled(), 3), waits.append, attempts=4, delay_s=0.5)

    assert backend.read("key") == b"value"
    assert waits == [0.5, 1.0, 2.0]


def test_retry_gives_up_after_its_attempts() -> None:
    """The last error is the caller's, and no wait follows it."""
    waits: list[float] = []
    backend = Retry(Flaky(filled(), 3), waits.append, attempts=3)

    with pytest.raises(Unavailable, match="connection cut"):
        backend.read("key")
    assert len(waits) == 2


def test_retry_repeats_nothing_but_the_unavailable() -> None:
    """What is missing is not asked for again."""
    waits: list[float] = []
    with pytest.raises(NotFound):
        Retry(filled(), waits.append).read("missing")
    assert waits == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("write_new", {"key": b"value", "root": b"1", "new": b"x"}),
        ("swap", {"key": b"value", "root": b"2"}),
        ("delete", {"root": b"1"}),
        ("move", {"root": b"1", "new": b"value"}),
    ],
)
def test_a_lost_request_or_reply_is_made_good(change: str, expected: dict[str, bytes], after: bool) -> None:
    """Whether the request or only its reply was lost, the change is made once and reported as made."""
    inner = filled()
    waits: list[float] = []
    CHANGES[change](Retry(Faults(inner, 0, error=unavailable, after=after), waits.append))

    assert contents(inner) == expected
    assert len(waits) == 1


def test_a_conflict_at_once_is_a_conflict() -> None:
    """Without a lost reply a refusal is one, even when the stored value is the same."""
    waits: list[float] = []
    backend = Retry(filled(), waits.append)
    with pytest.raises(Conflict):
        backend.swap("root", b"0", b"1")
    with pytest.raises(AlreadyExists):
        backend.write_new("key", b"value")
    assert waits == []


@pytest.mark.parametrize("after", [False, True])
def test_a_conflict_with_another_writer_stays_one(after: bool) -> None:
    """If another writer came in between, the repeated swap is a conflict."""
    inner = filled()

    def other_writer(_seconds: float) -> None:
        inner.swap("root", b"2" if after else b"1", b"theirs")

    backend = Retry(Faults(inner, 0, error=unavailable, after=after), other_writer)
    with pytest.raises(Conflict):
        backend.swap("root", b"1", b"2")
    assert inner.read("root") == b"theirs"


def test_faults_count_every_change_and_stop_for_good() -> None:
    """A stopped process changes and reads nothing any more, and cleans nothing up."""
    inner = filled()
    faults = Faults(inner, 2)
    with pytest.raises(Stopped), faults.upload() as upload:
        upload.write(b"a")
        upload.write_many([b"b"])
        upload.finish("pack")
    for call in (
        partial(faults.read, "key"),
        partial(faults.delete, "key"),
        faults.upload,
        partial(faults.swap, "root", b"1", b"2"),
    ):
        with pytest.raises(Stopped):
            call()

    assert faults.steps == ["write", "write", "finish"]
    assert contents(inner) == {"key": b"value", "root": b"1"}


def test_a_power_cut_brings_deleted_values_back() -> None:
    """Deletes since the last cut are undone unless the key was written again; all else stays."""
    backend = LossyBackend()
    for key in ("a", "b", "c"):
        backend.write_new(key, b"old")
    backend.delete("a")
    backend.delete("b")
    backend.delete("missing")
    backend.write_new("b", b"new")
    backend.move("c", "d")
    upload = backend.upload()
    upload.write(b"lost")

    backend.cut()

    assert contents(backend) == {"a": b"old", "b": b"new", "d": b"old"}
