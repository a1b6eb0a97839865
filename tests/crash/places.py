"""Working copies in states from which the crash tests start."""

from collections.abc import Callable
from pathlib import Path

from tests.support.crash import open_repo
from tests.support.worktrees import write_files

from tether.api import stashing
from tether.api.repo import Repo
from tether.repo.repack import MANY
from tether.repo.root import Root
from tether.repo.transaction import INLINE_OPERATIONS

BIG = bytes(range(256)) * 5000
"""A content of more than one chunk, above the size of a small file."""


def begin(root: Path) -> None:
    """Make two branches that differ in most ways, and go back to the first."""
    Repo.init(root).close()
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


def unchanged(_root: Path) -> None:
    """Leave everything as it is."""


def edit(root: Path) -> None:
    """Change, add and delete files of the working copy."""
    write_files(root, {"a.txt": b"edited\n", "new/file": b"new\n", "new/big": BIG})
    (root / "d/gone.txt").unlink()


def stage_edits(root: Path) -> None:
    """Edit and stage."""
    edit(root)
    repo = open_repo(root)
    repo.add()
    repo.close()


def commit_on_main(root: Path) -> None:
    """Make a commit that a merge with `side` must join."""
    _commit(root, b"1 main\n2\n3\n")


def conflict_on_main(root: Path) -> None:
    """Make a commit that is in conflict with `side`."""
    _commit(root, b"1\n2\n3 main\n")


def _commit(root: Path, data: bytes) -> None:
    write_files(root, {"a.txt": data, "mine.txt": b"mine\n"})
    repo = open_repo(root)
    repo.add()
    repo.commit("three")
    repo.close()


def stop_merge(root: Path) -> None:
    """Stop in the middle of a merge with a conflict, one file of it edited."""
    conflict_on_main(root)
    repo = open_repo(root)
    assert repo.merge("side").conflicts
    repo.close()
    write_files(root, {"a.txt": b"1\n2\nhalf decided\n"})


def settle_merge(root: Path) -> None:
    """Stop in a merge and settle its conflict."""
    stop_merge(root)
    repo = open_repo(root)
    repo.add("a.txt")
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


def on_side(root: Path) -> None:
    """Go to the other branch, to come back."""
    repo = open_repo(root)
    repo.switch("side")
    repo.close()


def lose_edits(root: Path) -> None:
    """Overwrite local changes, which only `undo` can bring back."""
    edit(root)
    repo = open_repo(root)
    repo.reset("HEAD", "hard")
    repo.close()


def put_aside(root: Path) -> None:
    """Put local changes aside."""
    edit(root)
    repo = open_repo(root)
    stashing.push(repo)
    repo.close()


def take_back(root: Path) -> None:
    """Put local changes aside and take them back, so that their tree is known already."""
    put_aside(root)
    repo = open_repo(root)
    stashing.apply(repo, drop=True)
    repo.close()


def many_packs(root: Path) -> None:
    """Make so many packs that the next change merges them."""
    _go_on(root, lambda found: len(found.meta_packs) >= MANY)


def full_log(root: Path) -> None:
    """Make so many operations that the next one folds the log."""
    _go_on(root, lambda found: len(found.operations) >= INLINE_OPERATIONS)


def _go_on(root: Path, is_enough: Callable[[Root], bool]) -> None:
    repo, number = open_repo(root), 0
    while not is_enough(repo.repository.root()):
        write_files(root, {"counter": b"%d\n" % number})
        repo.add("counter")
        number += 1
    repo.close()
    edit(root)


def damage(root: Path) -> None:
    """Flip one bit in the table of contents of a pack and one in each index, so that all can be mended."""
    pack = max((root / ".tether/packs").iterdir(), key=lambda path: path.stat().st_size)
    flip(pack, pack.stat().st_size - 150)
    for index in (root / ".tether/index").iterdir():
        flip(index, index.stat().st_size // 2)


def flip(path: Path, at: int, bit: int = 1) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.chmod(0o644)
    path.write_bytes(data)
