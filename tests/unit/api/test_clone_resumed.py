"""Clones whose connection broke go on where they were: packs that came are not asked for again."""

import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.farclones import FarRoom, far_room
from tests.support.model import read_folder
from tests.support.repos import make_repository, ticking

from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.pathfilter import PathFilter
from tether.core.tree import split_digests
from tether.errors import Forbidden, TetherError, Unauthenticated, Unavailable
from tether.repo import packs
from tether.repo.check import CheckOptions, check_repository
from tether.repo.frames import Frame
from tether.repo.packs import pack_key, read_contents
from tether.repo.partial import Partial
from tether.repo.repository import Repository
from tether.sync import download
from tether.sync.ends import TakeFrames
from tether.sync.exchange import PushOptions
from tether.sync.far import fetch_far, push_far
from tether.sync.places import bucket_place
from tether.sync.wire import PackShare

Take = Callable[[Iterator[bytes]], None]


class BreakingEnd(NearEnd):
    """A far end that fails at a pack."""

    failure: TetherError | None = None
    good = 0
    """How many packs it gives before."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked: list[Digest] = []

    def pack(self, name: Digest, take: Take) -> None:
        """Give the bytes of a pack."""
        self.asked.append(name)
        if self.failure is not None and len(self.asked) > self.good:
            raise self.failure
        super().pack(name, take)


class Room(FarRoom[BreakingEnd]):
    """What is cloned, in three packs of contents, and to where."""

    def break_at(self, good: int, failure: TetherError) -> None:
        """Let a clone fail behind so many packs."""
        self.end.good, self.end.failure = good, failure
        with pytest.raises(type(failure)):
            self.clone()
        self.end.failure = None

    def assert_copied(self, repo: Repo) -> None:
        """Fail unless the clone is whole, and has nothing that its root does not name."""
        assert read_folder(self.copy) == read_folder(self.work.root)
        repository = repo.repository
        assert check_repository(repository, CheckOptions(full=True)).problems == []
        packs = {Digest(bytes.fromhex(path.stem)) for path in repository.directory.glob("packs/*")}
        assert packs == set(repository.root().packs())
        assert not (repository.directory / "kept").exists()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """Return a room in which every pack is sent whole, one after the other."""
    monkeypatch.setattr(download, "PACK_JOBS", 1)
    with far_room(tmp_path, monkeypatch, BreakingEnd) as made:
        for number in range(3):
            (made.work.root / f"large{number}").write_bytes(random.Random(number).randbytes(1_500_000))
            made.commit(f"large{number}")
        with closing(Repository.open(tmp_path / "there", clock=ticking())) as there:
            assert len(there.root().data_packs) == 3
        yield Room(*made)


CUT = Unavailable("no connection")
ENDED = Unauthenticated("this token is not good any more")


@pytest.mark.parametrize("failure", [CUT, ENDED])
def test_a_clone_that_broke_goes_on(room: Room, failure: TetherError) -> None:
    """Each pack is sent once, however often it breaks; the folder is kept from others in between."""
    room.break_at(2, failure)
    assert room.copy.is_dir()
    room.break_at(3, CUT)

    with room.clone() as repo:
        room.assert_copied(repo)
    came = [name for name in set(room.end.asked) if room.end.asked.count(name) == 1]
    assert (len(came), len(room.end.asked)) == (2, 5)


def test_a_pack_that_was_damaged_meanwhile_comes_again(room: Room) -> None:
    """What lies here is verified as if it came; a pack that is none is removed."""
    room.break_at(2, CUT)
    first, second = sorted((room.copy / ".tether/packs").glob("*.pack"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.chmod(0o644)
    first.write_bytes(data)
    second.chmod(0o644)
    second.write_bytes(second.read_bytes()[:-1])

    with room.clone() as repo:
        room.assert_copied(repo)


def spoil(monkeypatch: pytest.MonkeyPatch, pack: Path, number: int) -> None:
    """Let reading a pack fail with an error of the system, as over a bad sector."""
    os.link(pack, pack.parents[3] / "spoilt")  # so that no other file gets its number
    spoilt, pread = pack.stat().st_ino, os.pread

    def read(descriptor: int, length: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == spoilt:
            raise OSError(number, os.strerror(number))
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", read)


def test_a_pack_that_cannot_be_read_comes_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad sector costs the pack that lies over it, and not all that came."""
    room.break_at(2, CUT)
    spoil(monkeypatch, room.copy / f".tether/packs/{room.end.asked[0].hex()}.pack", errno.EIO)

    with room.clone() as repo:
        room.assert_copied(repo)
    assert [room.end.asked.count(name) for name in room.end.asked[:2]] == [2, 1]


