"""Colours by role, so that every command paints the same thing alike."""

import os
from collections.abc import Mapping
from typing import TextIO

_ROLES: dict[str, dict[str, str | bool]] = {
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "changed": {"fg": "yellow"},
    "id": {"fg": "yellow"},
    "ref": {"fg": "cyan", "bold": True},
    "hunk": {"fg": "cyan"},
    "heading": {"bold": True},
    "faint": {"dim": True},
    "warning": {"fg": "yellow", "bold": True},
    "error": {"fg": "red", "bold": True},
}


class Style:
    """Paints text when colour is on and leaves it alone when not."""

    __slots__ = ("enabled",)

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __call__(self, role: str, text: str) -> str:
        """Return `text` in the colour of `role`, one of the table above."""
        if not self.enabled:
            return text
        from click import style

        return style(text, **_ROLES[role])  # type: ignore[arg-type]


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at `stream`; a closed or missing stream has none."""
    try:
        return stream.isatty()
    except (ValueError, AttributeError):
        return False


def style_for(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
    """Return a style that paints only on a terminal that wants it (https://no-color.org)."""
    wanted = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(wanted and is_terminal(stream))
