"""The first page of a repository: its top folder, its README and what there is of what."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tether.core.namekinds import DataKind
from tether.core.names import BRANCHES, TAGS
from tether.core.tree import Entry, EntryKind
from tether.pages import folders, markdown
from tether.pages.addresses import Where
from tether.pages.rendering import page
from tether.pages.revisions import Place, find_place, picker
from tether.pages.shelf import Shown
from tether.repo.facts import Facts

_READMES = (b"readme.md", b"readme.markdown", b"readme", b"readme.txt", b"readme.rst")
_LARGEST_README = 512 * 1024


@dataclass(frozen=True, slots=True)
class Readme:
    """The README of a folder.

    Attributes:
        name: Of the file.
        html: Of a README in Markdown.
        text: Of any other; None where there is HTML.
    """

    name: bytes
    html: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One kind of data in the bar: its share begins at `start` of 1000 and is `width` wide."""

    kind: DataKind
    files: int
    bytes: int
    start: float
    width: float


def show(request: Request, shown: Shown) -> Response:
    """Show the default branch, or how to begin where there is no commit yet."""
    head = shown.repository.root().head_commit()
    if head is None:
        return page(request, "repository/empty.html", shown=shown, tab="files")
    place = find_place(shown, Where(shown.branch if shown.branch != "HEAD" else head.hex(), b""))
    listing, facts = folders.list_folder(shown, place, b""), shown.facts()
    return page(
        request,
        "repository/overview.html",
        shown=shown,
        tab="files",
        place=place,
        picker=picker(shown, place, "tree"),
        listing=listing,
        readme=readme_of(shown, place, [row.entry for row in listing.rows]),
        facts=facts,
        bars=bars_of(facts),
        refs=count_refs(shown.repository.root().refs),
    )


def readme_of(shown: Shown, place: Place, entries: list[Entry]) -> Readme | None:
    """Return the README among the entries of a folder."""
    by_name = {entry.name.lower(): entry for entry in entries if entry.kind <= EntryKind.EXECUTABLE}
    found = next((by_name[name] for name in _READMES if name in by_name), None)
    if found is None or found.size > _LARGEST_README:
        return None
    text = shown.repository.contents.read(found.digest).decode("utf-8", "replace")
    if found.name.lower().endswith((b".md", b".markdown")):
        return Readme(found.name, markdown.render(text, shown.base, place.rev, place.path), None)
    return Readme(found.name, None, text)


def bars_of(facts: Facts | None) -> list[Bar]:
    """Return the kinds of data of the default branch by their bytes, the largest first."""
    if facts is None or facts.contents is None:
        return []
    kinds = sorted(facts.contents.kinds.items(), key=lambda each: (-each[1].bytes, each[0]))
    total, at, bars = sum(amount.bytes for _, amount in kinds) or 1, 0.0, []
    for kind, amount in kinds:
        width = 1000 * amount.bytes / total
        bars.append(Bar(kind, amount.files, amount.bytes, at, width))
        at += width
    return bars


def count_refs(refs: Iterable[str]) -> dict[str, int]:
    """Return how many branches and tags there are."""
    names = list(refs)
    starts = {"branches": BRANCHES, "tags": TAGS}
    return {word: sum(name.startswith(start) for name in names) for word, start in starts.items()}
