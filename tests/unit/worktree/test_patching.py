"""A large file becomes its next version by what differs, and never a mixture of what others wrote."""

import errno
import fcntl
import mmap
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.repos import make_repository
from tests.support.worktrees import age, make_worktree

from tether.core.digest import Buffer, Digest
from tether.errors import Conflict, Unavailable
from tether.repo.contents import ContentReader
from tether.worktree import patching
from tether.worktree.checkout import execute_checkout, pending, resume
from tether.worktree.plan import plan_checkout
from tether.worktree.staging import stage_paths

OLD = random.Random(1).randbytes(3_000_000)


def changed(*places: int) -> bytes:
    """Return the content with some other bytes at some places."""
    data = bytearray(OLD)
    for place in places:
        data[place : place + 3] = b"new"
    return bytes(data)


class Desk:
    """A working copy with one large file, of which there are two versions."""

    def __init__(self, root: Path, new: bytes) -> None:
        self.file = root / "weights"
        self.repository, self.worktree = make_repository(root), make_worktree(root)
        self.file.write_bytes(new)
        self.after = self.commit()
        self.file.write_bytes(OLD)
        self.before = self.commit()

    def commit(self) -> Digest:
        """Stage the file and return the tree."""
        age(self.file.parent)
        with self.repository.transaction("add") as transaction:
            result = stage_paths(self.worktree, transaction, [b""])
        result.remember()
        return result.tree

    def switch(self, contents: ContentReader | None = None) -> None:
        """Check the other version out."""
        plan = plan_checkout(self.worktree, self.repository.objects, self.before, self.after)
        result = execute_checkout(self.worktree, contents or self.repository.contents, plan)
        with self.repository.transaction("switch") as transaction:
            transaction.set_stage(self.after)
        result.finish()


class Counted(ContentReader):
    """Counts the bytes that are read from the packs."""

    read_bytes = 0

    def joined(self, chunks: object) -> bytes:
        """Return chunks."""
        data = super().joined(chunks)  # type: ignore[arg-type]
        self.read_bytes += len(data)
        return data

    def segments(self, digest: Digest, group: int = 64) -> Iterator[bytes]:
        """Yield a whole content."""
        for data in super().segments(digest, group):
            self.read_bytes += len(data)
            yield data


CASES = {
    "in place": changed(1_000_000, 2_999_990),
    "longer": OLD + b"more" * 50_000,
    "shorter": OLD[:2_500_000],
    "at the start": changed(0),
    "much shorter": OLD[:1_200_000],
}


@pytest.mark.parametrize("new", list(CASES.values()), ids=list(CASES))
def test_only_what_is_new_is_read(tmp_path: Path, new: bytes) -> None:
    """The file is the new version, and its name was never anything else than one of the two."""
    desk = Desk(tmp_path, new)
    before = desk.file.stat().st_ino
    counted = Counted(desk.repository.objects)
    desk.switch(counted)
    assert desk.file.read_bytes() == new
    assert counted.read_bytes < 700_000
    assert desk.file.stat().st_ino != before
    assert {path.name for path in tmp_path.iterdir()} == {"weights", ".tether"}


@pytest.mark.parametrize("new", [b"x" * 70 + OLD, random.Random(2).randbytes(2_000_000)])
def test_what_differs_much_is_written_anew(tmp_path: Path, new: bytes) -> None:
    """Then nothing is gained."""
    desk = Desk(tmp_path, new)
    counted = Counted(desk.repository.objects)
    desk.switch(counted)
    assert desk.file.read_bytes() == new
    assert counted.read_bytes == len(new)


def fail_with(number: int) -> Callable[..., int]:
    """Return a system call that fails."""

    def call(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EXDEV, None])
def test_a_system_that_cannot_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    """The file is written as it was before there was such a call."""
    desk = Desk(tmp_path, CASES["in place"])
    monkeypatch.setattr(fcntl, "ioctl", fail_with(errno.EOPNOTSUPP))
    if number is None:
        monkeypatch.delattr(os, "copy_file_range")
    else:
        monkeypatch.setattr(os, "copy_file_range", fail_with(number))
    desk.switch()
    assert desk.file.read_bytes() == CASES["in place"]


@pytest.mark.parametrize("new", list(CASES.values()), ids=list(CASES))
def test_a_system_that_shares_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bytes) -> None:
    """The new file begins as the whole old one, also where that is longer, and nothing is copied."""
    desk = Desk(tmp_path, new)

    def share(target: int, request: int, source: int) -> int:
        assert request == 0x40049409
        os.pwrite(target, os.pread(source, len(OLD) + 1, 0), 0)
        return 0

    monkeypatch.setattr(fcntl, "ioctl", share)
    monkeypatch.setattr(os, "copy_file_range", fail_with(errno.EIO))
    desk.switch()
    assert desk.file.read_bytes() == new


