"""Push, fetch and clone with a repository in a bucket, over the memory of an object store's client."""

from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files, ticking

pytest.importorskip("obstore")

import obstore
from obstore.store import MemoryStore

from tether.core.names import branch_ref
from tether.core.progress import SILENT
from tether.errors import Conflict, Corrupt, InvalidInput, Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.packs import pack_key
from tether.repo.transaction import Transaction
from tether.storage.buckets import BucketAddress, parse_bucket_address
from tether.storage.objectclient import Stores
from tether.storage.objectstore import ObjectBackend
from tether.sync.clone import CloneOptions
from tether.sync.exchange import FetchOptions, PushOptions, RefState
from tether.sync.moves import choose_head
from tether.sync.places import BucketPlace, bucket_place
from tether.sync.wire import PushRequest

MAIN = PushOptions(("main",))
RUN = "refs/runs/01kdvjkj00000000000000000a"


class Bucket:
    """A bucket in memory."""

    def __init__(self) -> None:
        store = MemoryStore()
        self.backend = ObjectBackend(Stores("s3://data", store, store))

    def open(self, address: BucketAddress) -> ObjectBackend:
        """Open a place in it."""
        return self.backend.below(address.prefix)

    def place(self, *, create: bool = False) -> BucketPlace:
        """Return the repository in it, as another process sees it."""
        return bucket_place("s3://data/x", self.open, ticking(), create="main" if create else None)


@pytest.fixture
def bucket() -> Bucket:
    """An empty bucket."""
    return Bucket()


def test_many_small_pushes_leave_few_packs(bucket: Bucket, tmp_path: Path) -> None:
    """Small packs are merged there too and the old ones removed; a clone from before goes on."""
    here, copy = make_repository(tmp_path / "here"), make_repository(tmp_path / "copy")
    commit_files(here, {"a": b"first"}, "first")
    bucket.place(create=True).push(here, "origin", MAIN, progress=SILENT)
    bucket.place().fill(copy, CloneOptions(), SILENT)
    for number in range(70):
        last = commit_files(here, {"a": b"%d" % number * 100}, "next")
        bucket.place().push(here, "origin", MAIN, progress=SILENT)
    bucket.place().fetch(copy, "origin", FetchOptions(), progress=SILENT)

    there = bucket.place().repository
    packs = [key for key, _ in bucket.backend.below("x").list("packs/")]
    assert {pack_key(name) for name in there.root().packs()} == set(packs)
    assert len(packs) < 70
    assert len(list(bucket.backend.below("x").list("index/"))) < 20
    assert read_files(copy, last) == {"a": b"69" * 100}
    assert check_repository(there, CheckOptions(full=True)).problems == []


def test_a_ref_that_moved_meanwhile_is_a_conflict(bucket: Bucket, tmp_path: Path) -> None:
    """Two who saw the same branch: the second is told, and what it sent harms nobody."""
    here, other = make_repository(tmp_path / "here"), make_repository(tmp_path / "other")
    commit_files(here, {"a": b"1"}, "first")
    bucket.place(create=True).push(here, "origin", MAIN, progress=SILENT)
    bucket.place().fill(other, CloneOptions(), SILENT)
    slow = bucket.place()
    refs = slow.end.refs()
    slow.end.refs = lambda: refs  # type: ignore[method-assign]
    ours = commit_files(other, {"a": b"2"}, "ours")
    bucket.place().push(other, "origin", MAIN, progress=SILENT)
    commit_files(here, {"a": b"3"}, "theirs")

    with pytest.raises(Conflict, match="main was moved by someone else") as found:
        slow.push(here, "origin", MAIN, progress=SILENT)
    assert "tether pull" in (found.value.hint or "")
    assert bucket.place().end.refs().refs[branch_ref("main")] == ours
    done = bucket.place().push(here, "origin", MAIN, progress=SILENT)
    assert [update.state for update in done.updates] == [RefState.REJECTED]


