"""A hub in a process of its own."""

import json
import signal
import subprocess
import urllib.request
from typing import Any

from tests.support.cli import TETHER, Room


class Served:
    """A hub that runs.

    Attributes:
        url: Its address.
        process: `tether hub serve`.
    """

    def __init__(self, room: Room, *options: str) -> None:
        command = [str(TETHER), "hub", "serve", "--root", "hub", "--port", "0", "--json", *options]
        environ = {**room.environ, "HOME": str(room.home / "of-the-hub")}
        self.process = subprocess.Popen(
            command, cwd=room.work, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1].decode()
        self.url: str = json.loads(line)["url"]

    def get(self, path: str) -> Any:
        """Return the document at a path of the hub."""
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            return json.load(reply)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Tell it to stop; return its exit code and what it wrote on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err.decode()
