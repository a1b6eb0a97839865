"""A bar with rate and time left on stderr, for work that lasts longer than a second."""

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn, TaskID

DELAY_S = 1.0


class TerminalProgress:
    """Draws the stages of one operation; nothing is drawn, nor rich imported, in the first second.

    It satisfies `tether.core.progress.Progress`.
    """

    def __init__(self, stream: TextIO, *, delay_s: float = DELAY_S) -> None:
        self._stream = stream
        self._due = time.monotonic() + delay_s
        self._stage: tuple[str, int | None, str] | None = None
        self._done = 0
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Begin a stage, ending the one before."""
        self.finish()
        self._stage = (label, total, unit)
        self._done = 0
        if time.monotonic() >= self._due:
            self._draw(self._stage)

    def advance(self, amount: int) -> None:
        """Count `amount` more units, and draw when it is time."""
        self._done += amount
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        elif self._stage is not None and time.monotonic() >= self._due:
            self._draw(self._stage)

    def finish(self) -> None:
        """End the stage and wipe its bar."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = self._stage = None

    def _draw(self, stage: tuple[str, int | None, str]) -> None:
        """Put up the bar; rich redraws it from a thread of its own."""
        from rich.console import Console
        from rich.progress import Progress as RichProgress

        label, total, unit = stage
        self._bar = RichProgress(*_columns(unit), console=Console(file=self._stream), transient=True)
        self._task = self._bar.add_task(label, total=total, completed=self._done)
        self._bar.start()


def _columns(unit: str) -> "list[ProgressColumn]":
    """Return what a bar shows; bytes have a rate in MB/s, other units a rate in units."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class CountColumn(ProgressColumn):
        """How many units are done, of how many."""

        def render(self, task: Task) -> Text:
            of = "" if task.total is None else f"/{task.total:,.0f}"
            return Text(f"{task.completed:,.0f}{of} {unit}")

    class RateColumn(ProgressColumn):
        """Units a second; a text column cannot format a speed that is not known yet."""

        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f}/s")

    label, bar, left = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    if unit == "bytes":
        return [label, bar, DownloadColumn(), TransferSpeedColumn(), left]
    return [label, bar, CountColumn(), RateColumn(), left]