def test_a_ref_that_moves_at_the_last_moment(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the one whose transaction was overtaken is told what to do."""
    here, other = make_repository(tmp_path / "here"), make_repository(tmp_path / "other")
    commit_files(here, {"a": b"1"}, "first")
    bucket.place(create=True).push(here, "origin", MAIN, progress=SILENT)
    bucket.place().fill(other, CloneOptions(), SILENT)
    ours = commit_files(other, {"a": b"2"}, "ours")
    commit_files(here, {"a": b"3"}, "theirs")

    def overtaken(transaction: Transaction, request: PushRequest) -> None:
        monkeypatch.undo()
        bucket.place().push(other, "origin", MAIN, progress=SILENT)
        choose_head(transaction, request)

    monkeypatch.setattr("tether.sync.bucketend.choose_head", overtaken)
    with pytest.raises(Conflict, match="main was moved by someone else") as found:
        bucket.place().push(here, "origin", MAIN, progress=SILENT)
    assert "tether pull" in (found.value.hint or "")
    assert bucket.place().end.refs().refs[branch_ref("main")] == ours


@pytest.mark.parametrize(("first", "second"), [("main", "other"), ("other", "main"), ("other", "another")])
@pytest.mark.parametrize("runs", [False, True], ids=["empty", "runs"])
def test_of_first_pushes_of_two_branches_both_arrive(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str, *, runs: bool
) -> None:
    """HEAD is chosen by the one that was first, also beside runs, and the other is not told of a conflict."""
    here = make_repository(tmp_path / "here")
    commits = {
        name: commit_files(here, {name: b"1"}, name, branch=branch_ref(name)) for name in (first, second)
    }
    bucket.place(create=True)
    if runs:
        commit_files(bucket.place().repository, {"run.json": b"{}"}, "run", branch=RUN)

    def overtaken(transaction: Transaction, request: PushRequest) -> None:
        monkeypatch.undo()
        bucket.place().push(here, "origin", PushOptions((first,)), progress=SILENT)
        choose_head(transaction, request)

    monkeypatch.setattr("tether.sync.bucketend.choose_head", overtaken)
    done = bucket.place().push(here, "origin", PushOptions((second,)), progress=SILENT)

    assert [update.state for update in done.updates] == [RefState.NEW]
    there = bucket.place().end.refs()
    assert {branch_ref(name): commit for name, commit in commits.items()}.items() <= there.refs.items()
    assert there.head == branch_ref(first)
    arrived = bucket.place().repository
    assert check_repository(arrived, CheckOptions(full=True)).problems == []
    assert {name: read_files(arrived, commit) for name, commit in commits.items()} == {
        name: {name: b"1"} for name in commits
    }


def test_a_damaged_pack_is_not_sent(bucket: Bucket, tmp_path: Path) -> None:
    """Nobody verifies in a bucket, so what leaves is verified here."""
    here = make_repository(tmp_path / "here")
    commit_files(here, {"a": bytes(range(256)) * 40}, "first")
    [name] = here.root().data_packs
    path = tmp_path / "here/.tether" / pack_key(name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)

    with pytest.raises(Corrupt, match="is damaged here"):
        bucket.place(create=True).push(here, "origin", MAIN, progress=SILENT)
    assert bucket.place().end.refs().refs == {}
    assert not bucket.backend.below("x").exists(pack_key(name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket", BucketAddress("s3", "bucket")),
        ("gs://bucket/a/b/", BucketAddress("gs", "bucket", "a/b")),
        ("az://container/A.b-c_d", BucketAddress("az", "container", "A.b-c_d")),
    ],
)
def test_addresses(text: str, expected: BucketAddress) -> None:
    """A bucket, and what comes below; printed they are the same address in one spelling."""
    assert parse_bucket_address(text) == expected
    assert parse_bucket_address(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["s3:/bucket", "s3://", "s3:///x", "s3://B/x", "s3://a", "s3://key:secret@bucket/x", "s3://bucket:80/x",
     "s3://bucket/x?y", "s3://bucket/x#y", "s3://bucket/../x", "s3://bucket/a//b", "s3://bucket/.x",
     "s3://bucket/a b", "s3://bucket/tmp", "ftp://bucket/x", "s3://bucket/\n"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """Nothing that could mean another place, or that would show a key."""
    with pytest.raises(InvalidInput, match="not an address in a bucket"):
        parse_bucket_address(text)


@pytest.mark.parametrize("far", [False, True])
def test_a_reply_that_is_short_is_of_whose_bucket_it_is(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    """That of a hub's own bucket is not told to who asks the hub; that of a far end is no failed disk."""
    bucket.backend.put("x", b"12345")
    monkeypatch.setattr(obstore, "get_ranges", lambda *_, **__: [b"12"])
    with pytest.raises(Unavailable, match="sent less") as raised:
        (bucket.backend.as_far() if far else bucket.backend).read("x", 0, 5)
    assert raised.value.of_storage is not far
