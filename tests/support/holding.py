"""Another process that holds something until it is told to let go."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.preloaded import Copy

_ROOT = Path(__file__).parents[2]


class Other:
    """A program in Python, run by a copy of a process that has imported everything, and talked to by lines.

    Args:
        program: Its text.
        arguments: What it gets.

    Attributes:
        process: The copy.
    """

    def __init__(self, program: str, *arguments: str) -> None:
        reading, self._writing = os.pipe()
        environ: Mapping[str, str] = {**os.environ}
        try:
            self.process = Copy(["-c", program, *arguments], _ROOT, environ, 2, reading)
        finally:
            os.close(reading)

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def line(self) -> str:
        """Return the next line that it prints."""
        return self.process.stdout.readline().decode()

    def say(self) -> None:
        """Give it a line."""
        os.write(self._writing, b"\n")

    def kill(self) -> None:
        """Kill it if it runs, and wait for its end."""
        self.process.kill()
        self.process.wait(60)

    def close(self) -> None:
        """Kill it, and forget it."""
        self.kill()
        os.close(self._writing)
        self.process.stdout.close()


@contextmanager
def holding(program: str, *arguments: str) -> Iterator[Other]:
    """Run a program that prints "held", waits for a line, prints "left" and waits again; then kill it."""
    other = Other(program, *arguments)
    try:
        assert other.line() == "held\n"
        yield other
    finally:
        other.close()


def release(other: Other) -> None:
    """Let the other process leave its block."""
    other.say()
    assert other.line() == "left\n"
