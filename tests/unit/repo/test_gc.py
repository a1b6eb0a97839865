"""Garbage collection keeps what is needed, frees the rest, and can be stopped anywhere."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.faults import Stopped
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.errors import Corrupt, NotFound
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.gcwrite import GcCounts
from tether.repo.packs import pack_key
from tether.repo.repository import Repository, Storage

NOW_ONLY = GcOptions(retention_days=0, grace_s=0)
LATER = Time(1_800_000_000_000_000, 0)


def collect(repository: Repository, options: GcOptions = NOW_ONLY) -> GcCounts:
    """Run gc at a moment after everything."""
    return execute_gc(repository, plan_gc(repository, LATER, options))


def noise(seed: int, size: int = 300_000) -> bytes:
    """Return bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def drop_ref(repository: Repository, name: str) -> None:
    """Delete a branch."""
    with repository.transaction(f"branch -d {name}") as transaction:
        transaction.set_ref(name, None)


def test_a_deleted_branch_is_freed_and_the_rest_stays(tmp_path: Path) -> None:
    """What only the deleted branch had is gone, from the disk too; main reads as before."""
    repository = make_repository(tmp_path)
    main = commit_files(repository, {"a": noise(1), "shared": noise(2)}, "keep")
    lost = commit_files(repository, {"b": noise(3), "shared": noise(2)}, "lose", branch="refs/heads/x")
    drop_ref(repository, "refs/heads/x")

    counts = collect(repository)

    assert 300_000 < counts.freed < 310_000
    assert 600_000 < counts.kept < 610_000
    reopened = Repository.open(tmp_path / ".tether", clock=ticking())
    assert read_files(reopened, main) == {"a": noise(1), "shared": noise(2)}
    assert not reopened.objects.has(lost)
    assert not reopened.objects.has(hash_bytes(noise(3)))
    size = sum(path.stat().st_size for path in (tmp_path / ".tether" / "packs").iterdir())
    assert size == counts.kept
    assert collect(reopened).freed == 0


def test_what_undo_needs_is_kept_for_the_retention(tmp_path: Path) -> None:
    """Within the retention nothing of a deleted branch goes; the plan says how much waits."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "keep")
    lost = commit_files(repository, {"b": noise(3)}, "lose", branch="refs/heads/x")
    drop_ref(repository, "refs/heads/x")
    soon = Time(repository.clock().micros + 86_400_000_000, 0)

    plan = plan_gc(repository, soon, GcOptions())
    execute_gc(repository, plan)

    assert plan.for_undo > 300_000
    assert read_files(repository, lost) == {"b": noise(3)}


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    """Planning writes no file and moves no root."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"b": noise(3)}, "lose", branch="refs/heads/x")
    drop_ref(repository, "refs/heads/x")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / ".tether").rglob("*") if path.is_file()}

    plan = plan_gc(repository, LATER, NOW_ONLY)

    assert plan.freed > 300_000
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / ".tether").rglob("*") if path.is_file()}
    assert after == before


def test_what_is_committed_after_the_plan_is_kept(tmp_path: Path) -> None:
    """An object that was garbage when the plan was made and is needed again by a newer root stays."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "keep")
    commit_files(repository, {"b": noise(3)}, "lose", branch="refs/heads/x")
    drop_ref(repository, "refs/heads/x")
    plan = plan_gc(repository, LATER, NOW_ONLY)

    again = commit_files(repository, {"b": noise(3), "c": noise(4)}, "back")
    execute_gc(repository, plan)

    assert read_files(repository, again) == {"b": noise(3), "c": noise(4)}


def test_dropped_packs_wait_a_day_in_quarantine(tmp_path: Path) -> None:
    """With a grace the file is moved aside first, and deleted by a later run."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "keep")
    commit_files(repository, {"b": noise(3)}, "lose", branch="refs/heads/x")
    drop_ref(repository, "refs/heads/x")
    aside = tmp_path / ".tether" / "quarantine" / "dropped"

    first = collect(repository, GcOptions(retention_days=0))
    waiting = len(list(aside.iterdir()))
    tomorrow = Time(LATER.micros + 90_000_000_000, 0)
    second = execute_gc(repository, plan_gc(repository, tomorrow, GcOptions(retention_days=0)))

    assert first.quarantined > 300_000
    assert waiting > 0
    assert (second.quarantined, list(aside.iterdir())) == (0, [])


