"""Commands of runs as child processes."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tether.runs import child
from tether.runs.child import Task, run_task
from tether.runs.rundoc import Status


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, Status.KILLED), (signal.SIGINT, Status.INTERRUPTED)]
)
def test_a_signal_that_comes_during_the_start_is_passed_on(
    number: signal.Signals, status: Status, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither lost nor does it end the one that has to tell."""
    start = child._start

    def slow(task: Task) -> "subprocess.Popen[bytes]":
        started = start(task)
        os.kill(os.getpid(), number)
        return started

    monkeypatch.setattr(child, "_start", slow)

    outputs = {name: (tmp_path / name, print) for name in ("stdout", "stderr")}
    done = run_task(Task(["sleep", "50"], tmp_path, os.environ, outputs))

    assert (done.status, done.told) == (status, number)


def test_what_is_ignored_stays_so(tmp_path: Path) -> None:
    """As under `nohup`: a terminal that goes away ends neither the command nor who runs it."""
    outputs = {name: (tmp_path / name, print) for name in ("stdout", "stderr")}
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        both = "kill -HUP $PPID; kill -HUP $$; sleep 0.2; exit 3"
        done = run_task(Task(["sh", "-c", both], tmp_path, os.environ, outputs))
    finally:
        signal.signal(signal.SIGHUP, before)

    assert (done.status, done.exit.code, done.told) == (Status.FAILED, 3, None)


def attending() -> set[str]:
    """Return the names of threads that look at a command."""
    return {each.name for each in threading.enumerate()} & {"usage", "stdout", "stderr"}


def test_what_fails_meanwhile_waits_for_the_end(tmp_path: Path) -> None:
    """What the command printed is there then, and no thread is left."""

    def fail() -> None:
        raise ZeroDivisionError

    outputs = {name: (tmp_path / name, print) for name in ("stdout", "stderr")}
    task = Task(["sh", "-c", "sleep 0.1; echo all"], tmp_path, os.environ, outputs, meanwhile=fail)
    with pytest.raises(ZeroDivisionError):
        run_task(task)

    assert (tmp_path / "stdout").read_text() == "all\n"
    assert attending() == set()


@pytest.mark.parametrize("refused", ["usage", "stdout", "stderr"])
def test_a_command_that_nobody_can_attend_is_ended(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives no thread for what it prints, it could wait for its reader without end."""
    begin, start = threading.Thread.start, child._start
    started = []

    def begin_some(thread: threading.Thread) -> None:
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        begin(thread)

    def noted(task: Task) -> "subprocess.Popen[bytes]":
        started.append(start(task))
        return started[-1]

    monkeypatch.setattr(threading.Thread, "start", begin_some)
    monkeypatch.setattr(child, "_start", noted)
    outputs = {name: (tmp_path / name, print) for name in ("stdout", "stderr")}
    with pytest.raises(RuntimeError, match="new thread"):
        run_task(Task(["sleep", "50"], tmp_path, os.environ, outputs))

    [command] = started
    assert command.returncode == -signal.SIGKILL
    assert attending() == set()
