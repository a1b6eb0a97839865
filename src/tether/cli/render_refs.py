"""How moved refs are shown: one line each, as people know it from git."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.core.names import ATTESTATIONS, RUNS, fixed_kind, short_ref

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
    counted = dict.fromkeys((RUNS, ATTESTATIONS), 0)
    for update in moved:
        prefix = next((each for each in counted if update.name.startswith(each)), None)
        if prefix is None or update.reason:
            yield f" {_MARKS[str(update.state)]} {_ref_line(update)}"
        else:
            counted[prefix] += 1
    for prefix, count in counted.items():
        if count:
            yield f" {_MARKS['new']} {count_text(count, fixed_kind(prefix) or '')}  new"


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
