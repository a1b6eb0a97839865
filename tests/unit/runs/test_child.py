"""Commands of runs, and signals that come to the process that runs them."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from tether.runs.child import Task, run_task
from tether.runs.rundoc import Status


class Early(Mapping[str, str]):
    """An environment that brings a signal when it is read: before the command is there."""

    def __getitem__(self, name: str) -> str:
        return {"PATH": os.environ["PATH"]}[name]

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        os.kill(os.getpid(), signal.SIGTERM)
        return iter(["PATH"])


def test_a_signal_that_comes_before_the_command(tmp_path: Path) -> None:
    """It is kept for the command, which would run to its end otherwise."""
    outputs = {name: (tmp_path / name, len) for name in ("stdout", "stderr")}

    done = run_task(Task(["sleep", "20"], tmp_path, Early(), outputs))

    assert (done.status, done.exit.signal, done.told) == (Status.KILLED, signal.SIGTERM, signal.SIGTERM)
