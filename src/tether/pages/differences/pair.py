"""Two versions of a file that are to be compared on a page, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BufferedReader
from typing import Any, TypeAlias

from tether.core.attributes import NOTHING, Attributes
from tether.core.digest import Digest
from tether.core.filetype import HEAD_SIZE, FileType, sniff
from tether.core.tree import Entry
from tether.pages.addresses import link
from tether.pages.shelf import Shown


@dataclass(frozen=True)
class Side:
    """One version of a file.

    Attributes:
        shown: The repository.
        commit: In which the file is so.
        path: Of the file.
        entry: The file.
    """

    shown: Shown
    commit: Digest
    path: bytes
    entry: Entry

    @cached_property
    def head(self) -> bytes:
        """The first bytes."""
        return self.shown.repository.contents.read(self.entry.digest, 0, HEAD_SIZE)

    @cached_property
    def type(self) -> FileType:
        """What the first bytes say that it is."""
        return sniff(self.head, self.entry.name)

    @property
    def raw(self) -> str:
        """The address of its contents."""
        return link(self.shown.base, "raw", self.commit.hex(), self.path)

    @property
    def page(self) -> str:
        """The address of its page."""
        return link(self.shown.base, "file", self.commit.hex(), self.path)

    @property
    def thumb(self) -> str:
        """The address of a small picture of it."""
        return link(self.shown.base, "thumb", self.commit.hex(), self.path)

    def read(self, limit: int) -> bytes:
        """Return the first bytes, at most `limit` of them."""
        if self.entry.size <= len(self.head):
            return self.head[:limit]
        return self.shown.repository.contents.read(self.entry.digest, 0, limit)

    def open(self) -> BufferedReader:
        """Return the contents as a file that can be read anywhere."""
        return BufferedReader(self.shown.repository.contents.open(self.entry.digest))


@dataclass(frozen=True, slots=True)
class Pair:
    """A file before and after; a side where it is not there is None.

    Attributes:
        query: What the address of the page asks, such as `split`.
        alone: The page is about this file alone, so it may cost more.
        attributes: What the `.tetherattributes` of the newer commit say of the file.
    """

    path: bytes
    old: Side | None
    new: Side | None
    query: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False
    attributes: Attributes = NOTHING

    @property
    def sides(self) -> list[Side]:
        """The versions that there are."""
        return [side for side in (self.old, self.new) if side is not None]

    def both(self, kinds: frozenset[str]) -> bool:
        """Say whether each version is of one of some kinds."""
        return all(side.type.kind in kinds for side in self.sides)


@dataclass(frozen=True, slots=True)
class Difference:
    """What stands on the page.

    Attributes:
        template: Below `differences/`.
        words: Beside the name of the file, such as how many lines were added.
        context: What the template wants, as `it`.
    """

    template: str
    words: tuple[tuple[str, str], ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)


Differ: TypeAlias = Callable[[Pair], Difference | None]
"""Returns how a difference is shown, or None where the file is not of its kind."""
