"""How commands that check something out tell what they did."""

from typing import TYPE_CHECKING

from tether.cli.format import count_text, short_id

if TYPE_CHECKING:
    from tether.api.working import Moved
    from tether.cli.context import Context


def report_moved(ctx: "Context", moved: "Moved", where: str) -> None:
    """Give the result of a checkout; `where` begins the line for people."""
    document = {
        "branch": moved.branch,
        "id": moved.commit.hex() if moved.commit else None,
        "files": moved.files,
    }
    at = f", at {ctx.style('id', short_id(moved.commit))}" if moved.commit else ""
    files = f", {count_text(moved.files, 'file')} written" if moved.files else ""
    ctx.emit(document, lambda: [f"{where}{at}{files}"], essential=False)
