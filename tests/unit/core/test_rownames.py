"""Names of a node, cut and checked by compiled code or not, are the same."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core import rownames_pure
from tether.core.tree import MAX_NAME, is_cut

_rownames = pytest.importorskip("tether.core._rownames")

BOTH = pytest.mark.parametrize("module", [_rownames, rownames_pure], ids=["compiled", "pure"])
names = st.lists(
    st.one_of(
        st.binary(max_size=4),
        st.sampled_from(
            [b"", b".", b"..", b"...", b".a", b"a/b", b"a\0", b"a" * MAX_NAME, b"a" * (MAX_NAME + 1)]
        ),
    ),
    max_size=8,
)


@given(names, st.booleans())
def test_both_see_the_same_problems(given_names: list[bytes], in_order: bool) -> None:
    """In lists and in tuples, in order or not; the worst of several is told."""
    some = sorted(given_names) if in_order else given_names
    found = rownames_pure.problem_of(some, MAX_NAME)

    assert _rownames.problem_of(some, MAX_NAME) == found
    assert _rownames.problem_of(tuple(some), MAX_NAME) == found
    bad = [n for n in some if not n or n in (b".", b"..") or {*b"/\0"} & {*n} or len(n) > MAX_NAME]
    assert (found is not None) == (bool(bad) or some != sorted(set(some)))


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_both_cut_the_same_names(some: list[bytes]) -> None:
    """Names of any length, none at all too."""
    lengths, joined = array("H", map(len, some)), b"".join(some)

    assert _rownames.cut_names(lengths, joined) == rownames_pure.cut_names(lengths, joined) == some


@BOTH
@pytest.mark.parametrize("joined", [b"", b"ab", b"abcd"])
def test_names_of_another_length_are_refused(module: object, joined: bytes) -> None:
    """Nothing is read beyond their end."""
    with pytest.raises(ValueError, match="another length"):
        module.cut_names(array("H", [1, 2]), joined)  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [None, 1, "a"])
def test_what_is_no_bytes_is_refused(wrong: object) -> None:
    """Memory that is no name is not read."""
    for some in ([wrong], [b"a", wrong, b"b"], [wrong, b"b"]):
        with pytest.raises(TypeError):
            _rownames.problem_of(some, MAX_NAME)
    with pytest.raises(TypeError):
        _rownames.goes_on_after_cut([wrong, b"b"], 0)
    with pytest.raises(TypeError):
        _rownames.cut_names(array("H", [1]), wrong)


def test_names_that_nobody_else_holds() -> None:
    """They are compared with the one before them while that is there."""
    many = (b"%06d" % number for number in range(100_000))
    assert _rownames.problem_of(many, MAX_NAME) is None


@given(st.lists(st.integers(0, 5000).map(b"%d".__mod__), min_size=1, max_size=400), st.integers(0, 63))
def test_both_see_where_a_node_ends(some: list[bytes], level: int) -> None:
    """By the checksum that zlib makes, of all names but the last."""
    expected = any(is_cut(name, level) for name in some[:-1])

    assert _rownames.goes_on_after_cut(some, level) == expected
    assert rownames_pure.goes_on_after_cut(some, level) == expected


def test_a_name_that_ends_a_node() -> None:
    """So that the test above has some: one name in 512 does."""
    ends = [name for name in map(b"%d".__mod__, range(5001)) if is_cut(name, 0)]

    assert ends
    assert _rownames.goes_on_after_cut([*ends[:1], b"z"], 0)
    assert not _rownames.goes_on_after_cut(ends[:1], 0)
    assert not _rownames.goes_on_after_cut([], 0)
