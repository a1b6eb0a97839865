"""Checkouts: the files become the tree, nothing of the user's is lost, and a stop can be made good."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.objects import DictStore
from tests.support.repos import make_repository
from tests.support.worktrees import age, entries_below, make_worktree, tree_of, write_files

from tether.core.digest import Digest
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import Conflict, Corrupt, InvalidInput
from tether.worktree.checkout import execute_checkout, pending, resume
from tether.worktree.compare import Comparison, compare
from tether.worktree.plan import PlanOptions, plan_checkout
from tether.worktree.staging import stage_paths


class Copy:
    """A repository with working files, and trees by name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = make_repository(root)
        self.worktree = make_worktree(root)
        self.rescued: list[bytes] = []

    def commit(self) -> Digest:
        """Stage everything and return the tree."""
        with self.repository.transaction("add") as transaction:
            result = stage_paths(self.worktree, transaction, [b""])
        result.remember()
        return result.tree

    @property
    def stage(self) -> Digest:
        """The stage."""
        return self.repository.root().stage

    def switch(self, tree: Digest, **options: Unpack[PlanOptions]) -> None:
        """Check a tree out and record it as the stage."""
        plan = plan_checkout(self.worktree, self.repository.objects, self.stage, tree, **options)
        result = execute_checkout(self.worktree, self.repository.contents, plan, rescue=self._rescue)
        with self.repository.transaction("switch") as transaction:
            transaction.set_stage(tree)
        result.finish()

    def _rescue(self, paths: Sequence[bytes]) -> None:
        self.rescued += paths

    def status(self) -> Comparison:
        """Compare with the stage."""
        return compare(self.worktree, self.repository.objects, self.stage)

    def disk(self) -> Digest:
        """Return the tree of the disk, worked out file by file."""
        return tree_of(DictStore(), self.root)

    def clear(self) -> None:
        """Remove every working file."""
        remove_below(self.root)


