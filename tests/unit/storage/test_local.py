"""The local folder beyond the contract: what lies on the disk, short transfers, errors of the system."""

import errno
import gc
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tether.errors import AlreadyExists, Conflict, Corrupt, Forbidden, NotFound, TetherError, Unavailable
from tether.storage.descriptors import Descriptors
from tether.storage.local import LocalBackend

DAY = 86_400


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    """A backend over a folder that does not exist yet."""
    return LocalBackend(tmp_path / "store")


def upload(backend: LocalBackend, key: str, data: bytes) -> None:
    """Store `data` under `key`."""
    with backend.upload() as new:
        new.write(data)
        new.finish(key)


def failing(code: int) -> Callable[..., Any]:
    """Return a system call that fails."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def open_files(folder: Path) -> int:
    """Return how many descriptors of this process are of files in a folder."""
    targets = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            targets.append(link.readlink())
    return sum(target.is_relative_to(folder) for target in targets)


def files_in(folder: Path) -> list[str]:
    """Return the files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_reading_makes_nothing(backend: LocalBackend) -> None:
    """Looking into a folder that is missing does not make it."""
    assert list(backend.list("")) == []
    assert not backend.exists("key")
    assert not backend.path.exists()


def test_the_parent_of_the_folder_must_exist(tmp_path: Path) -> None:
    """A mistyped path is an error, not a new tree of folders."""
    backend = LocalBackend(tmp_path / "no" / "store")
    with pytest.raises(NotFound):
        backend.upload()
    with pytest.raises(NotFound):
        backend.write_new("key", b"")
    with pytest.raises(NotFound):
        backend.swap("key", None, b"")
    assert list(tmp_path.iterdir()) == []


def test_stored_files_cannot_be_written_by_accident(backend: LocalBackend) -> None:
    """Immutable values are read-only files; swapped values are ordinary files and keep their mode."""
    upload(backend, "pack", b"x")
    backend.write_new("index", b"x")
    backend.swap("root", None, b"1")
    assert stat.S_IMODE((backend.path / "pack").stat().st_mode) & 0o222 == 0
    assert stat.S_IMODE((backend.path / "index").stat().st_mode) & 0o222 == 0
    (backend.path / "root").chmod(0o660)

    backend.swap("root", b"1", b"2")

    assert stat.S_IMODE((backend.path / "root").stat().st_mode) == 0o660


def test_unfinished_uploads_lie_in_tmp_and_are_swept_when_old(backend: LocalBackend) -> None:
    """What a stopped process left is removed after a while; what may be at work is not."""
    assert backend.sweep(DAY, 0.0) == (0, 0)
    old, new = backend.upload(), backend.upload()
    old.write(b"12345")
    new.write(b"123")
    smaller, larger = sorted((backend.path / "tmp").iterdir(), key=lambda path: path.stat().st_size)
    os.utime(larger, (1_000_000, 1_000_000))
    os.utime(smaller, (1_000_000 + DAY, 1_000_000 + DAY))

    assert backend.sweep(DAY, 1_000_000 + DAY) == (0, 0)
    assert backend.sweep(DAY, 1_000_000 + DAY + 1) == (1, 5)
    assert list((backend.path / "tmp").iterdir()) == [smaller]
    new.finish("key")
    old.abort()
    assert backend.read("key") == b"123"


def test_foreign_files_are_not_listed(backend: LocalBackend) -> None:
    """Hidden files, locks and unfinished uploads are no keys."""
    backend.swap("root", None, b"1")
    (backend.path / "tmp" / "left").write_bytes(b"x")
    (backend.path / ".hidden").write_bytes(b"x")
    (backend.path / "tmpfile").write_bytes(b"x")

    assert list(backend.list("")) == [("root", 1), ("tmpfile", 1)]


def test_a_file_deleted_while_listing_is_left_out(backend: LocalBackend) -> None:
    """A listing goes on when what it was about to give is gone."""
    for key in ("a", "b/c", "d"):
        backend.write_new(key, b"x")
    listing = backend.list("")

    assert next(listing) == ("a", 1)
    (backend.path / "d").unlink()
    (backend.path / "b" / "c").unlink()
    (backend.path / "b").rmdir()
    assert list(listing) == []


