"""A repository whose packs, root and locks are in one backend that many machines reach."""

import random
from collections.abc import Callable

import pytest
from tests.support.repos import commit_files, read_files, ticking

from tether.core.identity import Time
from tether.errors import AlreadyExists, Conflict, NotFound, Unavailable
from tether.repo.bucket import create_in_bucket, move_aside, open_in_bucket
from tether.repo.check import CheckOptions, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.repository import Repository
from tether.repo.root import KEY
from tether.repo.rootstore import BackendRoot
from tether.storage.leases import Pace
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import Wrapper

TERM_S = 30.0
NOW_ONLY = GcOptions(retention_days=0, grace_s=0)
LATER = Time(1_800_000_000_000_000, 0)


class Interrupted(Wrapper):
    """Stands still before the next swap of the root, while others do something."""

    def __init__(self, inner: MemoryBackend) -> None:
        super().__init__(inner)
        self.meanwhile: Callable[[], object] | None = None

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Swap, and let others go first, once."""
        if key == KEY and self.meanwhile is not None:
            others, self.meanwhile = self.meanwhile, None
            others()
        super().swap(key, expected, new)


class Shared:
    """One store that several machines reach, each with a clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.store, self.now_s = MemoryBackend(), 0.0
        create_in_bucket("memory", self.store, [], "main")

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def machine(self, store: Wrapper | MemoryBackend | None = None) -> Repository:
        """Return the repository as another machine sees it."""
        pace = Pace(TERM_S, lambda: self.now_s, self.sleep, renews=False)
        return open_in_bucket("memory", store or self.store, clock=ticking(), pace=pace)

    def collect(self) -> None:
        """Run gc on yet another machine; it waits for leases that stand still."""
        repository = self.machine()
        execute_gc(repository, plan_gc(repository, LATER, NOW_ONLY))

    def check(self) -> None:
        """Fail unless everything is sound."""
        report = check_repository(self.machine(), CheckOptions(full=True))
        assert report.problems == []


@pytest.fixture
def shared() -> Shared:
    """Return an empty repository in a store."""
    return Shared()


def noise(seed: int) -> bytes:
    """Return bytes that do not compress."""
    return random.Random(seed).randbytes(200_000)


def test_machines_see_what_others_commit(shared: Shared) -> None:
    """Two write in turn; both have all, and gc frees what nobody needs."""
    one, two = shared.machine(), shared.machine()
    first = commit_files(one, {"a": noise(1)}, "one")
    second = commit_files(two, {"a": noise(1), "b": noise(2)}, "two")
    lost = commit_files(one, {"c": noise(3)}, "lost", branch="refs/heads/x")
    assert read_files(two, lost) == {"c": noise(3)}
    with two.transaction("branch -d x") as transaction:
        transaction.set_ref("refs/heads/x", None)

    shared.collect()

    assert read_files(one, first) == {"a": noise(1)}
    assert read_files(one, second) == {"a": noise(1), "b": noise(2)}
    assert not shared.machine().objects.has(lost)
    shared.check()


def test_gc_waits_for_a_writer_who_works(shared: Shared) -> None:
    """A push whose lease is renewed is not disturbed."""
    writer = shared.machine()
    with writer.transaction("add") as transaction:
        transaction.contents.add_files([noise(4)], [b"x"])
        gc = shared.machine()
        gc.wait = lambda _holder: False
        with pytest.raises(Unavailable, match="in use by `tether add`"):
            execute_gc(gc, plan_gc(gc, LATER, NOW_ONLY))


def test_a_writer_who_slept_cannot_move_the_root(shared: Shared) -> None:
    """Gc took its lease away and freed what it counted on: the commit fails, the repository is sound."""
    writer = shared.machine()
    kept = commit_files(writer, {"a": noise(1)}, "kept")
    commit_files(writer, {"b": noise(2)}, "freed", branch="refs/heads/x")
    lost = pytest.raises(Unavailable, match="others went on without it")
    with lost, writer.transaction("commit") as transaction:
        transaction.contents.add_files([noise(2)], [b"b"])  # is there already
        transaction.set_ref("refs/heads/y", kept)
        with shared.machine().transaction("branch -d x") as other:
            other.set_ref("refs/heads/x", None)
        shared.collect()

    assert "refs/heads/y" not in shared.machine().root().refs
    shared.check()


@pytest.mark.parametrize("collects", [True, False])
def test_a_writer_who_slept_between_its_last_look_and_the_swap(shared: Shared, collects: bool) -> None:
    """Even then its root is not taken: whoever took its lease away has moved the root first."""
    store = Interrupted(shared.store)
    writer = shared.machine(store)
    kept = commit_files(writer, {"a": noise(1)}, "kept")

    def take_over() -> None:
        """Exclude all others, which moves no root by itself."""
        with shared.machine().lock("writer").exclusive():
            pass

    lost = pytest.raises(Unavailable, match="others went on without it")
    with lost, writer.transaction("commit") as transaction:
        transaction.set_ref("refs/heads/y", kept)
        store.meanwhile = shared.collect if collects else take_over

    assert store.meanwhile is None
    assert "refs/heads/y" not in shared.machine().root().refs
    shared.check()


def test_a_gc_that_slept_frees_nothing(shared: Shared) -> None:
    """A writer took over while gc stood still before it moved the root; then gc gives up."""
    store = Interrupted(shared.store)
    gc = shared.machine(store)
    commit_files(gc, {"a": noise(1)}, "kept")
    freed = commit_files(gc, {"b": noise(2)}, "freed", branch="refs/heads/x")
    with gc.transaction("branch -d x") as transaction:
        transaction.set_ref("refs/heads/x", None)

    def revive() -> None:
        """Count on what gc is about to free."""
        with shared.machine().transaction("branch x") as transaction:
            transaction.set_ref("refs/heads/x", freed)

    store.meanwhile = revive
    with pytest.raises((Unavailable, Conflict)):
        execute_gc(gc, plan_gc(gc, LATER, NOW_ONLY))

    assert read_files(shared.machine(), freed) == {"b": noise(2)}
    shared.check()


def test_the_root_moves_aside_and_says_the_same(shared: Shared) -> None:
    """Only the write id is another one, so that a swap that was under way fails."""
    repository = shared.machine()
    commit_files(repository, {"a": b"1"}, "one")
    before, roots = repository.root(), BackendRoot(shared.store)
    move_aside(roots)

    after = shared.machine().root()
    assert (after.refs, after.operations, after.packs()) == (before.refs, before.operations, before.packs())
    with pytest.raises(Conflict):
        roots.swap(before.encode(), before.encode())


def test_where_nothing_is_a_repository_is_made_once() -> None:
    """Made again it stays; among other things none is made; where none is none is opened."""
    store = MemoryBackend()
    with pytest.raises(NotFound, match="no repository at here"):
        open_in_bucket("here", store, clock=ticking())
    create_in_bucket("here", store, [], "main")
    before = store.read(KEY)
    for keys in ([], [KEY], ["locks/writer"], ["format"], ["packs/x"]):
        create_in_bucket("here", store, keys, "other")
    assert store.read(KEY) == before
    with pytest.raises(AlreadyExists, match="holds other things"):
        create_in_bucket("there", MemoryBackend(), ["holiday.jpg"], "main")