def remove_below(folder: Path) -> None:
    """Remove everything but `.tether`."""
    for path in folder.iterdir():
        if path.name == ".tether":
            continue
        if path.is_dir() and not path.is_symlink():
            remove_below(path)
            path.rmdir()
        else:
            path.unlink()


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Return a repository without files."""
    return Copy(tmp_path / "copy")


ONE = {"README": b"hello", "a/x": b"12", "a/y/z": b"3", "b/one": b"1" * 3000, "b/two": b"22", "run": b"#!"}
TWO = {
    "README": b"hello",
    "a/x": b"other",
    "b/one": b"1" * 3000,
    "b/new": b"n",
    "c/d/e": b"deep",
    "run": b"#!",
}


def make_two(copy: Copy) -> tuple[Digest, Digest]:
    """Return two trees; the files are as the second."""
    write_files(copy.root, ONE)
    (copy.root / "link").symlink_to("a/x")
    (copy.root / "hollow").mkdir()
    (copy.root / "run").chmod(0o755)
    one = copy.commit()
    copy.clear()
    write_files(copy.root, TWO)
    (copy.root / "link").symlink_to("b")
    return one, copy.commit()


def test_switch_back_and_forth(copy: Copy) -> None:
    """The disk is exactly the tree each time, modes, links and empty folders included; status is clean."""
    one, two = make_two(copy)

    for tree in (one, two, one, one, two):
        copy.switch(tree)

        assert copy.disk() == tree
        assert copy.status() == Comparison()


def test_modes_of_restored_files(copy: Copy) -> None:
    """Files get 0644 and 0755 under the umask."""
    one, _ = make_two(copy)
    mask = os.umask(0o027)
    try:
        copy.switch(one)
    finally:
        os.umask(mask)

    assert stat.S_IMODE((copy.root / "a/y/z").stat().st_mode) == 0o640
    assert (copy.root / "run").stat().st_mode & stat.S_IXUSR


def test_status_after_a_checkout_reads_no_tree(copy: Copy) -> None:
    """The cache knows the files that were written, once their time is past."""
    one, _ = make_two(copy)
    copy.switch(one)
    age(copy.root)
    copy.status()
    age(copy.root)
    before = {path: path.stat().st_atime_ns for path in copy.root.rglob("*") if path.is_file()}
    store = DictStore()

    assert compare(copy.worktree, store, one) == Comparison()
    assert store.reads == []
    assert all(path.stat().st_atime_ns == then for path, then in before.items() if path.parent != copy.root)


def test_first_checkout_fills_the_cache(copy: Copy) -> None:
    """After a checkout into an empty folder nothing need be read."""
    one, _ = make_two(copy)
    copy.clear()
    with copy.repository.transaction("clear") as transaction:
        transaction.set_stage(EMPTY_TREE)
    for name in ("stat.base", "stat.journal"):
        (copy.worktree.state_dir / name).unlink(missing_ok=True)
    plan = plan_checkout(copy.worktree, copy.repository.objects, EMPTY_TREE, one)
    result = execute_checkout(copy.worktree, copy.repository.contents, plan, sync=True)
    result.finish()

    assert result.written == 7
    assert copy.disk() == one
    assert compare(copy.worktree, copy.repository.objects, one) == Comparison()


@pytest.mark.parametrize("name", ["a/x", "b/two", "link", "run"])
def test_local_change_is_a_conflict(copy: Copy, name: str) -> None:
    """A file that was changed locally and differs between the trees is never overwritten without force."""
    one, two = make_two(copy)
    copy.switch(one)
    path = copy.root / name
    path.unlink()
    path.write_bytes(b"my own work")

    with pytest.raises(Conflict, match=name):
        copy.switch(two)

    assert path.read_bytes() == b"my own work"
    assert copy.stage == one
    assert [change.path for change in copy.status().changes()] == [os.fsencode(name)]
    assert pending(copy.worktree) is None


def test_unrelated_local_changes_are_carried_along(copy: Copy) -> None:
    """What does not differ between the trees may be dirty, new or deleted."""
    one, two = make_two(copy)
    (copy.root / "README").write_bytes(b"mine")
    (copy.root / "b/one").unlink()
    (copy.root / "b/untracked").write_bytes(b"u")

    copy.switch(one)

    assert (copy.root / "README").read_bytes() == b"mine"
    assert [change.path for change in copy.status().changes()] == [b"README", b"b/one"]
    assert copy.status().untracked == [(b"b/untracked", False)]
    copy.switch(two)
    assert [change.path for change in copy.status().changes()] == [b"README", b"b/one"]


def test_untracked_file_in_the_way(copy: Copy) -> None:
    """A new file is not written over one that is not tracked, ignored or not, unless it is the same."""
    one, _ = make_two(copy)
    write_files(copy.root, {"a/y/z": b"mine"})
    with pytest.raises(Conflict, match=r"a/y/z \(untracked\)"):
        copy.switch(one)
    assert (copy.root / "a/y/z").read_bytes() == b"mine"

    (copy.root / "a/y/z").write_bytes(b"3")
    copy.switch(one)
    assert copy.disk() == one
    assert copy.status() == Comparison()


def test_untracked_file_or_link_where_a_folder_goes(copy: Copy) -> None:
    """A file or link of the user's in place of a needed folder stops the checkout and is not followed."""
    one, _ = make_two(copy)
    outside = copy.root.parent / "outside"
    outside.mkdir()
    (copy.root / "a/y").symlink_to(outside)

    with pytest.raises(Conflict, match=r"a/y \(untracked\)"):
        copy.switch(one)
    assert list(outside.iterdir()) == []

    copy.switch(one, force=True)
    assert copy.rescued == [b"a/y"]
    assert copy.disk() == one
    assert list(outside.iterdir()) == []


def test_tracked_folder_replaced_by_a_link(copy: Copy) -> None:
    """A link put in place of a tracked folder is never followed."""
    one, two = make_two(copy)
    copy.switch(one)
    outside = copy.root.parent / "outside"
    write_files(outside, {"x": b"12", "y/z": b"3"})
    remove_below(copy.root / "a")
    (copy.root / "a").rmdir()
    (copy.root / "a").symlink_to(outside)

    with pytest.raises(Conflict, match="a"):
        copy.switch(two)

    assert (outside / "x").read_bytes() == b"12"
    assert (outside / "y/z").read_bytes() == b"3"