def can_write_past_the_cache(folder: Path) -> bool:
    """Say whether the file system of a folder lets that be asked for."""
    with (folder / "probe").open("wb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETFL, os.O_DIRECT)
        except OSError:
            return False
        finally:
            (folder / "probe").unlink()
    return True


SCATTERED = changed(1_000_000, 1_300_000, 2_999_990)


@pytest.mark.parametrize("new", [*CASES.values(), SCATTERED], ids=[*CASES, "scattered"])
def test_much_goes_past_the_page_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bytes) -> None:
    """Whole pages of what stays, in order; the system copies the ends of spans and what is short, no more."""
    desk = Desk(tmp_path, new)
    if not can_write_past_the_cache(tmp_path):
        pytest.skip("this file system has nothing past its cache")
    copied: list[int] = []
    call = os.copy_file_range

    def counted(source: int, target: int, count: int, *at: int) -> int:
        copied.append(call(source, target, count, *at))
        return copied[-1]

    mapped: list[int] = []
    make_map = mmap.mmap

    def measured(source: int, length: int, **options: int) -> mmap.mmap:
        mapped.append(length)
        return make_map(source, length, **options)

    monkeypatch.setattr(fcntl, "ioctl", fail_with(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "copy_file_range", counted)
    monkeypatch.setattr(mmap, "mmap", measured)
    monkeypatch.setattr(patching, "_MUCH", 1 << 20)
    monkeypatch.setattr(patching, "_CALL", 64 << 10)
    monkeypatch.setattr(patching, "_LONG", 256 << 10)
    desk.switch()

    assert desk.file.read_bytes() == new
    assert sum(copied) < 600_000
    assert max(mapped) <= 64 << 10  # what is mapped is in memory


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EFAULT])
@pytest.mark.parametrize("after", [0, 2])
def test_a_file_system_that_has_nothing_past_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: int
) -> None:
    """It may say so when it is asked for a page only, and then copies as it does otherwise."""
    desk = Desk(tmp_path, CASES["in place"])
    if not can_write_past_the_cache(tmp_path):
        pytest.skip("this file system has nothing past its cache")
    write, asked = os.pwrite, list[int]()

    def refuse(descriptor: int, data: Buffer, at: int) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            asked.append(at)
            if len(asked) > after:
                raise OSError(number, os.strerror(number))
        return write(descriptor, data, at)

    monkeypatch.setattr(fcntl, "ioctl", fail_with(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "pwrite", refuse)
    monkeypatch.setattr(patching, "_MUCH", 1 << 20)
    monkeypatch.setattr(patching, "_CALL", 64 << 10)
    desk.switch()

    assert len(asked) > after
    assert desk.file.read_bytes() == CASES["in place"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the old version is still there."""
    desk = Desk(tmp_path, CASES["in place"])
    monkeypatch.setattr(fcntl, "ioctl", fail_with(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "pwrite", fail_with(errno.ENOSPC))
    monkeypatch.setattr(patching, "_MUCH", 1 << 20)
    with pytest.raises(Unavailable, match="full"):
        desk.switch()

    assert desk.file.read_bytes() == OLD
    assert {path.name for path in tmp_path.iterdir()} == {"weights", ".tether"}


def test_a_large_file_is_trusted_right_after_its_checkout(tmp_path: Path) -> None:
    """There and back again at once: nobody reads it to see that it is still the same."""
    desk = Desk(tmp_path, CASES["in place"])
    for _ in range(5):
        counted = Counted(desk.repository.objects)
        desk.switch(counted)
        desk.before, desk.after = desk.after, desk.before
        assert counted.read_bytes < 700_000


@pytest.mark.parametrize("moment", ["before", "while"])
def test_a_file_that_changes_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Who wrote to it finds it as it was left, and the checkout can be brought to an end."""
    desk = Desk(tmp_path, CASES["in place"])
    mine = b"mine" + OLD[4:]
    if moment == "before":
        plan = plan_checkout(desk.worktree, desk.repository.objects, desk.before, desk.after)
        desk.file.write_bytes(mine)
    else:
        plan = plan_checkout(desk.worktree, desk.repository.objects, desk.before, desk.after)
        renew = patching.renew

        def write_too(*args: object) -> None:
            renew(*args)  # type: ignore[arg-type]
            desk.file.write_bytes(mine)

        monkeypatch.setattr(patching, "renew", write_too)
    with pytest.raises(Conflict, match="meanwhile"):
        execute_checkout(desk.worktree, desk.repository.contents, plan)
    assert desk.file.read_bytes() == mine
    monkeypatch.undo()

    assert pending(desk.worktree) is not None
    rescued: list[bytes] = []
    resume(
        desk.worktree,
        desk.repository.objects,
        desk.repository.contents,
        desk.after,
        rescue=rescued.extend,
    ).finish()
    assert rescued == [b"weights"]
    assert desk.file.read_bytes() == CASES["in place"]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """Nor is what it leads to taken for the old version."""
    desk = Desk(tmp_path / "desk", CASES["in place"])
    plan = plan_checkout(desk.worktree, desk.repository.objects, desk.before, desk.after)
    desk.file.rename(tmp_path / "elsewhere")
    desk.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict, match="meanwhile"):
        execute_checkout(desk.worktree, desk.repository.contents, plan)
    assert (tmp_path / "elsewhere").read_bytes() == OLD
