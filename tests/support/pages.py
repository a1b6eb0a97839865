"""Examples that tests read from the pages below `docs/format`, so that a page cannot go stale."""

import re
from pathlib import Path

_FORMAT = Path(__file__).parents[2] / "docs/format"
_BLOCK = re.compile(r"^```hex\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """Return the text of one page."""
    return (_FORMAT / f"{name}.md").read_text(encoding="utf-8")


def hex_blocks(name: str) -> list[bytes]:
    """Return the bytes of every `hex` block of a page; what follows a semicolon is a comment."""
    blocks = _BLOCK.findall(page(name))
    return [bytes.fromhex("".join(line.partition(";")[0] for line in block.splitlines())) for block in blocks]
