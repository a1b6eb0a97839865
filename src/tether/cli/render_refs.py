"""How moved refs are shown: one line each, as people know it from git."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.core.names import RUNS, short_ref

if TYPE_CHECKING:
    from tether.core.digest import Digest
    from tether.sync.exchange import Exchange, RefUpdate

_MARKS = {"new": "*", "forward": " ", "forced": "+", "deleted": "-", "rejected": "!"}


def exchange_document(done: "Exchange") -> dict[str, Any]:
    """Return a fetch or push for `--json`."""
    return {
        "refs": [
            {
                "name": update.name,
                "old": _hex(update.old),
                "new": _hex(update.new),
                "state": str(update.state),
                "reason": update.reason,
            }
            for update in done.updates
        ],
        "objects": done.objects,
        "bytes": done.bytes,
    }


def exchange_lines(done: "Exchange", title: str) -> Iterator[str]:
    """Yield the lines for people; one line when nothing moved."""
    moved = [update for update in done.updates if update.state != "same"]
    if not moved:
        yield f"{title}: up to date"
        return
    yield f"{title}: {count_text(done.objects, 'object')}, {size_text(done.bytes)}"
    runs = [update for update in moved if update.name.startswith(RUNS) and not update.reason]
    for update in moved:
        if update in runs:
            continue
        yield f" {_MARKS[str(update.state)]} {_ref_line(update)}"
    if runs:
        yield f" {_MARKS['new']} {count_text(len(runs), 'run')}  new"


def _ref_line(update: "RefUpdate") -> str:
    name = short_ref(update.name)
    if update.reason:
        return f"{name}  rejected: {update.reason}"
    if update.old is None or update.new is None:
        return f"{name}  {update.state}"
    how = " (forced)" if update.state == "forced" else ""
    return f"{name}  {update.old.hex()[:12]}..{update.new.hex()[:12]}{how}"


def _hex(digest: "Digest | None") -> str | None:
    return digest.hex() if digest else None
