"""Completion in a shell: commands, options, and the names that a repository has."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.cli import Room


def completed(room: Room, *words: str) -> list[str]:
    """Return what bash offers for the last word, by the script that `tether completion bash` prints."""
    script = room.ok("completion", "bash")
    quoted = " ".join(f"'{word}'" for word in ("tether", *words))
    program = (
        f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}; COMPREPLY=()\n"
        "_tether_completion tether; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "-c", program], cwd=room.work, env=room.environ, capture_output=True, text=True, check=False
    )
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(room: Room) -> None:
    """Commands, options, branches, revisions and remotes are offered by their beginnings."""
    room.ok("init", "-q")
    room.ok("commit", "-q", "--allow-empty", "-m", "one")
    room.ok("branch", "-q", "feature")
    room.ok("tag", "-q", "first")
    room.ok("remote", "add", "-q", "hub", "/srv/hub")

    assert completed(room, "sta") == ["status", "stash"]
    assert completed(room, "log", "--one") == ["--oneline"]
    assert completed(room, "switch", "f") == ["feature"]
    assert completed(room, "merge", "f") == ["feature", "first"]
    assert completed(room, "log", "main..fe") == ["main..feature"]
    assert completed(room, "push", "h") == ["hub"]
    assert completed(room, "push", "hub", "m") == ["main"]
    assert completed(room, "stash", "p") == ["pop", "push"]


@pytest.mark.parametrize("words", ["diff ", "log -- ", "add ", "rm ", "checkout HEAD ", "mv "])
def test_files_are_left_to_the_shell(room: Room, words: str) -> None:
    """Where a file may stand, the shell is told to offer files."""
    answer = room.ok(
        environ={
            "_TETHER_COMPLETE": "bash_complete",
            "COMP_WORDS": f"tether {words}",
            "COMP_CWORD": str(len(words.split()) + 1),
        }
    )

    assert "file," in answer.splitlines()


def test_outside_of_a_repository(room: Room) -> None:
    """Nothing is offered, and nothing is printed that the shell would take for an offer."""
    environ = {"_TETHER_COMPLETE": "bash_complete", "COMP_WORDS": "tether switch m", "COMP_CWORD": "2"}

    assert room.ok(environ=environ).strip() == ""
    assert not (Path(room.work) / ".tether").exists()
