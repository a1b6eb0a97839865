"""Words of texts, of paths and of what people look for: by one rule, so that they meet.

A word is a run of letters and digits, in small letters. Paths are taken apart in the same way, so
`night_owl.png` is found by `owl`. What is written without spaces, as Chinese is, is one word and found by its
beginning.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from tether.errors import InvalidInput
from tether.hub.database.searching import LONGEST_WORD

_RUN = re.compile(r"[^\W_]+")
_APART = bytes(code if bytes([code]).isalnum() or code == 0x2F else 0x20 for code in range(256)).lower()
"""What stands for each byte where all are ASCII: blanks between words, and the slash for itself."""
_NUMBER = re.compile(rb"(?<![0-9a-z])[0-9]++(?![0-9a-z])")
MOST_TOPICS = 20
LONGEST_ABOUT = 300
_TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Part(IntEnum):
    """Where a word is; what weighs more comes later. Who may know of a repository sees `ABOUT` and later."""

    PATH = 1
    README = 2
    TAG = 3
    ABOUT = 4
    TOPIC = 5
    NAME = 6


def words_of(text: str) -> Iterator[bytes]:
    """Yield the words of a text in order."""
    for found in _RUN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        yield _cut(found[0])


def _cut(word: str) -> bytes:
    """Return a word as it stands in the index; no character is cut in two."""
    encoded = word.encode()
    if len(encoded) <= LONGEST_WORD:
        return encoded
    return encoded[:LONGEST_WORD].decode(errors="ignore").encode()


def path_words(path: bytes) -> Iterator[bytes]:
    """Yield the words of a path; numbers alone, of which data has as many as files, are left out."""
    for word in words_of(path.decode(errors="replace")):
        if not word.isdigit():
            yield word


class Shared(NamedTuple):
    """What some names have in common.

    Attributes:
        words: Those that `path_words` yields of each.
        number: How many names these are.
        first: Which is the first of them.
    """

    words: list[bytes]
    number: int
    first: int


def words_of_names(names: Sequence[bytes]) -> Iterator[Shared]:
    """Yield the words of names that hold no slash; those that differ by their numbers come together.

    Names in ASCII, as data has them, are taken apart all at once, and what they have in common is seen once.
    """
    joined = b"/".join(names)
    if not joined.isascii():
        for first, name in enumerate(names):
            yield Shared([*path_words(name)], 1, first)
        return
    parts = _NUMBER.sub(b"", joined.translate(_APART)).split(b"/") if names else []
    last = len(parts) - 1
    firsts = dict(zip(reversed(parts), range(last, -1, -1), strict=True))
    for part, number in Counter(parts).items():
        words = [word[:LONGEST_WORD] for word in part.split()]
        yield Shared([word for word in words if not word.isdigit()], number, firsts[part])


def checked_about(text: str) -> str:
    """Return a line that says what a repository is.

    Raises:
        InvalidInput: It is too long, or more than a line.
    """
    line = text.strip()
    if len(line) > LONGEST_ABOUT or not line.isprintable():
        raise InvalidInput(
            f"what a repository is about is one line of up to {LONGEST_ABOUT} characters", hint="shorten it"
        )
    return line


def checked_topics(topics: Iterable[str]) -> str:
    """Return topics as they are kept: each once, in order, with a space between.

    Raises:
        InvalidInput: There are too many, or one has other characters.
    """
    kept = sorted({topic.lower() for topic in topics})
    if len(kept) > MOST_TOPICS:
        raise InvalidInput(f"a repository has at most {MOST_TOPICS} topics", hint="leave some out")
    for topic in kept:
        if not _TOPIC.fullmatch(topic):
            hint = "use up to 32 small letters, digits and '-'"
            raise InvalidInput(f"no topic can be {topic[:40]!r}", hint=hint)
    return " ".join(kept)
