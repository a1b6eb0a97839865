"""`altered.json`: which files of its pinned data were not what had been pinned any more when a run ended."""

from collections.abc import Iterable

import msgspec

from tether.core.jsondoc import canonical, read_document

ALTERED = "altered.json"
VERSION = 1
MOST_NAMED = 1000


class AlteredInput(msgspec.Struct, frozen=True):
    """What was found of one input."""

    files: tuple[str, ...]
    """Paths in it, sorted: files that hold something else, are gone, or came besides."""
    unnamed: int = 0
    """Others that are not named, because there were more."""


class Altered(msgspec.Struct, frozen=True):
    """What was written to while a run read it, by whomever.

    Attributes:
        inputs: By the name of the input.
        unchecked: Names of inputs that could not be looked at, sorted: nobody knows of them.
    """

    version: int = VERSION
    inputs: dict[str, AlteredInput] = {}
    unchecked: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the bytes of `altered.json`."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes) -> "Altered":
        """Read `altered.json`; fields that are not known are passed over.

        Raises:
            Corrupt: It is no such document.
        """
        return read_document(data, cls, ALTERED)


def named(paths: Iterable[bytes]) -> AlteredInput:
    """Return what is written down of the paths of one input."""
    shown = sorted(path.decode(errors="backslashreplace") for path in paths)
    return AlteredInput(tuple(shown[:MOST_NAMED]), max(len(shown) - MOST_NAMED, 0))
