"""Which paths files, folders and globs take in."""

import pytest

from tether.core.pathfilter import EVERYTHING, PathFilter, literal
from tether.errors import InvalidInput


@pytest.mark.parametrize(
    ("patterns", "path", "covered"),
    [
        ([b"images"], b"images", True),
        ([b"images"], b"images/a/b.jpg", True),
        ([b"images"], b"images2/a.jpg", False),
        ([b"images/a.jpg"], b"images", False),
        ([b"*.csv"], b"deep/down/x.csv", True),
        ([b"images/1*"], b"images/12/x", True),
        ([b"images/1*"], b"images/2", False),
        ([b"a?c"], b"abc/d", True),
        ([b"a?c"], b"a/c", False),
        ([b"[ab]"], b"b/x", True),
        ([b""], b"anything", True),
        ([], b"anything", False),
        ([b"a/b"], b"a/.tetherattributes", True),
        ([b"a/b"], b".tetherignore", True),
        ([b"a/b"], b"c/.tetherignore", False),
        ([], b".tetherignore", False),
        ([literal(b"odd[1]*.txt")], b"odd[1]*.txt", True),
        ([literal(b"odd[1]*.txt")], b"odd1x.txt", False),
    ],
)
def test_covers(patterns: list[bytes], path: bytes, covered: bool) -> None:
    """A path is taken in by itself or with a folder above it; `*` crosses folders, `?` does not."""
    assert PathFilter(patterns).covers(path) is covered


@pytest.mark.parametrize(
    ("patterns", "folder", "leads"),
    [
        ([b"a/b/c"], b"a", True),
        ([b"a/b/c"], b"a/b", True),
        ([b"a/b/c"], b"a/x", False),
        ([b"a/b/c"], b"a/b/c/d", True),
        ([b"a/b*/x"], b"a", True),
        ([b"a/b*/x"], b"a/bcd", True),
        ([b"a/b*/x"], b"a/c", False),
        ([b"*.csv"], b"any/where", True),
        ([b""], b"any", True),
        ([], b"", False),
        ([b"a"], b"", True),
    ],
)
def test_leads(patterns: list[bytes], folder: bytes, leads: bool) -> None:
    """No folder is passed over below which something is taken in."""
    assert PathFilter(patterns).leads(folder) is leads


def test_it_grows() -> None:
    """More patterns take in more; the order and repetitions say nothing."""
    grown = PathFilter([b"b"]).with_more([b"a", b"b"])
    assert (grown.patterns, grown.covers(b"a/x"), grown.everything) == ((b"a", b"b"), True, False)
    assert grown.with_more([b""]).everything
    assert EVERYTHING.leads(b"x")
    assert PathFilter([]).nothing


@pytest.mark.parametrize("pattern", [b"/abs", b"../up", b"a//b", b".tether/x", b"a/../b"])
def test_what_cannot_be_a_path_is_refused(pattern: bytes) -> None:
    """Nothing leads out of the repository or into its own folder."""
    with pytest.raises(InvalidInput):
        PathFilter([pattern])
