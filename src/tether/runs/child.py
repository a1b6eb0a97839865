"""Runs the command of a run: what it prints is shown and kept, what it uses is measured, signals reach it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

import msgspec

from tether.errors import Forbidden, InvalidInput, NotFound
from tether.runs.rundoc import Exit, Output, Resources, Status
from tether.runs.usage import Sampler, moved_bytes

if TYPE_CHECKING:
    from resource import struct_rusage

_BLOCK = 64 << 10
MOST_OUTPUT = 64 << 20
"""Bytes that are kept of each stream; the rest is shown only."""
_GRACE_S = 2.0
"""How long a process that the command left behind may hold its streams open."""
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)

Show = Callable[[bytes], object]
"""Takes what the command printed."""


class Task(msgspec.Struct, frozen=True):
    """What is run, and where its output goes.

    Attributes:
        command: Program and arguments.
        folder: Where it runs.
        environ: All that it sees of the environment.
        outputs: A file and what shows it, for `stdout` and `stderr`.
        terminal: Whether a terminal sends Ctrl-C to the command itself.
        inherits: Open files that the command gets too.
        meanwhile: What is done once it has started, in the thread that then waits for its end.
    """

    command: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    outputs: Mapping[str, tuple[Path, Show]]
    terminal: bool = False
    inherits: tuple[int, ...] = ()
    meanwhile: Callable[[], object] | None = None


class Done(msgspec.Struct):
    """How it ended."""

    status: Status
    exit: Exit
    resources: Resources
    output: dict[str, Output] = {}
    told: int | None = None
    """The first signal that came to this process meanwhile; the command got it too."""

    @property
    def code(self) -> int:
        """The exit code that a shell would give."""
        if self.exit.signal is not None:
            return 128 + self.exit.signal
        return self.exit.code or 0


def at_terminal() -> bool:
    """Say whether a terminal sends Ctrl-C to this process, and so to the commands that it starts too."""
    return os.isatty(0) or os.isatty(2)


def run_task(task: Task) -> Done:
    """Run a command to its end, whatever `meanwhile` raises; that goes on then.

    Raises:
        NotFound: There is no such program.
        Forbidden: It may not be run.
        InvalidInput: It is no program.
    """
    began = time.monotonic()
    with _signals(task) as told:
        child = _start(task)
        sampler = Sampler(child.pid)
        copiers: list[_Copier] = []
        try:
            told.begin(child)
            _attend(child, task, sampler, copiers)
            if task.meanwhile is not None:
                task.meanwhile()
        finally:  # whatever went wrong, nobody leaves a command that runs, or a thread that looks at it
            moved, usage, code = _ended(child)
            sampler.stop()
            deadline = time.monotonic() + _GRACE_S
            for copier in copiers:
                copier.thread.join(max(0.0, deadline - time.monotonic()))
    peak = max(sampler.peak_bytes or 0, usage.ru_maxrss * 1024)
    resources = Resources(
        wall_s=round(time.monotonic() - began, 6),
        user_s=usage.ru_utime,
        system_s=usage.ru_stime,
        peak_bytes=peak,
        read_bytes=moved[0] if moved else None,
        written_bytes=moved[1] if moved else None,
    )
    end = Exit(code=code) if code >= 0 else Exit(signal=-code)
    output = {each.name: each.output for each in copiers}
    return Done(_status(end, told.seen), end, resources, output, next(iter(told.seen), None))


def _status(end: Exit, seen: Collection[int]) -> Status:
    if end.signal == signal.SIGINT or (signal.SIGINT in seen and (end.code or end.signal)):
        return Status.INTERRUPTED
    if end.signal is not None:
        return Status.KILLED
    return Status.FAILED if end.code else Status.FINISHED


def _start(task: Task) -> subprocess.Popen[bytes]:
    program = task.command[0]
    try:
        return subprocess.Popen(
            list(task.command),
            cwd=task.folder,
            env=dict(task.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=task.inherits,
        )
    except FileNotFoundError:
        raise NotFound(f"no such command: {program}", hint="check its spelling and PATH") from None
    except PermissionError:
        raise Forbidden(f"{program} may not be run", hint="is it a program?") from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{program} cannot be run: {error}") from None


def _attend(child: "subprocess.Popen[bytes]", task: Task, sampler: Sampler, copiers: "list[_Copier]") -> None:
    """Begin to measure a command that was just started, and to read what it prints."""
    streams = [("stdout", child.stdout), ("stderr", child.stderr)]
    try:
        sampler.start()
        for name, stream in streams:
            assert stream is not None
            copiers.append(_Copier(stream, *task.outputs[name], name))
    except BaseException:  # a thread was refused: nobody would read what it prints, so it could not end
        _send(child, signal.SIGKILL)
        for _, stream in streams[len(copiers) :]:
            assert stream is not None
            stream.close()
        raise


def _ended(child: "subprocess.Popen[bytes]") -> "tuple[tuple[int, int] | None, struct_rusage, int]":
    """Wait for the end; return bytes moved, the system's account, and the code or minus the signal."""
    if hasattr(os, "waitid"):
        # A process that ended and was not fetched yet still tells what it and its children moved.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    moved = moved_bytes(child.pid)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return moved, usage, child.returncode


class _Told:
    """Signals that came, and whom they are passed on to."""

    def __init__(self, task: Task) -> None:
        self.seen: dict[int, None] = {}
        """Each once, in the order in which they came."""
        self._is_terminal = task.terminal
        self._early: list[int] = []
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self, child: "subprocess.Popen[bytes]") -> None:
        """Pass signals on to `child` from now on, and those that came before there was one."""
        self._child = child
        for number in self._early:
            _send(child, number)

    def take(self, number: int, _: FrameType | None) -> None:
        """Handle a signal."""
        self.seen[number] = None
        if self._child is None:
            self._early.append(number)
        # A terminal sends Ctrl-C to the command as well, once that is there; twice would be once too often.
        elif not (self._is_terminal and number == signal.SIGINT):
            _send(self._child, number)


def _send(child: "subprocess.Popen[bytes]", number: int) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)


@contextmanager
def _signals(task: Task) -> Iterator[_Told]:
    """Pass signals on to the command and live on to tell how it ended; yield those that came."""
    told = _Told(task)
    if threading.current_thread() is not threading.main_thread():
        yield told
        return
    # 'nohup' has SIGHUP ignored, by us and by the command; a handler would make both heed it.
    heard = [number for number in _PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, told.take) for number in (signal.SIGINT, *heard)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Copier:
    """Shows one stream of the command and keeps it in a file."""

    def __init__(self, stream: IO[bytes], path: Path, show: Show, name: str) -> None:
        self.name, self.output = name, Output(0, 0)
        self._stream, self._path, self._show = stream, path, show
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        shown, total, kept = True, 0, 0
        with self._stream, self._path.open("wb", buffering=0) as file:
            while data := os.read(self._stream.fileno(), _BLOCK):
                part = data[: MOST_OUTPUT - kept]
                with suppress(OSError):  # a full disk must not stop the command
                    file.write(part)
                    kept += len(part)
                total += len(data)
                self.output = Output(total, kept)
                if shown:
                    try:
                        self._show(data)
                    except (OSError, ValueError):  # nobody reads it any more
                        shown = False
