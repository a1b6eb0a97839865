"""What Git says of the code of a run, from a real Git."""

import os
import subprocess
from pathlib import Path

import pytest

from tether.runs.gitcode import CodeState, asking_git


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment without settings of the user."""
    who = {f"GIT_{role}_{what}": "ada@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", **who}


def git(folder: Path, environ: dict[str, str], *words: str) -> str:
    """Run Git and return what it prints."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def state(folder: Path, environ: dict[str, str]) -> CodeState:
    """Return what is known of the code in a folder, which is in Git."""
    with asking_git(folder, environ) as question:
        assert question is not None
        return question.answer()


def test_each_state_of_a_repository(tmp_path: Path, environ: dict[str, str]) -> None:
    """Before the first commit, clean, on no branch, and with every kind of change."""
    top = tmp_path / "code"
    (top / "sub").mkdir(parents=True)
    git(tmp_path, environ, "init", "-q", "-b", "main", "code")
    for name in ("a.py", "b.py", "sub/c.py"):
        (top / name).write_text(f"# {name}\n" * 5)

    unborn = state(top / "sub", environ).code
    assert (unborn.commit, unborn.branch, unborn.dirty, unborn.patch) == (None, "main", False, "none")
    assert (unborn.folder, unborn.untracked) == ("sub", ("a.py", "b.py", "sub/"))

    git(top, environ, "add", ".")
    git(top, environ, "commit", "-q", "-m", "one")
    commit = git(top, environ, "rev-parse", "HEAD")
    clean = state(top, environ)
    assert (clean.code.commit, clean.code.branch, clean.code.dirty) == (commit, "main", False)
    assert (clean.code.untracked, clean.patch) == ((), b"")

    git(top, environ, "checkout", "-q", "--detach")
    git(top, environ, "mv", "a.py", "? new.py")
    (top / "b.py").unlink()
    (top / "# branch.oid x\n").write_text("")
    changed = state(top, environ)
    assert (changed.code.commit, changed.code.branch, changed.code.dirty) == (commit, None, True)
    assert changed.code.untracked == ("# branch.oid x\n",)
    assert (
        changed.patch
        == subprocess.run(
            ["git", "diff", "--binary", "HEAD"], cwd=top, env=environ, check=True, capture_output=True
        ).stdout
    )


def test_no_repository(tmp_path: Path, environ: dict[str, str]) -> None:
    """Outside of Git nothing is known."""
    with asking_git(tmp_path, environ) as question:
        assert question is None
