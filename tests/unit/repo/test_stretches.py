"""Values that are made while a pack passes: right where its chunks lie as was said, and silent elsewhere."""

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core.codec import encode
from tether.core.digest import hash_bytes
from tether.core.outline import FAST, GROUP, Outline, group_values
from tether.core.recipe import ChunkList
from tether.repo.delta import Chunk, Pages
from tether.repo.shown import Chunks, Stretches
from tether.repo.stretches import Made, OrderHasher, Stretch, StretchHasher, Values

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
    order = OrderHasher()
    for digest, length in pieces:
        order.update(digest, [length])
    return Stretch(Made(chunks[0].digest, order.order(), hasher.values()), lambda: iter(pieces))


def made_of(pieces: Sequence[bytes], start: int) -> Stretch:
    """Return what is made of chunks that lie in a pack and are said to begin at an offset."""
    hasher, order = StretchHasher(start), OrderHasher()
    for piece in pieces:
        hasher.update(memoryview(piece))
        order.update(hash_bytes(piece), [len(piece)])
    rows = [(hash_bytes(piece), len(piece)) for piece in pieces]
    return Stretch(Made(rows[0][0], order.order(), hasher.values()), lambda: iter(rows))


def listed(chunks: Sequence[Chunk], page: int = 7) -> Chunks:
    """Return chunks as a recipe has them, so many on a page."""

    def pages() -> Pages:
        for at in range(0, len(chunks), page):
            some = chunks[at : at + page]
            digests = b"".join(chunk.digest for chunk in some)
            yield some[0].start, ChunkList(digests, tuple(chunk.length for chunk in some))

    return pages


