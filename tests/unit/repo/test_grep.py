"""Lines that fit are found as if each line were searched alone."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.histories import Past
from tests.support.repos import make_repository

from tether.errors import InvalidInput
from tether.repo.grep import Match, Pattern, search, search_tree


@given(
    st.lists(st.sampled_from([b"a", b"b", b"\n", b"x y", b""]), max_size=20).map(b"".join),
    st.sampled_from(["a", "^b", "b$", "[^a]", "a.b", "x\\sy", "^$", "a\\s*b", "ab|\\s$"]),
)
@settings(max_examples=200, deadline=None)
def test_lines_are_found_as_one_by_one(data: bytes, pattern: str) -> None:
    """Searching the whole gives what searching each line gives, with its number."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    expected = [(n, line) for n, line in enumerate(lines, 1) if re.search(pattern.encode(), line)]

    assert list(Pattern(pattern).lines(data)) == expected


def test_case_is_ignored_for_all_letters() -> None:
    """Letters outside of ASCII have cases too."""
    data = "Grün\nGRÜN\nblau\n".encode()

    assert [number for number, _ in Pattern("grün", ignore_case=True).lines(data)] == [1, 2]
    assert [number for number, _ in Pattern("BLAU", ignore_case=True).lines(data)] == [3]
    assert [number for number, _ in Pattern("a.b", fixed=True).lines(b"axb\na.b\n")] == [2]


def test_pieces_are_searched_as_one_file() -> None:
    """A line may be spread over pieces; numbers go on; a binary file has no lines."""
    pieces = [b"one\ntw", b"o\nth", b"ree", b"\ntwo"]

    assert list(search(b"f", pieces, Pattern("t[wh]"))) == [
        Match(b"f", 2, b"two"),
        Match(b"f", 3, b"three"),
        Match(b"f", 4, b"two"),
    ]
    assert list(search(b"f", [b"two\0"], Pattern("two"))) == []
    big = [b"x" * 999 + b"\n"] * 20_000 + [b"here\n"]
    assert list(search(b"f", big, Pattern("here"))) == [Match(b"f", 20_001, b"here")]


def test_a_tree_is_searched_in_the_order_of_its_paths(tmp_path: Path) -> None:
    """Small and large files, all or below some paths, binary ones left out."""
    past = Past(make_repository(tmp_path))
    large = b"filler\n" * 200_000 + b"needle\n"
    files = {"a": b"needle\r\n", "b/c": b"x\nneedle", "b/d": large, "e": b"\0needle", "f": b""}
    tree = past.tree(past.commit("one", dict(files)))
    repository = past.repository

    def found(*paths: bytes) -> list[Match]:
        needle = Pattern("needle")
        return list(search_tree(repository.objects, repository.contents, tree, needle, paths))

    assert found() == [(b"a", 1, b"needle"), (b"b/c", 2, b"needle"), (b"b/d", 200_001, b"needle")]
    assert found(b"b/c", b"absent") == [(b"b/c", 2, b"needle")]
    assert found(b"b", b"b/c") == [(b"b/c", 2, b"needle"), (b"b/d", 200_001, b"needle")]


def test_a_bad_expression_is_refused() -> None:
    """The message says what is wrong with it."""
    with pytest.raises(InvalidInput, match="not a regular expression"):
        Pattern("(")


def test_many_files_are_searched_in_batches(tmp_path: Path) -> None:
    """More files than a batch takes."""
    past = Past(make_repository(tmp_path))
    files: dict[str, bytes | None] = {f"f{number:04d}": b"%d\n" % number for number in range(600)}
    repository, tree = past.repository, past.tree(past.commit("one", files))

    found = list(search_tree(repository.objects, repository.contents, tree, Pattern("^5[0-9]9$")))

    assert [match.path for match in found] == [b"f%04d" % number for number in range(509, 600, 10)]
