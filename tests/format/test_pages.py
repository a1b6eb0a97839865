"""The documents hold together: links lead somewhere, and every format page has what such a page needs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/format").glob("*.md"))
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
LINK = re.compile(r"\]\(([^)\s]+)\)")
LATER = {"docs/reference/commands.md"}
"""Written by `make reference`."""


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as hosts of repositories make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file, or a folder, and a heading in it."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if str(target.relative_to(ROOT)) in LATER:
            continue
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_format_page_is_complete(path: Path) -> None:
    """A page says how its words are meant, gives its version, has an example, and is in the list."""
    text = path.read_text(encoding="utf-8")

    assert "RFC 2119" in text
    assert path.stem == "README" or "Version 1." in text
    assert re.search(r"^## Examples?$", text, re.MULTILINE)
    assert path.stem == "README" or f"({path.name})" in (path.parent / "README.md").read_text()


def test_the_code_names_pages_that_exist() -> None:
    """Every page that a module refers to is there."""
    named = {
        match
        for source in (ROOT / "src").rglob("*.py*")
        if source.suffix in (".py", ".pyx", ".pyi")
        for match in re.findall(r"docs/[\w/-]+\.md", source.read_text(encoding="utf-8"))
    }

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_decisions_are_listed() -> None:
    """Each record of a decision is in the list, and has the parts that a record has."""
    listed = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs/adr").glob("0*.md")):
        text = path.read_text(encoding="utf-8")
        parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert f"({path.name})" in listed
        assert parts == ["Problem", "Decision", "Alternatives", "Caveats", "How it is tested"]


def test_the_architecture_is_short() -> None:
    """The page of the architecture can be read in one go."""
    assert len((ROOT / "docs/architecture.md").read_text(encoding="utf-8").splitlines()) <= 250
