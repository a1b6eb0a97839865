"""Another process that holds something until it is told to let go."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def holding(program: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a program that prints "held", waits for a line, prints "left" and waits again; then kill it."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def release(process: "subprocess.Popen[str]") -> None:
    """Let the other process leave its block."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "left\n"
