"""Rows of digests in the columns of an index, found by compiled code or not, are the same."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core.digest import Digest
from tether.repo import search_pure

_search = pytest.importorskip("tether.repo._search")

# Few prefixes, so that digests share them and some are there twice.
digests = st.builds(
    lambda prefix, rest: Digest(bytes(7) + bytes([prefix]) + bytes(23) + bytes([rest])),
    st.integers(0, 3),
    st.integers(0, 9),
)


@given(st.lists(digests, max_size=40), st.lists(digests, max_size=40))
def test_both_find_the_first_row(there: list[Digest], wanted: list[Digest]) -> None:
    """Of those that are there twice the first; -1 for the others and for what is no digest."""
    there.sort()
    column = memoryview(b"".join(there))
    prefixes = memoryview(array("Q", [int.from_bytes(digest[:8], "big") for digest in there]))
    wanted = [*wanted, Digest(b"short"), Digest(b"\xff" * 32)]
    expected = [there.index(digest) if digest in there else -1 for digest in wanted]

    assert _search.find_rows(prefixes, column, wanted) == expected
    assert search_pure.find_rows(prefixes, column, wanted) == expected  # one pass
    assert [search_pure.find_rows(prefixes, column, [digest])[0] for digest in wanted] == expected


def test_columns_that_do_not_fit_are_refused() -> None:
    """Nothing is read beyond their ends."""
    prefixes = memoryview(array("Q", [0, 1]))
    with pytest.raises(ValueError, match="32 bytes"):
        _search.find_rows(prefixes, memoryview(bytes(63)), [])
    with pytest.raises(TypeError):
        _search.find_rows(prefixes, memoryview(bytes(64)), [None])
