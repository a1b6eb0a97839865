"""Texts of others inside Markdown and YAML: nothing in a name or a licence changes what stands around it."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_MARKS = re.compile(r"([\\`*_\[\]<>|~&#!$])")
_TICKS = re.compile(r"`+")
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_-]*\Z")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def plain(text: str) -> str:
    r"""Return text on one line: what cannot be printed or is not UTF-8 as `\xNN` and `\uNNNN`."""
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def markdown(text: str) -> str:
    """Return text that shows in Markdown as it is."""
    return _MARKS.sub(r"\\\1", plain(text))


def code(text: str) -> str:
    """Return text as a span of code, also inside a table."""
    shown = plain(text).replace("|", "\\|")
    longest = max((len(each) for each in _TICKS.findall(shown)), default=0)
    if not longest:
        return f"`{shown}`" if shown else ""
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}"


def amount(count: int, noun: str) -> str:
    """Return how many there are, such as `1 file` and `1,200 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; the cells are Markdown already."""
    lines = [names, ["---"] * len(names), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def yaml(value: Any, indent: int = 0) -> str:
    """Return a JSON value as YAML in blocks, which readers of YAML 1.1 and 1.2 take for the same."""
    start = "  " * indent
    if isinstance(value, Mapping) and value:
        return "".join(f"{start}{_key(key)}:{_below(each, indent)}" for key, each in value.items())
    if isinstance(value, list | tuple) and value:
        return "".join(f"{start}-{_item(each, indent)}" for each in value)
    return f"{start}{_flat(value)}\n"


def _below(value: Any, indent: int) -> str:
    if isinstance(value, Mapping | list | tuple) and value:
        return "\n" + yaml(value, indent + 1)
    return f" {_flat(value)}\n"


def _item(value: Any, indent: int) -> str:
    if isinstance(value, Mapping) and value:
        return " " + yaml(value, indent + 1).lstrip(" ")
    return _below(value, indent)


def _key(name: str) -> str:
    return name if _PLAIN_KEY.match(name) and name not in _YAML_WORDS else _quoted(name)


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        text = json.dumps(value, allow_nan=False)
        mantissa, mark, power = text.partition("e")
        return f"{mantissa}.0e{power}" if mark and "." not in mantissa else text
    return json.dumps(value, allow_nan=False)


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable() and unicodedata.category(character) != "Cn":
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\\\x{number - 0xDC00:02x}"
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
