"""A folder that is made of what a run recorded: its code, its working copy, and where its command runs."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.names import path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, walk
from tether.errors import Conflict, NotFound, Unavailable
from tether.runs.asked import Asked
from tether.runs.pinning import WORK
from tether.runs.rundoc import RunRecord
from tether.worktree.plan import Write
from tether.worktree.writing import write_all

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_TIMEOUT_S = 600
_DEEP = "/0/1/2/3/4/5/6/7/8/9"
"""Where a working copy is thought to be, so that `..` has somewhere to go."""


@dataclass(frozen=True, slots=True)
class CodeSource:
    """Where the code of a run is taken from.

    Attributes:
        commit: Of the Git repository `git`; None for none.
        git: The top of a Git repository that has the commit.
        tree: A folder of this repository with the code, where Git is not needed.
        patch: What comes on top.
        folder: Where the command runs in that; None where the record says so.
        placed: Folders and files of this repository, with the path of each from the top; instead of a tree.
    """

    commit: str | None = None
    git: Path | None = None
    tree: Digest | None = None
    patch: bytes = b""
    folder: str | None = None
    placed: tuple[tuple[str, Entry], ...] = ()


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """What a room is made of, and where.

    Attributes:
        source: The code; None where none was recorded.
        top: Where the code goes, from the top of the room.
        work: The tree of the working copy, if the run recorded it.
        root: Where that goes.
        folder: Where the command runs.
        notes: What cannot be made as it was.
    """

    source: CodeSource | None
    top: str
    work: Digest | None
    root: str
    folder: str
    notes: tuple[str, ...] = field(default=())


def plan_room(record: RunRecord, asked: Asked, source: CodeSource | None, work: Digest | None) -> RoomPlan:
    """Return what a room is made of: code and working copy lie to each other as they did.

    Args:
        record: Of the run.
        asked: What was asked for then.
        source: Where its code is taken from.
        work: The tree of its working copy.
    """
    code = record.code
    inside = _plain(code.folder if code is not None else ".")
    if source is not None and source.folder is not None:
        inside = _plain(source.folder or ".")
    root = PurePosixPath(_DEEP)
    if work is None:
        top, folder = root, root / inside
    else:
        given = asked.folder if asked.folder is not None else inside
        folder = _joined(root, given) if code is None or code.system == "git" else root / inside
        top = _above(folder, inside) if code is not None and code.system == "git" else root
    common = PurePosixPath(os.path.commonpath([root, top, folder]))
    places = [str(each.relative_to(common)) for each in (top, root, folder)]
    return RoomPlan(source, places[0], work, places[1], places[2], tuple(_missing(record, source)))


def _plain(folder: str) -> str:
    """Return a folder that does not lead out of where it is; records come from others."""
    plain = os.path.normpath(folder)
    return "." if plain.startswith(("/", "..")) else plain


def _joined(root: PurePosixPath, folder: str) -> PurePosixPath:
    return PurePosixPath(os.path.normpath(root / folder)) if not folder.startswith("/") else root


def _above(folder: PurePosixPath, inside: str) -> PurePosixPath:
    """Return the folder in which `inside` leads to a folder, as far as the names say so."""
    parts = [] if inside == "." else inside.split("/")
    above = folder
    for _ in parts:
        above = above.parent
    return above


def _missing(record: RunRecord, source: CodeSource | None) -> list[str]:
    """Say what of the code is not there."""
    code, notes = record.code, []
    if code is None:
        notes.append("no code was recorded")
    elif source is None and code.system == "git":
        notes.append(f"commit {str(code.commit)[:12]} of the code is not here")
    if code is not None and code.patch == "too large":
        notes.append("what differed from the commit of the code was too large to be recorded")
    if code is not None and code.untracked:
        notes.append(f"not recorded with the code: {', '.join(code.untracked[:3])}")
    notes += [
        f"the command names a place outside: {word}" for word in record.command[1:] if word.startswith("/")
    ]
    return notes


def make_room(repo: Opened, plan: RoomPlan, place: Path, environ: Mapping[str, str]) -> Path:
    """Make a room; return the folder in which the command runs.

    Args:
        repo: Has the trees.
        plan: What it is made of.
        place: An empty folder.
        environ: For Git.

    Raises:
        Unavailable: Git fails, or the disk is full.
        Conflict: The patch does not apply.
    """
    top = place / plan.top
    source = plan.source
    if source is not None and source.git is not None and source.commit is not None:
        _clone(source.git, source.commit, top, environ)
    elif source is not None and source.tree is not None:
        write_tree(repo, source.tree, top)
    for path, entry in source.placed if source is not None else ():
        _write_at(repo, entry, top / _plain(path))
    if source is not None and source.patch:
        _apply(source.patch, top, environ)
    if plan.work is not None:
        write_tree(repo, plan.work, place / plan.root)
    folder = place / plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_tree(repo: Opened, tree: Digest, target: Path) -> None:
    """Write the files of a tree into a folder, over what is there.

    Raises:
        NotFound: A content is not here.
        Unavailable: The disk is full.
    """
    target.mkdir(parents=True, exist_ok=True)
    rows = list(walk(repo.repository.objects, tree))
    writes = [Write(path, entry, replaces=True) for path, entry in rows if entry.kind != EntryKind.DIRECTORY]
    contents = repo.repository.contents
    contents.prepare([write.entry.digest for write in writes])
    for _ in write_all(target, contents, writes, repo.progress):
        pass
    for path, entry in rows:
        if entry.kind == EntryKind.DIRECTORY:
            (target / os.fsdecode(path)).mkdir(parents=True, exist_ok=True)


def _write_at(repo: Opened, entry: Entry, target: Path) -> None:
    """Write a file or a folder to a place."""
    if entry.kind == EntryKind.DIRECTORY:
        write_tree(repo, entry.digest, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    name, contents = path_bytes(target.name), repo.repository.contents
    contents.prepare([entry.digest])
    write = Write(name, entry._replace(name=name), replaces=True)
    for _ in write_all(target.parent, contents, [write], repo.progress):
        pass


def entry_of(repo: Opened, tree: Digest, path: str) -> Entry | None:
    """Return what a tree has at a path."""
    return find(repo.repository.objects, tree, path_bytes(path))


def work_of(repo: Opened, tree: Digest | None) -> Digest | None:
    """Return the working copy that the tree of a run has."""
    entry = entry_of(repo, tree, WORK) if tree is not None else None
    return entry.digest if entry is not None else None


def has_commit(folder: Path, commit: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the top of the Git repository around a folder, if it has a commit."""
    if commit is None or _COMMIT.match(commit) is None or not folder.is_dir():
        return None
    try:
        _git(["cat-file", "-e", f"{commit}^{{commit}}"], folder, environ)
        top = _git(["rev-parse", "--show-toplevel"], folder, environ)
    except Unavailable:
        return None
    return Path(os.fsdecode(top.removesuffix(b"\n")))


