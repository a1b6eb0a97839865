"""Croissant documents without a repository: which files are named how."""

from typing import Any

import pytest

from tether.core.digest import hash_bytes
from tether.releases.exports.croissant import MOST_CHECKED, MOST_FILES, About, Croissant, Place, croissant
from tether.releases.exports.files import FileFact


def fact(path: str) -> FileFact:
    """Return a file of one byte."""
    return FileFact(path.encode("utf-8", "surrogateescape"), 1, hash_bytes(b"x"), "0" * 64)


def pictures(count: int) -> Croissant:
    """Return the document of so many pictures of two classes."""
    return croissant(About("p"), [fact(f"{'ab'[i % 2]}/{i}.png") for i in range(count)], Place(None, "data/"))


def of_kind(found: Croissant, kind: str) -> list[Any]:
    """Return the parts of the distribution of a kind."""
    return [each for each in found.document["distribution"] if each["@type"] == f"cr:{kind}"]


@pytest.mark.parametrize(
    ("count", "named", "tied"),
    [
        (MOST_CHECKED, MOST_CHECKED, True),
        (MOST_CHECKED + 1, MOST_CHECKED + 1, False),
        (MOST_FILES + 1, 0, False),
    ],
)
def test_many_pictures_are_named_by_their_folders(count: int, named: int, tied: bool) -> None:
    """Few are tied to their digests, more are named one by one, and very many by their folders alone."""
    found = pictures(count)
    [files] = of_kind(found, "FileSet")

    assert len(of_kind(found, "FileObject")) == named
    assert ("containedIn" in files, files["includes"] == ["*.png"]) == (tied, tied)
    assert any(each.startswith("sha256 of") for each in found.missing) == (named == 0)


def test_pictures_behind_addresses_have_no_records() -> None:
    """Readers would take the name of a download for the label."""
    found = croissant(About("p"), [fact("a/1.png"), fact("b/2.png")], Place("https://example.org/x"))

    assert found.document["recordSet"] == []
    assert [each["contentUrl"] for each in found.document["distribution"]] == [
        "https://example.org/x/a/1.png",
        "https://example.org/x/b/2.png",
    ]
    assert any(each.startswith("records of 2 images") for each in found.missing)


def test_pictures_of_one_folder_have_no_label() -> None:
    """A folder without another beside it says nothing."""
    found = croissant(About("p"), [fact("a/1.png"), fact("a/2.png")], Place())

    assert (found.document["recordSet"], of_kind(found, "FileSet")) == ([], [])


def test_names_of_folders_are_no_patterns() -> None:
    """Marks of patterns and bytes that are not UTF-8 stand for themselves; ids are parts of addresses."""
    files = [fact(f"im[a]*/{name}/{i}.png") for i, name in enumerate("ab" * (MOST_CHECKED // 2 + 1))]
    found = croissant(About("p"), [*files, fact("caf\udce9#?.bin")], Place(None, "data/"))

    assert of_kind(found, "FileSet")[0]["includes"] == ["data/im[[]a][*]/*/*.png"]
    [odd] = [each for each in of_kind(found, "FileObject") if each["@id"].startswith("caf")]
    assert (odd["@id"], odd["name"]) == ("caf%E9%23%3F.bin", "caf\\xe9#?.bin")


def test_licences_are_addresses_where_they_are_one_identifier() -> None:
    """An expression stays as it is."""
    found = croissant(About("p", licences=("CC-BY-4.0", "MIT OR Apache-2.0")), [], Place())

    assert found.document["license"] == ["https://spdx.org/licenses/CC-BY-4.0.html", "MIT OR Apache-2.0"]
    assert found.missing == ("description", "url", "version", "datePublished", "creator")
