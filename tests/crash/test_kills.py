"""A process killed before any change of the disk leaves the old or the new, and running it again ends it."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.crash import (
    Command,
    Snapshot,
    count_steps,
    fresh_copy,
    kill_in_child,
    open_repo,
    snapshot,
    steps_to_try,
    verify,
)
from tests.support.model import Files, Thing, read_folder, read_tree
from tests.support.repos import ticking
from tests.support.worktrees import write_files

from tether.api import maintenance, merging, operations, remotes, stashing
from tether.api.repo import Repo
from tether.errors import InvalidInput, NotFound
from tether.repo.operations import Operation
from tether.repo.repository import Repository

LIMIT = 16
"""More steps than this are tried only in part."""

BIG = bytes(range(256)) * 5000
"""A content of more than one chunk, above the size of a small file."""

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@dataclass(frozen=True)
class Outcome:
    """What a command leads from and to."""

    old: Snapshot
    new: Snapshot
    old_files: Files
    new_files: Files


def begin(root: Path) -> None:
    """Make two branches that differ in most ways, and go back to the first."""
    repo = Repo.init(root)
    repo.close()
    repo = open_repo(root)
    write_files(
        root, {"a.txt": b"1\n2\n3\n", "d/gone.txt": b"gone\n", "d/same.txt": b"same\n", "turns": b"file"}
    )
    repo.add()
    repo.commit("one")
    repo.switch("side", create="HEAD")
    (root / "d/gone.txt").unlink()
    (root / "turns").unlink()
    write_files(root, {"a.txt": b"1\n2\n3 side\n", "big.bin": BIG, "turns/into": b"folder"})
    (root / "link").symlink_to("nowhere")
    (root / "d/same.txt").chmod(0o755)
    repo.add()
    repo.commit("two")
    repo.switch("main")
    repo.close()


def edit(root: Path) -> None:
    """Change, add and delete files of the working copy."""
    write_files(root, {"a.txt": b"edited\n", "new/file": b"new\n", "new/big": BIG})
    (root / "d/gone.txt").unlink()


def commit_on_main(root: Path) -> None:
    """Make a commit that a merge with `side` must join."""
    write_files(root, {"a.txt": b"1 main\n2\n3\n", "mine.txt": b"mine\n"})
    repo = open_repo(root)
    repo.add()
    repo.commit("three")
    repo.close()


def stage_edits(root: Path) -> None:
    """Edit and stage."""
    edit(root)
    repo = open_repo(root)
    repo.add()
    repo.close()


def conflict_on_main(root: Path) -> None:
    """Make a commit that is in conflict with `side`."""
    write_files(root, {"a.txt": b"1\n2\n3 main\n"})
    repo = open_repo(root)
    repo.add()
    repo.commit("three")
    repo.close()


def leave_garbage(root: Path) -> None:
    """Make commits and forget them."""
    repo = open_repo(root)
    for number in range(3):
        write_files(root, {"garbage": b"%d" % number * 5000})
        repo.add()
        repo.commit(f"garbage {number}")
        repo.reset("HEAD~1", "hard")
    repo.close()


CASES: dict[str, tuple[Callable[[Path], None], Command]] = {
    "add": (edit, lambda repo: repo.add()),
    "commit": (stage_edits, lambda repo: repo.commit("three")),
    "commit all": (edit, lambda repo: repo.commit("three", all=True)),
    "switch": (lambda _: None, lambda repo: repo.switch("side")),
    "checkout": (lambda _: None, lambda repo: repo.checkout("side~1")),
    "merge": (commit_on_main, lambda repo: repo.merge("side")),
    "fast-forward": (lambda _: None, lambda repo: repo.merge("side")),
    "gc": (leave_garbage, lambda repo: maintenance.collect(repo, prune_now=True)),
}


def outcome_of(root: Path, command: Command) -> Outcome:
    """Run a command on a copy and return what it leads from and to."""
    repo = open_repo(root)
    old, old_files = snapshot(repo.repository), read_folder(root)
    repo.close()
    place = fresh_copy(root, root.with_name("done"))
    repo = open_repo(place)
    command(repo)
    found = Outcome(old, snapshot(repo.repository), old_files, read_folder(place))
    repo.close()
    return found


def look_after(root: Path, outcome: Outcome) -> None:
    """Check a repository and its files right after a kill."""
    repo = open_repo(root)
    verify(repo.repository)
    assert snapshot(repo.repository) in (outcome.old, outcome.new)
    files = read_folder(root)
    for path in {*outcome.old_files, *outcome.new_files}:
        was, becomes = outcome.old_files.get(path), outcome.new_files.get(path)
        if was == becomes:
            assert files.get(path) == was
        else:
            assert files.get(path) in (was, becomes, None, *_only_bits(was, becomes))
    repo.close()


def _only_bits(was: Thing | None, becomes: Thing | None) -> list[Thing]:
    if was is None or becomes is None or was.data != becomes.data:
        return []
    return [was, becomes]


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_step(name: str, room: Path) -> None:
    """The root is old or new, everything verifies, files are old or new; once more, and all is new."""
    prepare, command = CASES[name]
    root = room / "work"
    begin(root)
    prepare(root)
    outcome = outcome_of(root, command)
    total = count_steps(root, command)
    assert total > 8

    for step in steps_to_try(total, LIMIT):
        place = fresh_copy(root, room / "killed")
        assert kill_in_child(place, command, step), step
        look_after(place, outcome)
        repo = open_repo(place)
        with suppress(InvalidInput):  # nothing to commit: it was done
            command(repo)
        assert (snapshot(repo.repository), read_folder(place)) == (outcome.new, outcome.new_files), step
        assert repo.status().work.is_clean or name in ("gc",)
        verify(repo.repository)
        repo.close()
        shutil.rmtree(place)


def test_a_kill_during_a_merge_that_stops(room: Path) -> None:
    """The merge is under way with all its files or not at all, and taking it back restores everything."""
    root = room / "work"
    begin(root)
    conflict_on_main(root)
    outcome = outcome_of(root, lambda repo: repo.merge("side"))
    assert outcome.new.merging
    total = count_steps(root, lambda repo: repo.merge("side"))

    for step in steps_to_try(total, LIMIT):
        place = fresh_copy(root, room / "killed")
        assert kill_in_child(place, lambda repo: repo.merge("side"), step)
        look_after(place, outcome)
        repo = open_repo(place)
        if snapshot(repo.repository).merging:
            repo.add("d/same.txt")  # any command finishes what was left half-way
        else:
            repo.merge("side")
        assert (snapshot(repo.repository), read_folder(place)) == (outcome.new, outcome.new_files), step
        merging.abort(repo)
        assert (snapshot(repo.repository), read_folder(place)) == (outcome.old, outcome.old_files), step
        repo.close()
        shutil.rmtree(place)


def test_a_kill_during_a_hard_reset_loses_no_content(room: Path) -> None:
    """What it overwrites is in the working copy or in the operation at every moment."""
    root = room / "work"
    begin(root)
    edit(root)
    precious = {b"edited\n"}

    def command(repo: Repo) -> object:
        return repo.reset("HEAD", "hard")

    outcome = outcome_of(root, command)
    total = count_steps(root, command)
    for step in steps_to_try(total, LIMIT):
        place = fresh_copy(root, room / "killed")
        assert kill_in_child(place, command, step)
        repo = open_repo(place)
        assert precious <= contents_of(repo, place), step
        command(repo)
        assert read_folder(place) == outcome.new_files, step
        assert precious <= contents_of(repo, place), step
        verify(repo.repository)
        repo.close()
        shutil.rmtree(place)


def contents_of(repo: Repo, root: Path) -> set[bytes]:
    """Return what the working files and all operations hold."""
    found = {thing.data for thing in read_folder(root).values()}
    for operation in operations.list_operations(repo):
        found |= rescued(repo.repository, operation)
    return found


def rescued(repository: Repository, operation: Operation) -> set[bytes]:
    """Return what an operation kept of the files that it overwrote."""
    if operation.rescued is None:
        return set()
    return {thing.data for thing in read_tree(repository, operation.rescued).values()}


def test_a_kill_during_a_stash(room: Path) -> None:
    """Local changes are in the working copy or put aside, and come back."""
    root = room / "work"
    begin(root)
    edit(root)

    def command(repo: Repo) -> object:
        return stashing.push(repo)

    outcome = outcome_of(root, command)
    total = count_steps(root, command)
    for step in steps_to_try(total, LIMIT // 2):
        place = fresh_copy(root, room / "killed")
        assert kill_in_child(place, command, step)
        repo = open_repo(place)
        verify(repo.repository)
        command(repo)
        assert read_folder(place) == outcome.new_files, step
        stashing.apply(repo, drop=True)
        assert read_folder(place) == outcome.old_files, step
        repo.close()
        shutil.rmtree(place)


def test_a_kill_during_a_push(room: Path) -> None:
    """The other repository has the old commit or the new one, whole, and pushing again ends it."""
    both = room / "both"
    root, bare = both / "work", both / "bare"
    begin(root)
    repo = open_repo(root)
    remotes.add_remote(repo, "origin", "../bare")
    remotes.push(repo)
    repo.close()
    commit_on_main(root)

    def kill(folder: Path, step: int) -> bool:
        return kill_in_child(folder / "work", remotes.push, step)

    done = fresh_copy(both, room / "done")
    repo = open_repo(done / "work")
    remotes.push(repo)
    repo.close()
    old, new = bare_snapshot(bare), bare_snapshot(done / "bare")
    for step in range(200):
        place = fresh_copy(both, room / "killed")
        ended = not kill(place, step)
        assert bare_snapshot(place / "bare") in (old, new), step
        repo = open_repo(place / "work")
        verify(repo.repository)
        with suppress(NotFound):
            remotes.push(repo)
        assert bare_snapshot(place / "bare") == new, step
        assert repo.repository.root().refs["refs/remotes/origin/main"] == repo.repository.root().head_commit()
        repo.close()
        shutil.rmtree(place)
        if ended:
            break
    assert step > 8


def bare_snapshot(folder: Path) -> Snapshot:
    """Check a bare repository and return what is in it."""
    repository = Repository.open(folder, clock=ticking())
    try:
        verify(repository)
        return snapshot(repository)
    finally:
        repository.close()