def test_file_where_a_full_folder_is(copy: Copy) -> None:
    """A folder with untracked files does not give way to a file."""
    write_files(copy.root, {"p": b"file"})
    one = copy.commit()
    (copy.root / "p").unlink()
    write_files(copy.root, {"p/q": b"below"})
    two = copy.commit()
    (copy.root / "p/deep/er").mkdir(parents=True)
    copy.switch(one)
    assert copy.disk() == one
    copy.switch(two)
    assert copy.disk() == two
    (copy.root / "p/mine").write_bytes(b"m")

    with pytest.raises(Conflict, match="p/mine"):
        copy.switch(one)

    copy.switch(one, force=True)
    assert copy.rescued == [b"p/mine"]
    assert copy.disk() == one


def test_force_rescues_first_and_restores_all(copy: Copy) -> None:
    """With force every tracked file is as the tree has it; what was lost was offered for rescue before."""
    one, two = make_two(copy)
    (copy.root / "README").write_bytes(b"mine")
    (copy.root / "a/x").write_bytes(b"mine too")
    (copy.root / "b/one").unlink()
    (copy.root / "run").chmod(0o755)
    (copy.root / "keep").write_bytes(b"untracked")

    copy.switch(two, force=True)

    assert copy.rescued == [b"README", b"a/x", b"run"]
    (copy.root / "keep").unlink()
    assert copy.disk() == two
    assert copy.status() == Comparison()
    copy.switch(one, force=True)
    assert copy.disk() == one


def test_only_some_paths(copy: Copy) -> None:
    """A checkout of paths leaves the rest alone."""
    one, two = make_two(copy)
    plan = plan_checkout(copy.worktree, copy.repository.objects, two, one, paths=[b"a", b"b/two"])
    execute_checkout(copy.worktree, copy.repository.contents, plan).finish()

    assert (copy.root / "a/y/z").read_bytes() == b"3"
    assert (copy.root / "b/two").read_bytes() == b"22"
    assert (copy.root / "b/new").read_bytes() == b"n"
    result = compare(copy.worktree, copy.repository.objects, two)
    assert [change.path for change in result.changes()] == [b"a/x"]
    assert result.untracked == [(b"a/y", True), (b"b/two", False)]
    assert compare(copy.worktree, copy.repository.objects, one, paths=[b"a", b"b/two"]).is_clean


def test_large_files(copy: Copy) -> None:
    """Files above the small size are streamed, over what was there and into new folders."""
    data = [os.urandom(1 << 16) * 40, os.urandom(1 << 16) * 40]
    write_files(copy.root, {"big": data[0]})
    one = copy.commit()
    write_files(copy.root, {"big": data[1], "n/big": data[0]})
    two = copy.commit()

    for tree in (one, two):
        copy.switch(tree)
        assert copy.disk() == tree
        assert copy.status() == Comparison()


def test_a_damaged_large_file_leaves_the_old_one(copy: Copy, tmp_path: Path) -> None:
    """What does not have the digest of the file is never moved over what is there."""
    old, new = os.urandom(1 << 16) * 100, os.urandom(12 << 20)
    write_files(copy.root, {"big": old})
    one = copy.commit()
    write_files(copy.root, {"big": new})
    two = copy.commit()
    copy.switch(one)
    packs = [path for path in copy.root.glob("**/packs/*") if path.stat().st_size > 11 << 20]
    for path in packs:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)

    with pytest.raises(Corrupt, match="damaged"):
        copy.switch(two)

    assert packs
    assert (copy.root / "big").read_bytes() == old
    assert [path for path in copy.root.iterdir() if path.name.startswith(".tether-tmp")] == []


