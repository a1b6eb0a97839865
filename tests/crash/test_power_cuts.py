"""A power cut before any change of the disk leaves the old or the new, and what was lost of files shows."""

import os
import shutil
import signal
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from tests.crash.places import begin
from tests.crash.test_kills import CASES, Case, Outcome, count_operations, outcome_of, settle
from tests.support.crash import (
    contents_kept,
    count_steps,
    fresh_copy,
    open_repo,
    run_watched,
    snapshot,
    steps_to_try,
    verify,
)
from tests.support.model import differing, read_folder
from tests.support.powercut import TEARS, Picture, Platter, develop

from tether.api import switching
from tether.api.repo import Repo
from tether.errors import Corrupt, InvalidInput
from tether.worktree import worktree

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

NAMES = (
    "add",
    "add in a full log",
    "commit",
    "commit all",
    "commit that merges packs",
    "switch",
    "switch back",
    "switch by force",
    "merge",
    "fast-forward",
    "rebase",
    "reset --hard",
    "reset --hard side",
    "stash",
    "undo of a switch",
    "gc",
)
"""Commands after which tracked files are as staged."""
_BATCH = 8


def take_pictures(
    root: Path, case: Case, steps: Collection[int], album: Path, *, synced: bool = True
) -> None:
    """Run a command in a child and write what a power cut would leave before each of these changes.

    Without `synced` no fsync counts.
    """
    sys.stdout.flush()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        signal.alarm(120)
        code = 1
        try:
            _photograph(root, case, steps, album, synced=synced)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0


def _photograph(
    root: Path, case: Case, steps: Collection[int], album: Path, *, synced: bool
) -> None:  # pragma: no cover - another process
    platter = Platter(root)
    if synced:
        platter.install()
    last: dict[str, Picture] = {}

    def look(number: int) -> None:
        if number not in steps:
            return
        pictures = {"lost": platter.lost()}
        pictures |= {name: platter.kept(tear) for name, tear in TEARS.items()}
        for name, picture in pictures.items():
            if last.get(name) != picture:
                last[name] = picture
                develop(picture, album / f"{number:04}-{name}")

    look(run_watched(root, case.command, look))


@pytest.mark.parametrize("name", NAMES)
def test_a_power_cut_at_any_step(name: str, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root old or new, all verifies, no content is lost; once more, and all that is not new shows."""
    case, root = CASES[name], room / "work"
    begin(root)
    case.prepare(root)
    outcome = outcome_of(root, case.command)
    another_boot = room / "boot"
    another_boot.write_text("another")
    monkeypatch.setattr(worktree, "_BOOT_ID", another_boot)
    steps = list(steps_to_try(count_steps(root, case.command) + 1, 5))

    for start in range(0, len(steps), _BATCH):
        place = fresh_copy(root, room / "copy")
        take_pictures(place, case, steps[start : start + _BATCH], room / "album")
        for picture in sorted((room / "album").iterdir()):
            look_after_cut(picture, case, outcome)
        shutil.rmtree(place)
        shutil.rmtree(room / "album")


def test_without_fsync_a_power_cut_destroys(room: Path) -> None:
    """The pictures can show damage: when no fsync counts, the new root is an empty file."""
    case, root = CASES["commit"], room / "work"
    begin(root)
    case.prepare(root)
    end = count_steps(root, case.command)

    take_pictures(root, case, [end], room / "album", synced=False)

    with pytest.raises(Corrupt):
        snapshot(open_repo(room / "album" / f"{end:04}-empty").repository)


def look_after_cut(place: Path, case: Case, outcome: Outcome) -> None:
    """Check what a power cut left, run the command again, and check what that leads to."""
    repo = open_repo(place)
    verify(repo.repository)
    assert snapshot(repo.repository) in (outcome.old, outcome.new), place.name
    kept = contents_kept(repo.repository) | {thing.data for thing in read_folder(place).values()}
    assert {each.data for each in outcome.old_files.values() if each.kind != "link"} <= kept, place.name
    go_on(repo, case, outcome)
    assert snapshot(repo.repository) == outcome.new, place.name
    assert_lost_files_show(repo, place, outcome)
    repo.close()


def go_on(repo: Repo, case: Case, outcome: Outcome) -> None:
    """Run the command again, unless it counts as done and can be done once only."""
    if not case.again and count_operations(repo) == outcome.operations:
        settle(repo)
        return
    try:
        case.command(repo)
    except InvalidInput:  # nothing to commit: it was done
        settle(repo)


def assert_lost_files_show(repo: Repo, place: Path, outcome: Outcome) -> None:
    """Check that working files that are not what they should be are shown, and can be brought back."""
    wrong = {
        path
        for path in differing(read_folder(place), outcome.new_files)
        if not path.startswith(".tether-tmp-")
    }
    shown = {os.fsdecode(change.path) for change in repo.status().work.changes()}
    assert wrong <= shown, (place.name, wrong, shown)
    if wrong:
        switching.restore(repo, switching.RestoreRequest([os.fsencode(path) for path in sorted(wrong)]))
        assert not differing(read_folder(place), outcome.new_files) & wrong, place.name
