"""A hub or a worker in a process of its own."""

import ctypes
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import IO, Any

from tests.support.cli import TETHER, Room
from tests.support.preloaded import Copy
from tests.support.tables import lay_tables

_PARENT_DEATH = 1
"""The kernel kills the process when the thread that started it ends."""


class Started:
    """A command below `tether hub` that runs until it is told to stop.

    Args:
        room: Where it runs.
        name: Of the command.
        options: More of the command line.
        anew: Whether the program is started as people start it; otherwise it is a copy of one that has
            imported all it needs, which takes a fraction of the time.

    Attributes:
        said: What it prints once it is ready.
        process: The command.
    """

    def __init__(self, room: Room, name: str, *options: str, anew: bool = False) -> None:
        command = ["hub", name, "--root", "hub", "--json", *options]
        environ = {**room.environ, "HOME": str(room.home / "of-the-hub")}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe would fill, and the hub wait
        start = _start if anew else Copy
        self.process = start(command, room.work, environ, self._log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self._ended()
        self.said: dict[str, Any] = json.loads(line)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self._ended()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Tell it to stop; return its exit code and what it wrote on stderr."""
        self.process.send_signal(number)
        err = self._ended()
        return self.process.wait(timeout=0), err

    def close(self) -> None:
        """Stop it if it still runs; however it ended, nothing of it stays open."""
        if self.process.poll() is None:
            self.stop()
        elif not self._log.closed:
            self._ended()

    def _ended(self) -> str:
        """Wait for its end and return what it wrote on stderr."""
        self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.seek(0)
        text = self._log.read().decode()
        self._log.close()
        return text


class Served(Started):
    """A hub that runs.

    Attributes:
        url: Its address.
    """

    def __init__(self, room: Room, *options: str, anew: bool = False) -> None:
        super().__init__(room, "serve", "--port", "0", *options, anew=anew)
        self.url: str = self.said["url"]

    @property
    def port(self) -> str:
        """Where it listens."""
        return self.url.rpartition(":")[2]

    def get(self, path: str) -> Any:
        """Return the document at a path of the hub."""
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            return json.load(reply)

    def await_reply(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until it has replied to requests of a process that was just started, or that has ended.

        The line of the last request before it may be written after its reply, so one more is waited for.
        """
        before = self._logged()
        while self._logged() < before + 2 and process.poll() is None:
            time.sleep(0.005)

    def _logged(self) -> int:
        """Return how many requests are in its log: a line comes with each reply."""
        descriptor = self._log.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).count(b"\n")


def add_user(keeper: Room, name: str, *options: str) -> str:
    """Make a user of the hub in the folder of a room; return a token of theirs for everything."""
    if not options:
        lay_tables(keeper.work / "hub")
    place = ("--root", "hub", *options)
    keeper.do("hub", "user", "add", "-q", name, *place)
    return keeper.do("hub", "token", "create", name, "--scope", "admin", *place).strip()


def check_hub(keeper: Room) -> None:
    """Fail unless all repositories of the hub in the folder of a room are sound."""
    found = json.loads(keeper.do("hub", "fsck", "--full", "--root", "hub", "--json"))
    assert found
    assert not any(report["problems"] for report in found.values())


def _start(
    command: list[str], cwd: Path, environ: dict[str, str], err: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start the program."""
    return subprocess.Popen(
        [TETHER, *command],
        cwd=cwd,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=err,
        preexec_fn=_heed,  # noqa: PLW1509 - takes no lock
    )


def _heed() -> None:
    """Let the hub heed Ctrl-C, also where the tests run in the background of a shell, and end with them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
