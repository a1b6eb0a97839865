"""Values that are made while a pack passes: right where its chunks lie as was said, and silent elsewhere."""

import random
from collections.abc import Sequence

import pytest

from tether.core.digest import Digest, hash_bytes
from tether.core.outline import FAST, GROUP, Outline, group_values
from tether.repo.delta import Chunk
from tether.repo.stretches import Stretch, Stretches, StretchHasher

pytestmark = pytest.mark.skipif(not FAST, reason="no compiled modules")

DATA = random.Random(4).randbytes(5 * GROUP + 70_000)
CUTS = sorted(random.Random(5).sample(range(1, len(DATA)), 30))


def chunks_of(data: bytes, cuts: Sequence[int]) -> list[Chunk]:
    """Return the chunks of a file that is cut there."""
    ends = zip([0, *cuts], [*cuts, len(data)], strict=True)
    return [Chunk(a, b - a, hash_bytes(data[a:b])) for a, b in ends]


CHUNKS = chunks_of(DATA, CUTS)


def outline_of(data: bytes, group: int = GROUP) -> Outline:
    """Return the outline of a file, made in one go."""
    return Outline(group, group_values(data, 0, group))


def stretch_of(chunks: Sequence[Chunk], start: int | None = None, piece: int = 100_001) -> Stretch:
    """Return what is made of some chunks of DATA that pass in pieces."""
    begin, end = chunks[0].start, chunks[-1].stop
    hasher = StretchHasher(begin if start is None else start)
    for at in range(begin, end, piece):
        room = bytearray(DATA[at : min(at + piece, end)])
        hasher.update(memoryview(room))
        room[:] = bytes(len(room))  # whoever gave it goes on with it
    pieces = [(chunk.digest, chunk.length) for chunk in chunks]
    return Stretch(hasher.start, chunks[0].digest, hasher.values(), lambda: iter(pieces))


def inside(first: Chunk, last: Chunk, group: int = GROUP) -> set[int]:
    """Return the groups that lie whole in these chunks."""
    return set(range(-(-first.start // group), last.stop // group))


@pytest.mark.parametrize("piece", [997, 16 << 10, 100_001, 1 << 20])
@pytest.mark.parametrize(("first", "last"), [(0, 30), (0, 9), (4, 25), (11, 30)])
def test_groups_that_lie_whole_in_a_stretch_are_shown(first: int, last: int, piece: int) -> None:
    """In pieces of any length, from any chunk on."""
    stretch = stretch_of(CHUNKS[first : last + 1], piece=piece)
    shown = Stretches([stretch]).shown(iter(CHUNKS), outline_of(DATA))
    assert shown == inside(CHUNKS[first], CHUNKS[last])


def test_larger_groups_are_made_of_smaller_ones() -> None:
    """As large files have them; smaller ones than are made here are not shown."""
    stretches = Stretches([stretch_of(CHUNKS[2:28])])
    assert stretches.shown(iter(CHUNKS), outline_of(DATA, 2 * GROUP)) == inside(
        CHUNKS[2], CHUNKS[27], 2 * GROUP
    )
    assert not stretches.shown(iter(CHUNKS), outline_of(DATA, GROUP // 2))
    assert not stretches.shown(iter(CHUNKS), outline_of(DATA, 16 * GROUP))


def test_several_stretches_show_what_lies_in_each() -> None:
    """A group that two of them share is read again."""
    stretches = Stretches([stretch_of(CHUNKS[:15]), stretch_of(CHUNKS[15:])])
    shown = stretches.shown(iter(CHUNKS), outline_of(DATA))
    assert shown == inside(CHUNKS[0], CHUNKS[14]) | inside(CHUNKS[15], CHUNKS[30])
    assert len(shown) < 5


def test_a_stretch_said_to_be_elsewhere_shows_nothing() -> None:
    """Neither where it was said to be nor where its chunks are."""
    for start in (0, CHUNKS[5].start + 1, CHUNKS[5].start + GROUP):
        stretches = Stretches([stretch_of(CHUNKS[5:20], start)])
        assert not stretches.shown(iter(CHUNKS), outline_of(DATA))


def test_a_recipe_that_goes_another_way_is_shown_up_to_there() -> None:
    """Chunks in another order, left out, or of another length than they have."""
    stretches = Stretches([stretch_of(CHUNKS)])
    swapped = [*CHUNKS[:20], *CHUNKS[21:22], *CHUNKS[20:21], *CHUNKS[22:]]
    longer = [*CHUNKS[:20], CHUNKS[20]._replace(length=CHUNKS[20].length + 1), *CHUNKS[21:]]
    for listed in (swapped, longer, CHUNKS[:20]):
        assert stretches.shown(iter(listed), outline_of(DATA)) == inside(CHUNKS[0], CHUNKS[19])
    assert not stretches.shown(iter([longer[20]._replace(start=0)]), outline_of(DATA))


def test_an_outline_that_lies_is_not_shown() -> None:
    """Where its value is another one than was made."""
    outline = outline_of(DATA)
    values = bytearray(outline.values)
    values[2 * 32] ^= 1
    shown = Stretches([stretch_of(CHUNKS)]).shown(iter(CHUNKS), Outline(GROUP, bytes(values)))
    assert shown == {0, 1, 3, 4}


def test_a_stretch_that_fills_no_group_shows_nothing() -> None:
    """Nor does one that was never begun."""
    short = chunks_of(DATA, [1000, 2000])[:2]
    assert not Stretches([stretch_of(short)]).shown(iter(CHUNKS), outline_of(DATA))
    assert StretchHasher(0).values() == StretchHasher(5).values() == b""
    lost = Stretch(
        0, Digest(CHUNKS[0].digest), b"\0" * 32, lambda: iter([(c.digest, c.length) for c in CHUNKS])
    )
    assert not Stretches([lost]).shown(iter(CHUNKS), outline_of(DATA))
