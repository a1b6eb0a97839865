"""What a person at a terminal gets beyond a pipe: colour, pager, progress."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from tests.support.cli import TETHER, Room
from tests.support.repos import ADA, ticking

from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.cli.pager import pager_command
from tether.cli.progress import TerminalProgress
from tether.cli.style import style_for


class Screen(io.StringIO):
    """Text that believes it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def on_terminal(room: Room, *arguments: str, rows: int = 24, **environ: str) -> str:
    """Run `tether` with a terminal as stdin, stdout and stderr; return what appears on it."""
    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
    process = subprocess.Popen(
        [TETHER, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=room.work,
        env={**room.environ, "TERM": "xterm", **environ},
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            data = os.read(control, 65536)
        except OSError:  # Linux reports the end of a terminal as EIO
            break
        if not data:
            break
        shown += data
    os.close(control)
    assert process.wait(timeout=60) == 0
    return shown.decode().replace("\r\n", "\n")


def test_long_output_is_paged(room: Room) -> None:
    """What does not fit on the screen goes through the pager, what fits does not."""
    mark = "sed s/^/paged:/"

    assert "paged:Usage: tether" in on_terminal(room, "help", rows=24, TETHER_PAGER=mark)
    assert "paged:" not in on_terminal(room, "help", rows=200, TETHER_PAGER=mark)
    assert "paged:" not in room.ok("help", environ={"TETHER_PAGER": mark})


def test_a_pager_that_stops_early_is_no_error(room: Room) -> None:
    """Leaving the pager in the middle ends the command with success."""
    assert on_terminal(room, "help", rows=5, TETHER_PAGER="true") == ""


def test_a_pager_that_does_not_exist(room: Room) -> None:
    """Without a pager everything is printed at once."""
    assert "verify-commit" in on_terminal(room, "help", rows=5, TETHER_PAGER="/nonexistent/pager")


@pytest.mark.parametrize(
    ("environ", "setting", "command"),
    [
        ({"TETHER_PAGER": "a -x", "PAGER": "b"}, "c", ["a", "-x"]),
        ({"PAGER": "b"}, "c", ["c"]),
        ({"PAGER": "b"}, None, ["b"]),
        ({"PAGER": "b"}, "", []),
        ({"TETHER_PAGER": "cat"}, "c", []),
    ],
)
def test_which_pager(environ: dict[str, str], setting: str | None, command: list[str]) -> None:
    """The environment of ours comes first, then the setting, then that of all programs; `cat` is none."""
    assert pager_command(environ, setting) == command


@pytest.mark.parametrize(
    ("stream", "environ", "setting", "painted"),
    [
        (Screen(), {}, "auto", True),
        (Screen(), {"NO_COLOR": "1"}, "auto", False),
        (Screen(), {"NO_COLOR": ""}, "auto", True),
        (Screen(), {"TERM": "dumb"}, "auto", False),
        (Screen(), {}, "never", False),
        (io.StringIO(), {}, "auto", False),
        (io.StringIO(), {"NO_COLOR": "1"}, "always", True),
    ],
)
def test_when_there_is_colour(
    stream: io.StringIO, environ: dict[str, str], setting: str, painted: bool
) -> None:
    """Colour is for terminals that want it; the setting decides where it says something else."""
    text = style_for(stream, environ, setting)("added", "+1")

    assert text == ("\x1b[32m+1\x1b[0m" if painted else "+1")


def test_progress_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of less than a second draws nothing, longer work shows its label, and the bar is wiped."""
    monkeypatch.setenv("TERM", "xterm")
    quick, slow = Screen(), Screen()
    for screen, delay in ((quick, 60.0), (slow, 0.0)):
        bar = TerminalProgress(screen, delay_s=delay)
        bar.start("adding files", 10, "files")
        bar.advance(4)
        bar.advance(6)
        bar.finish()
        bar.finish()

    assert quick.getvalue() == ""
    assert "adding files" in slow.getvalue()
    assert slow.getvalue().endswith("\x1b[2K")


def test_progress_of_bytes_and_of_unknown_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are shown as such, and a stage may not know its end; a new stage ends the one before."""
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    bar = TerminalProgress(screen, delay_s=0.0)
    bar.start("packing", 2_000_000, "bytes")
    bar.advance(1_000_000)
    bar.start("counting", None, "objects")
    bar.advance(5)
    bar.finish()

    assert "1.0/2.0 MB" in screen.getvalue()
    assert "counting" in screen.getvalue()


def test_progress_counts_with_separators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large numbers are grouped, and a stage that begins late is drawn before its first report."""
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    bar = TerminalProgress(screen, delay_s=0.0)
    bar.start("verifying", 1_234_567, "objects")

    assert "0/1,234,567 objects" in screen.getvalue()
    bar.advance(1_234_000)
    bar.finish()
    assert "1,234,000/1,234,567 objects" in screen.getvalue()


def test_one_large_file_moves_the_bar(room: Room) -> None:
    """The bytes of a single large file are told as they go, on the way in, over and out."""
    told: dict[str, int] = {}

    class Told:
        label = ""

        def start(self, label: str, total: int | None, unit: str) -> None:
            self.label = f"{label}, {unit}, {total}"

        def advance(self, amount: int) -> None:
            told[self.label] = told.get(self.label, 0) + amount

        def finish(self) -> None:
            pass

    size = 20_000_000
    room.write("big", os.urandom(size))
    repo = Repo.init(room.work, clock=ticking())
    repo.author = ADA
    repo.progress = Told()
    repo.add()
    repo.commit("one")
    request = CloneRequest(f"file://{room.work}", room.home / "copy", progress=repo.progress)
    Repo.clone_with(request, clock=ticking(), adopt=lambda copy: setattr(copy, "progress", repo.progress))

    assert told[f"adding large files, bytes, {size}"] == size
    assert told[f"writing large files, bytes, {size}"] == size
    (copied,) = (label for label in told if label.startswith("copying objects"))
    assert told[copied] == int(copied.rpartition(" ")[2]) > size


def test_a_pipe_is_plain(room: Room) -> None:
    """Output to a pipe has no escape sequences even where a terminal would have them."""
    assert "\x1b" not in room.ok("help", environ={"TERM": "xterm", "CLICOLOR_FORCE": "1"})


def test_output_in_another_encoding(room: Room) -> None:
    """A terminal that cannot show a character gets an escape, not an error."""
    room.ok("config", "--global", "user.name", "Zoë")

    out = room.ok("config", "--global", "user.name", environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    assert out == "Zo\\xeb\n"
    assert sys.getdefaultencoding() == "utf-8"