def test_read_only_files_are_replaced(copy: Copy) -> None:
    """A file without write permission gives way: the tree does not know of that."""
    one, two = make_two(copy)
    copy.switch(one)
    (copy.root / "a/x").chmod(0o444)

    copy.switch(two)

    assert copy.disk() == two


def test_dangerous_names_are_refused(copy: Copy) -> None:
    """A tree from elsewhere cannot write into the repository's own folder."""
    one, _ = make_two(copy)
    with copy.repository.transaction("evil") as transaction:
        entry = transaction.objects
        tree = edit_tree(
            entry, one, {b".Tether/config": Entry(b"config", EntryKind.FILE, 2, _digest_of(copy))}
        ).digest
        transaction.set_stage(one)

    with pytest.raises(InvalidInput, match=r"\.tether"):
        plan_checkout(copy.worktree, copy.repository.objects, one, tree)


def _digest_of(copy: Copy) -> Digest:
    return entries_below(copy.root)[b"run"].digest


def test_stop_is_resumed_or_taken_back(copy: Copy) -> None:
    """After a stop the files go to where the stage is, forwards or back; other changes stay."""
    one, two = make_two(copy)
    (copy.root / "README").write_bytes(b"mine")
    for moved in (False, True):
        start = copy.stage
        goal = one if start == two else two
        plan = plan_checkout(copy.worktree, copy.repository.objects, start, goal)
        plan.writes = plan.writes[1:]  # a stop before the last file: the plan is not carried out whole
        execute_checkout(copy.worktree, copy.repository.contents, plan)
        assert pending(copy.worktree) is not None
        if moved:
            with copy.repository.transaction("switch") as transaction:
                transaction.set_stage(goal)
        write_files(copy.root, {"a/.tether-tmp-1-1": b"torn"})

        resume(copy.worktree, copy.repository.objects, copy.repository.contents, copy.stage).finish()

        assert pending(copy.worktree) is None
        assert [change.path for change in copy.status().changes()] == [b"README"]
        assert copy.status().untracked == []
        assert copy.stage == (goal if moved else start)


def test_torn_file_is_rescued_and_written_again(copy: Copy) -> None:
    """What is neither the old nor the new content goes to the rescue before it is overwritten."""
    one, two = make_two(copy)
    plan = plan_checkout(copy.worktree, copy.repository.objects, two, one)
    execute_checkout(copy.worktree, copy.repository.contents, plan)
    (copy.root / "a/x").write_bytes(b"torn")
    rescued: list[bytes] = []

    resume(
        copy.worktree, copy.repository.objects, copy.repository.contents, one, rescue=rescued.extend
    ).finish()

    assert rescued == [b"a/x"]
    assert copy.disk() == one
    assert pending(copy.worktree) is None


def test_unsynced_files_are_hashed_after_a_restart(copy: Copy) -> None:
    """Rows written without a sync are trusted in the same boot only."""
    one, _ = make_two(copy)
    copy.switch(one)
    age(copy.root)
    copy.status()
    path = copy.root / "a/y/z"
    path.write_bytes(b"X")  # as if the power cut had lost the content; the record is forged below
    blocks = make_worktree(copy.root, boot_id=b"another boot")
    store = copy.repository.objects

    assert [change.path for change in compare(blocks, store, one).modified] == [b"a/y/z"]


names = st.sampled_from(["a", "b", "c"])
models = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join), st.sampled_from([b"", b"1", b"22"]), max_size=6
)


def _without_clashes(model: dict[str, bytes]) -> dict[str, bytes]:
    return {
        path: data for path, data in model.items() if not any(other.startswith(path + "/") for other in model)
    }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(models, min_size=2, max_size=4))
def test_any_trees(tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, bytes]]) -> None:
    """Between any trees the disk follows exactly and the cache stays right."""
    copy = Copy(tmp_path_factory.mktemp("any") / "copy")
    trees = []
    for model in drawn:
        copy.clear()
        write_files(copy.root, _without_clashes(model))
        trees.append(copy.commit())

    for tree in [*trees, *reversed(trees)]:
        copy.switch(tree)
        assert copy.disk() == tree
        assert copy.status() == Comparison()
