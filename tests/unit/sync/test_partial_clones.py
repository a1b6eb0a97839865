"""Clones of some paths, of recent history and without contents: what comes, and how it grows."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.repos import ADA, commit_files, make_repository, put_tree, read_files

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.names import branch_ref, remote_ref, tag_ref
from tether.core.objects import Commit, Tag
from tether.core.pathfilter import PathFilter
from tether.core.progress import SILENT
from tether.core.tree import Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.core.treeedit import edit_tree
from tether.errors import Corrupt, NotFound, Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.frames import Frame
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.history import History, shallow_commits
from tether.repo.partial import Partial, partial_of
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions
from tether.sync.ends import TakeFrames
from tether.sync.exchange import FetchOptions, PushOptions
from tether.sync.places import FarPlace, FolderPlace, Place
from tether.sync.wire import MOST_DEPTH

MAIN = PushOptions(("main",))
LATER = Time(4_000_000_000_000_000, 0)
BIG = random.Random(1).randbytes(700_000)
IMAGES = {f"i{n:03}": b"image %d" % n * 20 for n in range(300)}
LABELS = {f"l{n:03}": b"label %d" % n for n in range(300)}
LAZY = Partial(lazy=True)
ONLY_IMAGES = Partial(shown=PathFilter([b"images"]))


def commit_folders(
    repository: Repository, folders: Mapping[str, Mapping[str, bytes]], message: str
) -> Digest:
    """Commit folders of files on `main`."""
    with repository.transaction(f"commit {message}") as transaction:
        entries = []
        for name in sorted(folders):
            tree = put_tree(transaction, folders[name])
            files, size = len(folders[name]), sum(map(len, folders[name].values()))
            entries.append(Entry(name.encode(), EntryKind.DIRECTORY, size, tree, files))
        tree = build_directory(transaction.objects, entries).digest
        old, now = transaction.ref(branch_ref("main")), repository.clock()
        commit = Commit(tree, (old,) if old else (), ADA, now, ADA, now, message)
        digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        transaction.set_ref(branch_ref("main"), digest, expected=old)
        transaction.set_stage(tree)
    return digest


class Pair:
    """A repository there, reached as a folder or over the wire, and clones of it here."""

    def __init__(self, folder: Path, *, far: bool) -> None:
        self.folder = folder
        self.there = make_repository(folder / "there", bare=True)
        self.end = NearEnd(folder / "there")
        self.far = far

    def place(self) -> Place:
        """Return where it is."""
        return FarPlace(self.end) if self.far else FolderPlace(self.there)  # type: ignore[arg-type]

    def clone(self, name: str, partial: Partial = Partial(), depth: int | None = None) -> Repository:  # noqa: B008
        """Return a new clone whose missing contents come when they are read."""
        target = make_repository(self.folder / name)
        options = CloneOptions(depth=depth, partial=partial)
        self.place().fill(target, options, SILENT)
        target.absent.supplier = lambda contents: self.supply(target, contents)
        return target

    def supply(self, target: Repository, contents: list[Digest]) -> None:
        """Bring contents to a clone."""
        with target.transaction("bring contents") as transaction:
            self.place().supply(target, transaction, contents, SILENT)
            transaction.record()

    def fetch(self, target: Repository, depth: int | None = None) -> None:
        """Fetch into a clone."""
        self.place().fetch(target, "origin", FetchOptions(depth=depth), progress=SILENT)


@pytest.fixture(params=[False, True], ids=["folder", "far"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    """Return a pair."""
    return Pair(tmp_path, far=request.param)


def has(repository: Repository, data: bytes) -> bool:
    """Say whether a content is here."""
    return repository.objects.has(hash_bytes(data))


def assert_sound(repository: Repository, absent: int) -> None:
    """Fail unless all is sound and so many contents are absent on purpose."""
    repository.objects.reset()
    report = check_repository(repository, CheckOptions(full=True))
    assert (report.problems, len(report.absent)) == ([], absent)


def test_a_lazy_clone_brings_contents_when_they_are_read(pair: Pair) -> None:
    """Commits and trees are there at once; a content comes, is verified and stays; the rest is no damage."""
    one = commit_files(pair.there, {**IMAGES, "big": BIG, "empty": b""}, "one")
    two = commit_files(pair.there, {**IMAGES, "big": BIG + b"2", "empty": b""}, "two")

    clone = pair.clone("clone", LAZY)

    assert list(History.of(clone).ancestors([two])) == [two, one]
    assert not has(clone, BIG)
    assert_sound(clone, absent=302)
    assert clone.contents.read(hash_bytes(BIG)) == BIG
    assert clone.contents.read(hash_bytes(BIG), 100, 50) == BIG[100:150]
    clone.absent.supplier = None
    assert clone.contents.read(hash_bytes(BIG)) == BIG
    with pytest.raises(NotFound, match="origin"):
        clone.contents.read(hash_bytes(IMAGES["i000"]))
    assert_sound(clone, absent=301)


def test_ten_thousand_files_take_a_few_requests(tmp_path: Path) -> None:
    """A batch of contents is one negotiation, however many files there are."""
    pair = Pair(tmp_path, far=True)
    files = {f"f{n:05}": b"file %d" % n for n in range(10_000)}
    tip = commit_files(pair.there, files, "one")
    for other in range(4):
        commit_files(pair.there, {f"{other}-{n}": b"%d %d" % (other, n) for n in range(900)}, "more")
    clone = pair.clone("clone", LAZY)
    assert pair.end.calls.total() <= 5
    pair.end.calls.clear()

    items = [(hash_bytes(data), len(data)) for data in files.values()]
    read = {index: data for batch in clone.contents.small_batches(items) for index, data in batch}

    assert read == dict(enumerate(files.values()))
    assert pair.end.calls.total() <= 8, pair.end.calls
    assert read_files(clone, tip) == files


def test_a_clone_of_some_paths(pair: Pair) -> None:
    """Contents of every commit under the paths are there, others come when they are read."""
    first = {"images": IMAGES, "labels": LABELS}
    one = commit_folders(pair.there, first, "one")
    commit_folders(pair.there, {**first, "images": {**IMAGES, "new": b"new"}}, "two")

    clone = pair.clone("clone", ONLY_IMAGES)
    clone.absent.supplier, supplier = None, clone.absent.supplier

    assert all(has(clone, data) for data in (*IMAGES.values(), b"new"))
    assert not any(has(clone, data) for data in LABELS.values())
    assert_sound(clone, absent=300)
    clone.absent.supplier = supplier
    assert read_files(clone, one)["labels/l007"] == b"label 7"
    assert_sound(clone, absent=0)


def test_later_fetches_bring_what_the_clone_asks_for(pair: Pair) -> None:
    """New contents under the paths come, also those of files that were moved there; others are recorded."""
    first = {"images": IMAGES, "labels": LABELS}
    commit_folders(pair.there, first, "one")
    clone, lazy = pair.clone("clone", ONLY_IMAGES), pair.clone("lazy", LAZY)
    moved = {"images": {**IMAGES, "l": LABELS["l000"], "two": b"two"}, "labels": {**LABELS, "two": b"2"}}
    commit_folders(pair.there, moved, "two")

    pair.fetch(clone)
    pair.fetch(lazy)

    assert has(clone, b"two")
    assert has(clone, LABELS["l000"])
    assert not has(clone, b"2")
    assert not has(lazy, b"two")
    assert_sound(clone, absent=300)
    assert_sound(lazy, absent=602)


def test_many_fetches_keep_few_lists(pair: Pair) -> None:
    """What is recorded as absent is joined from time to time, and nothing of it is lost."""
    clone = None
    for number in range(20):
        commit_files(pair.there, {f"{n}": b"%d" % n for n in range(number + 1)}, f"{number}")
        if clone is None:
            clone = pair.clone("clone", LAZY)
        pair.fetch(clone)

    assert clone is not None
    assert len(dict(clone.root().extra)["absent-lists"]) < 600
    assert_sound(clone, absent=20)
    execute_gc(clone, plan_gc(clone, LATER, GcOptions(0, 0)))
    assert_sound(clone, absent=20)
    assert clone.contents.read(hash_bytes(b"7")) == b"7"


def test_work_in_a_partial_clone_is_pushed(pair: Pair) -> None:
    """What was made there goes to where the rest is, and the other files are still in the commit."""
    commit_folders(pair.there, {"images": IMAGES, "labels": LABELS}, "one")
    clone = pair.clone("clone", LAZY)
    with clone.transaction("commit") as transaction:
        old = clone.root().refs[branch_ref("main")]
        before = History.of(clone).commit(old).tree
        mine = put_tree(transaction, {"mine": b"mine"})
        entry = Entry(b"mine", EntryKind.DIRECTORY, 4, mine, 1)
        tree = edit_tree(transaction.objects, before, {b"mine": entry}).digest
        commit = Commit(tree, (old,), ADA, Time(0, 0), ADA, Time(0, 0), "mine")
        tip = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        transaction.set_ref(branch_ref("main"), tip)

    pair.place().push(clone, "origin", MAIN, progress=SILENT)

    pair.there.objects.reset()
    found = read_files(pair.there, tip)
    assert (len(found), found["mine/mine"], found["labels/l000"]) == (601, b"mine", b"label 0")
    assert_sound(pair.there, absent=0)


def numbered(pair: Pair, count: int) -> list[Digest]:
    """Make so many commits there, each with a file of its own, and return them."""
    return [commit_files(pair.there, {f"{n}": b"%d" % n for n in range(k + 1)}, f"{k}") for k in range(count)]


def test_a_clone_of_recent_history(pair: Pair) -> None:
    """The history ends after so many commits, and says so; nothing older came."""
    commits = numbered(pair, 10)

    clone = pair.clone("clone", depth=3)

    assert list(History.of(clone).ancestors([commits[-1]])) == commits[:-4:-1]
    assert shallow_commits(clone.root()) == (commits[-3],)
    assert_sound(clone, absent=0)
    assert not clone.objects.has(commits[-4])
    assert read_files(clone, commits[-3]) == {f"{n}": b"%d" % n for n in range(8)}


def test_it_becomes_deeper(pair: Pair) -> None:
    """More commits come; a smaller depth takes nothing away; without a limit it is a whole clone."""
    commits = numbered(pair, 10)
    clone = pair.clone("clone", depth=1)

    pair.fetch(clone, depth=4)
    assert shallow_commits(clone.root()) == (commits[-4],)
    assert_sound(clone, absent=0)
    pair.fetch(clone, depth=2)
    assert shallow_commits(clone.root()) == (commits[-4],)
    pair.fetch(clone, depth=MOST_DEPTH)

    assert shallow_commits(clone.root()) == ()
    assert list(History.of(clone).ancestors([commits[-1]])) == commits[::-1]
    assert_sound(clone, absent=0)


def test_new_commits_come_on_top_of_recent_history(pair: Pair) -> None:
    """A fetch without a depth brings what is new, and the history stays cut where it was."""
    commits = numbered(pair, 5)
    clone = pair.clone("clone", depth=2)
    new = commit_files(pair.there, {"new": b"new"}, "new")

    pair.fetch(clone)

    assert clone.root().refs[remote_ref("origin", "main")] == new
    assert shallow_commits(clone.root()) == (commits[-2],)
    assert_sound(clone, absent=0)


def test_tags_come_where_their_commits_do(pair: Pair) -> None:
    """A tag of old history does not bring it; when the history becomes deeper the tag comes as well."""
    commits = numbered(pair, 6)
    with pair.there.transaction("tag") as transaction:
        for name, target in (("old", commits[0]), ("new", commits[-1])):
            tag = Tag(name, target, ObjectKind.COMMIT, ADA, Time(0, 0), name)
            transaction.set_ref(tag_ref(name), transaction.objects.put(ObjectKind.TAG, tag.encode()))
        transaction.set_ref(tag_ref("plain"), commits[0])

    clone = pair.clone("clone", depth=2)
    assert {name for name in clone.root().refs if name.startswith("refs/tags/")} == {tag_ref("new")}
    pair.fetch(clone)
    assert tag_ref("old") not in clone.root().refs
    pair.fetch(clone, depth=MOST_DEPTH)

    assert dict(clone.root().refs) | {branch_ref("main"): commits[-1]} == dict(clone.root().refs)
    assert {tag_ref("old"), tag_ref("plain"), tag_ref("new")} < set(clone.root().refs)
    assert_sound(clone, absent=0)


def test_a_branch_from_before_the_cut(pair: Pair) -> None:
    """It comes with its own history, whole, in few requests."""
    commits = numbered(pair, 30)
    clone = pair.clone("clone", depth=2)
    with pair.there.transaction("branch") as transaction:
        transaction.set_ref(branch_ref("side"), commits[10])
    side = commit_files(pair.there, {"side": b"side"}, "side", branch=branch_ref("side"))
    pair.end.calls.clear()

    pair.fetch(clone)

    assert len(list(History.of(clone).ancestors([side]))) == 12
    assert pair.end.calls.total() <= 10
    assert_sound(clone, absent=0)


def test_the_point_where_histories_parted_may_not_be_here(pair: Pair) -> None:
    """The error says how to bring it; after that it is found."""
    commits = numbered(pair, 6)
    with pair.there.transaction("branch") as transaction:
        transaction.set_ref(branch_ref("side"), commits[1])
    side = commit_files(pair.there, {"side": b"side"}, "side", branch=branch_ref("side"))
    clone = pair.clone("clone", depth=1)

    with pytest.raises(NotFound, match="cut at") as failed:
        History.of(clone).merge_bases(commits[-1], side)
    assert "--unshallow" in str(failed.value.hint)
    pair.fetch(clone, depth=MOST_DEPTH)
    assert History.of(clone).merge_bases(commits[-1], side) == [commits[1]]


def test_work_on_recent_history_is_pushed(pair: Pair) -> None:
    """The other side has what came before."""
    numbered(pair, 6)
    clone = pair.clone("clone", depth=1)
    tip = commit_files(clone, {"new": b"new"}, "new")

    pair.place().push(clone, "origin", MAIN, progress=SILENT)

    pair.there.objects.reset()
    assert pair.there.root().refs[branch_ref("main")] == tip
    assert_sound(pair.there, absent=0)


def test_all_at_once(pair: Pair) -> None:
    """Depth, laziness and paths go together."""
    commit_folders(pair.there, {"images": IMAGES, "labels": LABELS}, "one")
    commit_folders(pair.there, {"images": IMAGES, "labels": {**LABELS, "x": b"x"}}, "two")
    partial = Partial(lazy=True, shown=PathFilter([b"labels"]))

    clone = pair.clone("clone", partial, depth=1)

    assert partial_of(clone.root()).lazy
    assert partial_of(clone.root()).shown.patterns == (b"labels",)
    assert_sound(clone, absent=601)
    pair.fetch(clone, depth=MOST_DEPTH)
    assert_sound(clone, absent=601)
    assert clone.contents.read(hash_bytes(b"x")) == b"x"


@pytest.mark.parametrize("partial", [Partial(), LAZY, ONLY_IMAGES], ids=["whole", "lazy", "paths"])
def test_a_clone_of_a_partial_clone_fails_clearly(pair: Pair, partial: Partial) -> None:
    """What the source does not have is said before anything is made; it names who has it."""
    commit_folders(pair.there, {"images": IMAGES, "labels": LABELS}, "one")
    source = pair.clone("source", LAZY)
    source.absent.supplier = None
    target = make_repository(pair.folder / "target")
    before = target.root()

    with pytest.raises(Unavailable, match=r"partial clone \(\d+\); its remote origin") as failed:
        FolderPlace(source).fill(target, CloneOptions(partial=partial), SILENT)

    assert "prefetch" in str(failed.value.hint)
    assert target.root() == before


def test_a_connection_that_is_cut(tmp_path: Path) -> None:
    """Contents that come after a cut are the same, and none is stored twice."""
    pair = Pair(tmp_path, far=True)
    files = {**{f"{n}": random.Random(n).randbytes(3000) for n in range(400)}, "big": BIG}
    tip = commit_files(pair.there, files, "one")
    clone = pair.clone("clone", LAZY)
    pair.end.cut_after, pair.end.cut_packs = 50_000, True

    clone.contents.prepare([hash_bytes(data) for data in files.values()])

    clone.absent.supplier = None
    assert read_files(clone, tip) == files
    assert_sound(clone, absent=0)
    size = sum(path.stat().st_size for path in (tmp_path / "clone/.tether/packs").iterdir())
    assert size < 1.2 * sum(map(len, files.values()))


class Liar(NearEnd):
    """A far end that bends what it sends while it lies."""

    lying = True

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects."""

        def bent(frames: Iterator[tuple[Frame, bytes]]) -> None:
            take((frame, bytes([data[0] ^ 1]) + data[1:]) for frame, data in frames)

        super().objects(digests, bent if self.lying else take)


