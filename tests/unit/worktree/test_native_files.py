"""The batched file operations, native and pure: the same promises, and the same answers."""

import errno
import os
import socket
import stat
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tether.worktree import files, files_pure

IMPLEMENTATIONS: dict[str, Any] = {"pure": files_pure}
try:
    from tether.worktree import _scan, _transfer

    IMPLEMENTATIONS["native"] = SimpleNamespace(
        scan_directory=_scan.scan_directory,
        read_files=_transfer.read_files,
        write_files=_transfer.write_files,
        syncfs=_transfer.syncfs,
        start_writing=_transfer.start_writing,
    )
except ImportError:
    pass


@pytest.fixture(params=IMPLEMENTATIONS)
def operations(request: pytest.FixtureRequest) -> Any:
    """One of the implementations."""
    return IMPLEMENTATIONS[request.param]


@pytest.fixture
def dirfd(tmp_path: Path) -> Iterator[int]:
    """The open temporary directory."""
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def column(*sizes: int) -> bytes:
    """Return sizes as the functions take them."""
    return b"".join(size.to_bytes(8, "little") for size in sizes)


def expected_record(path: Path) -> bytes:
    """The record of a path, put together field by field from Python's own stat."""
    found = path.lstat()
    return (
        found.st_mode.to_bytes(4, "little")
        + bytes(4)
        + column(found.st_size)
        + found.st_mtime_ns.to_bytes(8, "little", signed=True)
        + found.st_ctime_ns.to_bytes(8, "little", signed=True)
        + column(found.st_ino, found.st_dev)
    )


