"""The version of code that lies in a Git repository, asked of `git` itself."""

import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from tether.runs.rundoc import Code

_TIMEOUT_S = 60
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
MOST_PATCH = 16 << 20
_MOST_UNTRACKED = 100
_STATUS = ("--porcelain=v2", "--branch", "--untracked-files=normal", "--no-renames", "-z")
_DIFF = ("--binary", "--no-ext-diff", "--no-textconv", "--no-color")


class GitFile(NamedTuple):
    """A file of a commit."""

    path: str
    data: bytes
    executable: bool


class CodeState(NamedTuple):
    """A version of code, and what differs from its commit."""

    code: Code
    patch: bytes


@contextmanager
def asking_git(
    folder: Path, environ: Mapping[str, str], ours: Path | None = None
) -> "Iterator[CodeQuestion | None]":
    """Ask for the version of the code around a folder; None outside of Git repositories, or without Git.

    Git works on the answer while the block goes on, and is stopped where nobody waited for it.

    Args:
        folder: Where to look.
        environ: The environment.
        ours: The top of a working copy of ours. Where the folder is in it, and it lies below the top of the
            Git repository, the code is ours and not Git's.
    """
    tool = shutil.which("git", path=environ.get("PATH"))
    if tool is None:
        yield None
        return
    git = _Git(tool, folder, environ)
    try:
        url = git.start("config", "--get", "remote.origin.url")
        top = _line(git.run("rev-parse", "--show-toplevel"))
        if top is None or (ours is not None and _is_nearer(folder, ours, top)):
            git.close()  # else what it was asked besides would be left of it for as long as the block goes on
            yield None
            return
        git.folder = Path(top)
        place = os.path.relpath(os.path.realpath(folder), os.path.realpath(top))
        yield CodeQuestion(git, place, git.start("status", *_STATUS), url)
    finally:
        git.close()


class CodeQuestion:
    """What Git was asked of the version of code; `asking_git` makes one."""

    def __init__(self, git: "_Git", folder: str, status: "_Answer", url: "_Answer") -> None:
        self._git, self._folder, self._status, self._url = git, folder, status, url

    def answer(self) -> CodeState:
        """Wait for what Git says, once, and return it."""
        status = _read_status(self._status.read() or b"")
        is_dirty = status.commit is not None and status.is_changed
        patch = (self._git.run("diff", *_DIFF, "HEAD") if is_dirty else None) or b""
        code = Code(
            system="git",
            commit=status.commit,
            branch=status.branch,
            dirty=bool(patch),
            folder=self._folder,
            url=_without_secrets(_line(self._url.read())),
            untracked=tuple(_printable(name) for name in status.untracked[:_MOST_UNTRACKED]),
            patch="none" if not patch else "whole" if len(patch) <= MOST_PATCH else "too large",
        )
        return CodeState(code, patch if len(patch) <= MOST_PATCH else b"")


class _Status(NamedTuple):
    """What `git status` says of a working copy of Git: one process instead of four."""

    commit: str | None
    branch: str | None
    is_changed: bool
    """Whether a file that is tracked differs from the commit."""
    untracked: list[str]


def _read_status(said: bytes) -> _Status:
    """Read what `git status` prints, in the second form for programs that its manual has; without renames."""
    heads: dict[bytes, str] = {}
    changed, untracked = False, []
    for record in said.split(b"\0"):
        kind, _, rest = record.partition(b" ")
        if kind == b"#":
            name, _, value = rest.partition(b" ")
            heads[name] = _printable(os.fsdecode(value))
        elif kind == b"?":
            untracked.append(os.fsdecode(rest))
        elif kind:
            changed = True
    commit, branch = heads.get(b"branch.oid"), heads.get(b"branch.head")
    return _Status(
        commit if commit is not None and _COMMIT.fullmatch(commit) else None,
        branch if branch != "(detached)" else None,
        changed,
        untracked,
    )


def git_files(folder: Path, environ: Mapping[str, str], commit: str) -> list[GitFile] | None:
    """Return the files of a commit, as `git archive` gives them; None where the repository lacks it.

    Links and submodules are left out.
    """
    import tarfile

    tool = shutil.which("git", path=environ.get("PATH"))
    if tool is None or _COMMIT.fullmatch(commit) is None:
        return None
    git = _Git(tool, folder, environ)
    top = _line(git.run("rev-parse", "--show-toplevel"))
    if top is None:
        return None
    git.folder = Path(top)
    packed = git.run("archive", "--format=tar", commit)
    if packed is None:
        return None
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        found = [(each, archive.extractfile(each)) for each in archive if each.isreg()]
        return [
            GitFile(each.name, file.read(), bool(each.mode & 0o100))
            for each, file in found
            if file is not None
        ]


def tracked_files(folder: Path, environ: Mapping[str, str]) -> tuple[bytes, set[bytes]] | None:
    """Return the top of the Git repository around a folder, and the paths that it tracks; or None."""
    tool = shutil.which("git", path=environ.get("PATH"))
    if tool is None:
        return None
    git = _Git(tool, folder, environ)
    top = git.run("rev-parse", "--show-toplevel")
    if top is None:
        return None
    git.folder = Path(os.fsdecode(top.removesuffix(b"\n")))
    listed = git.run("ls-files", "-z") or b""
    return os.path.realpath(os.fsencode(git.folder)), set(listed.split(b"\0")) - {b""}


def _is_nearer(folder: Path, ours: Path, top: str) -> bool:
    """Return whether a folder is in a working copy of ours which lies below the top of a Git repository."""
    here, own, other = (Path(os.path.realpath(each)) for each in (folder, ours, top))
    return own in (here, *here.parents) and other in own.parents


def _printable(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


def _without_secrets(url: str | None) -> str | None:
    """Return an address without user and password, which must not travel with a run."""
    if url is None or "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _line(said: bytes | None) -> str | None:
    """Return the one line that Git printed, or None."""
    text = os.fsdecode(said).strip() if said else ""
    return _printable(text) or None


class _Git:
    def __init__(self, tool: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._tool, self.folder = tool, folder
        kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
        # It must not write to the repository: the command may be at work there.
        self._environ = {**kept, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        self._asked: list[_Answer] = []

    def start(self, *arguments: str) -> "_Answer":
        """Start Git; what it prints is read later."""
        answer = _Answer(None)
        with suppress(OSError):
            answer = _Answer(
                subprocess.Popen(
                    [self._tool, *arguments],
                    cwd=self.folder,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            )
        self._asked.append(answer)
        return answer

    def run(self, *arguments: str) -> bytes | None:
        """Return what Git prints, or None where it fails."""
        return self.start(*arguments).read()

    def close(self) -> None:
        """Stop what nobody waited for."""
        for answer in self._asked:
            answer.stop()


class _Answer:
    """What a process of Git prints."""

    def __init__(self, process: "subprocess.Popen[bytes] | None") -> None:
        self._process = process

    def read(self) -> bytes | None:
        """Return it when the process has ended, or None where it failed or took too long."""
        process = self._process
        if process is None:
            return None
        try:
            said = process.communicate(timeout=_TIMEOUT_S)[0]
        except (OSError, subprocess.SubprocessError):
            self.stop()
            return None
        return said if process.returncode == 0 else None

    def stop(self) -> None:
        """End the process, if it goes on."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            process.communicate()
