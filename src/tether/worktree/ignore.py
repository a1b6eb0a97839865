"""Ignore rules: `.tetherignore` files with the meaning that Git gives to `.gitignore`.

The rules of a folder are those of the folders above it and its own; a deeper file wins over
an upper one, and in one file the last line that matches wins. An ignored folder is not
entered, so nothing in it can be taken back by a `!` line. This module reads no files.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple, Self

from tether.core.digest import hash_bytes
from tether.core.names import REPOSITORY_FOLDER, display
from tether.errors import InvalidInput

IGNORE_FILE: Final = b".tetherignore"
MAX_TEXT = 1 << 20

_GIT_FOLDER: Final = b".git"
_WILD = frozenset("*?[\\")


class Explanation(NamedTuple):
    """Which line ignores a path, for people; a built-in rule has the empty file name and line 0."""

    file: str
    line: int
    pattern: str


class _Rule:
    """One line of an ignore file: `!`, a `/` at the end, and the pattern between."""

    def __init__(self, line: int, text: str, pattern: str, expression: str) -> None:
        self.line = line
        self.text = text
        self.negated = text.startswith("!")
        self.directory_only = text.endswith("/")
        self.whole_path = "/" in text.removeprefix("!").removesuffix("/")
        """Matched against the path from the folder of the file on, not against the last component alone."""
        self.expression = expression
        end = not self.whole_path and pattern.startswith("*")
        wild = self.whole_path or not _WILD.isdisjoint(pattern[end:])
        self.literal = None if wild else pattern
        """The name, or with a leading `*` the end of the name, that the expression stands for."""
        self._compiled: re.Pattern[str] | None = None

    def matches(self, name: str, place: str, *, is_directory: bool) -> bool:
        if self.directory_only and not is_directory:
            return False
        if self.literal is not None:
            return name.endswith(self.literal[1:]) if self.literal.startswith("*") else name == self.literal
        if self._compiled is None:  # most rules are never asked: the file's joint expression said no
            self._compiled = re.compile(self.expression, re.DOTALL)
        return self._compiled.fullmatch(place if self.whole_path else name) is not None


def _parse(text: bytes) -> Iterator[_Rule]:
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        written = _trim(line.decode("utf-8", "surrogateescape").removesuffix("\r"))
        if written and not written.startswith("#"):
            rule = _parse_line(number, written)
            if rule is not None:
                yield rule


def _trim(line: str) -> str:
    """Drop the spaces at the end that no backslash keeps."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return line[: len(kept) + 1] if backslashes % 2 and kept != line else kept


def _parse_line(number: int, written: str) -> _Rule | None:
    from tether.core.wildmatch import translate

    pattern = written.removeprefix("!").removesuffix("/").removeprefix("/")
    expression = translate(pattern) if pattern else None
    return None if expression is None else _Rule(number, written, pattern, expression)


class _File:
    """The rules of one ignore file, with quick tests that turn most paths away."""

    def __init__(self, directory: bytes, rules: tuple[_Rule, ...]) -> None:
        self.directory = directory
        self.rules = rules
        literals = [rule.literal for rule in rules if rule.literal is not None]
        self._names = frozenset(_encode(name) for name in literals if not name.startswith("*"))
        self._ends = tuple(_encode(name[1:]) for name in literals if name.startswith("*"))
        self._skip = len(directory) + 1 if directory else 0

    @cached_property
    def _name_pattern(self) -> re.Pattern[str] | None:
        return _any_of([rule for rule in self.rules if rule.literal is None and not rule.whole_path])

    @cached_property
    def _place_pattern(self) -> re.Pattern[str] | None:
        return _any_of([rule for rule in self.rules if rule.whole_path])

    def decisive(self, name: bytes, path: bytes, *, is_directory: bool) -> _Rule | None:
        """Return the last rule that matches."""
        if not self._may_match(name, path):
            return None
        name_text = _decode(name)
        place = _decode(path[self._skip :])
        for rule in reversed(self.rules):
            if rule.matches(name_text, place, is_directory=is_directory):
                return rule
        return None

    def _may_match(self, name: bytes, path: bytes) -> bool:
        if name in self._names or name.endswith(self._ends):
            return True
        by_name, by_place = self._name_pattern, self._place_pattern
        if by_name is not None and by_name.fullmatch(_decode(name)):
            return True
        return by_place is not None and by_place.fullmatch(_decode(path[self._skip :])) is not None


