"""Which trees a working copy can hold by their names; a tree may come from anywhere."""

import os
from collections.abc import Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.names import (
    case_collisions,
    check_path,
    display,
    may_hold_repository_folder,
    windows_problem,
)
from tether.core.treeread import walk
from tether.errors import Conflict, InvalidInput
from tether.worktree.worktree import WorkTree

_LONGEST_NAME = 255


def check_paths(paths: Sequence[bytes]) -> None:
    """Refuse paths that must not or cannot be written here.

    Raises:
        InvalidInput: Names the first of them.
    """
    joined = b"\0".join(paths)
    plain = os.name != "nt" and not may_hold_repository_folder(joined)
    if plain and max(map(len, paths), default=0) <= _LONGEST_NAME:
        return
    for path in paths:
        if may_hold_repository_folder(path):
            check_path(path)
        problem = windows_problem(path) if os.name == "nt" else None
        if problem is None and len(path) > _LONGEST_NAME and max(map(len, path.split(b"/"))) > _LONGEST_NAME:
            problem = f"a name is longer than {_LONGEST_NAME} bytes"
        if problem is not None:
            hint = "rename it in a commit made elsewhere"
            raise InvalidInput(f"this system cannot hold {display(path)}: {problem}", hint=hint)


def check_case(worktree: WorkTree, objects: ObjectReader, tree: Digest) -> None:
    """Refuse a tree in which two paths are one on the file system of the working copy.

    Raises:
        Conflict: Names the first two of them.
    """
    if not blind_to_case(worktree):
        return
    pairs = case_collisions(path for path, _ in walk(objects, tree))
    if pairs:
        one, other = (display(path) for path in pairs[0])
        hint = "rename one of them in a commit made elsewhere"
        raise Conflict(f"{one} and {other} are one name on this file system", hint=hint)


def blind_to_case(worktree: WorkTree) -> bool:
    """Return whether the file system of a working copy takes `clock` and `CLOCK` for one name."""
    plain = worktree.state_dir / "clock"
    shouted = worktree.state_dir / "CLOCK"
    if not plain.exists():
        worktree.clock()
    return shouted.exists()
