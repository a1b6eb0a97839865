"""Where Google and Azure differ from S3: lost replies, values sent twice, copies; and gc over each."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import obstore
import pytest
from obstore.store import MemoryStore
from tests.contract.places import bucket_place as raw_place
from tests.support.faultproxy import Call, Fault, Proxy, before
from tests.support.repos import commit_files, make_repository, ticking
from tests.support.stores import SERVERS

from tether.core.identity import Time
from tether.core.progress import SILENT
from tether.errors import AlreadyExists, Conflict, Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.storage.buckets import BucketAddress, Patience, open_bucket
from tether.storage.objectclient import Stores
from tether.storage.objectstore import ObjectBackend
from tether.sync.exchange import PushOptions
from tether.sync.places import BucketPlace, bucket_place

PATIENCE = Patience(request_s=20, stall_s=2, tries=5, in_all_s=20)
NOW = GcOptions(retention_days=0, thorough=True)
LATER = Time(1_800_000_000_000_000, 0)


@pytest.fixture(params=["gs", "az"])
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of bucket."""
    kind: str = request.param
    return kind


@pytest.fixture
def proxy(kind: str) -> Iterator[Proxy]:
    """A proxy before the server, through which all goes well until a test says otherwise."""
    with before(SERVERS[kind]().url) as running:
        yield running


@pytest.fixture
def backend(kind: str, proxy: Proxy) -> ObjectBackend:
    """A backend through the proxy."""
    server = SERVERS[kind]()
    address = BucketAddress(kind, server.bucket, server.new_prefix())
    return open_bucket(address, server.keys(url=proxy.url), patience=PATIENCE)


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.LOST, Fault.CUT_AFTER])
def test_what_depends_on_what_is_there_is_done_once(
    backend: ObjectBackend, proxy: Proxy, fault: Fault
) -> None:
    """Whether a first try was made or not, who wrote is not told of itself, and who comes late is told."""

    def first() -> None:
        left = [fault]

        def rule(_number: int, call: Call) -> Fault | None:
            return left.pop() if left and call.method == "PUT" else None

        proxy.rule = rule

    first()
    backend.write_new("key", b"one")
    with pytest.raises(AlreadyExists):
        backend.write_new("key", b"two")
    first()
    backend.swap("key", b"one", b"two")
    with pytest.raises(Conflict):
        backend.swap("key", b"one", b"three")
    first()
    backend.move("key", "quarantine/key")
    assert (backend.exists("key"), backend.read("quarantine/key")) == (False, b"two")


def test_a_large_value_that_two_send_at_once_is_there(kind: str, tmp_path: Path) -> None:
    """Azure forgets the parts of the one who ends later; both have sent the same."""
    backend = cast(ObjectBackend, raw_place(kind, tmp_path / "store").backend)
    value = bytes(range(256)) * 24_000

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: backend.put("packs/a", value), range(3)))

    assert backend.read("packs/a", 0, len(value)) == value
    assert backend.read("packs/a", 1_000_000, 5_000_000) == value[1_000_000:6_000_000]


def test_gc_waits_for_writers_and_moves_what_nobody_needs(kind: str, tmp_path: Path) -> None:
    """Leases are values of the bucket; what gc sets aside is copied by the store, and the rest is sound."""
    server = SERVERS[kind]()
    address = f"{kind}://{server.bucket}/{server.new_prefix()}"
    here = make_repository(tmp_path / "here")
    for branch in ("main", "gone"):
        commit_files(
            here, {branch: random.Random(branch).randbytes(30_000)}, branch, branch=f"refs/heads/{branch}"
        )

    def place(create: str | None = None) -> BucketPlace:
        return bucket_place(address, lambda at: open_bucket(at, server.keys()), ticking(), create=create)

    both = PushOptions(("main", "gone"))
    place("main").push(here, "origin", both, progress=SILENT)
    there = place().repository
    with there.transaction("branch") as transaction:
        transaction.set_ref("refs/heads/gone", None)
    with place().writing("push"):
        lock = there.lock("writer", "gc", timeout_s=0).exclusive()
        with pytest.raises(Unavailable, match="in use by `tether push`"), lock:
            pass
    execute_gc(there, plan_gc(there, LATER, NOW))
    again = place().repository
    assert check_repository(again, CheckOptions(full=True)).problems == []
    assert list(again.backend.list("quarantine/"))


def test_a_copy_that_goes_on_after_the_reply_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure may say that it has begun: the source stays until the copy has all its bytes."""
    store, asked = MemoryStore(), list[float]()

    def begins(at: MemoryStore, source: str, target: str, *, overwrite: bool = True) -> None:
        del source, overwrite
        obstore.put(at, target, b"")

    def passes(seconds: float) -> None:
        asked.append(seconds)
        assert bucket.exists("packs/a")
        if len(asked) == 3:
            obstore.put(store, "quarantine/a", b"value")

    bucket = ObjectBackend(Stores("az://data", store, store), sleep=passes)
    monkeypatch.setattr(obstore, "copy", begins)
    bucket.write_new("packs/a", b"value")
    bucket.move("packs/a", "quarantine/a")
    assert (len(asked), bucket.exists("packs/a"), bucket.read("quarantine/a")) == (3, False, b"value")
