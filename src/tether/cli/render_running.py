"""What a command that runs another one shows: its output as it comes, and in the end how it went."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from tether.cli.format import count_text, duration_text

if TYPE_CHECKING:
    from tether.api.running import Outcome
    from tether.cli.context import Context
    from tether.runs.altered import Altered
    from tether.runs.observed import Observed

_SHOWN = 3


def shower(ctx: "Context") -> Mapping[str, Callable[[bytes], object]]:
    """Return what shows the output of a command: on stderr alone where our own output is one document."""
    shown = ctx.err if ctx.json else ctx.out
    return {"stdout": _writer(shown), "stderr": _writer(ctx.err)}


def _writer(stream: TextIO) -> Callable[[bytes], object]:
    """Return what writes bytes to a stream of ours at once."""
    stream.flush()
    buffer = stream.buffer

    def show(data: bytes) -> None:
        buffer.write(data)
        buffer.flush()

    return show


def report(ctx: "Context", done: "Outcome") -> None:
    """Tell how a run ended, and what it read that was not declared."""
    record = done.record
    if ctx.json:
        ctx.emit({"id": record.id, "status": str(record.status), "exit_code": done.code}, list)
    else:
        ctx.note(f"run {record.id}: {record.status}, {duration_text(record.resources.wall_s or 0.0)}")
    warn_of(ctx, done)


def warn_of(ctx: "Context", done: "Outcome") -> None:
    """Warn of altered data, of lines of metrics that cannot be read, and of files that were not declared."""
    warn_altered(ctx, done.altered)
    if done.record.bad_lines:
        ctx.warn(f"{done.record.bad_lines} lines of the metrics file could not be read")
    if done.observed is not None and done.observed.undeclared:
        ctx.warn(undeclared_text(done.observed))


def warn_altered(ctx: "Context", altered: "Altered | None") -> None:
    """Warn of pinned data that somebody wrote to while a run read it, and of what could not be looked at."""
    from tether.core.names import display

    for name in altered.unchecked if altered is not None else ():
        shown = display(name.encode(errors="replace"))
        ctx.warn(f"data {shown} could not be looked at: it may have been written to while the run read it")
    for name, found in altered.inputs.items() if altered is not None else ():
        files = [display(each.encode(errors="replace")) for each in found.files]
        rest = len(files) + found.unnamed - _SHOWN
        more = f" and {count_text(rest, 'more', 'more')}" if rest > 0 else ""
        shown = display(name.encode(errors="replace"))
        ctx.warn(f"data {shown} was written to while the run read it: {', '.join(files[:_SHOWN])}{more}")


def undeclared_text(observed: "Observed") -> str:
    """Return in one line which files were read and not declared."""
    from tether.core.names import display

    files = [display(each.path.encode(errors="replace")) for each in observed.undeclared]
    rest = len(files) + observed.unnamed - _SHOWN
    more = f" and {count_text(rest, 'more', 'more')}" if rest > 0 else ""
    return f"read but not declared: {', '.join(files[:_SHOWN])}{more}"
