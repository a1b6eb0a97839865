"""Colours by role, so that every command paints the same thing alike."""

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


def style_for(stream: TextIO, environ: Mapping[str, str], setting: str = "auto") -> Style:
    """Return a style for what is written to `stream`.

    The setting `ui.color` may say `always` or `never`; `auto` paints on a terminal that does not
    refuse it (https://no-color.org).
    """
    if setting in ("always", "never"):
        return Style(setting == "always")
    wanted = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(wanted and is_terminal(stream))
