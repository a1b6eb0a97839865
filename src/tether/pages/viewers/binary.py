"""Files of which nothing more is known than what they are."""

from tether.pages.viewers.opened import Opened, View

_SHOWN = 512
_ROW = 16


def show(opened: Opened) -> View:
    """Show what the file is, with its first bytes."""
    head = opened.head[:_SHOWN]
    rows = [
        (f"{at:08x}", head[at : at + _ROW].hex(" "), _text(head[at : at + _ROW]))
        for at in range(0, len(head), _ROW)
    ]
    return View("binary.html", (opened.type.description,), {"rows": rows})


def _text(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
