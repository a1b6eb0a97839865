"""Commands of runs as child processes."""

import os
import signal
import subprocess
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

    assert done.status is status