def _any_of(rules: list[_Rule]) -> re.Pattern[str] | None:
    if not rules:
        return None
    return re.compile("|".join(f"(?:{rule.expression})" for rule in rules), re.DOTALL)


def _decode(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class IgnoreRules:
    """The rules that hold for what lies directly in one folder; never changes."""

    __slots__ = ("_files", "fingerprint", "is_empty")

    fingerprint: bytes
    """Digest of every text in effect and its place: equal fingerprints ignore the same paths."""
    is_empty: bool
    """No file gives any rule; only the built-in ones hold."""

    def __init__(self, files: tuple[_File, ...], fingerprint: bytes) -> None:
        self._files = files
        self.fingerprint = fingerprint
        self.is_empty = not files

    @classmethod
    def empty(cls) -> Self:
        """Return the rules of a working copy without any ignore file, as seen in its top folder."""
        return cls((), hash_bytes(b"ignore rules v1"))

    def child(self, directory: bytes, text: bytes | None) -> "IgnoreRules":
        """Return the rules as seen in `directory`, whose own ignore file holds `text`.

        Args:
            directory: Path from the top folder, `b""` for the top folder itself.
            text: None when the folder has no ignore file.

        Raises:
            InvalidInput: The text is longer than `MAX_TEXT`.
        """
        if not text:
            return self
        if len(text) > MAX_TEXT:
            place = display(_file_name(directory))
            raise InvalidInput(f"{place} is longer than {MAX_TEXT} bytes", hint="use fewer, wider patterns")
        rules = tuple(_parse(text))
        if not rules:
            return self
        place_and_text = b"%s%d:%s%s" % (self.fingerprint, len(directory), directory, text)
        return IgnoreRules((_File(directory, rules), *self._files), hash_bytes(place_and_text))

    def ignored(self, name: bytes, path: bytes, is_directory: bool) -> bool:
        """Return whether what lies at `path` in this folder is ignored.

        Args:
            name: The last component of `path`.
            path: From the top folder on.
            is_directory: False for a symlink to a folder.
        """
        if not self._files:
            return _built_in(name)
        if name.lower() == REPOSITORY_FOLDER:
            return True
        for file in self._files:
            rule = file.decisive(name, path, is_directory=is_directory)
            if rule is not None:
                return not rule.negated
        return name == _GIT_FOLDER

    def explain(self, path: bytes, is_directory: bool) -> Explanation | None:
        """Return the line that ignores `path` or a folder above it, or None when nothing does.

        These must be the rules of the folder that `path` lies in.
        """
        end = path.find(b"/")
        while end >= 0:
            found = self._explain_one(path[:end], is_directory=True)
            if found is not None:
                return found
            end = path.find(b"/", end + 1)
        return self._explain_one(path, is_directory=is_directory)

    def _explain_one(self, path: bytes, *, is_directory: bool) -> Explanation | None:
        name = path.rpartition(b"/")[2]
        if name.lower() == REPOSITORY_FOLDER:
            return Explanation("", 0, display(REPOSITORY_FOLDER))
        for file in self._files:
            if file.directory and not path.startswith(file.directory + b"/"):
                continue
            rule = file.decisive(name, path, is_directory=is_directory)
            if rule is not None:
                place = display(_file_name(file.directory))
                return None if rule.negated else Explanation(place, rule.line, rule.text)
        return Explanation("", 0, display(_GIT_FOLDER)) if name == _GIT_FOLDER else None


def _built_in(name: bytes) -> bool:
    return name == _GIT_FOLDER or name.lower() == REPOSITORY_FOLDER


def _file_name(directory: bytes) -> bytes:
    return directory + b"/" + IGNORE_FILE if directory else IGNORE_FILE
