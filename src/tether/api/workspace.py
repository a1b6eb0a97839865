"""`Workspace`: files staged on a hub against a branch, and committed or discarded, without a clone."""

import mmap
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tether.core.digest import hash_bytes
from tether.core.names import path_bytes
from tether.errors import Corrupt, InvalidInput
from tether.storage.oserrors import translated
from tether.sync.hubworkspace import HubWorkspace

if TYPE_CHECKING:
    from os import PathLike


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """A path that a workspace changes in its base.

    Attributes:
        path: In the repository.
        change: `added`, `changed` or `removed`.
        old_size: Bytes before; None where nothing was there.
        new_size: Bytes after; None where nothing is there.
    """

    path: str
    change: str
    old_size: int | None
    new_size: int | None


class Workspace:
    """Changes that are staged on a hub; made by `RemoteRepo.workspace`.

    As a context manager it is discarded when the block raises, unless it is committed. After a block that
    ends it stays on the hub, to be gone on with by its id.

    Attributes:
        id: By which it is opened again.
        branch: That it is against.
    """

    def __init__(self, end: HubWorkspace) -> None:
        self._end, self._committed = end, False
        self.id, self.branch = end.id, end.branch

    def put(self, path: "str | PathLike[str]", source: "bytes | Path", *, executable: bool = False) -> None:
        """Stage a file, from memory or from a file here of any size.

        Raises:
            NotFound: The file is not here.
            AlreadyExists: A folder is at the path, or a file where a folder is needed.
            Forbidden, Conflict: A rule or a lock does not allow it.
            QuotaExceeded: There is no room for it.
        """
        if isinstance(source, bytes):
            self._end.put(_text(path), source, hash_bytes(source), executable=executable)
            return
        with translated(str(source)), source.open("rb") as file:
            found = source.stat()
            if not stat.S_ISREG(found.st_mode):
                raise InvalidInput(f"{source} is no file", hint="put files one by one")
            mode = executable or bool(found.st_mode & stat.S_IXUSR)
            if not found.st_size:  # cannot be mapped
                self._end.put(_text(path), b"", hash_bytes(b""), executable=mode)
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
                self._end.put(_text(path), data, hash_bytes(data), executable=mode)

    def remove(self, path: "str | PathLike[str]") -> None:
        """Stage that a file or folder goes; NotFound where nothing is there."""
        self._end.remove(_text(path))

    def rename(self, path: "str | PathLike[str]", target: "str | PathLike[str]") -> None:
        """Stage that a file or folder gets another path.

        Raises:
            NotFound: Nothing is at the path.
            AlreadyExists: Something is at the other one.
        """
        self._end.rename(_text(path), _text(target))

    def diff(self) -> list[WorkspaceChange]:
        """Return what is changed in the base, in order of the paths."""
        return [_change(row) for row in self._end.diff()]

    def conflicts(self) -> list[str]:
        """Return the paths that the branch has changed too since the base."""
        return [row["path"] for row in self._end.conflicts()]

    def update(self) -> None:
        """Let it be against the branch as it is now; Conflict where both changed a path."""
        self._end.update()

    def commit(self, message: str) -> str:
        """Commit on top of what the branch is now, and return the id of the commit.

        Raises:
            Conflict: The branch has changed the same paths; all that is staged stays.
            Forbidden: A rule does not allow it.
            InvalidInput: Nothing is staged, or there is no message.
        """
        commit = self._end.commit(message)
        self._committed = True
        return commit.hex()

    def discard(self) -> None:
        """Give it up with all that is staged."""
        self._end.discard()
        self._committed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._committed:
            try:
                self.discard()
            except Exception as second:
                error.add_note(f"the workspace {self.id} is still on the hub: {second}")

    def __repr__(self) -> str:
        return f"Workspace({self.id!r}, branch={self.branch!r})"


def _text(path: "str | PathLike[str]") -> str:
    return path_bytes(path).decode("utf-8", "surrogateescape")


def _change(row: dict[str, Any]) -> WorkspaceChange:
    match row:
        case {"path": str(path), "change": str(change), "old": old, "new": new}:
            return WorkspaceChange(path, change, _size(old), _size(new))
    raise Corrupt("the hub sent a change of an unknown form", hint="check the address")


def _size(side: Any) -> int | None:
    match side:
        case None:
            return None
        case {"size": int(size)}:
            return size
    raise Corrupt("the hub sent a change of an unknown form", hint="check the address")
