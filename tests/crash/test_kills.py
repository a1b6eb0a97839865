"""A process killed before any change of the disk leaves the old or the new, and running it again ends it."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.crash import places
from tests.support.crash import (
    Command,
    Snapshot,
    contents_kept,
    count_steps,
    fresh_copy,
    kill_in_child,
    open_repo,
    snapshot,
    steps_to_try,
    verify,
)
from tests.support.model import Files, Thing, read_folder

from tether.api import maintenance, merging, replaying, resolving, staging, stashing, switching
from tether.api.repo import Repo
from tether.api.working import writing
from tether.errors import InvalidInput
from tether.repo.oplog import read_operations

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@dataclass(frozen=True)
class Case:
    """A command, where it starts, and whether it can be run again when it was done."""

    prepare: Callable[[Path], None]
    command: Command
    again: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a command leads from and to."""

    old: Snapshot
    new: Snapshot
    old_files: Files
    new_files: Files
    operations: int
    """How many there are afterwards."""


def _restore(repo: Repo) -> object:
    return switching.restore(repo, switching.RestoreRequest((b"a.txt", b"d"), source="side"))


CASES = {
    "add": Case(places.edit, lambda repo: repo.add()),
    "add in a full log": Case(places.full_log, lambda repo: repo.add()),
    "commit": Case(places.stage_edits, lambda repo: repo.commit("three")),
    "commit all": Case(places.edit, lambda repo: repo.commit("three", all=True)),
    "commit that merges packs": Case(places.many_packs, lambda repo: repo.commit("three", all=True)),
    "switch": Case(places.unchanged, lambda repo: repo.switch("side")),
    "switch back": Case(places.on_side, lambda repo: repo.switch("main")),
    "switch by force": Case(places.edit, lambda repo: repo.switch("side", force=True)),
    "checkout": Case(places.unchanged, lambda repo: repo.checkout("side~1")),
    "merge": Case(places.commit_on_main, lambda repo: repo.merge("side")),
    "fast-forward": Case(places.unchanged, lambda repo: repo.merge("side")),
    "merge that stops": Case(places.conflict_on_main, lambda repo: repo.merge("side"), again=False),
    "merge --abort": Case(places.stop_merge, merging.abort, again=False),
    "merge --continue": Case(places.settle_merge, merging.finish, again=False),
    "resolve": Case(
        places.stop_merge,
        lambda repo: resolving.resolve_conflicts(repo, [b"a.txt"], "theirs"),
        again=False,
    ),
    "rebase": Case(places.commit_on_main, lambda repo: repo.rebase("side")),
    "rebase that stops": Case(places.conflict_on_main, lambda repo: repo.rebase("side"), again=False),
    "cherry-pick": Case(
        places.commit_on_main, lambda repo: replaying.cherry_pick(repo, ["side"]), again=False
    ),
    "revert": Case(places.commit_on_main, lambda repo: replaying.revert(repo, ["HEAD"]), again=False),
    "reset --hard": Case(places.edit, lambda repo: repo.reset("HEAD", "hard")),
    "reset --hard side": Case(places.edit, lambda repo: repo.reset("side", "hard")),
    "reset": Case(places.stage_edits, lambda repo: repo.reset("side")),
    "restore": Case(places.edit, _restore),
    "stash": Case(places.edit, stashing.push, again=False),
    "stash of known files": Case(places.take_back, stashing.push, again=False),
    "stash pop": Case(places.put_aside, lambda repo: stashing.apply(repo, drop=True), again=False),
    "clean": Case(places.edit, lambda repo: repo.clean()),
    "rm": Case(places.unchanged, lambda repo: repo.remove([b"d", b"turns"], recursive=True), again=False),
    "mv": Case(places.unchanged, lambda repo: staging.move(repo, [b"d"], b"x"), again=False),
    "undo of a switch": Case(places.on_side, lambda repo: repo.undo(), again=False),
    "undo of a reset": Case(places.lose_edits, lambda repo: repo.undo(), again=False),
    "undo of a stash": Case(places.put_aside, lambda repo: repo.undo(), again=False),
    "gc": Case(places.leave_garbage, lambda repo: maintenance.collect(repo, prune_now=True)),
}