@pytest.mark.parametrize("bare", [False, True])
def test_another_kind_of_clone_takes_over(room: Room, monkeypatch: pytest.MonkeyPatch, bare: bool) -> None:
    """It takes what it needs from packs that came, also where it would ask for single chunks."""
    room.break_at(2, CUT)
    if bare:
        (room.copy / ".tether").rename(room.copy.with_name("aside"))
        room.copy.rmdir()
        room.copy.with_name("aside").rename(room.copy)
    monkeypatch.setattr(download, "_MANY", 1 << 20)

    with room.clone(bare=bare) as repo:
        packs = {Digest(bytes.fromhex(path.stem)) for path in repo.repository.directory.glob("packs/*")}
        assert packs == set(repo.repository.root().packs())
        assert check_repository(repo.repository, CheckOptions(full=True)).problems == []
    assert len(room.end.asked) == 3


def test_nothing_is_left_where_it_would_not_help(room: Room) -> None:
    """Without a pack that came; where the hub refuses; where the disk is full."""
    full = Unavailable("disk full")
    full.of_storage = True
    for good, failure in ((0, CUT), (2, Forbidden("not you")), (2, full)):
        room.end.asked.clear()
        room.break_at(good, failure)
        assert not room.copy.exists()


def test_a_clone_of_a_part_takes_over(room: Room) -> None:
    """Packs that came and that it has no use for go."""
    room.break_at(2, CUT)
    part = Partial(shown=PathFilter([b"large1"]))
    request = CloneRequest("http://hub/ada/photos", room.copy, partial=part)

    with Repo.clone_with(request, clock=ticking())[0] as repo:
        assert list(read_folder(room.copy)) == ["large1"]
        names = {Digest(bytes.fromhex(path.stem)) for path in repo.repository.directory.glob("packs/*")}
        assert names == set(repo.repository.root().packs())
        large = [name for name in names if repo.repository.backend.size(pack_key(name)) > 1_000_000]
        assert len(large) == 1  # the other one says what was left
        assert check_repository(repo.repository, CheckOptions(full=True)).problems == []


class Chunks:
    """Breaks a far end in a reply, behind so many single chunks, and notes which it gave.

    Args:
        patch: Lets all be sent as single chunks, a few for one request.
        whole: But for so many packs.
    """

    def __init__(self, patch: pytest.MonkeyPatch, whole: int = 0) -> None:
        self.given: list[Digest] = []
        self.left = 1 << 20
        self.whole: set[Digest] = set()
        shares, objects = BreakingEnd.shares, BreakingEnd.objects

        def told(end: BreakingEnd, digests: Sequence[Digest]) -> list[PackShare]:
            found = sorted(shares(end, digests), key=lambda share: share.name)
            self.whole = self.whole or {share.name for share in found[:whole]}
            return [share if share.name in self.whole else share._replace(wanted=0) for share in found]

        def give(end: BreakingEnd, digests: Sequence[Digest], take: TakeFrames) -> None:
            objects(end, digests, lambda frames: take(self._passed(frames)))

        patch.setattr(BreakingEnd, "shares", told)
        patch.setattr(BreakingEnd, "objects", give)
        patch.setattr(download, "_BATCH", 4)
        patch.setattr(download, "JOBS", 1)
        patch.setattr(packs, "PACK_SIZE", 1 << 18)

    def _passed(self, frames: Iterator[tuple[Frame, bytes]]) -> Iterator[tuple[Frame, bytes]]:
        for frame, data in frames:
            if frame.kind == ObjectKind.CHUNK:
                if not self.left:
                    raise CUT
                self.left -= 1
                self.given.append(frame.digest)
            yield frame, data


