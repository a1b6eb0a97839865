"""What a command was seen to read, held against what it was said to read."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from tether.api.opened import Opened
from tether.core.digest import Digest, parse_digest
from tether.core.names import path_bytes
from tether.core.tree import Entry
from tether.core.treeread import find_many
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.runs.gitcode import tracked_files
from tether.runs.observed import LOG, MOST_NAMED, Observed, Undeclared, read_log
from tether.runs.pinning import WORK
from tether.runs.rundoc import RunRecord

_MOST_HASHED = 256 << 20
"""Bytes of undeclared files that are read again for their digests, the small ones first."""
_BLOCK = 1 << 20
_MOST_LOOKED_AT = 100_000
_OF_THE_SYSTEM = (b"/etc/", b"/usr/share/zoneinfo/", b"/usr/lib/", b"/usr/share/locale/", b"/run/")


def compare_inputs(
    repo: Opened,
    record: RunRecord,
    journal: Path,
    folders: Mapping[str, Path],
    around: tuple[Path, Mapping[str, str]],
) -> Observed | None:
    """Return what the Python of a command opened beside what was declared; None where none told.

    Opening is seen, not reading, and only by Python itself: a library that opens files in native code is not.

    Args:
        repo: Where the run is kept.
        record: What was declared.
        journal: The folder of the run, with the log.
        folders: The data that the command got, by name.
        around: Where it ran, and with which environment.
    """
    opened = read_log(journal / LOG)
    if opened is None:
        return None
    places = {name: os.fsencode(path) for name, path in folders.items()}
    declared = dict.fromkeys([each.name for each in record.data], 0)
    own = (os.fsencode(journal), *(place for place in opened.places if place.count(b"/") > 1))
    left: list[bytes] = []
    for path in opened.read[:_MOST_LOOKED_AT]:
        name = next((name for name, place in places.items() if _is_within(path, place)), None)
        if name is not None:
            declared[name] += _size(path) is not None
        elif not any(_is_within(path, place) for place in own) and not path.startswith(_OF_THE_SYSTEM):
            left.append(path)
    rest = {path: size for path in left if (size := _size(path)) is not None}
    code = _tracked_by_git(list(rest), around)
    in_work, digests, work = _in_the_working_copy(repo, record, [path for path in rest if path not in code])
    for name in in_work.values():
        declared[name] = declared.get(name, 0) + 1
    others = {path: size for path, size in rest.items() if path not in code and path not in in_work}
    named = _named(others, around)
    shown = tuple(_undeclared(named, others, digests))[:MOST_NAMED]
    unnamed = len(others) - len(shown)
    return Observed(declared=declared, code=len(code), work=work, undeclared=shown, unnamed=unnamed)


def _is_within(path: bytes, place: bytes) -> bool:
    return path == place or path.startswith(place.rstrip(b"/") + b"/")


def _size(path: bytes) -> int | None:
    """Return the size of a file; None for all else."""
    with suppress(OSError, ValueError):
        found = os.stat(path)  # noqa: PTH116 bytes
        if stat.S_ISREG(found.st_mode):
            return found.st_size
    return None


def _tracked_by_git(paths: Sequence[bytes], around: tuple[Path, Mapping[str, str]]) -> set[bytes]:
    """Return those of the paths that the commit of the code, or its patch, has."""
    if not paths:
        return set()
    found = tracked_files(*around)
    if found is None:
        return set()
    top, names = found
    inside = {path: os.path.realpath(path) for path in paths}
    return {path for path, real in inside.items() if _below(real, top) in names}


def _below(path: bytes, top: bytes) -> bytes | None:
    """Return a path from a folder above it, or None where it is not below that."""
    return path[len(top.rstrip(b"/")) + 1 :] if _is_within(path, top) and path != top else None


def _in_the_working_copy(
    repo: Opened, record: RunRecord, paths: Sequence[bytes]
) -> tuple[dict[bytes, str], dict[bytes, Digest], dict[str, str]]:
    """Return which of the paths are declared by what they hold, and the digests that were taken for that.

    A file of the working copy is, where the recorded tree has it, or where an input has it as it is now. The
    third is what of the recorded tree was opened, as `Observed.work`.
    """
    if repo.repository.worktree is None:
        return {}, {}, {}
    top = os.path.realpath(os.fsencode(repo.root))
    below = {path: name for path in paths if (name := _below(os.path.realpath(path), top)) is not None}
    found: dict[bytes, str] = {}
    digests: dict[bytes, Digest] = {}
    work: dict[str, str] = {}
    if record.work is not None:
        known = _entries(repo, record.work.digest, list(below.values()))
        found = {path: WORK for path, name in below.items() if name in known}
        names = sorted({below[path] for path in found})[:MOST_NAMED]
        work = {name.decode(errors="backslashreplace"): known[name].digest.hex() for name in names}
    for each in record.data:
        start = path_bytes(each.path) + b"/" if each.path else b""
        some = {path: name.removeprefix(start) for path, name in below.items() if name.startswith(start)}
        known = _entries(repo, each.digest, list(some.values())) if each.kind == "directory" else {}
        for path, name in some.items():
            entry = known.get(name)
            if path not in found and entry is not None and entry.size == _size(path):
                digest = digests[path] = digests.get(path) or _digest(path)
                if digest == entry.digest:
                    found[path] = each.name
    return found, digests, work


def _entries(repo: Opened, tree: str, paths: list[bytes]) -> Mapping[bytes, Entry]:
    try:
        return find_many(repo.repository.objects, parse_digest(tree), paths)
    except (NotFound, Corrupt, InvalidInput):
        return {}


def _digest(path: bytes) -> Digest:
    hasher = blake3()
    with open(path, "rb") as file:  # noqa: PTH123 bytes
        while block := file.read(_BLOCK):
            hasher.update(block)
    return Digest(hasher.digest())


def _named(paths: Iterable[bytes], around: tuple[Path, Mapping[str, str]]) -> dict[bytes, str]:
    """Return paths as they are written down; hidden files may be secrets, and are left out."""
    folder, home = os.fsencode(around[0]), os.fsencode(around[1].get("HOME", ""))
    named: dict[bytes, str] = {}
    for path in paths:
        shown = _below(path, folder)
        if shown is None:
            own = _below(path, home) if home else None
            shown = b"~/" + own if own is not None else path
        if not any(part.startswith(b".") for part in shown.split(b"/")):
            named[path] = shown.decode(errors="backslashreplace")
    return named


def _undeclared(
    named: Mapping[bytes, str], sizes: Mapping[bytes, int], digests: Mapping[bytes, Digest]
) -> Iterator[Undeclared]:
    left = _MOST_HASHED
    hashed = dict(digests)
    for path in sorted(named, key=lambda path: sizes[path])[:MOST_NAMED]:
        left -= sizes[path]
        if left < 0:
            break
        with suppress(OSError):
            hashed.setdefault(path, _digest(path))
    for path in sorted(named, key=lambda path: named[path]):
        digest = hashed.get(path)
        yield Undeclared(named[path], sizes[path], digest.hex() if digest is not None else None)