def outcome_of(root: Path, command: Command) -> Outcome:
    """Run a command on a copy and return what it leads from and to."""
    repo = open_repo(root)
    old, old_files = snapshot(repo.repository), read_folder(root)
    repo.close()
    place = fresh_copy(root, root.with_name("done"))
    repo = open_repo(place)
    command(repo)
    new, count = snapshot(repo.repository), count_operations(repo)
    repo.close()
    return Outcome(old, new, old_files, read_folder(place), count)


def count_operations(repo: Repo) -> int:
    """Return the number of operations but for those that only keep files."""
    return sum(operation.command != "recover" for operation in read_operations(repo.repository))


def look_after(root: Path, outcome: Outcome) -> bool:
    """Check a repository and its files right after a kill; return whether the command counts as done."""
    repo = open_repo(root)
    verify(repo.repository)
    assert snapshot(repo.repository) in (outcome.old, outcome.new)
    files = read_folder(root)
    for path in {*outcome.old_files, *outcome.new_files}:
        was, becomes = outcome.old_files.get(path), outcome.new_files.get(path)
        if was == becomes:
            assert files.get(path) == was
        else:
            now = files.get(path)
            assert now in (was, becomes, None, *_only_bits(was, becomes)) or _is_begun(now, was, becomes)
    kept = contents_kept(repo.repository) | {thing.data for thing in files.values()}
    assert {thing.data for thing in outcome.old_files.values() if thing.kind != "link"} <= kept
    done = count_operations(repo) == outcome.operations
    repo.close()
    return done


def _only_bits(was: Thing | None, becomes: Thing | None) -> list[Thing]:
    if was is None or becomes is None or was.data != becomes.data:
        return []
    return [was, becomes]


def _is_begun(now: Thing | None, was: Thing | None, becomes: Thing | None) -> bool:
    """Say whether a file is in part what it becomes, where no other one was; it is written whole later."""
    return was is None and now is not None and becomes is not None and becomes.data.startswith(now.data)


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_step(name: str, room: Path) -> None:
    """The root is old or new, everything verifies, no content is lost; once more, and all is new."""
    case, root = CASES[name], room / "work"
    places.begin(root)
    case.prepare(root)
    outcome = outcome_of(root, case.command)
    total = count_steps(root, case.command)
    assert total > 8

    for step in steps_to_try(total):
        place = fresh_copy(root, room / "killed")
        assert kill_in_child(place, case.command, step), step
        done = look_after(place, outcome)
        repo = open_repo(place)
        if case.again or not done:
            with suppress(InvalidInput):  # nothing to commit: it was done
                case.command(repo)
        else:
            settle(repo)
        assert (snapshot(repo.repository), read_folder(place)) == (outcome.new, outcome.new_files), step
        verify(repo.repository)
        repo.close()
        shutil.rmtree(place)


def settle(repo: Repo) -> None:
    """Begin a command that writes: any one finishes what was left half-way."""
    with writing(repo, "nothing"):
        pass


def test_a_kill_during_a_repair(room: Path) -> None:
    """Nothing that was sound is lost, and repairing again ends it."""
    root = room / "work"
    places.begin(root)
    repo = open_repo(root)
    sound = snapshot(repo.repository)
    repo.close()
    places.damage(root)

    def command(repo: Repo) -> object:
        return maintenance.repair(repo)

    for step in steps_to_try(count_steps(root, command)):
        place = fresh_copy(root, room / "killed")
        assert kill_in_child(place, command, step), step
        repo = open_repo(place)
        assert maintenance.repair(repo).report.ok, step
        assert snapshot(repo.repository) == sound, step
        verify(repo.repository)
        repo.close()
        shutil.rmtree(place)
