"""Finding files that can be stored as the difference to others: checkpoints, and fine-tunes of a base.

Neither paths nor formats are asked. Files whose sizes are almost the same, and whose chunks differ, are tried
on a few chunks: what lies at the same distance from the end is the counterpart, so a header of another length
before the same tensors does no harm. The first of such files in the order of the packs stays whole; each
other is tried against those that stayed whole, and stays whole itself where it would not get smaller by a
good part.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from tether.core.compression import Codec, Compressor
from tether.core.difference import MAX_BASES, Base, encode_difference
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.recipe import ChunkList, decode_page, decode_recipe
from tether.core.tree import split_digests
from tether.repo.objectdb import ObjectDb

LEAST_GAIN = 0.85
"""A file is stored as differences where that makes a sample of its chunks smaller than so much."""
_SMALLEST_FILE = 1 << 20
_NEAR = 4096
"""Bytes by which the sizes of related files may differ: their headers."""
_SAMPLES = 12
_BASES = 4
"""Files that stayed whole against which another is tried."""
_DONE = 0.75
"""A file of which so much is stored as differences is left as it is."""


class File(NamedTuple):
    """A file of several chunks.

    Attributes:
        digest: Of the file.
        chunks: Its chunks, in order.
        ends: Where each ends, in bytes from the start of the file.
    """

    digest: Digest
    chunks: Sequence[Digest]
    ends: Sequence[int]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.ends[-1]


class Pair(NamedTuple):
    """A chunk that may be stored as a difference.

    Attributes:
        chunk: Its digest.
        size: Its bytes.
        base: Its counterpart.
        last: Which chunk of the whole file is the last of the base.
    """

    chunk: Digest
    size: int
    base: Base
    last: int


@dataclass(slots=True)
class Group:
    """A file that stays whole, and those that may be stored as the difference to it."""

    whole: File
    members: list[File] = field(default_factory=list)

    def chunks(self) -> set[Digest]:
        """Return the chunks of all its files."""
        return {chunk for file in (self.whole, *self.members) for chunk in file.chunks}


def pairs(whole: File, member: File, kept: Collection[Digest]) -> Iterator[Pair]:
    """Yield the chunks of a file whose counterpart lies in another one, in the order of the file.

    Args:
        whole: The other one.
        member: The file.
        kept: Chunks that are stored whole anyway.
    """
    shift, start = whole.size - member.size, 0
    for chunk, end in zip(member.chunks, member.ends, strict=True):
        first, last = start + shift, end + shift
        size, start = end - start, end
        if chunk in kept or first < 0:
            continue
        begin, stop = bisect_right(whole.ends, first), bisect_left(whole.ends, last) + 1
        before = whole.ends[begin - 1] if begin else 0
        if stop - begin <= MAX_BASES:
            yield Pair(chunk, size, Base(tuple(whole.chunks[begin:stop]), first - before), stop - 1)


def find_groups(objects: ObjectDb, recipes: Iterable[Digest]) -> list[Group]:
    """Return which files may be stored as the difference to which.

    Args:
        objects: Has them.
        recipes: Files of several chunks.

    Raises:
        Corrupt: What is tried is damaged.
        NotFound: A recipe or a chunk is missing.
    """
    groups: list[Group] = []
    for family in _families(_files(objects, recipes)):
        found: list[Group] = []
        for file in family:
            tried = [(_gain(objects, group.whole, file), group) for group in found[-_BASES:]]
            best = min(tried, key=lambda each: each[0], default=None)
            if best is not None and best[0] < LEAST_GAIN:
                best[1].members.append(file)
            elif best is None or best[0] <= 1:
                found.append(Group(file))
        groups += [group for group in found if group.members]
    return groups


def is_done(objects: ObjectDb, group: Group) -> bool:
    """Say whether what a group would change is stored so already, but for a rest."""
    return all(_is_done(objects, group.whole, member) for member in group.members)


def _is_done(objects: ObjectDb, whole: File, member: File) -> bool:
    wanted = {pair.chunk: pair.size for pair in pairs(whole, member, frozenset(whole.chunks))}
    done = sum(
        wanted[place.frame.digest]
        for place in objects.find_many(list(wanted))
        if place is not None and place.frame.codec == Codec.DIFFERENCE
    )
    return done >= _DONE * sum(wanted.values())


def _files(objects: ObjectDb, recipes: Iterable[Digest]) -> list[File]:
    """Return the files that are large enough, in the order in which their recipes lie."""
    places = [place for place in objects.find_many(list(recipes)) if place is not None]
    places.sort(key=lambda place: (place.pack, place.frame.offset))
    files = []
    for place in places:
        digest = place.frame.digest
        recipe = decode_recipe(digest, objects.get(ObjectKind.RECIPE, digest))
        if recipe.size >= _SMALLEST_FILE:
            lists = [recipe.chunks] if recipe.chunks else _pages(objects, recipe.pages)
            chunks = [chunk for part in lists for chunk in split_digests(part.digests)]
            lengths = [length for part in lists for length in part.lengths]
            files.append(File(digest, chunks, list(accumulate(lengths))))
    return files


def _pages(objects: ObjectDb, pages: Sequence[Digest]) -> list[ChunkList]:
    return [decode_page(objects.get(ObjectKind.RECIPE_PAGE, page)) for page in pages]


def _families(files: Sequence[File]) -> Iterator[list[File]]:
    """Yield files of almost one size, in the order given; those that are alone are left out."""
    ranks = sorted(range(len(files)), key=lambda rank: files[rank].size)
    family: list[int] = []
    for rank in ranks:
        if family and files[rank].size - files[family[0]].size > _NEAR:
            if len(family) > 1:
                yield [files[each] for each in sorted(family)]
            family = []
        family.append(rank)
    if len(family) > 1:
        yield [files[each] for each in sorted(family)]


def _gain(objects: ObjectDb, whole: File, member: File) -> float:
    """Return how large a sample of a file's chunks gets as differences, as a share of what it takes whole.

    More than 1 where nothing can be tried: the chunks are the same, or are stored raw since they do not
    compress.
    """
    found = list(pairs(whole, member, frozenset(whole.chunks)))
    sample = found[:: len(found) // _SAMPLES + 1]
    places = objects.find_many([pair.chunk for pair in sample])
    plain, close, as_now = Compressor(), Compressor("smallest"), 0
    hint, differing = close.choose(b"", b"x.difference"), 0
    for pair, place in zip(sample, places, strict=True):
        if place is None or place.frame.codec == Codec.RAW:
            continue
        data = objects.get(ObjectKind.CHUNK, pair.chunk)
        if not all(objects.has_many(pair.base.chunks)):  # dropped, or left at a remote
            return 2.0
        joined = b"".join(objects.get_many(ObjectKind.CHUNK, pair.base.chunks))
        stored = len(plain.compress(data, plain.choose(b""))[1])
        as_now += stored
        differing += min(stored, len(encode_difference(data, pair.base, joined, close, hint)))
    return differing / as_now if as_now else 2.0
