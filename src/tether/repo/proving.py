"""Making sure that a content is what its digest says, by all of it or by what differs from a known one.

A recipe may come from anybody, and no digest covers it. The chunks that it names are what they should be;
that they are those of the file, in order, is what the file's digest says, and what has to be shown here.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.outline import FAST, Outline, group_values, merge_values
from tether.errors import Corrupt, NotFound
from tether.repo.contents import ContentReader
from tether.repo.delta import Span, covering, same_spans
from tether.repo.shown import NONE, Stretches

_AT_ONCE = 8 << 20
"""Bytes that are read and hashed at a time: a power of two."""
_WORTH = 2
"""All of a content is hashed where more than this part of it, one half, would be."""


class Means(NamedTuple):
    """What helps to prove contents.

    Attributes:
        group: Chunks that are read at a time where all is read; some groups are in memory at once.
        stretches: What was made of packs as they came.
    """

    group: int = 64
    stretches: Stretches = NONE


MEANS = Means()


def prove(
    contents: ContentReader,
    digest: Digest,
    known: ContentReader | None = None,
    base: Digest | None = None,
    means: Means = MEANS,
) -> int:
    """Make sure that a content of several chunks is what its digest says.

    Args:
        contents: Has the content.
        digest: Names it.
        known: Has a content that was made sure of.
        base: Names that one.
        means: What helps.

    Returns:
        How many bytes of it were read.

    Raises:
        NotFound: It is not here whole.
        Corrupt: It is something else, or is damaged.
    """
    earlier = (known, base) if known is not None and base is not None else None
    plan = _plan(contents, digest, earlier, means.stretches) if earlier or means.stretches else None
    if plan is not None:
        return _prove_groups(contents, digest, *plan)
    size = sum(map(len, contents.segments(digest, means.group)))
    outline = contents.outline(digest)
    if FAST and outline is not None and outline.digest() != digest:
        raise _untrue(digest)
    return size


def _plan(
    contents: ContentReader,
    digest: Digest,
    earlier: tuple[ContentReader, Digest] | None,
    stretches: Stretches,
) -> tuple[Outline, list[int]] | None:
    """Return the outline and which of its groups have to be hashed; None where all has to be."""
    new = contents.outline(digest) if FAST else None
    if new is None:
        return None
    old = _outline(*earlier, new.group) if earlier is not None else None
    shown = stretches.shown(partial(contents.pages, digest), new) if stretches else set[int]()
    if old is None and not shown:
        return None
    if new.digest() != digest:
        raise _untrue(digest)
    size, lacking = contents.size(digest), list(range(len(new)))
    if old is not None and earlier is not None:
        lacking = _differing(
            (new, old), same_spans(contents.pages(digest), earlier[0].pages(earlier[1])), size
        )
    lacking = [index for index in lacking if index not in shown]
    if len(lacking) * new.group * _WORTH > size:
        return None
    return new, lacking


def _outline(known: ContentReader, base: Digest, group: int) -> Outline | None:
    """Return the outline of an earlier content, if it is true and has groups of this size."""
    try:
        old = known.outline(base)
    except (NotFound, Corrupt):  # it is a single chunk, or not here on purpose
        return None
    return old if old is not None and old.group == group and old.digest() == base else None


def _differing(outlines: tuple[Outline, Outline], same: Iterator[Span], size: int) -> list[int]:
    """Return the groups of the first outline whose bytes may be others, or have another value."""
    new, old = outlines
    alike = bytearray(len(new))
    for span in same:
        first = -(-span.start // new.group)
        last = min(len(new) if span.stop >= size else span.stop // new.group, len(old))
        if new.part(first, last) == old.part(first, last):
            alike[first:last] = bytes([1]) * (last - first)
        else:
            for index in range(first, last):
                alike[index] = new.value(index) == old.value(index)
    return [index for index, is_alike in enumerate(alike) if not is_alike]


def _prove_groups(contents: ContentReader, digest: Digest, outline: Outline, indices: list[int]) -> int:
    """Hash some groups, whose length a stranger chose: never more than `_AT_ONCE` bytes are in memory."""
    size, group, read = contents.size(digest), outline.group, 0
    step, values = min(group, _AT_ONCE), b""
    pages = contents.pages(digest, indices[0] * group if indices else size)
    for span, chunks in covering(pages, _pieces(indices, group, size)):
        data = contents.joined([(chunk.digest, chunk.length) for chunk in chunks])
        skipped = span.start - chunks[0].start
        view = memoryview(data)[skipped : skipped + span.stop - span.start]
        if len(view) != span.stop - span.start:
            raise _damaged(digest)
        values += group_values(view, span.start, step)
        read += len(view)
        if span.stop % group and span.stop < size:
            continue
        first, last = (span.stop - 1) // group + 1 - _count(values, step, group), (span.stop - 1) // group
        if _as_groups(values, step, group) != b"".join(map(outline.value, range(first, last + 1))):
            raise _damaged(digest)
        values = b""
    return read


def _count(values: bytes, step: int, group: int) -> int:
    """Return of how many groups these are the values, made step by step."""
    return len(values) // DIGEST_SIZE if step == group else 1


def _as_groups(values: bytes, step: int, group: int) -> bytes:
    """Return the values of whole groups; those of a larger one come alone."""
    while step < group:
        values = merge_values(values) if len(values) > DIGEST_SIZE else values
        step *= 2
    return values


def _pieces(indices: list[int], group: int, size: int) -> Iterator[Span]:
    """Yield small neighbouring groups together, up to what is read at once, and large ones piece by piece."""
    most, start, stop = _AT_ONCE // group, 0, 0
    for index in indices:
        if most < 1:
            end = min((index + 1) * group, size)
            for at in range(index * group, end, _AT_ONCE):
                yield Span(at, min(at + _AT_ONCE, end))
            continue
        if index != stop or stop - start >= most:
            if stop > start:
                yield Span(start * group, min(stop * group, size))
            start = index
        stop = index + 1
    if stop > start:
        yield Span(start * group, min(stop * group, size))


def _damaged(digest: Digest) -> Corrupt:
    return Corrupt(f"content {digest.hex()[:12]} is damaged", hint="run 'tether fsck'")


def _untrue(digest: Digest) -> Corrupt:
    return Corrupt(f"the outline of content {digest.hex()[:12]} is not true", hint="run 'tether fsck'")
