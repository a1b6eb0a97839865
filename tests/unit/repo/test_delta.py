"""What two contents have in common by their recipes, and which chunks spans touch, beside the plain way."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from tether.core.digest import hash_bytes
from tether.core.recipe import ChunkList
from tether.repo.delta import Pages, Span, between, covering, same_spans

Sizes = Sequence[tuple[int, int]]
"""Chunks: which one, and how many bytes it has."""

CHUNKS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=40)
PAGE = st.integers(1, 12)


def pages(chunks: Sizes, page: int) -> Pages:
    """Yield chunks as recipes have them, so many on a page."""
    starts = [*accumulate((size for _, size in chunks), initial=0)]
    for at in range(0, len(chunks), page):
        some = chunks[at : at + page]
        digests = b"".join(hash_bytes(b"%d" % name) for name, _ in some)
        yield starts[at], ChunkList(digests, tuple(size for _, size in some))


def placed(chunks: Sizes) -> list[tuple[int, int, int]]:
    """Return chunks with where they begin: start, bytes, name."""
    starts = accumulate((size for _, size in chunks), initial=0)
    return [(start, size, name) for start, (name, size) in zip(starts, chunks, strict=False)]


def bytes_of(spans: Sequence[Span]) -> set[int]:
    """Return which bytes lie in spans."""
    return {at for span in spans for at in range(*span)}


@given(new=CHUNKS, old=CHUNKS, one=PAGE, other=PAGE)
def test_what_is_at_the_same_place_in_both(new: Sizes, old: Sizes, one: int, other: int) -> None:
    """However the pages of either are cut; neighbours are one span."""
    both = set(placed(new)) & set(placed(old))
    spans = list(same_spans(pages(new, one), pages(old, other)))
    assert bytes_of(spans) == {at for start, size, _ in both for at in range(start, start + size)}
    assert all(before.stop < after.start for before, after in pairwise(spans))


@given(chunks=CHUNKS, changed=st.sets(st.integers(0, 39), max_size=4), one=PAGE, other=PAGE)
def test_a_few_changes_in_place(chunks: Sizes, changed: set[int], one: int, other: int) -> None:
    """All but the changed chunks are one with the old version."""
    new = [(9, size) if row in changed else (name, size) for row, (name, size) in enumerate(chunks)]
    size = sum(size for _, size in chunks)
    rest = list(between(same_spans(pages(new, one), pages(chunks, other)), size))
    lost = {at for start, size, name in placed(new) if name == 9 for at in range(start, start + size)}
    assert bytes_of(rest) == lost


@given(chunks=CHUNKS, cuts=st.sets(st.integers(0, 150), max_size=12), one=PAGE)
def test_spans_come_with_the_chunks_that_they_touch(chunks: Sizes, cuts: set[int], one: int) -> None:
    """Also two in one chunk, and one over several pages; pages before the first span may be left out."""
    size = sum(size for _, size in chunks)
    bounds = [at for at in sorted(cuts) if at <= size]
    spans = [Span(*ends) for ends in zip(bounds[::2], bounds[1::2], strict=False)]
    for span, touched in covering(pages(chunks, one), iter(spans)):
        assert [(chunk.start, chunk.length) for chunk in touched] == [
            (start, length)
            for start, length, _ in placed(chunks)
            if start < span.stop and start + length > span.start
        ]
    assert [span for span, _ in covering(pages(chunks, one), iter(spans))] == spans
    begin = spans[0].start if spans else size
    later = (page for page in pages(chunks, one) if page[0] + sum(page[1].lengths) > begin)
    assert list(covering(later, iter(spans))) == list(covering(pages(chunks, one), iter(spans)))