def test_data_with_little_garbage_is_not_copied_and_metadata_is(tmp_path: Path) -> None:
    """A pack of mostly needed contents stays as it is; no commit or tree without its closure is left."""
    repository = make_repository(tmp_path)
    with repository.transaction("both") as transaction:
        transaction.contents.add_files([b"tiny garbage"], [b"x"])
        transaction.contents.add_files([noise(1)], [b"a"])
        transaction.set_ref("refs/heads/none", None)
        transaction.rescue(transaction.root.stage)
    (data,) = repository.root().data_packs
    main = commit_files(repository, {"a": noise(1)}, "keep")

    collect(repository)

    assert data in repository.root().data_packs
    assert read_files(repository, main) == {"a": noise(1)}


def test_many_small_packs_become_one(tmp_path: Path) -> None:
    """After ten commits one pack of each role is left."""
    repository = make_repository(tmp_path)
    for number in range(10):
        tip = commit_files(repository, {f"f{number}": noise(number, 1000)}, f"c{number}")

    collect(repository)

    root = repository.root()
    assert (len(root.data_packs), len(root.meta_packs)) == (1, 1)
    assert read_files(repository, tip) == {"f9": noise(9, 1000)}


def test_a_pack_that_no_root_lists_is_removed(tmp_path: Path) -> None:
    """What a stopped writer left behind goes."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "keep")
    stray = tmp_path / ".tether" / pack_key(hash_bytes(b"stray"))
    stray.write_bytes(b"x" * 1000)

    counts = collect(repository)

    assert not stray.exists()
    assert counts.freed >= 1000


def test_operations_beyond_the_retention_leave_the_log(tmp_path: Path) -> None:
    """Old operations go, newer ones stay readable across runs of them, and gc adds one of its own."""
    repository = make_repository(tmp_path)
    for number in range(120):
        with repository.transaction(f"op {number}") as transaction:
            transaction.set_ref("refs/heads/a", None)
            transaction.rescue(hash_bytes(b"") if number == 500 else transaction.root.stage)
    from tether.repo.oplog import read_operations

    times = [operation.time.micros for operation in read_operations(repository)]
    cut = Time(times[79] + 86_400_000_000, 0)
    execute_gc(repository, plan_gc(repository, cut, GcOptions(retention_days=1, grace_s=0)))

    commands = [operation.command for operation in read_operations(repository)]
    assert commands == ["gc", *(f"op {number}" for number in range(119, 39, -1))]


def test_gc_stops_when_it_cannot_tell_what_is_needed(tmp_path: Path) -> None:
    """With a lost metadata pack nothing is freed and the error names the check."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": noise(1)}, "one")
    (lost,) = repository.root().meta_packs
    (tmp_path / ".tether" / pack_key(lost)).unlink()

    with pytest.raises(Corrupt, match="cannot be read"):
        collect(repository)


