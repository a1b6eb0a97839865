"""Every flipped bit of a repository is found, and commands that meet one say so and leave the old state."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.places import flip
from tests.support.crash import open_repo, snapshot, steps_to_try
from tests.support.model import read_folder
from tests.support.repos import ticking
from tests.support.worktrees import write_files

from tether.api.repo import Repo
from tether.errors import Corrupt, NotFound, TetherError, Unsupported
from tether.repo.check import CheckOptions, Problem, ProblemKind, check_repository
from tether.repo.repository import Repository

STORED = ("format", "root", "index", "packs")
"""What of a repository is stored for good; locks, the stat cache and settings are not."""
FULL = CheckOptions(full=True)


def begin(root: Path) -> None:
    """Make a small repository with two branches, which differ in a file."""
    repo = Repo.init(root, clock=ticking())
    repo.close()
    repo = open_repo(root)
    write_files(root, {"a": b"text\n" * 20, "b/c": bytes(range(200))})
    repo.add()
    repo.commit("one")
    repo.switch("side", create="HEAD")
    write_files(root, {"a": b"other\n" * 20})
    repo.add()
    repo.commit("two")
    repo.switch("main")
    repo.close()


def stored(root: Path) -> Iterator[tuple[Path, int]]:
    """Yield each byte of what is stored."""
    for path in sorted((root / ".tether").rglob("*")):
        if path.is_file() and path.relative_to(root / ".tether").parts[0] in STORED:
            for at in range(path.stat().st_size):
                yield path, at


def problems(root: Path) -> list[Problem]:
    """Return what a full check finds; a repository that does not open is one problem."""
    try:
        repository = Repository.open(root / ".tether", clock=ticking())
    except (Corrupt, Unsupported, NotFound) as error:
        return [Problem(ProblemKind.ROOT, "format", str(error))]
    try:
        return check_repository(repository, FULL).problems
    finally:
        repository.close()


def test_a_flip_of_any_byte_is_found(room: Path) -> None:
    """Wherever a bit is flipped, a full check finds it, and names who needs a content that is damaged."""
    root = room / "work"
    begin(root)
    repo = open_repo(root)
    repo.create_tag("v1", message="one")
    repo.close()
    assert problems(root) == []
    places = list(stored(root))
    assert {path.relative_to(root / ".tether").parts[0] for path, _ in places} == set(STORED)

    for number in steps_to_try(len(places), 600):
        path, at = places[number]
        before = path.read_bytes()
        flip(path, at, 1 << at % 8)
        found = problems(root)
        assert found, (path, at)
        for problem in found:
            assert problem.touches or problem.kind not in (ProblemKind.DAMAGED, ProblemKind.MISSING)
        path.write_bytes(before)
    assert problems(root) == []


@pytest.mark.parametrize("kind", ["packs", "index", "root", "worktree"])
def test_commands_with_a_flip(room: Path, kind: str) -> None:
    """A switch either ends as in a sound repository or leaves root and files as they were, and says why."""
    root = room / "work"
    begin(root)
    repo = open_repo(root)
    old, old_files = snapshot(repo.repository), read_folder(root)
    repo.switch("side")
    new, new_files = snapshot(repo.repository), read_folder(root)
    repo.switch("main")
    repo.close()
    names = [path for path in (root / ".tether" / kind).rglob("*") if path.is_file()] or [
        root / ".tether" / kind
    ]
    places = [(path, at) for path in sorted(names) for at in range(path.stat().st_size)]

    for number in steps_to_try(len(places), 60):
        path, at = places[number]
        saved = room / "saved"
        shutil.copytree(root, saved, symlinks=True)
        flip(path, at, 1 << at % 8)
        done = try_switch(root)
        path.write_bytes((saved / path.relative_to(root)).read_bytes()) if path.exists() else None
        repo = open_repo(root)
        if not done:
            assert read_folder(root) == old_files, (path, at)
            assert snapshot(repo.repository) == old, (path, at)
        else:
            assert (snapshot(repo.repository), read_folder(root)) == (new, new_files), (path, at)
        repo.close()
        shutil.rmtree(root)
        saved.rename(root)


def try_switch(root: Path) -> bool:
    """Switch to the other branch; return False when that fails with an error of ours."""
    try:
        repo = open_repo(root)
    except TetherError:
        return False
    try:
        repo.switch("side")
    except (Corrupt, NotFound, Unsupported):
        return False
    finally:
        repo.close()
    return True