@pytest.mark.parametrize("whole", [0, 1])
def test_single_chunks_that_came_stay(room: Room, monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    """Each is sent once, however often it breaks, in whatever packs it is; attempts leave none twice."""
    chunks = Chunks(monkeypatch, whole)
    for _ in range(2):
        chunks.left = 10
        with pytest.raises(Unavailable):
            room.clone()
        with closing(
            Repository.init(room.copy.with_name(f"kept{len(chunks.given)}"), bare=True, clock=ticking())
        ) as aside:
            shutil.copytree(room.copy / ".tether/packs", aside.directory / "packs", dirs_exist_ok=True)
            names = [Digest(bytes.fromhex(path.stem)) for path in aside.directory.glob("packs/*")]
            held = [
                digest
                for name in names
                for digest in split_digests(read_contents(aside.backend, name).digests)
            ]
        assert len(held) == len(set(held))
        assert set(chunks.given) <= set(held)
    chunks.left = 1 << 20

    with room.clone() as repo:
        room.assert_copied(repo)
    assert len(room.end.asked) == whole
    assert len(chunks.given) == len(set(chunks.given)) > 20


def test_single_chunks_that_were_damaged_come_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies here is verified; what cannot be told to be a pack of contents is no use and goes."""
    chunks = Chunks(monkeypatch)
    chunks.left = 20
    with pytest.raises(Unavailable):
        room.clone()
    first, second, third, *others = sorted((room.copy / ".tether/packs").glob("*.pack"))
    assert others
    for path, at in ((first, 100), (second, -1), (third, 0)):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
    chunks.left = 1 << 20

    with room.clone() as repo:
        room.assert_copied(repo)
    again = len(chunks.given) - len(set(chunks.given))
    assert 0 < again < 20


def test_a_fetch_that_was_cut_keeps_single_chunks(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie here without a name, and the next one takes them from there."""
    here = make_repository(room.copy.with_name("mine"))
    chunks = Chunks(monkeypatch)
    for left in (10, 1, 10):
        chunks.left = left
        with pytest.raises(Unavailable):
            fetch_far(here, room.end, "origin")
    chunks.left = 1 << 20
    fetch_far(here, room.end, "origin")

    assert len(chunks.given) == len(set(chunks.given)) > 20
    assert check_repository(here, CheckOptions(full=True)).problems == []
    here.close()


def test_a_fetch_that_was_killed_goes_on(room: Room) -> None:
    """What came before a kill lies here without a name; it is not asked for again."""
    here = make_repository(room.copy.with_name("mine"))
    room.end.good, room.end.failure = 2, CUT
    with pytest.raises(Unavailable):
        fetch_far(here, room.end, "origin")
    room.end.failure = None
    fetch_far(here, room.end, "origin")

    assert len(here.root().data_packs) == 3
    assert len(room.end.asked) == 4
    assert check_repository(here, CheckOptions(full=True)).problems == []
    here.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EMFILE])
def test_a_fetch_goes_on_behind_a_pack_that_cannot_be_read(
    room: Room, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It asks for that pack again; where only too many files are open, the pack is left alone."""
    here = make_repository(room.copy.with_name("mine"))
    room.end.good, room.end.failure = 2, CUT
    with pytest.raises(Unavailable):
        fetch_far(here, room.end, "origin")
    room.end.failure = None
    pack = here.directory / f"packs/{room.end.asked[0].hex()}.pack"
    spoil(monkeypatch, pack, number)
    if number == errno.EMFILE:
        with pytest.raises(Unavailable, match="too many open files"):
            fetch_far(here, room.end, "origin")
        assert pack.exists()
    else:
        fetch_far(here, room.end, "origin")
        assert (len(here.root().data_packs), len(room.end.asked)) == (3, 5)
        assert check_repository(here, CheckOptions(full=True)).problems == []
    here.close()


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("error sending request for url", Unavailable),
        ("status code: 400: <Code>ExpiredToken</Code>", Unauthenticated),
        ("status code: 403: <Code>InvalidAccessKeyId</Code>", Unauthenticated),
        ("status code: 403: <Code>AuthenticationFailed</Code>", Unauthenticated),
        ("status code: 401", Unauthenticated),
    ],
)
def test_a_clone_from_a_bucket_that_broke_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch, told: str, error: type[TetherError]
) -> None:
    """Whether it went away or the keys ended: the disk here did not fail, so what came stays."""
    obstore = pytest.importorskip("obstore")
    from obstore.exceptions import GenericError
    from obstore.store import MemoryStore

    from tether.storage.objectclient import Stores
    from tether.storage.objectstore import ObjectBackend
    from tether.sync.bucketend import BucketEnd

    store = MemoryStore()
    bucket = ObjectBackend(Stores("s3://data", store, store))
    with bucket_place("s3://data/x", lambda at: bucket.below(at.prefix), ticking(), create="main").writing(
        "push"
    ) as end:
        push_far(room.work.repository, end, "bucket", PushOptions(("main",)))
    pack, get_ranges = BucketEnd.pack, obstore.get_ranges
    asked: list[Digest] = []
    gone_at: list[int] = [2]

    def counted(end: BucketEnd, name: Digest, take: Take) -> None:
        asked.append(name)
        pack(end, name, take)

    def broken(*given: object, **named: object) -> object:
        if len(asked) == gone_at[0]:
            raise GenericError(f"Generic S3 error: {told}")
        return get_ranges(*given, **named)

    monkeypatch.setattr(BucketEnd, "pack", counted)
    monkeypatch.setattr(obstore, "get_ranges", broken)
    request = CloneRequest("s3://data/x", room.copy, open_bucket=lambda at: bucket.below(at.prefix))
    with pytest.raises(error, match=r"cannot be reached|wants other keys"):
        Repo.clone_with(request, clock=ticking())
    gone_at[0] = 0
    with Repo.clone_with(request, clock=ticking())[0] as repo:
        room.assert_copied(repo)
    assert asked.count(asked[0]) == 1
