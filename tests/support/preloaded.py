"""Processes of `tether` that begin as copies of one which has imported all of it.

A hub that starts as people start it spends two seconds of a processor on imports and routes, any other
command a fifth of one, and the tests start thousands. Here one process for each process of tests imports once
and forks on demand; a fork runs the same entry point, in its own folder and environment, and is killed, told
to stop and waited for like any other process. Tests of how the program itself starts do not use it.

`python -m tests.support.preloaded` is that process; it serves the socket that is its stdin, and it and all
its copies end with whoever holds the other end. Commands in scripts of a shell reach it by another socket,
see `tests.support.instead`.
"""

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn, TypeAlias

from tether.cli.main import PROGRAM, entry_point

_PARENT_DEATH = 1
_WHOLE = struct.Struct("<i")
_LONGEST = 1 << 16
"""More bytes than a request has."""
LONGEST_STDIN = 1 << 16
"""What a pipe holds."""

_ROOT = Path(__file__).parents[2]
_Asked: TypeAlias = tuple[bytes, list[int]]
"""What a copy shall do, and its streams."""
_WANTED = (
    "tether.cli.commands.hub",
    "tether.hub.jobs.worker",
    "tether.hub.serving",
    "anyio._backends._asyncio",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.off",
    "uvicorn.loops.auto",
)
"""Modules that a hub or a worker imports until it has answered once."""
_WHOLLY = ("tether.cli", "tether.api", "tether.worktree", "tether.sync", "tether.repo", "tether.storage")
"""Packages of which the other commands import something."""


class Copy:
    """A copy that runs a command of `tether`.

    Args:
        arguments: The command; or `-c`, a program in Python, and what that one gets.
        cwd: Its folder.
        environ: All of its environment.
        err: Gets what it writes on stderr; None where that is stdout.
        stdin: What it reads on stdin, at most 64 KiB, or the end of a pipe from which it reads.

    Attributes:
        stdout: What it writes on stdout.
        returncode: How it ended, as `subprocess.Popen` has it; None while it runs.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environ: Mapping[str, str],
        err: IO[bytes] | int | None,
        stdin: bytes | int = b"",
    ) -> None:
        self.returncode: int | None = None
        out, out_end = os.pipe()
        self._told, told_end = os.pipe()
        self.stdout = os.fdopen(out, "rb")
        given = os.dup(stdin) if isinstance(stdin, int) else _filled(stdin)
        request = json.dumps({"arguments": arguments, "cwd": str(cwd), "environ": dict(environ)}).encode()
        assert len(request) < _LONGEST
        try:
            said = out_end if err is None else err if isinstance(err, int) else err.fileno()
            socket.send_fds(_server()[0], [request], [given, out_end, said, told_end])
        finally:
            for end in (given, out_end, told_end):
                os.close(end)
        self.pid = self._number()

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        if self.returncode is None and self._has_ended(0):
            self._take()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Return how it ended, and wait for that so many seconds."""
        if self.returncode is None:
            assert self._has_ended(timeout), "it still runs"
            self._take()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, timeout: float) -> bool:
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def _take(self) -> None:
        self.returncode = self._number()
        os.close(self._told)

    def _number(self) -> int:
        data = os.read(self._told, _WHOLE.size)
        assert len(data) == _WHOLE.size, "the process of all copies has ended"
        number: int = _WHOLE.unpack(data)[0]
        return number


def finish(
    arguments: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str],
    stdin: bytes,
    timeout_s: float,
    *,
    in_one: bool = False,
) -> tuple[int, bytes, bytes]:
    """Run a command of `tether` to its end; return its exit code and what it wrote on stdout and stderr.

    Args:
        arguments: The command.
        cwd: Its folder.
        environ: All of its environment.
        stdin: What it reads, at most 64 KiB.
        timeout_s: It is killed if it takes longer.
        in_one: Whether its stderr is its stdout.

    Raises:
        subprocess.TimeoutExpired: It took longer.
    """
    err, err_end = os.pipe()
    with os.fdopen(err, "rb") as errors:
        try:
            process = Copy(arguments, cwd, environ, None if in_one else err_end, stdin)
        finally:
            os.close(err_end)
        with process.stdout:
            said = dict(_read_all([process.stdout, errors], time.monotonic() + timeout_s))
            if len(said) < 2:
                process.kill()
                raise subprocess.TimeoutExpired([PROGRAM, *arguments], timeout_s)
            return process.wait(timeout_s), said[process.stdout], said[errors]


