"""Files of which nothing more is known than what they are: their bytes, a part at a time."""

from tether.pages.viewers.opened import Opened, View

_SHOWN = 512
_ROW = 16
_LONGEST_NUMBER = 20


def show(opened: Opened) -> View:
    """Show what the file is, with the part of its bytes that `at` asks for, from the first ones on."""
    last = max(opened.size - 1, 0) // _SHOWN * _SHOWN
    start = min(_number(opened.request.query_params.get("at", "")) // _SHOWN * _SHOWN, last)
    data = opened.read_at(start, _SHOWN) if start else opened.head[:_SHOWN]
    rows = [
        (f"{start + at:08x}", data[at : at + _ROW].hex(" "), _text(data[at : at + _ROW]))
        for at in range(0, len(data), _ROW)
    ]
    context = {
        "rows": rows,
        "size": opened.size,
        "before": start - _SHOWN if start else None,
        "following": start + _SHOWN if start < last else None,
    }
    return View("binary.html", (opened.type.description,), context)


def _number(text: str) -> int:
    """Return a number in decimal or, behind `0x`, hexadecimal digits; 0 for anything else."""
    base = 16 if text.lower().startswith("0x") else 10
    if not text.isascii() or not text.isalnum() or len(text) > _LONGEST_NUMBER:
        return 0
    try:
        return int(text, base)
    except ValueError:
        return 0


def _text(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
