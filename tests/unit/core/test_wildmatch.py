"""Path patterns; their agreement with Git is tested with the ignore rules."""

import re

import pytest

from tether.core.wildmatch import translate


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a/*.png", "a/b.png", True),
        ("a/*.png", "a/b/c.png", False),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "ab/c", False),
        ("a/**", "a/b/c", True),
        ("**/b/**/d", "a/b/c/b/d", True),
        ("**/b/**/d", "b/d", True),
        ("a?c", "a/c", False),
        ("a[!b]c", "a/c", False),
        ("a[!b]c", "axc", True),
        ("a[/x]c", "a/c", False),
        ("[[:digit:]]*", "7up", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("line\nend*", "line\nends\n", True),
        ("été?", "étés", True),
        ("a.b", "axb", False),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, path: str, expected: bool) -> None:
    """Wildcards stay in their component except `**`."""
    expression = translate(pattern)
    assert expression is not None
    assert (re.fullmatch(expression, path, re.DOTALL) is not None) is expected


@pytest.mark.parametrize(
    "pattern", ["a\\", "[", "[a", "[a-", "[a-\\", "[\\", "[[:digit:]", "[[:word:]]", "[]", "[!]"]
)
def test_an_unfinished_pattern_matches_nothing(pattern: str) -> None:
    """A pattern cut off in an escape or a bracket has no expression."""
    assert translate(pattern) is None
