"""Starts the processes that are measured: one for each round, and one without a model to compare with."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tether.bench.child import INPUTS, OUTPUTS, PLAN, RESULT
from tether.bench.runners import limit_threads
from tether.bench.settings import SERVER, Section, Settings
from tether.errors import InvalidInput, Unavailable

Arrays = Mapping[str, NDArray[Any]]
_SAID = "said"
_MOST_SAID = 4000
_ENDING: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, on which inputs.

    Attributes:
        runner: The plan of a runner, see `tether.bench.runners`.
        ids: Of the inputs, in the order in which they are given.
        arrays: The inputs by name, each with a row for every id.
        keep: Whether answers are wanted.
        folder: An empty folder for what passes between the processes.
        environ: The environment of the processes.
    """

    runner: Mapping[str, Any]
    ids: Sequence[str]
    arrays: Arrays
    keep: bool
    folder: Path
    environ: Mapping[str, str]


@dataclass(slots=True)
class Round:
    """What one process found.

    Attributes:
        facts: `import_s`, `load_s`, `first_s`, `loaded_bytes`, `peak_bytes`, `runner`, `sections`.
        times: For each section the starts, ends and due moments of its queries, as rows, in ns.
        outputs: The answers by name, where they were wanted.
    """

    facts: dict[str, Any]
    times: list[NDArray[np.int64]] = field(default_factory=list)
    outputs: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Measured:
    """What all processes found.

    Attributes:
        sections: What each round measured.
        rounds: One for each.
        baseline_bytes: The memory of the process that runs nothing; None where there is nothing to compare.
    """

    sections: list[Section]
    rounds: list[Round]
    baseline_bytes: int | None


def measure(
    subject: Subject, settings: Settings, sections: Sequence[Section], done: Callable[[], None]
) -> Measured:
    """Run all rounds.

    Args:
        subject: What is measured.
        settings: How.
        sections: What each round does.
        done: Called after each process.

    Raises:
        InvalidInput: The model cannot be loaded or does not answer.
        Unavailable: It takes longer than it may, or its process was killed.
    """
    np.savez(subject.folder / INPUTS, **dict(subject.arrays))  # type: ignore[arg-type]
    baseline = None
    if subject.runner["kind"] != "command":
        short = [replace(section, queries=1, seconds=0.0) for section in sections]
        empty = replace(subject, runner={"kind": "empty"}, keep=False)
        baseline = int(_round(empty, settings, short, None, 0).facts["peak_bytes"])
        done()
    rounds: list[Round] = []
    rate = settings.rate
    for number in range(settings.rounds):
        each = replace(subject, keep=subject.keep and not number)
        rounds.append(_round(each, settings, sections, rate, number))
        done()
        rates = [
            row["rate"]
            for section, row in zip(sections, rounds[0].facts["sections"], strict=True)
            if section.scenario == SERVER
        ]
        rate = rates[0] if rates else rate
    return Measured(list(sections), rounds, baseline)


def _round(
    subject: Subject, settings: Settings, sections: Sequence[Section], rate: float | None, number: int
) -> Round:
    plan = {
        "runner": dict(subject.runner),
        "ids": list(subject.ids),
        "sections": [asdict(section) for section in sections],
        "warmup": settings.warmup,
        "keep": subject.keep,
        "rate": rate,
        "seed": settings.seed + 1000 * number,
    }
    (subject.folder / PLAN).write_text(json.dumps(plan))
    (subject.folder / RESULT).unlink(missing_ok=True)
    _run(subject, settings)
    facts = json.loads((subject.folder / RESULT).read_text())
    if "error" in facts:
        lines = _said(subject)
        raise InvalidInput(f"the model does not answer: {facts['error']}", hint=lines[-1] if lines else None)
    times = [np.load(subject.folder / f"times-{at}.npy") for at in range(len(sections))]
    outputs = {}
    if subject.keep:
        with np.load(subject.folder / OUTPUTS, allow_pickle=False) as file:
            outputs = {name: file[name] for name in file.files}
    return Round(facts, times, outputs)


def _run(subject: Subject, settings: Settings) -> None:
    environ = {**subject.environ, **limit_threads(settings.threads), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-m", "tether.bench.child", str(subject.folder)]
    with (subject.folder / _SAID).open("wb") as file, ExitStack() as stack:
        with _held_back():
            process = subprocess.Popen(
                command,
                env=environ,
                cwd=subject.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,
            )
            stack.callback(_end, process)
        try:
            code = process.wait(settings.timeout_s)
        except subprocess.TimeoutExpired:
            raise Unavailable(
                f"the model took longer than {settings.timeout_s:g} s", hint="allow more with --timeout"
            ) from None
    if code or not (subject.folder / RESULT).is_file():
        lines = _said(subject) or ["it said nothing"]
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise Unavailable(f"the process of the model {how}: {lines[-1]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group where the wait for it was ended: nobody leaves a command that runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _held_back() -> Iterator[None]:
    """Let signals whose handlers may end what is under way wait for the end of the block.

    The mask of the thread would not do: the process that is started would inherit it, and another thread
    would still take the signal, of which the main one hears then.
    """
    if threading.current_thread() is not threading.main_thread():  # no handler runs there
        yield
        return
    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    for number in _ENDING:
        handler = signal.getsignal(number)
        if callable(handler):
            before[number] = handler
    came: list[int] = []
    waits = True

    def take(number: int, frame: FrameType | None) -> None:
        if waits:
            came.append(number)
        else:  # one that comes while they are put back
            before[number](number, frame)

    try:
        for number in before:
            signal.signal(number, take)
        yield
    finally:
        waits = False
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def _said(subject: Subject) -> list[str]:
    """Return the last lines that a process and its command printed, without what could move the cursor."""
    text = (subject.folder / _SAID).read_text(errors="replace")[-_MOST_SAID:]
    lines = ("".join(each for each in line if each.isprintable()) for line in text.splitlines())
    return [line for line in lines if line.strip()]
