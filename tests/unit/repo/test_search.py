"""Rows in the columns of indexes, found and joined by compiled code or not, are the same."""

from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core.codec import pack_u32, pack_u64
from tether.core.digest import Digest
from tether.repo import search_pure
from tether.repo.search_pure import GONE, Rows

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


parts = st.lists(
    st.lists(
        st.tuples(digests, st.integers(0, 2), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)),
        max_size=9,
    ),
    max_size=4,
)


def _rows(given: list[tuple[Digest, int, int, int]], numbers: list[int]) -> Rows:
    """Return rows of three packs as columns."""
    names, packs, offsets, lengths = zip(*given, strict=True) if given else ((),) * 4
    kinds = bytes(length % 256 for length in lengths)
    return Rows(
        b"".join(names),
        pack_u32(packs),
        pack_u64(offsets),
        pack_u32(lengths),
        pack_u32(lengths[::-1]),
        kinds,
        kinds[::-1],
        array("I", numbers),
    )


@given(parts, st.sets(st.integers(0, 11)))
def test_both_join_rows_alike(tables: list[list[tuple[Digest, int, int, int]]], gone: set[int]) -> None:
    """Sorted by digest, then as they are given; rows of packs that are gone are left out."""
    numbers = [[GONE if 3 * at + k in gone else 3 * at + k for k in range(3)] for at in range(len(tables))]
    given_rows = [_rows(table, mine) for table, mine in zip(tables, numbers, strict=True)]
    kept = [
        (digest, mine[pack], offset)
        for table, mine in zip(tables, numbers, strict=True)
        for digest, pack, offset, _ in table
        if mine[pack] != GONE
    ]
    kept.sort(key=lambda row: row[0])

    prefixes, columns = search_pure.join_rows(given_rows)

    assert _search.join_rows(given_rows) == (prefixes, columns)
    assert columns[0] == b"".join(row[0] for row in kept)
    assert columns[1] == pack_u32([row[1] for row in kept])
    assert columns[2] == pack_u64([row[2] for row in kept])
    assert prefixes == pack_u64([int.from_bytes(row[0][:8], "big") for row in kept])


@pytest.mark.parametrize("join", [_search.join_rows, search_pure.join_rows])
def test_rows_that_do_not_fit_are_refused(join: Callable[[list[Rows]], object]) -> None:
    """Columns of other lengths, and packs without a number."""
    good = _rows([(Digest(bytes(32)), 0, 1, 2)], [0, 1, 2])
    wrong = [good._replace(digests=bytes(31)), good._replace(offsets=b""), good._replace(stored=bytes(5))]
    for each in (*wrong, good._replace(kinds=b"12")):
        with pytest.raises(ValueError, match="one length"):
            join([each])
    with pytest.raises(ValueError, match="no number"):
        join([good._replace(numbers=array("I"))])
