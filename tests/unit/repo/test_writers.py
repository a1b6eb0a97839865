"""Writers at the same time on one repository, step by step: nothing is lost or counted twice."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.faults import Faults
from tests.support.repos import commit_files, make_repository, put_tree, read_files, ticking

from tether.core.digest import Buffer, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.errors import Conflict, Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.frames import DATA
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.operations import walk_operations
from tether.repo.repack import MANY
from tether.repo.repository import FOLDER, Repository, Storage
from tether.repo.session import WriteSession
from tether.storage.backend import Backend, Upload
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import Wrapper

NOW_ONLY = GcOptions(retention_days=0, grace_s=0)
LATER = Time(1_800_000_000_000_000, 0)


def another(path: Path, backend: Backend | None = None) -> Repository:
    """Open the repository as another process would."""
    return Repository.open(path / FOLDER, clock=ticking(), storage=Storage.in_folder(path / FOLDER, backend))


def collect(repository: Repository) -> None:
    """Free everything that no ref needs."""
    execute_gc(repository, plan_gc(repository, LATER, NOW_ONLY))


def assert_sound(repository: Repository) -> None:
    """Fail unless every byte of the repository is sound."""
    assert check_repository(repository, CheckOptions(full=True)).problems == []


def test_the_same_files_stored_by_two_writers_at_once_survive_gc(tmp_path: Path) -> None:
    """Two writers that store equal files make one pack of one name; it is listed once and gc keeps it."""
    repository, files = make_repository(tmp_path), {"a": random.Random(1).randbytes(50_000)}
    with repository.transaction("one") as one, another(tmp_path).transaction("two") as two:
        one.set_ref("refs/heads/one", put_tree(one, files))
        two.set_ref("refs/heads/two", put_tree(two, files))

    packs = repository.root().packs()
    assert len(packs) == len(set(packs))
    collect(another(tmp_path))
    assert another(tmp_path).contents.read(hash_bytes(files["a"])) == files["a"]


def test_small_packs_merged_by_two_writers_at_once_survive_gc(tmp_path: Path) -> None:
    """Both merge the same packs into one of the same name; it is listed once and gc keeps what it holds."""
    repository = make_repository(tmp_path)
    number = 0
    while len(repository.root().data_packs) < MANY:
        commit = commit_files(repository, {f"{number}": b"%d" % number}, f"{number}")
        number += 1
    before = repository.root().data_packs
    with repository.transaction("one") as one, another(tmp_path).transaction("two") as two:
        one.set_ref("refs/heads/one", commit)
        two.set_ref("refs/heads/two", commit)

    packs = repository.root().packs()
    assert not set(before) & set(packs)
    assert len(packs) == len(set(packs))
    collect(another(tmp_path))
    assert_sound(another(tmp_path))


def test_a_pack_that_is_listed_twice_is_kept(tmp_path: Path) -> None:
    """Gc drops the second mention of a pack, not the pack."""
    repository = make_repository(tmp_path)
    files = {"a": random.Random(1).randbytes(50_000)}
    commit = commit_files(repository, files, "keep")
    with repository.transaction("list twice") as transaction:
        root = transaction.root
        transaction.adopt(root.data_packs, root.meta_packs)
        transaction.set_ref("refs/heads/x", commit)

    collect(another(tmp_path))

    assert read_files(another(tmp_path), commit) == files
    assert_sound(another(tmp_path))


def test_what_gc_freed_since_a_process_looked_is_stored_again(tmp_path: Path) -> None:
    """A process that was open before does not count on contents that another one has freed."""
    repository = make_repository(tmp_path)
    files = {"a": random.Random(1).randbytes(50_000)}
    commit_files(repository, files, "lost", branch="refs/heads/x")
    with repository.transaction("branch -d x") as transaction:
        transaction.set_ref("refs/heads/x", None)
    assert repository.objects.has(hash_bytes(files["a"]))
    collect(another(tmp_path))

    commit = commit_files(repository, files, "again")

    assert read_files(another(tmp_path), commit) == files
    assert_sound(another(tmp_path))


def lost_reply(then: Callable[[], object], error: type[Exception]) -> Callable[[], BaseException]:
    """Return what makes the error of a swap that was done; somebody else goes on before it is seen."""

    def fail() -> BaseException:
        then()
        return error("the reply was lost")

    return fail


@pytest.mark.parametrize("error", [Unavailable, Conflict])
@pytest.mark.parametrize("others", [0, 1, 70])
def test_a_lost_reply_is_neither_a_conflict_nor_a_second_operation(
    tmp_path: Path, error: type[Exception], others: int
) -> None:
    """The root has the write id in it, also when others moved it on since: the move counts as made, once."""
    make_repository(tmp_path)
    commit = commit_files(another(tmp_path), {"a": b"1"}, "first")

    def go_on() -> None:
        other = another(tmp_path)
        for number in range(others):
            with other.transaction(f"other {number}") as transaction:
                transaction.set_ref(f"refs/heads/other-{number}", commit)

    steps = Faults(LocalBackend(tmp_path / FOLDER))
    commit_files(another(tmp_path, steps), {"a": b"2"}, "count", branch="refs/heads/count")
    number = steps.steps.index("swap")
    faults = Faults(LocalBackend(tmp_path / FOLDER), number, error=lost_reply(go_on, error), after=True)

    made = commit_files(another(tmp_path, faults), {"a": b"3"}, "mine", branch="refs/heads/mine")

    root = another(tmp_path).root()
    assert faults.steps[number] == "swap"
    assert root.refs["refs/heads/mine"] == made
    objects = another(tmp_path).objects
    lines = [
        operation.command for operation in walk_operations(root.operations, root.older_operations, objects)
    ]
    assert lines.count("commit mine") == 1
    assert_sound(another(tmp_path))


def test_a_move_that_was_not_made_is_told(tmp_path: Path) -> None:
    """When the swap failed and the root has no trace of it, the error is passed on and nothing changed."""
    make_repository(tmp_path)
    steps = Faults(LocalBackend(tmp_path / FOLDER))
    commit_files(another(tmp_path, steps), {"a": b"2"}, "count", branch="refs/heads/count")
    before = another(tmp_path).root()
    faults = Faults(
        LocalBackend(tmp_path / FOLDER), steps.steps.index("swap"), error=lambda: Unavailable("no answer")
    )

    with pytest.raises(Unavailable, match="no answer"):
        commit_files(another(tmp_path, faults), {"a": b"3"}, "mine", branch="refs/heads/mine")

    assert another(tmp_path).root() == before


class Slow(Wrapper):
    """A backend whose uploads take a while for each write."""

    def upload(self) -> Upload:
        """Begin a new value that is written slowly."""
        upload = super().upload()
        write = upload.write

        def slowly(data: Buffer) -> None:
            time.sleep(0.1)
            write(data)

        upload.write = slowly  # type: ignore[method-assign]
        return upload


@pytest.mark.parametrize("sealing", [False, True])
def test_giving_up_does_not_wait_for_what_never_runs(tmp_path: Path, sealing: bool) -> None:
    """A session that is given up while packs wait to be hashed, written or sealed ends at once."""
    repository = make_repository(tmp_path)
    session = WriteSession(Slow(MemoryBackend()), repository.objects, "default")
    for number in range(5):
        data = random.Random(number).randbytes(5 << 20)
        session.append_raw(DATA, ObjectKind.CHUNK, {hash_bytes(data): data})
    if sealing:
        session.flush(DATA)

    ending = threading.Thread(target=session.abort, daemon=True)
    ending.start()
    ending.join(timeout=20)
    assert not ending.is_alive()
