"""Checkouts into a folder that holds nothing: planned by folders, recorded without paths, trusted at once."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.objects import DictStore, empty_folder, file_entry
from tests.support.repos import make_repository
from tests.support.worktrees import entries_below, make_worktree, write_files

from tether.core.digest import Digest
from tether.core.pathfilter import PathFilter
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import Conflict, InvalidInput
from tether.repo.repository import Repository
from tether.worktree import checkout, checkoutblocks
from tether.worktree.checkout import CheckoutResult, execute_checkout, pending, resume
from tether.worktree.compare import Comparison, compare
from tether.worktree.journal import PendingCheckout
from tether.worktree.plan import CheckoutPlan, plan_checkout
from tether.worktree.rows import Rows, from_records
from tether.worktree.staging import stage_paths
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree

FILES = {
    ".tetherignore": b"*.tmp\n",
    "a/.tetherignore": b"/y/w\n",
    "a/x": b"12",
    "a/y/z": b"3",
    "a-b": b"between a and what is in it",
    "run": b"#!",
    **{f"many/{number:04}": b"%d" % number for number in range(700)},
}


class Source:
    """A repository with a tree, which is what its files are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository: Repository = make_repository(root)
        write_files(root, FILES)
        (root / "link").symlink_to("a/x")
        (root / "run").chmod(0o755)
        with self.repository.transaction("add") as transaction:
            staged = stage_paths(make_worktree(root), transaction, [b""])
            hollow = {b"hollow": empty_folder(b"hollow")}
            self.tree = edit_tree(transaction.objects, staged.tree, hollow).digest
            transaction.set_stage(self.tree)
        staged.remember()
        (root / "hollow").mkdir()