def test_damage_is_not_copied_into_a_new_pack(tmp_path: Path) -> None:
    """A damaged frame stops gc before anything has changed."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": noise(1)}, "one")
    with repository.transaction("mixed") as transaction:
        transaction.contents.add_files([noise(7), noise(8)], [b"b", b"c"])
        transaction.set_ref("refs/heads/t", hash_bytes(noise(7)))
    victim = repository.root().data_packs[-1]
    path = tmp_path / ".tether" / pack_key(victim)
    data = bytearray(path.read_bytes())
    data[data.index(noise(7)[:64]) + 100] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    before = repository.root()

    with pytest.raises(Corrupt):
        collect(repository)

    assert repository.root() == before


def test_a_reader_that_was_open_before_goes_on(tmp_path: Path) -> None:
    """A repository object opened before gc still reads everything that is needed."""
    repository = make_repository(tmp_path)
    main = commit_files(repository, {"a": noise(1), "b": noise(2)}, "one")
    commit_files(repository, {"c": noise(3)}, "lose", branch="refs/heads/x")
    reader = Repository.open(tmp_path / ".tether", clock=ticking())
    assert reader.objects.has(main)
    drop_ref(repository, "refs/heads/x")
    for number in range(9):
        commit_files(repository, {"a": noise(1), "b": noise(2), "n": b"%d" % number}, "more")

    collect(repository)

    assert read_files(reader, main) == {"a": noise(1), "b": noise(2)}


_WRITER = """
import sys
from collections.abc import Iterator
from pathlib import Path
from tests.support.repos import commit_files, ticking
from tether.repo.repository import Repository
repository = Repository.open(Path(sys.argv[1]) / ".tether", clock=ticking())
for number in range(12):
    files = {"shared": b"s" * 50_000, f"{sys.argv[2]}-{number}": f"{sys.argv[2]} {number}".encode() * 4000}
    commit_files(repository, files, "c", branch=f"refs/heads/{sys.argv[2]}-{number % 2}")
    if number % 3 == 2:
        with repository.transaction("drop") as transaction:
            transaction.set_ref(f"refs/heads/{sys.argv[2]}-{number % 2}", None)
"""


def test_writers_in_other_processes_lose_nothing(tmp_path: Path) -> None:
    """Commits and deletions in two processes beside a loop of gc: every branch is whole at the end."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "one")
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name], cwd=Path(__file__).parents[3])
        for name in ("left", "right")
    ]
    rounds = 0
    while any(writer.poll() is None for writer in writers) or rounds == 0:
        collect(repository)
        rounds += 1
    assert [writer.wait() for writer in writers] == [0, 0]

    collect(repository)

    reopened = Repository.open(tmp_path / ".tether", clock=ticking())
    refs = reopened.root().refs
    assert {name for name in refs if "left" in name} <= {"refs/heads/left-0", "refs/heads/left-1"}
    for commit in refs.values():
        for name, data in read_files(reopened, commit).items():
            assert name in {"a", "shared"} or data[:4] == name[:4].encode()


def test_a_stop_before_any_write_leaves_everything_readable(tmp_path: Path) -> None:
    """Wherever gc is stopped, main is whole and the next gc ends well."""
    from tether.storage.local import LocalBackend

    step = -1
    for stop in range(60):
        folder = tmp_path / str(stop)
        folder.mkdir()
        repository = make_repository(folder)
        main = commit_files(repository, {"a": noise(1, 3000), "b": noise(2, 3000)}, "one")
        commit_files(repository, {"c": noise(3, 3000)}, "lose", branch="refs/heads/x")
        drop_ref(repository, "refs/heads/x")
        remaining = iter(range(stop, -1, -1))

        def before_write(_name: str, left: Iterator[int] = remaining) -> None:
            if next(left, 0) == 0:
                raise Stopped

        backend = LocalBackend(folder / ".tether", before_write=before_write)
        broken = Repository.open(
            folder / ".tether", clock=ticking(), storage=Storage.in_folder(folder / ".tether", backend)
        )
        try:
            collect(broken)
            step = stop
        except Stopped:
            pass

        reopened = Repository.open(folder / ".tether", clock=ticking())
        assert read_files(reopened, main) == {"a": noise(1, 3000), "b": noise(2, 3000)}
        collect(reopened)
        assert read_files(reopened, main) == {"a": noise(1, 3000), "b": noise(2, 3000)}
        with pytest.raises(NotFound):
            reopened.objects.get(ObjectKind.CHUNK, hash_bytes(noise(3, 3000)))
        if step >= 0:
            break
    assert step > 5