def test_steps_come_in_the_order_that_survives_a_stop(tmp_path: Path) -> None:
    """Content is on the disk before its name, the name before the call returns."""
    steps: list[str] = []
    backend = LocalBackend(tmp_path / "store", before_write=steps.append)
    upload(backend, "packs/one", b"x")
    assert steps.index("fsync") < steps.index("link")
    assert steps[-3:] == ["link", "fsync-folder", "unlink"]

    calls: list[tuple[Callable[[], None], str]] = [
        (lambda: upload(backend, "packs/two", b"x"), "create write fsync link fsync-folder unlink"),
        (lambda: backend.swap("root", None, b"1"), "lock create write fsync rename fsync-folder"),
        (lambda: backend.move("packs/two", "packs/x"), "link fsync-folder unlink fsync-folder"),
        (lambda: backend.delete("packs/x"), "unlink"),
    ]
    for act, expected in calls:
        steps.clear()
        act()
        assert steps == expected.split()


def test_short_transfers_are_continued(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take or give fewer bytes than asked; nothing is lost or repeated."""
    write, writev, pread, preadv = os.write, os.writev, os.pread, os.preadv

    def short_writev(descriptor: int, buffers: Sequence[bytes]) -> int:
        return writev(descriptor, [b"".join(buffers)[:4]])

    def short_preadv(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        return preadv(descriptor, [buffers[0][:3]], offset)

    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    monkeypatch.setattr(os, "writev", short_writev)
    monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: pread(descriptor, min(size, 3), offset))
    monkeypatch.setattr(os, "preadv", short_preadv)
    with backend.upload() as new:
        new.write(b"0123456789")
        new.write_many([b"abc", bytearray(b"defg"), memoryview(b"hij")])
        new.finish("key")
    buffer = bytearray(10)
    backend.read_into("key", 5, buffer)

    assert (backend.path / "key").read_bytes() == b"0123456789abcdefghij"
    assert backend.read("key") == b"0123456789abcdefghij"
    assert buffer == b"56789abcde"


def test_a_file_cut_short_while_open_is_corrupt(backend: LocalBackend) -> None:
    """A file that lost its end behind our back is never read as a shorter value."""
    backend.write_new("key", b"abcdef")
    assert backend.read("key") == b"abcdef"
    os.truncate(backend.path / "key", 3)

    with pytest.raises(Corrupt, match="truncated: key"):
        backend.read("key", 2, 4)
    with pytest.raises(Corrupt, match="truncated: key"):
        backend.read_into("key", 2, bytearray(4))


def test_a_change_by_another_backend_is_seen(tmp_path: Path) -> None:
    """Kept descriptors never give the bytes of a file that the key does not name any more."""
    one, other = LocalBackend(tmp_path / "store"), LocalBackend(tmp_path / "store")
    one.write_new("key", b"1")
    assert other.read("key") == b"1"
    for number in range(2, 60):
        one.delete("key")
        with pytest.raises(NotFound):
            other.read("key")
        one.write_new("key", b"%d" % number)
        assert other.read("key") == b"%d" % number


def test_only_so_many_files_stay_open(tmp_path: Path) -> None:
    """The oldest is closed when the limit is passed, but not while it is being read."""
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
    files = Descriptors(limit=2)
    held = files.acquire(str(tmp_path / "0"))
    for number in range(1, 5):
        files.release(files.acquire(str(tmp_path / str(number))))

    assert open_files(tmp_path) == 3
    assert os.pread(held.descriptor, 9, 0) == b"0"
    files.release(held)
    assert open_files(tmp_path) == 2
    files.close()
    assert open_files(tmp_path) == 0


def test_closing_gives_all_descriptors_back(backend: LocalBackend) -> None:
    """After close, and after failed and given-up uploads, nothing is left open."""
    before = open_files(backend.path)
    upload(backend, "key", b"x")
    backend.read("key")
    backend.swap("root", None, b"1")
    with pytest.raises(AlreadyExists):
        backend.write_new("key", b"")
    with pytest.raises(Conflict):
        backend.swap("root", None, b"2")
    with pytest.raises(NotFound):
        backend.read("root/x")
    (backend.path / "folder").mkdir()
    with pytest.raises(NotFound):
        backend.read("folder")
    backend.upload().abort()
    backend.close()

    assert open_files(backend.path) == before


@pytest.mark.parametrize("call", ["write", "writev", "fsync", "link"])
def test_a_full_disk_stores_nothing_and_leaves_nothing(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Wherever the space runs out the error says so, and the temporary file goes."""
    backend.swap("root", None, b"1")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(Unavailable, match="disk full") as failure, backend.upload() as new:
            new.write(b"abc")
            new.write_many([b"abc"])
            new.finish("key")
    assert failure.value.hint == "free some space, then run it again"
    assert files_in(backend.path) == [".root.lock", "root"]


def test_a_failed_swap_keeps_the_old_value(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be brought to the disk does not replace the old one."""
    backend.swap("root", None, b"1")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.EIO))
        with pytest.raises(Unavailable, match="the disk reports an error at root"):
            backend.swap("root", b"1", b"2")
    assert backend.read("root") == b"1"
    assert files_in(backend.path) == [".root.lock", "root"]


@pytest.mark.parametrize(
    ("code", "error"), [(errno.EACCES, Forbidden), (errno.EROFS, Forbidden), (errno.EMFILE, Unavailable)]
)
def test_errors_of_the_system_are_ours(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, code: int, error: type[TetherError]
) -> None:
    """Every call tells what the system refused in our words."""
    backend.write_new("key", b"x")
    monkeypatch.setattr(os, "open", failing(code))
    monkeypatch.setattr(os, "stat", failing(code))
    monkeypatch.setattr(os, "scandir", failing(code))
    monkeypatch.setattr(Path, "unlink", failing(code))
    monkeypatch.setattr(Path, "iterdir", failing(code))
    calls: list[Callable[[], object]] = [
        lambda: backend.read("key"),
        lambda: backend.read_into("key", 0, bytearray(1)),
        lambda: backend.size("key"),
        lambda: backend.map("key"),
        lambda: backend.exists("key"),
        lambda: list(backend.list("")),
        backend.upload,
        lambda: backend.write_new("new", b"x"),
        lambda: backend.swap("root", None, b"x"),
        lambda: backend.delete("key"),
        lambda: backend.move("key", "other"),
        lambda: backend.sweep(0, 0),
    ]
    for call in calls:
        with pytest.raises(error):
            call()


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_file_systems_without_links_work_too(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Where a file cannot have two names it is renamed, and still never replaces another one."""
    monkeypatch.setattr(os, "link", failing(code))
    upload(backend, "packs/one", b"one")
    upload(backend, "packs/one", b"two")
    with pytest.raises(AlreadyExists):
        backend.write_new("packs/one", b"x")
    backend.write_new("packs/two", b"x")
    with pytest.raises(AlreadyExists):
        backend.move("packs/one", "packs/two")
    backend.move("packs/one", "old/one")

    assert backend.read("old/one") == b"one"
    assert [key for key, _ in backend.list("")] == ["old/one", "packs/two"]
    assert files_in(backend.path / "tmp") == []


def test_a_move_that_was_stopped_halfway_can_be_finished(backend: LocalBackend) -> None:
    """A stop can leave the value under both keys; moving again completes it."""
    backend.write_new("packs/one", b"one")
    (backend.path / "old").mkdir()
    os.link(backend.path / "packs" / "one", backend.path / "old" / "one")

    backend.move("packs/one", "old/one")

    assert list(backend.list("")) == [("old/one", 3)]


def test_a_key_below_a_value_cannot_be_written(backend: LocalBackend) -> None:
    """A file in the place of a folder is an error of ours, and stays."""
    backend.write_new("a", b"x")
    with pytest.raises(TetherError):
        backend.write_new("a/b", b"y")
    with pytest.raises(TetherError):
        backend.swap("a/b", None, b"y")
    assert backend.read("a") == b"x"


def test_a_backend_that_nobody_closed_gives_its_files_back(backend: LocalBackend) -> None:
    """A program that forgets to close its repositories does not run out of descriptors."""
    upload(backend, "a", b"1")
    upload(backend, "b", b"2")
    forgotten = LocalBackend(backend.path)
    gc.collect()  # what other tests forgot
    before = _open_below(backend.path)
    assert forgotten.read("a") + forgotten.read("b") == b"12"
    assert _open_below(backend.path) == before + 2
    del forgotten
    gc.collect()
    assert _open_below(backend.path) == before


def _open_below(folder: Path) -> int:
    """Return how many files below a folder this process has open; sockets of other tests come and go."""
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(link).startswith(f"{folder.resolve()}/") for link in links)
