"""Which part of a working copy a command is about: the paths that it was given, or everything."""

from collections.abc import Sequence

from tether.core.names import check_path


class Selection:
    """A set of paths with all that is below them; no paths select everything.

    Raises:
        InvalidInput: A path cannot be one of a working copy.
    """

    def __init__(self, paths: Sequence[bytes]) -> None:
        self.paths = frozenset(check_path(path) for path in paths if path)
        self.everything = not paths or b"" in paths
        self._leading: dict[bytes, set[bytes]] = {}
        for path in self.paths:
            folder = path
            while folder:
                folder, _, name = folder.rpartition(b"/")
                self._leading.setdefault(folder, set()).add(name)

    def covers(self, path: bytes) -> bool:
        """Return whether `path` is selected, by itself or with a folder above it."""
        if self.everything:
            return True
        end = len(path)
        while end > 0:
            if path[:end] in self.paths:
                return True
            end = path.rfind(b"/", 0, end)
        return False

    def leads(self, path: bytes) -> bool:
        """Return whether something below the folder `path` is selected, but not the folder itself."""
        return path in self._leading and not self.covers(path)

    def names_in(self, folder: bytes) -> tuple[bytes, ...] | None:
        """Return the names to look at in a folder; None for all of them."""
        return None if self.covers(folder) else tuple(sorted(self._leading.get(folder, ())))
