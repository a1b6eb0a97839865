"""A file that is to be shown, and what a viewer makes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from starlette.requests import Request

from tether.core.filetype import FileType
from tether.core.tree import EntryKind
from tether.pages.addresses import link
from tether.pages.revisions import Place
from tether.pages.shelf import Shown

TEXTS = frozenset({"text", "json", "empty", "svg", "xml", "html", "script"})
"""Kinds of files that are shown as text."""
LONGEST_WRITTEN = 256 * 1024
"""Bytes of a text that pages offer to write on."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of a revision.

    Attributes:
        request: Asks for the page; viewers read their own parts of the query.
        shown: The repository.
        place: The file.
        type: What its first bytes say that it is.
        head: Those bytes.
    """

    request: Request
    shown: Shown
    place: Place
    type: FileType
    head: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.place.entry.size

    @property
    def is_written(self) -> bool:
        """Whether it is a text that is short enough to be written on a page."""
        written = self.type.kind in TEXTS and self.place.entry.kind != EntryKind.SYMLINK
        return written and self.size <= LONGEST_WRITTEN

    @property
    def raw(self) -> str:
        """The address of its contents."""
        return link(self.shown.base, "raw", self.place.rev, self.place.path)

    def read(self, limit: int) -> bytes:
        """Return the first bytes of the file, at most `limit` of them."""
        if self.size <= len(self.head):
            return self.head[:limit]
        return self.shown.repository.contents.read(self.place.entry.digest, 0, limit)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a part of the file; less at its end."""
        return self.shown.repository.contents.read(self.place.entry.digest, offset, length)


class Tool(NamedTuple):
    """One more button of the page of a file; a switch is `pressed` or not, others are None."""

    title: str
    address: str
    pressed: bool | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What stands in the page of a file.

    Attributes:
        template: Below `viewers/`.
        words: Lines of fact beside the size, such as the number of lines.
        context: What the template wants, as `view`.
        wide: The view wants the whole width of the window.
        tools: Its own buttons.
    """

    template: str
    words: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    wide: bool = False
    tools: tuple[Tool, ...] = ()


Viewer: TypeAlias = Callable[[Opened], View | None]
"""Returns how a file is shown, or None where it is not of its kind."""