class Old(NearEnd):
    """A far end that knows of no depth."""

    def commits(
        self, wants: Sequence[Digest], haves: Sequence[Digest], take: TakeFrames, *, depth: int | None = None
    ) -> None:
        """Give commits."""
        super().commits(wants, haves, take)


def test_a_damaged_content_is_refused_and_asked_for_again(tmp_path: Path) -> None:
    """What arrives is verified before it counts; the content stays absent and can be brought later."""
    pair = Pair(tmp_path, far=True)
    tip = commit_files(pair.there, {"a": b"a" * 100}, "one")
    clone = pair.clone("clone", LAZY)
    pair.end = liar = Liar(tmp_path / "there")

    with pytest.raises(Corrupt):
        clone.contents.read(hash_bytes(b"a" * 100))
    assert_sound(clone, absent=1)
    liar.lying = False
    assert read_files(clone, tip) == {"a": b"a" * 100}


def test_a_far_end_that_knows_no_depth_gives_everything(tmp_path: Path) -> None:
    """The clone is whole then, and not shallow."""
    pair = Pair(tmp_path, far=True)
    numbered(pair, 5)
    pair.end = Old(tmp_path / "there")

    clone = pair.clone("clone", depth=2)

    assert shallow_commits(clone.root()) == ()
    assert_sound(clone, absent=0)


def test_what_is_verified_far_away(tmp_path: Path) -> None:
    """A content counts as there only when every byte of it was read and is right."""
    pair = Pair(tmp_path, far=True)
    commit_files(pair.there, {"a": b"a", "big": BIG}, "one")
    asked = [hash_bytes(b"a"), hash_bytes(b"nothing"), hash_bytes(BIG)]
    assert list(pair.place().verify(asked)) == [True, False, True]

    pack = max((tmp_path / "there/packs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[400_000] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)

    assert list(pair.place().verify(asked)) == [True, False, False]