class Place:
    """A folder with nothing in it to check the tree of a source out into."""

    def __init__(self, source: Source, root: Path) -> None:
        self.full, self.root, self.tree = source.root, root, source.tree
        self.repository = source.repository
        self.worktree = make_worktree(root)

    def edited(self, edits: Mapping[bytes, Entry | None]) -> Digest:
        """Return another tree."""
        with self.repository.transaction("edit") as transaction:
            tree = edit_tree(transaction.objects, self.tree, edits).digest
            transaction.set_stage(tree)
        return tree

    def plan(self, tree: Digest | None = None, *, force: bool = False) -> CheckoutPlan:
        """Return the plan from nothing."""
        target = self.tree if tree is None else tree
        return plan_checkout(self.worktree, self.repository.objects, EMPTY_TREE, target, force=force)

    def execute(self, plan: CheckoutPlan, *, sync: bool = True) -> CheckoutResult:
        """Carry a plan out."""
        return execute_checkout(self.worktree, self.repository.contents, plan, sync=sync)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Return the tree for all tests; none of them changes it."""
    return Source(tmp_path_factory.mktemp("source"))


@pytest.fixture
def place(source: Source, tmp_path: Path) -> Place:
    """Return an empty folder."""
    return Place(source, tmp_path)


@pytest.mark.parametrize("force", [False, True])
def test_all_of_the_tree_is_planned_in_order(place: Place, force: bool) -> None:
    """Each file and link is written once, over nothing; empty folders are made."""
    wanted = entries_below(place.full)
    hollow = wanted.pop(b"hollow")

    plan = place.plan(force=force)

    assert {write.path: write.entry for write in plan.writes} == wanted
    assert [write.path for write in plan.writes] == sorted(wanted, key=lambda path: path.split(b"/"))
    assert not any(write.replaces or write.base for write in plan.writes)
    assert (plan.made, hollow.kind) == ([b"hollow"], EntryKind.DIRECTORY)
    place.execute(plan).finish()
    assert entries_below(place.root) == entries_below(place.full)


def test_a_part_of_a_tree_is_planned_as_ever(place: Place) -> None:
    """What is not shown is not written, but for ignore files; what paths leave out neither."""
    place.worktree.shown = PathFilter([b"a/y"])
    shown = place.plan(force=True)
    assert [write.path for write in shown.writes] == [b".tetherignore", b"a/.tetherignore", b"a/y/z"]
    assert shown.scope() == (b".tetherignore", b"a/.tetherignore", b"a/y/z")

    limited = plan_checkout(
        make_worktree(place.root), place.repository.objects, EMPTY_TREE, place.tree, paths=[b"a/y", b"run"]
    )
    assert [write.path for write in limited.writes] == [b"a/y/z", b"run"]
    assert limited.scope() == (b"a/y", b"run")


@pytest.mark.parametrize("back", [False, True])
def test_a_stop_is_made_good_without_paths_in_the_journal(place: Place, back: bool) -> None:
    """The trees alone say what was to be written: it is, or goes again; what else came meanwhile stays."""
    plan = place.plan(force=True)
    plan.writes = plan.writes[: len(plan.writes) // 2]
    place.execute(plan)
    write_files(place.root, {"mine": b"kept"})

    assert pending(place.worktree) == PendingCheckout(EMPTY_TREE, place.tree, ())
    target = EMPTY_TREE if back else place.tree
    resume(place.worktree, place.repository.objects, place.repository.contents, target).finish()

    assert pending(place.worktree) is None
    left = entries_below(place.root)
    assert left.pop(b"mine").size == 4
    assert left == ({} if back else entries_below(place.full))


def test_a_forced_plan_over_files_names_its_paths(place: Place) -> None:
    """A file that both trees have and the user deleted is in neither difference."""
    place.execute(place.plan()).finish()
    (place.root / "a/x").unlink()

    plan = plan_checkout(place.worktree, place.repository.objects, place.tree, place.tree, force=True)

    assert plan.scope() == (b"a/x",)


@pytest.mark.parametrize(
    "path",
    [b".Tether/config", b"many/.tether/x", b"many/" + b"n" * 256, b"f" * 256 + b"/x", "é/.tether/a".encode()],
)
def test_names_are_refused(place: Place, path: bytes) -> None:
    """One bad name among many, in whatever folder, is found before anything is written."""
    tree = place.edited({path: file_entry(path.rpartition(b"/")[2], b"")})

    with pytest.raises(InvalidInput, match=r"tether|longer"):
        place.plan(tree)

    assert [path.name for path in place.root.iterdir()] == [".tether"]


def test_long_paths_of_short_names_are_planned(place: Place) -> None:
    """Only a single name has a limit that a file system sets."""
    path = b"/".join([b"d" * 200] * 3) + "/é".encode()
    plan = place.plan(place.edited({path: file_entry("é".encode(), b"")}))

    assert path in {write.path for write in plan.writes}


def test_two_paths_that_are_one_here(place: Place) -> None:
    """A file system that is blind to case holds one of them only; the clock file tells."""
    tree = place.edited({b"A-B": file_entry(b"A-B", b"")})
    place.worktree.clock()
    (place.worktree.state_dir / "CLOCK").touch()

    with pytest.raises(Conflict, match="A-B and a-b are one name"):
        place.plan(tree)


def test_status_reads_nothing_afterwards(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files are trusted where the clock went on while the rows were made, for it is read then."""
    rows: list[Rows] = []

    def note(records: Mapping[bytes, bytes]) -> Rows:
        rows.append(from_records(records))
        return rows[-1]

    monkeypatch.setattr(checkoutblocks, "from_records", note)
    monkeypatch.setattr(WorkTree, "clock", lambda _: 2**62 if len(rows) == 5 else 1)
    place.execute(place.plan()).finish()
    monkeypatch.undo()

    cache, store = StatCache(place.worktree), DictStore()
    blocks = [cache.block(path) for path in (b"", b"a", b"a/y", b"many")]
    assert all(block is not None and block.plain() and not block.unsynced for block in blocks)
    known = StatCache(make_worktree(place.full))
    rules = [block and block.fingerprint for block in map(known.block, (b"", b"a", b"a/y", b"many"))]
    assert [block and block.fingerprint for block in blocks] == rules
    assert len(set(rules)) == 2
    assert compare(place.worktree, store, place.tree) == Comparison()
    assert store.reads == []


def test_files_of_the_present_moment_are_not_trusted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clock of the file system stands still they are read again; folders need not be."""
    monkeypatch.setattr(WorkTree, "clock", lambda _: 1)
    place.execute(place.plan()).finish()

    cache = StatCache(place.worktree)
    blocks = {path: cache.block(path) for path in (b"a", b"hollow")}
    assert {path: block and block.untrusted for path, block in blocks.items()} == {
        b"a": (b".tetherignore", b"x"),
        b"hollow": (),
    }


def test_files_that_are_not_made_durable_are_named(place: Place) -> None:
    """After a restart they are read again."""
    place.execute(place.plan(), sync=False).finish()

    block = StatCache(place.worktree).block(b"a")
    assert block is not None
    assert (block.unsynced, block.boot) == ((b".tetherignore", b"x"), place.worktree.boot_id)


def test_a_disk_that_fails_at_the_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken for durable then, and the journal stays for whoever makes it good."""

    def fail(descriptor: int) -> None:
        os.fstat(descriptor)
        raise OSError(5, "the disk is gone")

    monkeypatch.setattr(checkout, "syncfs", fail)

    with pytest.raises(OSError, match="the disk is gone"):
        place.execute(place.plan())

    assert pending(place.worktree) is not None
    assert StatCache(place.worktree).block(b"") is None
