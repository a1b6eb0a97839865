"""What holds for every command: exit codes, errors, global options, streams."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.cli import TETHER, Room, matches

from tether import errors
from tether.cli import failures
from tether.cli.commands import version
from tether.cli.context import Context
from tether.cli.main import overview, run


def test_no_arguments_show_the_common_commands(room: Room) -> None:
    """`tether` alone succeeds and lists the everyday commands under their titles, not the rare ones."""
    out = room.ok()

    assert "Work on the next commit:" in out
    assert "  commit  " in out
    assert "  ui  " in out
    assert "verify-commit" not in out


def test_help_lists_every_group(room: Room) -> None:
    """`tether help`, `tether --help` and `tether -h` print the same complete list."""
    out = room.ok("help")

    assert out == room.ok("--help") == room.ok("-h")
    assert "verify-commit" in out


def test_help_of_one_command(room: Room) -> None:
    """`tether help X` and `tether X --help` say the same."""
    assert room.ok("help", "version") == room.ok("version", "--help")


def test_unknown_command(room: Room) -> None:
    """An unknown command is a usage error that names those that are near."""
    room.transcript("""
        $ tether stauts
        error: unknown command: stauts
        hint: did you mean status...?
        [2]
        $ tether xyzzy
        error: unknown command: xyzzy
        hint: see `tether help`
        [2]
        $ tether help xyzzy
        error: unknown command: xyzzy
        hint: see `tether help`
        [2]
    """)


def test_usage_errors(room: Room) -> None:
    """Wrong options and arguments end with 2 in the form of all errors."""
    room.transcript("""
        $ tether version --jsn
        error: no such option '--jsn'
        hint: did you mean --json?
        [2]
        $ tether version surplus
        error: got unexpected extra argument (surplus)
        hint: see `tether version --help`
        [2]
        $ tether completion
        error: missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish
        hint: see `tether completion --help`
        [2]
    """)


@pytest.mark.parametrize("arguments", [("version", "--json", "--nope"), ("--json", "nope"), ("--json",)])
def test_usage_errors_as_json(room: Room, arguments: tuple[str, ...]) -> None:
    """With `--json` a usage error is one document on stdout, and the same words are on stderr."""
    result = room.run(*arguments)

    error = json.loads(result.out)["error"]
    assert result.code == 2
    assert error["code"] == "invalid-input"
    assert result.err.splitlines()[0] == f"error: {error['message']}"


def test_json_after_a_double_dash_is_no_option(room: Room) -> None:
    """What follows `--` is data, also for an error that is found before the options are read."""
    result = room.run("version", "--", "--json")

    assert (result.code, result.out) == (2, "")


def test_json_before_and_after_the_command(room: Room) -> None:
    """`--json` may stand on both sides of the command's name."""
    assert json.loads(room.ok("--json", "version")) == json.loads(room.ok("version", "--json"))


def test_directory(room: Room) -> None:
    """`-C DIR` moves first, several times one after the other, before or after the command's name."""
    (room.work / "a" / "b").mkdir(parents=True)
    assert room.ok("-C", "a", "-C", "b", "version") == room.ok("version", "-C", "a/b")

    room.transcript("""
        $ tether -C missing version
        error: no such folder: missing
        [3]
    """)


def test_a_current_folder_that_is_gone(room: Room) -> None:
    """A command in a folder that somebody removed says so and is no bug."""
    result = room.shell("mkdir gone && cd gone && rmdir ../gone && tether config user.name x")

    assert result.code == 3
    assert result.out.startswith("error: ")


def test_a_closed_pipe_is_quiet(room: Room) -> None:
    """When nobody reads the output any more, the command ends like one that SIGPIPE stopped."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [TETHER, "help"], stdout=writer, stderr=subprocess.PIPE, env=room.environ, cwd=room.work, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_output(room: Room) -> None:
    """Output that cannot be written is exit code 8, not a traceback."""
    result = room.shell("tether help > /dev/full")

    assert matches("error: disk full...\nhint: ...\n...", result.out.strip())
    assert result.code == 8


def test_every_error_has_its_exit_code() -> None:
    """The exit codes are those of the contract."""
    expected = {
        errors.InvalidInput: 2,
        errors.NotFound: 3,
        errors.AlreadyExists: 4,
        errors.Conflict: 5,
        errors.Unauthenticated: 6,
        errors.Forbidden: 6,
        errors.Corrupt: 7,
        errors.Unavailable: 8,
        errors.Unsupported: 9,
    }

    found = {kind: failures.describe(kind("it broke", hint="mend it")) for kind in expected}

    assert {kind: failure.exit_code for kind, failure in found.items()} == expected
    assert {(f.message, f.hint) for f in found.values()} == {("it broke", "mend it")}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("oops"), 1),
        (errors.TetherError("bare"), 1),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 8),
        (FileNotFoundError(2, "No such file or directory", "x"), 3),
        (PermissionError(13, "Permission denied", "x"), 6),
        (OSError(28, "No space left on device"), 8),
        (ConnectionResetError(104, "Connection reset by peer"), 8),
    ],
)
def test_other_exceptions(error: BaseException, code: int) -> None:
    """What the library did not raise on purpose has an exit code too."""
    assert failures.describe(error).exit_code == code


def test_a_bug_is_told_shortly_and_with_v_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is one line and a hint how to report it; `-v` adds the traceback."""

    def fail() -> None:
        raise RuntimeError("the moon is wrong")

    monkeypatch.setattr(version.command, "callback", fail)
    short, long = (Context(out=io.StringIO(), err=io.StringIO(), environ={}) for _ in range(2))

    assert (run(short, ["version"]), run(long, ["version", "-v"])) == (1, 1)
    assert short.err.getvalue().splitlines()[0] == (  # type: ignore[attr-defined]
        "error: this is a bug in tether: RuntimeError: the moon is wrong"
    )
    assert "Traceback" in long.err.getvalue()  # type: ignore[attr-defined]
    assert "Traceback" not in short.err.getvalue()  # type: ignore[attr-defined]


def test_interrupt(room: Room) -> None:
    """Ctrl-C ends a command with 130 and no traceback."""
    script = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)"
    program = (
        "from tether.cli.commands import version\n"
        "from tether.cli.main import entry_point\n"
        f"version.command.callback = lambda: exec({script!r})\n"
        "import sys; sys.argv[1:] = ['version']; entry_point()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env=room.environ,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    assert (done.returncode, done.stderr) == (130, b"error: interrupted\n")


def test_overview_fits_a_terminal() -> None:
    """The first screen is at most 40 lines of 100 characters."""
    lines = overview().splitlines()

    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_completion_scripts(room: Room) -> None:
    """Each shell gets a script that calls us back, and we answer with names and summaries."""
    for shell in ("bash", "zsh", "fish"):
        assert f"_TETHER_COMPLETE={shell}_complete" in room.ok("completion", shell)
    answer = room.ok(
        environ={"_TETHER_COMPLETE": "bash_complete", "COMP_WORDS": "tether cherry", "COMP_CWORD": "1"}
    )

    assert answer == "plain,cherry-pick\n"
