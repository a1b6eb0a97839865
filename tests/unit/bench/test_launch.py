"""Processes that are measured, and signals that come while one is started."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tether.bench import launch
from tether.bench.launch import Subject
from tether.bench.settings import Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Have Ctrl-C come when the system has started a process and Python has not said so yet."""
    found: list[int] = []

    class Struck(subprocess.Popen[bytes]):
        def __init__(self, _: Any, **given: Any) -> None:
            super().__init__(["sleep", "50"], **given)
            found.append(self.pid)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Struck)
    yield found
    for pid in found:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def test_a_signal_while_a_process_is_started_ends_it(started: list[int], tmp_path: Path) -> None:
    """Nothing goes on that nobody waits for, and handlers are as they were."""
    before = signal.getsignal(signal.SIGINT)
    subject = Subject({"kind": "empty"}, ["0"], {}, keep=False, folder=tmp_path, environ=os.environ)

    with pytest.raises(KeyboardInterrupt):
        launch._run(subject, Settings(timeout_s=30))

    [pid] = started
    assert not Path("/proc", str(pid)).exists()
    assert signal.getsignal(signal.SIGINT) is before