def inside(first: Chunk, last: Chunk, group: int = GROUP) -> set[int]:
    """Return the groups that lie whole in these chunks."""
    return set(range(-(-first.start // group), last.stop // group))


@pytest.mark.parametrize("piece", [997, 16 << 10, 100_001, 1 << 20])
@pytest.mark.parametrize(("first", "last"), [(0, 30), (0, 9), (4, 25), (11, 30)])
def test_groups_that_lie_whole_in_a_stretch_are_shown(first: int, last: int, piece: int) -> None:
    """In pieces of any length, from any chunk on."""
    stretch = stretch_of(CHUNKS[first : last + 1], piece=piece)
    shown = Stretches([stretch]).shown(listed(CHUNKS), outline_of(DATA))
    assert shown == inside(CHUNKS[first], CHUNKS[last])


def test_larger_groups_are_made_of_smaller_ones() -> None:
    """As large files have them; smaller ones than are made here are not shown."""
    stretches = Stretches([stretch_of(CHUNKS[2:28])])
    assert stretches.shown(listed(CHUNKS), outline_of(DATA, 2 * GROUP)) == inside(
        CHUNKS[2], CHUNKS[27], 2 * GROUP
    )
    assert not stretches.shown(listed(CHUNKS), outline_of(DATA, GROUP // 2))
    assert not stretches.shown(listed(CHUNKS), outline_of(DATA, 16 * GROUP))


def test_neighbours_show_the_groups_that_they_share() -> None:
    """With one that is not there between them those at its ends are not shown."""
    first, second, third = (stretch_of(CHUNKS[a:b]) for a, b in ((0, 11), (11, 19), (19, 31)))
    whole = set(range(len(DATA) // GROUP))
    assert Stretches([third, first, second]).shown(listed(CHUNKS), outline_of(DATA)) == whole
    for group in (2 * GROUP, 4 * GROUP):
        shown = Stretches([second, first, third]).shown(listed(CHUNKS), outline_of(DATA, group))
        assert shown == set(range(len(DATA) // group))
    apart = inside(CHUNKS[0], CHUNKS[10]) | inside(CHUNKS[19], CHUNKS[30])
    assert Stretches([third, first]).shown(listed(CHUNKS), outline_of(DATA)) == apart


@given(
    cuts=st.sets(st.integers(1, 80), max_size=6),
    pages=st.integers(1, 40),
    align=st.sampled_from([1, 5_000, 16 << 10, 64 << 10]),
)
def test_however_packs_are_cut_all_whole_groups_are_shown(cuts: set[int], pages: int, align: int) -> None:
    """Where no group has more than two parts; what is shown of others is true at least."""
    lengths = random.Random(align).choices(range(1, 1 + 4 * 16_384 // align), k=80)
    ends = [sum(lengths[: n + 1]) * align for n in range(len(lengths))]
    ends = [end for end in ends if end < len(DATA)]
    chunks = chunks_of(DATA, ends)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(chunks)), len(chunks)]
    packs = [chunks[a:b] for a, b in pairwise(bounds)]
    shown = Stretches(map(stretch_of, packs)).shown(listed(chunks, pages), outline_of(DATA))
    starts = [pack[0].start for pack in packs]
    parts = [sum(n * GROUP < at < (n + 1) * GROUP for at in starts) for n in range(len(DATA) // GROUP)]
    assert shown == {n for n, inner in enumerate(parts) if inner < 2}


def test_a_seam_is_no_proof_where_a_neighbour_is_another() -> None:
    """A value at a seam is compared as all others are."""
    outline = outline_of(DATA)
    cut = next(n for n, chunk in enumerate(CHUNKS) if chunk.start > GROUP and chunk.start % GROUP)
    group = CHUNKS[cut].start // GROUP
    values = bytearray(outline.values)
    values[group * 32] ^= 1
    pair = Stretches([stretch_of(CHUNKS[:cut]), stretch_of(CHUNKS[cut:])])
    assert group in pair.shown(listed(CHUNKS), outline)
    shown = pair.shown(listed(CHUNKS), Outline(GROUP, bytes(values)))
    assert shown == set(range(len(DATA) // GROUP)) - {group}


@pytest.mark.parametrize("seed", range(150))
def test_no_group_is_shown_whose_listed_bytes_are_others(seed: int) -> None:
    """Packs have other chunks than the recipe lists, anywhere; the outline is of what the packs have."""
    chance = random.Random(seed)
    unit = chance.choice([1, 1000, 1024, 4096, 16_384, 65_536])
    pieces = [chance.randbytes(unit * chance.randrange(1, max(2, 100_000 // unit))) for _ in range(24)]
    starts = [*accumulate(map(len, pieces), initial=0)]
    claimed = bytearray(b"".join(pieces))
    cuts = sorted({0, *(chance.randrange(24) for _ in range(5))})
    packs = list(zip(cuts, [*cuts[1:], 24], strict=True))
    packs += [(at, min(at + chance.randrange(1, 7), 24)) for at in (chance.randrange(24) for _ in range(4))]
    found = []
    for first, last in packs:
        some = pieces[first:last]
        if chance.random() < 0.5:
            at = chance.randrange(len(some))
            some[at] = chance.randbytes(len(some[at]))
            claimed[starts[first] : starts[last]] = b"".join(some)
        elif chance.random() < 0.3:
            some += chance.choices(pieces, k=3)
        found.append(made_of(some, starts[first] if chance.random() < 0.95 else chance.choice(starts)))
    chance.shuffle(found)
    given = [
        Chunk(start, len(piece), hash_bytes(piece)) for start, piece in zip(starts, pieces, strict=False)
    ]

    shown = Stretches(found).shown(listed(given, chance.randrange(1, 9)), outline_of(bytes(claimed)))

    data = b"".join(pieces)
    for group in shown:
        place = slice(group * GROUP, (group + 1) * GROUP)
        assert claimed[place] == data[place]


def test_a_seam_needs_all_of_the_group_behind_it() -> None:
    """Of the pack behind it one chunk alone is listed: what follows in that pack is another file's."""
    size = 32 << 10
    data = random.Random(1).randbytes(4 * GROUP)
    chunks = chunks_of(data, range(size, len(data), size))
    pieces = [data[chunk.start : chunk.stop] for chunk in chunks]
    found = [made_of(pieces[a:b], a * size) for a, b in ((0, 3), (3, 8), (8, 32))]
    evil = chunks[4]._replace(digest=hash_bytes(b"evil"))
    assert Stretches(found).shown(listed(chunks), outline_of(data)) == {0, 1, 2, 3}
    assert Stretches(found).shown(listed([*chunks[:4], evil, *chunks[5:]]), outline_of(data)) == {1, 2, 3}


def test_a_chunk_that_is_in_the_file_twice_ends_what_is_shown_before_it() -> None:
    """It lies in its pack once, so the pack is listed in part; the next one is listed whole."""
    again = CHUNKS[3]
    data = DATA[: CHUNKS[9].start] + DATA[again.start : again.stop] + DATA[CHUNKS[9].start :]
    given = list[Chunk]()
    at = 0
    for chunk in [*CHUNKS[:9], again, *CHUNKS[9:]]:
        given.append(chunk._replace(start=at))
        at += chunk.length
    second = given[16:]
    hasher = StretchHasher(second[0].start)
    hasher.update(memoryview(data[second[0].start :]))
    order = OrderHasher()
    order.update(b"".join(chunk.digest for chunk in second), [chunk.length for chunk in second])
    behind = Stretch(Made(second[0].digest, order.order(), hasher.values()), lambda: iter(()))
    shown = Stretches([stretch_of(CHUNKS[:15]), behind]).shown(listed(given), outline_of(data))
    assert shown == inside(given[0], given[8]) | inside(second[0], second[-1])


def test_stretches_that_lie_over_each_other_hide_no_true_one() -> None:
    """More of them than are followed at once are looked at one by one."""
    false = [stretch_of(CHUNKS[n : n + 20], CHUNKS[n].start) for n in range(6)]
    for each in (0, 3, 5):
        lies = [
            Stretch(
                stretch.made._replace(order=stretch.made.order._replace(digest=bytes(32))), lambda: iter(())
            )
            for n, stretch in enumerate(false)
            if n != each
        ]
        shown = Stretches([*lies, false[each]]).shown(listed(CHUNKS), outline_of(DATA))
        assert shown == inside(CHUNKS[each], CHUNKS[each + 19])


def test_what_is_kept_of_a_pack_is_bounded_at_its_ends() -> None:
    """A small pack may be sent many times over."""
    most = max(
        len(made_of([bytes(size)], start).made.encode())
        for size in (1, 2000, 40_000, 2 * GROUP - 2)
        for start in (1, 1023, GROUP - 1, GROUP + 1)
    )
    assert most < 5000


def test_what_was_made_is_kept_as_bytes() -> None:
    """Of other versions, and what is none, nothing comes back."""
    made = stretch_of(CHUNKS[3:9]).made
    assert Made.decode(made.encode()) == made
    assert Made.decode(encode([2, *made.order])) is None
    assert Made.decode(bytes(8) + bytes(64)) is None
    assert Made.decode(b"") is None
    assert Made.decode(made.encode()[:-1]) is None


def test_a_stretch_said_to_be_elsewhere_shows_nothing() -> None:
    """Neither where it was said to be nor where its chunks are."""
    for start in (0, CHUNKS[5].start + 1, CHUNKS[5].start + GROUP):
        stretches = Stretches([stretch_of(CHUNKS[5:20], start)])
        assert not stretches.shown(listed(CHUNKS), outline_of(DATA))


def test_a_recipe_that_goes_another_way_is_shown_up_to_there() -> None:
    """Chunks in another order, left out, or of another length than they have."""
    stretches = Stretches([stretch_of(CHUNKS)])
    swapped = [*CHUNKS[:20], *CHUNKS[21:22], *CHUNKS[20:21], *CHUNKS[22:]]
    longer = [*CHUNKS[:20], CHUNKS[20]._replace(length=CHUNKS[20].length + 1), *CHUNKS[21:]]
    for wrong in (swapped, longer, CHUNKS[:20]):
        assert stretches.shown(listed(wrong), outline_of(DATA)) == inside(CHUNKS[0], CHUNKS[19])
    assert not stretches.shown(listed([longer[20]._replace(start=0)]), outline_of(DATA))


def test_an_outline_that_lies_is_not_shown() -> None:
    """Where its value is another one than was made."""
    outline = outline_of(DATA)
    values = bytearray(outline.values)
    values[2 * 32] ^= 1
    shown = Stretches([stretch_of(CHUNKS)]).shown(listed(CHUNKS), Outline(GROUP, bytes(values)))
    assert shown == {0, 1, 3, 4}


def test_a_stretch_that_fills_no_group_shows_nothing() -> None:
    """Nor does one that was never begun."""
    short = chunks_of(DATA, [1000, 2000])[:2]
    assert not Stretches([stretch_of(short)]).shown(listed(CHUNKS), outline_of(DATA))
    assert StretchHasher(0).values() == Values(0, 0)
    assert not StretchHasher(5).values().groups
