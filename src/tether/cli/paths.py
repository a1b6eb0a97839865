"""What users write as paths, as paths inside the repository; globs in quotes are expanded here."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from tether.cli.context import FOLDER, Context
from tether.errors import InvalidInput, NotFound

_MAGIC = re.compile(r"[*?[]")


def expand_paths(
    ctx: Context,
    arguments: Sequence[str],
    *,
    missing_ok: bool = False,
    candidates: Callable[[], Iterable[bytes]] | None = None,
) -> list[bytes]:
    """Return the arguments as paths relative to the repository, in order, each once; `.` at the top is b"".

    An argument with `*`, `?` or `[...]` that is not the name of a file is a glob as in git: `*`
    crosses `/`, and a folder that matches stands for all that is in it.

    Args:
        ctx: Gives the repository and the current folder.
        arguments: As written on the command line.
        missing_ok: Accept paths that are not in the working copy, for commands that look in a commit.
        candidates: The tracked paths that a glob may mean besides the files of the working copy.

    Raises:
        InvalidInput: A path is outside the repository or in its `.tether` folder.
        NotFound: A path does not exist, or nothing matches a glob.
    """
    top = os.fsencode(os.path.realpath(ctx.root))
    found: dict[bytes, None] = {}
    for argument in arguments:
        path = _inside(top, argument)
        if os.path.lexists(os.path.join(top, path)):
            found[path] = None
        elif _MAGIC.search(argument):
            matches = _expand(top, path, candidates)
            if not matches and not missing_ok:
                raise NotFound(f"nothing matches {argument}")
            found.update(dict.fromkeys(matches))
        elif missing_ok or (candidates is not None and _known(path, candidates())):
            found[path] = None
        else:
            raise NotFound(f"no such file or folder: {argument}")
    return list(found)


def _inside(top: bytes, argument: str) -> bytes:
    """Return one argument relative to `top`, without `.` and `..`."""
    if not argument:
        raise InvalidInput("a path is empty")
    full = os.path.normpath(os.path.join(os.getcwdb(), os.fsencode(argument)))
    if not _below(full, top):
        # The way here may lead through symbolic links; the last component is the thing itself.
        folder, name = os.path.split(full)
        full = os.path.join(os.path.realpath(folder), name)
    if not _below(full, top):
        raise InvalidInput(
            f"outside the repository: {argument}", hint=f"the repository is {os.fsdecode(top)}"
        )
    path = full[len(top) :].lstrip(b"/")
    if path.split(b"/", 1)[0].lower() == FOLDER.encode():
        raise InvalidInput(f"inside the {FOLDER} folder: {argument}")
    return path


def _below(full: bytes, top: bytes) -> bool:
    """Tell whether `full` is `top` or below it."""
    return full == top or full.startswith(top.rstrip(b"/") + b"/")


def _known(path: bytes, tracked: Iterable[bytes]) -> bool:
    """Tell whether `path` is a tracked file or a folder of tracked files."""
    folder = path + b"/"
    return any(known == path or known.startswith(folder) for known in tracked)


def _expand(top: bytes, pattern: bytes, candidates: Callable[[], Iterable[bytes]] | None) -> list[bytes]:
    """Return what a glob matches, sorted."""
    literal = re.split(rb"[*?[]", pattern, maxsplit=1)[0]
    start = literal.rpartition(b"/")[0]
    matches = glob_pattern(pattern).fullmatch
    found = set(_walk(top, start, lambda path: matches(path) is not None))
    if candidates is not None:
        found.update(path for path in candidates() if matches(path))
    return sorted(found)


def _walk(top: bytes, folder: bytes, matches: Callable[[bytes], bool]) -> Iterator[bytes]:
    """Yield the matching files and folders below `folder`; a folder that matches is not looked into."""
    try:
        entries = list(os.scandir(os.path.join(top, folder)))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not folder and entry.name.lower() == FOLDER.encode():
            continue
        path = folder + b"/" + entry.name if folder else entry.name
        if matches(path):
            yield path
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(top, path, matches)


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
        raise InvalidInput(f"not a valid glob: {os.fsdecode(glob)}") from None
