"""The values of BLAKE3's tree: the compiled functions and their pure twins agree, and lead to the digest."""

import random

import pytest

from tether.core import hashtree_pure, outline
from tether.core.digest import hash_bytes
from tether.core.outline import GROUP, MOST, Outline, OutlineHasher

_hashtree = pytest.importorskip("tether.core._hashtree")

LEAF = hashtree_pure.LEAF


@pytest.mark.parametrize("group", [LEAF, 2 * LEAF, 16 * LEAF])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 1023, 1024, 1025, 5000, 16_384, 16_385, 33_000])
def test_both_give_the_same_values(group: int, size: int) -> None:
    """Whatever is left over at the end, and wherever it begins, also past four gigabytes."""
    data = random.Random(size).randbytes(size)
    for offset in (0, 3 * group, 5 << 42):
        values = _hashtree.group_values(data, offset, group)
        assert values == hashtree_pure.group_values(data, offset, group)
        assert len(values) == 32 * -(-size // group)


@pytest.mark.parametrize("size", [2 * LEAF, 3 * LEAF - 1, 40 * LEAF + 7, 1_000_000, 5_000_001])
def test_values_lead_to_the_digest(size: int) -> None:
    """Of small groups and of large ones, made at once or piece by piece."""
    data = random.Random(size).randbytes(size)
    group = LEAF
    values = _hashtree.group_values(data, 0, group)
    while len(values) > 32:
        assert Outline(group, values).digest() == hash_bytes(data)
        assert values == _hashtree.group_values(data, 0, group)
        group *= 2
        values = _hashtree.merge_values(values)


def test_the_pure_twin_leads_there_too() -> None:
    """It merges and ends as the compiled one does."""
    data = random.Random(1).randbytes(37 * LEAF + 5)
    values = hashtree_pure.group_values(data, 0, LEAF)
    assert hashtree_pure.merge_values(values) == _hashtree.merge_values(values)
    assert hashtree_pure.root_value(values) == _hashtree.root_value(values) == hash_bytes(data)


@pytest.mark.parametrize("functions", [_hashtree, hashtree_pure], ids=["compiled", "pure"])
def test_numbers_that_do_not_fit_are_refused(functions: object) -> None:
    """Nothing is read beyond what was given."""
    group_values, merge_values = functions.group_values, functions.merge_values  # type: ignore[attr-defined]
    for data, offset, group in (
        (b"", 0, LEAF),
        (b"x", 1, LEAF),
        (b"x", 0, 1000),
        (b"x", 0, 512),
        (b"x", 0, 0),
    ):
        with pytest.raises(ValueError, match="groups"):
            group_values(data, offset, group)
    for values in (b"", bytes(32), bytes(65)):
        with pytest.raises(ValueError, match="32 bytes"):
            merge_values(values)
        with pytest.raises(ValueError, match="32 bytes"):
            functions.root_value(values)  # type: ignore[attr-defined]


def test_a_stream_has_an_outline_of_bounded_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its groups grow with the content, and it always leads to the digest."""
    monkeypatch.setattr(outline, "MOST", 4)
    data = random.Random(2).randbytes(11 * GROUP + 5)
    hasher = OutlineHasher()
    for at in range(0, len(data), 2 * GROUP):
        hasher.update(data[at : at + 2 * GROUP])
    hasher.update(b"")
    found = hasher.outline()
    assert (found.group, len(found)) == (4 * GROUP, 3)
    assert found.fits(len(data))
    assert not found.fits(len(data) + 2 * GROUP)
    assert found.digest() == hasher.digest() == hash_bytes(data)
    assert MOST == 8192


EDGES = [0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3 * LEAF + 500, 16 * LEAF, 17 * LEAF + 1, 70_001]


@pytest.mark.parametrize("kernel", ["hash_plain", "hash_avx2", ""])
@pytest.mark.parametrize("seed", range(12))
def test_many_contents_at_once_have_the_digests_that_each_has(kernel: str, seed: int) -> None:
    """Leaves and parents of different ones share vectors, whole or not, few or many."""
    chance = random.Random(seed)
    sizes = [chance.choice(EDGES) for _ in range(chance.choice([0, 1, 2, 3, 15, 16, 17, 60]))]
    data = chance.randbytes(sum(sizes))
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    wanted = b"".join(hash_bytes(data[at : at + size]) for at, size in zip(starts, sizes, strict=True))
    if not _hashtree.use(kernel):
        pytest.skip("this machine has no such instructions")
    try:
        assert _hashtree.content_digests(data, sizes) == wanted
    finally:
        _hashtree.use("")
    assert hashtree_pure.content_digests(data, sizes) == wanted


@pytest.mark.parametrize("kernel", ["hash_plain", "hash_avx2"])
def test_every_set_of_instructions(kernel: str) -> None:
    """What this machine would not choose gives the same, as far as it can run it."""
    data = random.Random(3).randbytes(40 * LEAF)
    if not _hashtree.use(kernel):
        pytest.skip("this machine has no such instructions")
    try:
        values = _hashtree.group_values(data, 0, LEAF)
    finally:
        _hashtree.use("")
    assert values == _hashtree.group_values(data, 0, LEAF)
    assert Outline(LEAF, values).digest() == hash_bytes(data)
