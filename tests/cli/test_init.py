"""`tether init`: a new repository, also inside a Git work tree."""

import shutil
import subprocess

import pytest
from tests.support.cli import Room


def test_init(room: Room) -> None:
    """It makes a repository here or in a new folder, once."""
    room.transcript("""
        $ tether init
        created an empty repository in ..., on branch main
        $ tether init
        error: ... is a repository already
        [4]
        $ tether init -q new/deep && tether -C new/deep status
        on branch main, no commits yet
        nothing to commit yet
    """)
    assert room.json("init", "other") == {"path": str(room.work / "other"), "branch": "main"}
    assert (room.work / "other/.tether/format").exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_does_not_see_it(room: Room) -> None:
    """Inside a Git work tree Git ignores our folder: below the top, in work trees, in clones."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@x", *words],
            cwd=room.work,
            env=room.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    git("worktree", "add", "-q", "linked")
    for folder in ("data", "linked/da[t]a"):
        room.ok("init", "-q", folder)
        room.write(f"{folder}/a.txt", "x\n")
    room.ok("clone", "-q", "data", "copy")
    room.ok("init", "-q", "--bare", "bare")

    seen = (
        git("status", "--short", "-uall").split() + git("-C", "linked", "status", "--short", "-uall").split()
    )

    assert not [path for path in seen if ".tether" in path]
    assert "data/a.txt" in seen
    assert room.json("-C", "data", "status")["untracked"] == ["a.txt"]
    assert (room.work / ".git/info/exclude").read_text().count("/data/.tether/") == 1
