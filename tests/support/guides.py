"""Runs the shell blocks of guides; `python -m tests.support.guides` writes what they print into the pages."""

import re
import tempfile
from pathlib import Path

from tests.support.cli import Room

GUIDES = Path(__file__).parents[2] / "docs/guides"
_BLOCK = re.compile(r"^```sh(?: exit=(\d+))?\n(.*?)^```\n(\n```text\n.*?^```\n)?", re.M | re.S)
_MARK = "==== end of a block"


def ran(page: str, folder: Path) -> str:
    """Return the page with the text block after each shell block as the shell printed it.

    All blocks of a page run in one shell, in order; a block that ends with another code than it names
    stops the page.
    """
    room = Room(folder)
    room.environ |= {"TETHER_USER_NAME": "Ada", "TETHER_USER_EMAIL": "ada@example.org"}
    script = ["cd " + str(room.work)]
    for block in _BLOCK.finditer(page):
        script += [block[2], f'test $? -eq {block[1] or 0} || exit 99; echo "{_MARK}"']
    done = room.shell("\n".join(script))
    assert done.code == 0, done.out
    texts = iter(done.out.replace(str(room.work), "/home/ada").split(f"{_MARK}\n"))

    def filled(block: re.Match[str]) -> str:
        printed = next(texts)
        code = block[0].removesuffix(block[3] or "")
        return f"{code}\n```text\n{printed}```\n" if block[3] else code

    return _BLOCK.sub(filled, page)


def masked(page: str) -> str:
    """Return a page without ids and byte counts, which may differ between runs and versions of libraries."""
    return re.sub(r"[0-9a-f]{12,64}|\b[\d.]+ (?:k|M)?B\b", "...", page)


if __name__ == "__main__":
    for path in sorted(GUIDES.glob("*.md")):
        with tempfile.TemporaryDirectory() as folder:
            page = path.read_text()
            new = ran(page, Path(folder))
        if masked(new) != masked(page):
            path.write_text(new)
