"""Scans: what is listed, what is left out, what is refused, and that no link is followed."""

import errno
import os
from pathlib import Path

import pytest
from tests.support.worktrees import write_files

from tether.worktree.folders import Folders
from tether.worktree.rows import Shape, parse
from tether.worktree.scan import FolderRequest, FolderScan, Scanner, scan_folder


def scan(root: Path, path: bytes = b"", names: tuple[bytes, ...] | None = None) -> FolderScan:
    """Scan one folder."""
    with Folders(root) as folders:
        return scan_folder(folders, FolderRequest(path, names))


def test_rows_hold_what_lstat_says(tmp_path: Path) -> None:
    """Every entry is listed in bytewise order with its own record, links not followed."""
    write_files(tmp_path, {"b": b"12345", "a/inner": b"", "B": b""})
    (tmp_path / "link").symlink_to("b")

    rows = scan(tmp_path).rows

    assert rows.name_list() == [b"B", b"a", b"b", b"link"]
    shapes = [parse(record).shape for _, record in rows.items()]
    assert shapes == [Shape.FILE, Shape.FOLDER, Shape.FILE, Shape.SYMLINK]
    found = parse(rows.record(2))
    expected = (tmp_path / "b").lstat()
    assert (found.size, found.mtime_ns, found.ino) == (5, expected.st_mtime_ns, expected.st_ino)


def test_the_repository_itself_is_left_out(tmp_path: Path) -> None:
    """The top folder's `.tether` is no row, in whatever case."""
    write_files(tmp_path, {".tether/format": b"", "x": b""})
    assert scan(tmp_path).rows.name_list() == [b"x"]


def test_a_repository_in_a_folder_is_reported(tmp_path: Path) -> None:
    """A folder with a `.tether` folder is nested; a file of that name makes no repository.

    That `.tether` folder itself is no row.
    """
    write_files(tmp_path, {"sub/.tether/format": b"", "sub/x": b"", "other/.tether": b"", "other/y": b""})

    assert scan(tmp_path, b"sub").nested
    assert scan(tmp_path, b"sub").rows.name_list() == [b"x"]
    assert not scan(tmp_path, b"other").nested


def test_ignore_file_comes_with_the_scan(tmp_path: Path) -> None:
    """The text is that of a regular file; a link of that name is not read."""
    write_files(tmp_path, {"a/.tetherignore": b"*.log\n", "secret": b"s3cret"})
    (tmp_path / ".tetherignore").symlink_to("secret")

    assert scan(tmp_path, b"a").ignore_text == b"*.log\n"
    assert scan(tmp_path).ignore_text is None
    assert scan(tmp_path, b"a", (b"x",)).ignore_text == b"*.log\n"


@pytest.mark.parametrize("path", [b"link", b"link/deep", b"a/link/deep"])
def test_links_in_the_path_are_not_followed(tmp_path: Path, path: bytes) -> None:
    """A link as any component is an error, not a way out of the working copy."""
    outside = tmp_path / "outside"
    write_files(outside, {"deep/x": b""})
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "link").symlink_to(outside)
    (root / "a/link").symlink_to(outside)

    error = scan(root, path).error

    assert error is not None
    assert error.errno in (errno.ENOTDIR, errno.ELOOP)


def test_only_the_names_asked_for(tmp_path: Path) -> None:
    """A request with names looks at those alone; what is missing is left out."""
    write_files(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert scan(tmp_path, b"", (b"c", b"absent", b"a")).rows.name_list() == [b"a", b"c"]


def test_results_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    """Folders asked for while results come in are scanned too, in order."""
    write_files(tmp_path, {f"d{number:03}/sub/f{number}": b"" for number in range(100)})
    seen: list[int] = []
    with Scanner[int](tmp_path) as scanner:
        for number in range(100):
            scanner.request(number, FolderRequest(b"d%03d" % number))
        for key, found in scanner.results():
            seen.append(key)
            if key < 100:
                assert found.rows.names == b"sub"
                scanner.request(key + 100, FolderRequest(found.path + b"/sub"))
            else:
                assert found.rows.names == b"f%d" % (key - 100)
    assert seen == list(range(200))


def test_deep_folders_beyond_the_longest_path(tmp_path: Path) -> None:
    """Paths longer than the system takes in one call are reached component by component."""
    name = "n" * 200
    path = b"/".join([name.encode()] * 40)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(40):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)

    assert scan(tmp_path, path).rows.names == b"leaf"


def test_many_levels_keep_few_descriptors(tmp_path: Path) -> None:
    """A folder a hundred levels down and its neighbours are found with a bounded number of open files."""
    path = b"/".join([b"d"] * 100)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Folders(tmp_path) as folders:
        folders.make(path)
        for depth in (100, 3, 99, 70, 100):
            folders.open(b"/".join([b"d"] * depth))
            assert len(list(Path("/proc/self/fd").iterdir())) < before + 70
