"""The documents lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    """Each link to a file of ours names one that is there, and each anchor one of its headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        place, _, anchor = (target[0] or target[1]).partition("#")
        if "://" in place:
            continue
        found = (page.parent / place).resolve() if place else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in headings}, (
                target
            )


@pytest.mark.parametrize("folder", ["docs/adr", "docs/format"])
def test_each_page_is_in_its_list(folder: str) -> None:
    """The README of a folder of pages links to every page."""
    listed = (ROOT / folder / "README.md").read_text()

    for page in (ROOT / folder).glob("*.md"):
        assert page.name == "README.md" or f"({page.name}" in listed, page.name


def test_files_that_pages_name_are_there() -> None:
    """A path of a source or test file in backticks exists."""
    for page in PAGES:
        for name in re.findall(r"`((?:src|tests|docs|benchmarks|demo)/[\w./-]+\.\w+)`", page.read_text()):
            assert (ROOT / name).exists(), (page.name, name)
