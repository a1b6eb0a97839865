"""A process that stops, or a power cut, at any step leaves each value old or new, never a part."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.faults import Disk, kill_before

from tether.storage.local import LocalBackend

State = dict[str, bytes]

START: State = {"root": b"old root", "packs/a": b"A" * 50}
PACK = b"P" * 70_000

Change = tuple[Callable[[LocalBackend], None], State]
"""A call, and what must be stored when it has returned."""


def upload(backend: LocalBackend) -> None:
    """Store a pack in two parts."""
    with backend.upload() as new:
        new.write(PACK[:30_000])
        new.write_many([PACK[30_000:60_000], PACK[60_000:]])
        new.finish("packs/deep/b")


AFTER_UPLOAD = {**START, "packs/deep/b": PACK}
AFTER_NEW = {**AFTER_UPLOAD, "index/b": b"I" * 9}
AFTER_SWAP = {**AFTER_NEW, "root": b"the new root"}
AFTER_MOVE = {**{key: value for key, value in AFTER_SWAP.items() if key != "packs/a"}, "old/a": b"A" * 50}
AFTER_DELETE = {key: value for key, value in AFTER_MOVE.items() if key != "index/b"}

CHANGES: list[Change] = [
    (upload, AFTER_UPLOAD),
    (lambda backend: backend.write_new("index/b", b"I" * 9), AFTER_NEW),
    (lambda backend: backend.swap("root", b"old root", b"the new root"), AFTER_SWAP),
    (lambda backend: backend.move("packs/a", "old/a"), AFTER_MOVE),
    (lambda backend: backend.delete("index/b"), AFTER_DELETE),
]


def fill(folder: Path) -> None:
    """Write the values of the start."""
    for key, value in START.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(value)


def stored(folder: Path) -> State:
    """Return all values below a folder, read around the backend."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {key: value for key, value in found.items() if not key.startswith("tmp/")}


def allowed() -> list[State]:
    """Return every state that may be found, in order: a move may be seen halfway."""
    return [START, *(state for _, state in CHANGES), {**AFTER_MOVE, "packs/a": b"A" * 50}]


def count_steps(folder: Path) -> int:
    """Return how many steps all changes take."""
    steps: list[str] = []
    fill(folder)
    backend = LocalBackend(folder, before_write=steps.append)
    for change, _ in CHANGES:
        change(backend)
    assert stored(folder) == AFTER_DELETE
    return len(steps)


def killed_at(folder: Path, step: int) -> bool:
    """Make all changes in a child that is killed before `step`; tell whether it was."""
    child = os.fork()
    if not child:  # pragma: no cover - another process
        try:
            backend = LocalBackend(folder, before_write=kill_before(step))
            for change, _ in CHANGES:
                change(backend)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_kill_before_any_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """Whatever step is not reached, the store holds a state between two calls, and work goes on."""
    total = count_steps(tmp_path / "count")
    assert total > 25
    for step in range(total):
        folder = tmp_path / str(step)
        fill(folder)
        assert killed_at(folder, step)
        assert stored(folder) in allowed(), f"step {step}"

        backend = LocalBackend(folder)
        backend.sweep(0, 2**40)
        assert list((folder / "tmp").glob("*")) == []
        old = backend.read("root")
        backend.swap("root", old, b"goes on")
        upload(backend)
        assert backend.read("packs/deep/b") == PACK


def cuts(disk: Disk, target: Path, number: int) -> Iterator[State]:
    """Yield what would be stored if the power were cut now, names written late or early."""
    for names_kept in (False, True):
        folder = target / f"{number}-{names_kept}"
        disk.after_cut(folder, names_kept=names_kept)
        yield stored(folder)


def test_a_power_cut_before_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With only what was synced on the disk, what a call returned for is there, and nothing in part."""
    folder, target = tmp_path / "store", tmp_path / "cuts"
    fill(folder)
    target.mkdir()
    disk = Disk(folder)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    before, after = START, START
    seen = 0

    def look(name: str) -> None:
        nonlocal seen
        seen += 1
        halfway = {**before, **after}
        for state in cuts(disk, target, seen):
            assert state in (before, after, halfway), (seen, name)

    backend = LocalBackend(folder, before_write=look)
    for change, result in CHANGES[:-1]:
        before, after = after, result
        change(backend)
        assert list(cuts(disk, target, -len(after) - seen)) == [after, after]
    disk.close()
    assert seen > 25


def test_a_power_cut_can_undo_a_delete_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deleted value may come back whole; nothing else changes."""
    folder = tmp_path / "store"
    fill(folder)
    disk = Disk(folder)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    LocalBackend(folder).delete("packs/a")

    assert list(cuts(disk, tmp_path, 0)) == [START, {"root": b"old root"}]
    disk.close()


def test_without_fsync_the_disk_model_loses_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the disk can fail the test above: with fsync left out it finds an empty file."""
    folder = tmp_path / "store"
    fill(folder)
    disk = Disk(folder)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    LocalBackend(folder).swap("root", b"old root", b"the new root")

    late, early = cuts(disk, tmp_path, 0)

    assert late == START
    assert early == {**START, "root": b""}
