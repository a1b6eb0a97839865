"""Archives hold what the tree holds and are the same bytes each time."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.support.repos import make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import InvalidInput
from tether.repo.archive import ArchiveRequest, write_archive
from tether.repo.repository import Repository

TIME = 1_769_860_800
BIG = bytes(range(256)) * 8192
FILES = {b"a.txt": b"one\n", b"dir/big": BIG, b"dir/run": b"#!/bin/sh\n", b"empty-file": b""}


def make_tree(repository: Repository, extra: dict[bytes, bytes] | None = None) -> Digest:
    """Store files, a link and an empty folder."""
    files = {**FILES, **(extra or {})}
    with repository.transaction("make") as transaction:
        changes: dict[bytes, Entry | None] = {}
        for path, data in files.items():
            name = path.rpartition(b"/")[2]
            if len(data) <= 1 << 20:
                [digest] = transaction.contents.add_files([data], [name])
            else:
                source = io.BytesIO(data)
                digest, _ = transaction.contents.add_stream(source.readinto, name)
            kind = EntryKind.EXECUTABLE if name == b"run" else EntryKind.FILE
            changes[path] = Entry(name, kind, len(data), digest)
        transaction.contents.add_files([b"../a.txt"], [b"link"])
        changes[b"dir/link"] = Entry(b"link", EntryKind.SYMLINK, 8, hash_bytes(b"../a.txt"))
        changes[b"none"] = Entry(b"none", EntryKind.DIRECTORY, 0, EMPTY_TREE, 0)
        tree = edit_tree(transaction.objects, EMPTY_TREE, changes).digest
        transaction.set_stage(tree)
    return tree


def archive(repository: Repository, request: ArchiveRequest) -> bytes:
    """Return an archive."""
    out = io.BytesIO()
    total = write_archive(repository.objects, repository.contents, request, out)
    assert total.files == 5
    return out.getvalue()


@pytest.mark.parametrize("form", ["tar", "tar.gz"])
def test_a_tar_holds_everything(tmp_path: Path, form: str) -> None:
    """Contents, modes, links, empty folders and the time; twice the same bytes."""
    repository = make_repository(tmp_path)
    request = ArchiveRequest(make_tree(repository), TIME, form, b"p-1/")

    data = archive(repository, request)

    assert archive(repository, request) == data
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert list(members) == [
            "p-1/a.txt",
            "p-1/dir/big",
            "p-1/dir/link",
            "p-1/dir/run",
            "p-1/empty-file",
            "p-1/none",
        ]
        for path, content in FILES.items():
            file = tar.extractfile(f"p-1/{path.decode()}")
            assert file is not None
            assert file.read() == content
    assert members["p-1/dir/link"].linkname == "../a.txt"
    assert members["p-1/none"].isdir()
    assert (members["p-1/dir/run"].mode, members["p-1/a.txt"].mode) == (0o755, 0o644)
    assert {member.mtime for member in members.values()} == {TIME}


def test_a_zip_holds_everything(tmp_path: Path) -> None:
    """The same of a zip file, whatever it is written to."""
    repository = make_repository(tmp_path)
    request = ArchiveRequest(make_tree(repository), TIME, "zip")

    data = archive(repository, request)

    assert archive(repository, request) == data
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist() if name.encode() in FILES} == {
            path.decode(): content for path, content in FILES.items()
        }
        assert file.read("dir/link") == b"../a.txt"
        assert file.getinfo("dir/run").external_attr >> 16 == 0o100755
        assert file.getinfo("dir/link").external_attr >> 16 == 0o120777
        assert file.getinfo("none/").is_dir()
        assert file.getinfo("a.txt").date_time == (2026, 1, 31, 12, 0, 0)


def test_paths_limit_an_archive(tmp_path: Path) -> None:
    """Only what is at or below them goes in."""
    repository = make_repository(tmp_path)
    tree = make_tree(repository)
    out = io.BytesIO()

    write_archive(
        repository.objects, repository.contents, ArchiveRequest(tree, TIME, paths=[b"a.txt", b"none"]), out
    )

    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        assert tar.getnames() == ["a.txt", "none"]


def test_names_that_are_not_utf8_need_tar(tmp_path: Path) -> None:
    """A tar keeps the bytes; a zip refuses them."""
    repository = make_repository(tmp_path)
    tree = make_tree(repository, {b"bad\xff" + b"x" * 200: b""})
    out = io.BytesIO()

    write_archive(repository.objects, repository.contents, ArchiveRequest(tree, TIME), out)

    with tarfile.open(fileobj=io.BytesIO(out.getvalue()), errors="surrogateescape", encoding="utf-8") as tar:
        assert ("bad\udcff" + "x" * 200) in tar.getnames()
    with pytest.raises(InvalidInput, match="not UTF-8"):
        write_archive(
            repository.objects, repository.contents, ArchiveRequest(tree, TIME, "zip"), io.BytesIO()
        )
    with pytest.raises(InvalidInput, match="unknown format"):
        write_archive(
            repository.objects, repository.contents, ArchiveRequest(tree, TIME, "rar"), io.BytesIO()
        )


def test_many_files_are_read_in_windows(tmp_path: Path) -> None:
    """More files than a window takes, in order."""
    repository = make_repository(tmp_path)
    names = [b"f%04d" % number for number in range(600)]
    tree = make_tree(repository, {name: name for name in names})
    out = io.BytesIO()

    write_archive(repository.objects, repository.contents, ArchiveRequest(tree, TIME), out)

    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        assert [name for name in tar.getnames() if name.startswith("f")] == [name.decode() for name in names]
        assert tar.extractfile("f0599").read() == b"f0599"  # type: ignore[union-attr]