def _read_all(streams: Sequence[IO[bytes]], deadline: float) -> Iterator[tuple[IO[bytes], bytes]]:
    """Read streams side by side; yield each with its bytes when it ends, unless the deadline comes first."""
    found: dict[int, list[bytes]] = {stream.fileno(): [] for stream in streams}
    poll = select.poll()
    for stream in streams:
        poll.register(stream, select.POLLIN)
    by_number = {stream.fileno(): stream for stream in streams}
    while found and (left := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            found[number].append(os.read(number, _LONGEST))
            if not found[number][-1]:
                poll.unregister(number)
                yield by_number[number], b"".join(found.pop(number))


def _filled(data: bytes) -> int:
    """Return the end of a pipe that gives some bytes and then ends."""
    assert len(data) <= LONGEST_STDIN, "a pipe would not hold it"
    given, end = os.pipe()
    with os.fdopen(end, "wb") as file:
        file.write(data)
    return given


@cache
def _server() -> tuple[socket.socket, "subprocess.Popen[bytes]", Path]:
    """Return the process of all copies, started when first asked for, our end of its socket, and its door."""
    door = Path(tempfile.mkdtemp(prefix="tether-copies-"), "door")
    atexit.register(shutil.rmtree, door.parent, ignore_errors=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(door))
        listening.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.preloaded", str(listening.fileno())],
            cwd=_ROOT,
            env={**os.environ, "LANG": "C.UTF-8"},
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
        )
    return ours, process, door


def find_door() -> Path:
    """Return the socket at which anybody asks the process of all copies for one."""
    return _server()[2]


def _main() -> None:
    """Import what hubs and workers need, and make copies until nobody asks any more."""
    for name in _WANTED:
        import_module(name)
    for package in map(import_module, _WHOLLY):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    from tests.support.passwords import hash_cheaply

    from tether.hub.app import _shared_api

    hash_cheaply()
    _shared_api().openapi()  # which puts the routes together, as the first request does
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the guards
    with socket.socket(fileno=os.dup(0)) as asking, socket.socket(fileno=int(sys.argv[1])) as door:
        mine = _forked(_asked(asking, door))
    if mine is not None:
        request, given = mine
        _guard(json.loads(request), *given)


def _forked(asked: Generator[_Asked, None, None]) -> _Asked | None:
    """Make a process for each thing that is asked for, and return it there; None here, at the end."""
    for each in asked:
        if not os.fork():
            asked.close()
            return each
        for descriptor in each[1]:
            os.close(descriptor)
    return None


def _asked(asking: socket.socket, door: socket.socket) -> Generator[_Asked, None, None]:
    """Yield what is asked for, and the descriptors for it, until the one who started this ends."""
    poll = select.poll()
    poll.register(asking, select.POLLIN)
    poll.register(door, select.POLLIN)
    while True:
        for number, _ in poll.poll():
            if number == door.fileno():
                with door.accept()[0] as caller:
                    request, given, _, _ = socket.recv_fds(caller, _LONGEST, 3)
                    if request:
                        yield request, [*given, os.dup(caller.fileno())]
                continue
            request, given, _, _ = socket.recv_fds(asking, _LONGEST, 4)
            if not request:
                return
            yield request, given


def _guard(request: dict[str, Any], given: int, out: int, err: int, told: int) -> NoReturn:
    """Run a command in a child; tell its number at once and how it ended when it has."""
    _end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        os.close(told)
        _become(request, given, out, err)
        _run()
    for descriptor in (given, out, err):
        os.close(descriptor)
    os.write(told, _WHOLE.pack(child))
    _, status = os.waitpid(child, 0)
    os.write(told, _WHOLE.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)  # an orderly end takes the memory apart, a tenth of a second for each copy


def _become(request: dict[str, Any], given: int, out: int, err: int) -> None:
    """Make this process what it would be if it had been started with these arguments."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, own in enumerate((given, out, err)):
        os.dup2(own, number)
        os.close(own)
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(each, "w", encoding="utf-8", closefd=False) for each in (1, 2))
    sys.stderr.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    tempfile.tempdir = None  # it is looked for again
    os.chdir(request["cwd"])
    if "umask" in request:
        os.umask(request["umask"])
    sys.argv = [str(Path(sys.executable).with_name(PROGRAM)), *request["arguments"]]


def _run() -> None:
    """Run the command, and end as an interpreter does, but without taking its memory apart."""
    try:
        if sys.argv[1:2] == ["-c"]:
            program, sys.argv = sys.argv[2], ["-c", *sys.argv[3:]]
            exec(program, {"__name__": "__main__"})
            sys.exit()
        entry_point()
    except SystemExit as end:
        getattr(threading, "_shutdown")()  # noqa: B009 - it has no other name, and waits for all threads
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)


if __name__ == "__main__":
    _main()
