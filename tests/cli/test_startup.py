"""Small commands start quickly because they import little."""

import subprocess
import sys

import pytest
from tests.support.cli import Room

SLOW = {"numpy", "rich", "blosc2", "httpx", "httpx2", "asyncio", "zstandard.backend_cffi", "hypothesis"}


_TELLING = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
import tether.cli.__main__
"""


def imported(room: Room, *arguments: str, code: int = 0) -> set[str]:
    """Return the modules that a process has at its end, whole names."""
    done = subprocess.run(
        [sys.executable, "-c", _TELLING, *arguments],
        capture_output=True,
        text=True,
        env=room.environ,
        cwd=room.work,
        check=False,
    )
    assert done.returncode == code
    return set(done.stderr.splitlines())


def test_help_imports_no_command(room: Room) -> None:
    """The list of commands comes from the registry alone."""
    found = imported(room, "--help")

    assert {name for name in found if name.startswith("tether.cli.commands")} == set()
    assert not SLOW & found


@pytest.mark.parametrize("arguments", [(), ("version",)])
def test_without_a_repository(room: Room, arguments: tuple[str, ...]) -> None:
    """What needs no repository imports neither the slow packages nor our own storage."""
    found = imported(room, *arguments)

    assert "tether.cli.main" in found
    assert not SLOW & found
    assert not {name for name in found if name.startswith(("tether.storage", "tether.repo", "tether.api."))}


@pytest.mark.parametrize("arguments", [("status",), ("log",), ("branch",), ("cat", "HEAD:a.txt")])
def test_in_a_small_repository(room: Room, arguments: tuple[str, ...]) -> None:
    """The everyday questions about a small repository are answered without the slow packages."""
    room.write("a.txt", "one\n")
    room.run("init")
    room.run("add", "a.txt")
    assert room.run("commit", "-m", "first").code == 0

    found = imported(room, *arguments)
    assert not (SLOW | {"tether.storage.buckets", "tether.repo.ingest"}) & found
    assert "concurrent.futures" not in found or arguments == ("status",)  # it scans in threads


def test_a_pull_of_nothing_new_imports_no_merge(room: Room) -> None:
    """What joins two lines of work takes a fifth of the time of a pull that has nothing to do."""
    room.write("a.txt", "one\n")
    room.run("init")
    room.run("add", "a.txt")
    room.run("commit", "-m", "first")
    room.run("remote", "add", "origin", str(room.home / "shared"))
    assert room.run("push", "origin", "main").code == 0

    assert not {"tether.api.merging", "tether.worktree.plan", "tether.worktree.scan"} & imported(room, "pull")


def test_a_command_waits_for_nothing_that_only_its_end_needs(room: Room) -> None:
    """What stores a run is imported while its command runs, so not where that cannot be started."""
    room.write("a.txt", "one\n")
    room.run("init")
    room.run("add", "a.txt")
    room.run("commit", "-m", "first")
    subprocess.run(["git", "init", "-q"], cwd=room.work, env=room.environ, check=True)
    end = {"tether.runs.sealing", "tether.runs.metrics", "tether.repo.ingest", "tether.api.observing"}
    besides = {"tether.runs.environment", "tether.storage.buckets", "tether.worktree.staging", "logging"}

    found = imported(room, "run", "-q", "--data", "HEAD:a.txt", "--", "true")  # the data is there from now on
    before = imported(room, "run", "--data", "HEAD:a.txt", "--", "./there-is-no-such-program", code=3)

    assert "tether.runs.child" in before
    assert (end | besides) & before == set()
    assert end <= found


def test_a_run_without_mlflow_pays_nothing_for_it(room: Room) -> None:
    """What answers MLflow's clients is imported when the first one asks."""
    room.run("init")

    found = imported(room, "run", "-q", "--", "true")

    assert "tether.mlflow.listening" in found
    assert not {"tether.mlflow.http", "tether.mlflow.routes", "tether.api.mlflowruns", "http.server"} & found


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        ((b"ls", b"--json"), b""),
        ((b"add", b"n\xffne"), b""),
        ((b"nothing",), b""),
        ((b"login", b"http://127.0.0.1:9", b"--token-stdin"), b"tth_x\n"),
    ],
)
def test_a_copy_does_what_a_new_process_does(room: Room, arguments: tuple[bytes, ...], stdin: bytes) -> None:
    """Most tests run copies of a process that has imported all: code, stdout and stderr are the same."""
    room.do("init", "-q")

    copied = room.run(*arguments, stdin=stdin)
    room.anew = True

    assert copied == room.run(*arguments, stdin=stdin)
    assert copied.out or copied.err or copied.code == 0
