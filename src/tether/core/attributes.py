"""Attributes of files: `.tetherattributes` with the syntax that Git gives to `.gitattributes`.

A line is a pattern and words: `binary` or `-binary`, `merge=RULE`, `key=COLUMN`. The words of a later line
win, and those of a deeper folder over those above; each attribute is decided by itself. Words that this
version does not know are left to later ones. This module reads no files.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from tether.core.wildmatch import translate

ATTRIBUTES_FILE: Final = b".tetherattributes"
MAX_TEXT: Final = 1 << 20

MERGE_RULES: Final = ("text", "binary", "union", "ours", "theirs")


class Attributes(NamedTuple):
    """What is said of one file; None where nobody says anything."""

    binary: bool | None = None
    """Never compared or merged by line, or with False always taken for a text."""
    merge: str | None = None
    """How versions that both sides changed are joined; one of `MERGE_RULES` where it is valid."""
    key: str | None = None
    """The column by which rows of a table are known; several with commas."""


NOTHING: Final = Attributes()


class AttributeRule(NamedTuple):
    """One line of an attributes file."""

    expression: re.Pattern[str]
    whole_path: bool
    """Matched against the path from the folder of the file on, not against the name alone."""
    words: tuple[tuple[str, str | bool | None], ...]
    """Names and values; None takes back what was said before."""

    def matches(self, place: str) -> bool:
        """Tell whether the line is about the file at `place`, seen from the folder of the line."""
        text = place if self.whole_path else place.rpartition("/")[2]
        return self.expression.fullmatch(text) is not None


def parse_attributes(text: bytes) -> tuple[AttributeRule, ...]:
    """Return the rules of a file; lines that say nothing, and patterns that match nothing, are left out."""
    return tuple(_rules(text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").splitlines()))


def attributes_of(path: bytes, files: Iterable[tuple[bytes, Sequence[AttributeRule]]]) -> Attributes:
    """Return the attributes of a file.

    Args:
        path: From the top folder on.
        files: Folders with their rules, those of the top folder first.
    """
    found: dict[str, str | bool | None] = {}
    for folder, rules in files:
        place = path[len(folder) + 1 if folder else 0 :].decode("utf-8", "surrogateescape")
        for rule in rules:
            if rule.matches(place):
                found.update(rule.words)
    binary, merge, key = found.get("binary"), found.get("merge"), found.get("key")
    return Attributes(
        binary if isinstance(binary, bool) else None,
        _merge_rule(merge),
        key if isinstance(key, str) and key else None,
    )


def _merge_rule(value: str | bool | None) -> str | None:
    """Return the rule of `merge=RULE`; `-merge` is `binary` and `merge` alone is `text`, as in Git."""
    if isinstance(value, bool):
        return "text" if value else "binary"
    return value


def _rules(lines: Iterable[str]) -> Iterator[AttributeRule]:
    for line in lines:
        pattern, *words = line.split() or [""]
        if not pattern or pattern.startswith(("#", "!")) or pattern.endswith("/") or not words:
            continue
        expression = translate(pattern.removeprefix("/"))
        if expression is not None:
            compiled = re.compile(expression, re.DOTALL)
            yield AttributeRule(compiled, "/" in pattern, tuple(map(_word, words)))


def _word(word: str) -> tuple[str, str | bool | None]:
    name, equals, value = word.partition("=")
    if equals:
        return name, value
    if word.startswith("!"):
        return word[1:], None
    return (word[1:], False) if word.startswith("-") else (word, True)
