"""Clients in processes of their own that push at the same time, and the memory of the hub meanwhile."""

import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import resident
from tests.support.cli import TETHER, Room
from tests.support.served import Served, add_user

from tether.sync.http import HttpClient

MIB = 1 << 20
INTERVAL_S = 0.1
_FILE = "weights.bin"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a crowd of pushes.

    Attributes:
        ends: How many clients ended with each exit code.
        seconds: From the first push to the end of the last.
        memory: Resident bytes of the hub, sampled from before the first push to after the last.
        sound: How many repositories on the hub have the commit that was pushed to them.
    """

    ends: Counter[int]
    seconds: float
    memory: list[int]
    sound: int


class Sampler:
    """Resident bytes of a process while the context is open, the first and the last moment included."""

    def __init__(self, pid: int) -> None:
        self.seen: list[int] = []
        self._pid, self._done = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            over = self._done.is_set()
            self.seen.append(resident(self._pid))
            if over:
                return
            self._done.wait(INTERVAL_S)


class Pushers:
    """A hub, and clients that each have the same commit with one file of random bytes.

    The packs of the clients are hard links to those of the first, so that the disk holds them once; each
    pushes to a repository of its own, and the hub keeps every one of them.

    Args:
        folder: For all files; what is below it is removed at the end.
        clients: How many.
        size: Bytes of the file.
    """

    def __init__(self, folder: Path, clients: int, size: int) -> None:
        self._folder = folder
        self._names = [f"client-{number:02}" for number in range(clients)]
        keeper = Room(folder / "keeper")
        keeper.environ["TETHER_HUB_LOG_REQUESTS"] = "false"
        self._token = add_user(keeper, "ada")
        self.hub = Served(keeper, anew=True)
        self._room = Room(folder / "clients")
        self._room.environ["TETHER_TOKEN"] = self._token
        self._make(size)

    def _make(self, size: int) -> None:
        first, *others = self._names
        room, source = self._room, random.Random(1)
        room.ok("init", "-q", first)
        with (room.work / first / _FILE).open("wb") as out:
            for at in range(0, size, MIB):
                out.write(source.randbytes(min(MIB, size - at)))
        room.ok("-C", first, "add", "-q", ".")
        room.ok("-C", first, "commit", "-q", "-m", "weights")
        (room.work / first / _FILE).unlink()
        for name in others:
            room.ok("clone", "-q", "--bare", first, name)
        for name in self._names:
            room.ok("repo", "create", "-q", f"{self.hub.url}/ada/{name}")
            room.ok("-C", name, "remote", "add", "-q", "hub", f"{self.hub.url}/ada/{name}")

    def push(self) -> Pushed:
        """Let all of them push, and wait for the last."""
        with Sampler(self.hub.process.pid) as sampler:
            begun = time.monotonic()
            running = [self._start(name) for name in self._names]
            ends = Counter(process.wait() for process in running)
            seconds = time.monotonic() - begun
        return Pushed(ends, seconds, sampler.seen, self._sound())

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        command = [str(TETHER), "-C", name, "push", "-q", "hub", "main"]
        return subprocess.Popen(command, cwd=self._room.work, env=self._room.environ)

    def _sound(self) -> int:
        """Count the repositories on the hub in which `main` is the commit of the clients."""
        [tip] = self._room.json("-C", self._names[0], "log", "-n", "1")
        client = HttpClient(self.hub.url, self._token)
        trees = [client.json("GET", f"/api/v1/repos/ada/{name}/tree/main?limit=1") for name in self._names]
        client.close()
        return [tree["commit"] for tree in trees].count(tip["id"])

    def close(self) -> None:
        """Stop the hub and remove all files."""
        self.hub.stop()
        shutil.rmtree(self._folder)