def test_a_scan_lists_every_kind_of_entry_in_bytewise_order(
    operations: Any, tmp_path: Path, dirfd: int
) -> None:
    """Names are sorted as bytes, links are not followed, and each record is what lstat says."""
    names = [
        b"B",
        b"a",
        b"a-b",
        b"a.b",
        b"a0",
        b"ab",
        b"\xff\xfe",
        "ä".encode(),
        b"img_000000010",
        b"img_000000009",
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name * 3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    names += [b"folder", b"link"]
    os.utime(tmp_path / "a", ns=(0, -5_000_000_001))

    blob, stats, count = operations.scan_directory(dirfd)

    assert blob.split(b"\0") == sorted(names)
    assert count == len(names)
    records = [expected_record(tmp_path / os.fsdecode(name)) for name in sorted(names)]
    assert stats == b"".join(records)


def test_names_with_a_long_shared_beginning_are_sorted(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """Names that differ only behind many equal bytes, or only in length, still sort as bytes."""
    names = [
        b"x" * 100 + tail for tail in (b"", b"\x01", b"a", b"aaaaaaaab", b"aaaaaaaaa", b"aaaaaaaa", b"b")
    ]
    names += [b"x" * 100 + b"%04d" % i for i in range(300)]
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()

    blob, _, _ = operations.scan_directory(dirfd)

    assert blob.split(b"\0") == sorted(names)


def test_an_empty_directory_gives_nothing_and_a_scan_can_be_repeated(
    operations: Any, tmp_path: Path, dirfd: int
) -> None:
    """The position of the caller's descriptor plays no part."""
    assert operations.scan_directory(dirfd) == (b"", b"", 0)
    (tmp_path / "one").touch()
    assert operations.scan_directory(dirfd)[0] == b"one"
    assert operations.scan_directory(dirfd)[0] == b"one"


def test_a_scan_of_what_is_no_directory_is_an_error(operations: Any, tmp_path: Path) -> None:
    """The operating system's error comes through."""
    (tmp_path / "file").touch()
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        operations.scan_directory(fd)
    os.close(fd)


def test_files_are_read_whole_with_their_record(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """Each result has the file's bytes and what lstat says, the empty file included."""
    contents = {b"empty": b"", b"one": b"x", b"large": os.urandom(300_000)}
    for name, content in contents.items():
        (tmp_path / name.decode()).write_bytes(content)

    results = operations.read_files(dirfd, list(contents), array("Q", [0, 1, 300_000]))

    assert [result[0] for result in results] == list(contents.values())
    assert [result[1] for result in results] == [expected_record(tmp_path / n.decode()) for n in contents]


def test_what_is_no_regular_file_of_that_size_is_stale(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """Grown, shrunk, links, folders, pipes and sockets all give ESTALE, and nothing waits for a writer."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    names = [b"file", b"file", b"link", b"folder", b"pipe", b"socket"]

    results = operations.read_files(dirfd, names, column(4, 6, 5, 0, 0, 0))

    server.close()
    assert results == [-errno.ESTALE] * 6


def test_reading_reports_each_error_in_its_place(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """A missing file and names that lead elsewhere fail alone."""
    (tmp_path / "here").write_bytes(b"abc")
    names = [b"gone", b"here", b"../here", b"", b".", b"..", b"he\0re", b"./here"]

    results = operations.read_files(dirfd, names, column(3, 3, 3, 0, 0, 0, 3, 3))

    assert results[0] == -errno.ENOENT
    assert results[1][0] == b"abc"
    assert results[2:] == [-errno.EINVAL] * 6


def test_the_columns_must_be_as_long_as_the_names(operations: Any, dirfd: int) -> None:
    """A short column is a mistake of the caller, found before any file is touched."""
    with pytest.raises(ValueError, match="one size"):
        operations.read_files(dirfd, [b"a", b"b"], column(1))
    with pytest.raises(ValueError, match="one content"):
        operations.write_files(dirfd, [b"a"], [], [0o644], [False])


def test_new_files_are_written_with_mode_and_record(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """Content, mode under the umask, and the stat record are those of the file on disk."""
    before = os.umask(0o027)
    try:
        errors, stats = operations.write_files(
            dirfd, [b"plain", b"program", b"empty"], [b"data", b"#!", b""], [0o666, 0o777, 0o644], [False] * 3
        )
    finally:
        os.umask(before)

    assert errors == [0, 0, 0]
    assert (tmp_path / "plain").read_bytes() == b"data"
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "program").stat().st_mode) == 0o750
    assert stats == b"".join(expected_record(tmp_path / name) for name in ("plain", "program", "empty"))


def test_contents_are_any_buffers(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """Parts of one are written as they are; what is none is refused before any file is made."""
    whole = bytearray(b"onetwo")
    parts = [memoryview(whole)[:3], memoryview(whole)[3:], whole]

    errors, _ = operations.write_files(dirfd, [b"1", b"2", b"3"], parts, [0o644] * 3, [False] * 3)

    assert errors == [0, 0, 0]
    assert [(tmp_path / name).read_bytes() for name in "123"] == [b"one", b"two", b"onetwo"]
    parts.clear()
    whole.append(0)  # nothing holds it any more
    with pytest.raises(TypeError):
        operations.write_files(dirfd, [b"4", b"5"], [None, b"5"], [0o644] * 2, [False] * 2)
    assert not (tmp_path / "5").exists()


def test_a_name_that_is_taken_is_never_written_through(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """Without `replace`, an existing file and a link stay as they are, and so does the link's target."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("made-by-accident")

    errors, stats = operations.write_files(
        dirfd, [b"file", b"link", b"dangling", b"../up"], [b"new"] * 4, [0o644] * 4, [False] * 4
    )

    assert errors == [errno.EEXIST, errno.EEXIST, errno.EEXIST, errno.EINVAL]
    assert stats == bytes(4 * 48)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not (tmp_path / "made-by-accident").exists()
    assert not (tmp_path.parent / "up").exists()


def test_a_replacing_write_takes_the_place_of_what_was_there(
    operations: Any, tmp_path: Path, dirfd: int
) -> None:
    """A file gets a new inode, a link itself is replaced, a folder refuses, no temporary file is left."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "hard").hardlink_to(tmp_path / "file")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "target").write_bytes(b"target")
    (tmp_path / "folder").mkdir()
    names = [b"file", b"link", b"folder", b"fresh"]

    errors, stats = operations.write_files(dirfd, names, [b"new"] * 4, [0o644] * 4, [True] * 4)

    assert errors == [0, 0, errno.EISDIR, 0]
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "hard").read_bytes() == b"old"
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"target"
    assert stats[:48] == expected_record(tmp_path / "file")
    assert stats[2 * 48 : 3 * 48] == bytes(48)
    assert not list(tmp_path.glob(".tether-tmp-*"))


def test_a_temporary_name_that_is_taken_is_passed_over(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """What an interrupted write left behind does no harm and is not overwritten."""
    left = tmp_path / f"{files.TEMPORARY_PREFIX.decode()}{os.getpid()}-0"
    left.write_bytes(b"left")

    errors, _ = operations.write_files(dirfd, [b"file"], [b"new"], [0o644], [True])

    assert errors == [0]
    assert (tmp_path / "file").read_bytes() == b"new"
    assert left.read_bytes() == b"left"


def test_a_full_disk_leaves_no_half_file(operations: Any, tmp_path: Path, dirfd: int) -> None:
    """A file that does not fit is reported and removed again, with and without `replace`."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        errors, stats = operations.write_files(
            dirfd,
            [b"a", b"b", b"c"],
            [bytes(5000), bytes(5000), bytes(10)],
            [0o644] * 3,
            [False, True, False],
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert errors == [errno.EFBIG, errno.EFBIG, 0]
    assert stats[: 2 * 48] == bytes(2 * 48)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_syncfs_takes_an_open_directory_and_refuses_a_closed_one(operations: Any, dirfd: int) -> None:
    """It returns when it is done, and a wrong descriptor is an error."""
    operations.syncfs(dirfd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        operations.syncfs(1_000_000)


def test_an_early_start_of_writing_changes_nothing(operations: Any, tmp_path: Path) -> None:
    """It is a hint: the file is what it was, and what is no file is left alone."""
    with (tmp_path / "file").open("wb") as file:
        file.write(b"abc" * 100_000)
        file.flush()
        operations.start_writing(file.fileno())
    operations.start_writing(1_000_000)
    assert (tmp_path / "file").read_bytes() == b"abc" * 100_000


def test_the_public_functions_are_one_of_the_implementations(tmp_path: Path, dirfd: int) -> None:
    """What `files` gives is what the chosen implementation gives, write and read."""
    assert files.write_files(dirfd, [b"a"], [b"abc"], [0o644], [False])[0] == [0]
    blob, stats, count = files.scan_directory(dirfd)
    assert (blob, count) == (b"a", 1)
    assert files.RECORD.unpack(stats)[2] == 3
    assert files.read_files(dirfd, [b"a"], column(3)) == [(b"abc", stats)]
    files.syncfs(dirfd)
