"""Part of the paths of a repository, named by files, folders and globs."""

import re
from collections.abc import Iterable

from tether.core.names import check_path, display
from tether.errors import InvalidInput

_MAGIC = re.compile(rb"[*?[]")


def glob_pattern(glob: bytes) -> re.Pattern[bytes]:
    """Return the regular expression of a glob in which `*` crosses `/`, as in git's path arguments."""
    parts: list[bytes] = []
    position = 0
    while position < len(glob):
        char = glob[position : position + 1]
        end = glob.find(b"]", position + 2) if char == b"[" else -1
        if char == b"*":
            parts.append(b".*")
        elif char == b"?":
            parts.append(b"[^/]")
        elif end > 0:
            inner = glob[position + 1 : end]
            negated = inner[:1] in (b"!", b"^")
            body = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", inner[1:] if negated else inner)
            parts.append((b"[^/" if negated else b"[") + body + b"]")
            position = end
        else:
            parts.append(re.escape(char))
        position += 1
    try:
        return re.compile(b"".join(parts), re.DOTALL)
    except re.error:
        raise InvalidInput(f"not a valid glob: {display(glob)}") from None


def literal(path: bytes) -> bytes:
    """Return the pattern that means one path and what is below it, whatever characters it has."""
    return _MAGIC.sub(lambda found: b"[" + found[0] + b"]", path)


RULES = (b".tetherignore", b".tetherattributes")
"""Files that say what holds for others beside and below them."""


class PathFilter:
    """Paths with all that is below them, and the files of rules in the folders on the way there.

    Args:
        patterns: Files and folders, relative to the top folder, and globs of such. None at all leave out
            everything; the empty one is the top folder, which takes in everything.

    Raises:
        InvalidInput: A path cannot be one of a repository, or a glob is none.
    """

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self.patterns = tuple(sorted(set(patterns)))
        self.everything = b"" in self.patterns
        self._paths: set[bytes] = set()
        self._leading: set[bytes] = set()
        self._globs: list[re.Pattern[bytes]] = []
        self._stems: list[bytes] = []
        for pattern in self.patterns:
            if pattern:
                self._take(pattern)

    @property
    def nothing(self) -> bool:
        """Whether no path is part of it."""
        return not self.patterns

    def covers(self, path: bytes) -> bool:
        """Say whether a path is part of it, by itself or with a folder above it."""
        if self.everything:
            return True
        folder, _, name = path.rpartition(b"/")
        if name in RULES and self.leads(folder):
            return True
        end = len(path)
        while end > 0:
            above = path[:end]
            if above in self._paths or any(glob.fullmatch(above) for glob in self._globs):
                return True
            end = path.rfind(b"/", 0, end)
        return False

    def leads(self, folder: bytes) -> bool:
        """Say whether something below a folder may be part of it."""
        if self.everything or not folder:
            return not self.nothing
        below = folder + b"/"
        near = any(stem.startswith(below) or below.startswith(stem) for stem in self._stems)
        return near or folder in self._leading or self.covers(folder)

    def with_more(self, patterns: Iterable[bytes]) -> "PathFilter":
        """Return one that takes in more."""
        return PathFilter((*self.patterns, *patterns))

    def _take(self, pattern: bytes) -> None:
        check_path(pattern)
        found = _MAGIC.search(pattern)
        if found is not None:
            self._globs.append(glob_pattern(pattern))
            self._stems.append(pattern[: found.start()])
            return
        self._paths.add(pattern)
        folder = pattern
        while b"/" in folder:
            folder = folder.rpartition(b"/")[0]
            self._leading.add(folder)


EVERYTHING = PathFilter([b""])