def _clone(source: Path, commit: str, target: Path, environ: Mapping[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ["--quiet", "--shared", "--no-checkout", "--template="]
    _git(["clone", *options, "--", str(source), str(target)], target.parent, environ)
    _git(["checkout", "--quiet", "--detach", commit], target, environ)
    _git(["remote", "remove", "origin"], target, environ)


def _apply(patch: bytes, top: Path, environ: Mapping[str, str]) -> None:
    try:
        _git(["apply", "--whitespace=nowarn", "-"], top, environ, patch)
    except Unavailable as error:
        raise Conflict(f"the recorded patch does not apply: {error}") from None


def _git(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str], given: bytes | None = None
) -> bytes:
    """Return what git prints.

    Raises:
        Unavailable: It fails, or is not there.
    """
    tool = shutil.which("git", path=environ.get("PATH"))
    if tool is None:
        raise Unavailable("git is not there", hint="install it")
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    own = {**kept, "LC_ALL": "C", "GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_LFS_SKIP_SMUDGE": "1"}
    try:
        done = subprocess.run(
            [tool, "-c", "advice.detachedHead=false", *arguments],
            cwd=folder,
            env=own if given is not None else {**own, "GIT_CEILING_DIRECTORIES": ""},
            input=given if given is not None else b"",
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"git failed: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unavailable(f"git {arguments[0]} failed: {lines[-1] if lines else done.returncode}")
    return done.stdout


def code_of_run(
    record: RunRecord, patch: bytes, places: Sequence[Path], environ: Mapping[str, str]
) -> CodeSource | None:
    """Return where the code of a run is, if it was in Git: the first of some places that has its commit."""
    code = record.code
    if code is None or code.system != "git":
        return None
    for place in places:
        git = has_commit(place, code.commit, environ)
        if git is not None:
            return CodeSource(commit=code.commit, git=git, patch=patch)
    return None


def lacking(record: RunRecord) -> NotFound:
    """Return the error for code that is not here."""
    code = record.code
    url = f"clone {code.url} and " if code is not None and code.url else ""
    return NotFound(
        f"commit {str(code.commit if code else None)[:12]} of the code is not here",
        hint=f"{url}say where it is with --code DIR",
    )


def code_difference(sides: Sequence[CodeSource], git: Path, place: Path, environ: Mapping[str, str]) -> bytes:
    """Return how the code of two runs differs, changes beside the commits included, as Git prints it.

    Args:
        sides: The one and the other; each has a commit.
        git: A Git repository that has both commits; nothing is changed there.
        place: An empty folder, for a clone that shares the objects.
        environ: For Git.

    Raises:
        Unavailable: Git fails.
        Conflict: A patch does not apply.
    """
    top, trees = place / "code", []
    for number, side in enumerate(sides):
        commit = str(side.commit)
        if number:
            _git(["checkout", "--quiet", "--force", "--detach", commit], top, environ)
        else:
            _clone(git, commit, top, environ)
        if side.patch:
            _apply(side.patch, top, environ)
        _git(["add", "--all", "--force"], top, environ)
        trees.append(_git(["write-tree"], top, environ).decode().strip())
    # neither programs nor colours that somebody set for reading diffs
    return _git(["diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M", *trees], top, environ)
