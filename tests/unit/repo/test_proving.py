"""That a content is what its digest says is shown by what is new of it, and a lie is found all the same."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support.repos import make_repository

from tether.core.compression import Codec
from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.outline import Outline, group_values
from tether.core.recipe import ChunkList, Recipe
from tether.errors import Corrupt, NotFound
from tether.repo import proving
from tether.repo.frames import DATA, Stored
from tether.repo.proving import prove
from tether.repo.repository import Repository

pytest.importorskip("tether.core._hashtree")

GROUP = 16 << 10
PIECE = 10_000
OLD = random.Random(1).randbytes(1_000_000)


def outline_of(data: bytes) -> Outline:
    """Return a true outline."""
    return Outline(GROUP, group_values(data, 0, GROUP))


def put(
    repository: Repository,
    data: bytes,
    *,
    outline: Outline | None = None,
    name: Digest | None = None,
    leave: Iterable[int] = (),
) -> Digest:
    """Store a content in chunks of one length, without some of them, under its digest or another name."""
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    file = hash_bytes(data) if name is None else name
    with repository.transaction("put") as transaction:
        for number, piece in enumerate(pieces):
            if number not in leave:
                stored = Stored(ObjectKind.CHUNK, Codec.RAW, len(piece), hash_bytes(piece), piece)
                transaction.objects.append(DATA, stored)
        chunks = ChunkList(b"".join(map(hash_bytes, pieces)), tuple(map(len, pieces)))
        recipe = Recipe(len(data), chunks, outline=outline)
        transaction.objects.put_named(ObjectKind.RECIPE, file, recipe.encode(file))
        transaction.record()
    return file


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with a content that was shown to be right."""
    made = make_repository(tmp_path)
    put(made, OLD, outline=outline_of(OLD))
    return made


BASE = hash_bytes(OLD)


def shown(repository: Repository, digest: Digest, base: Digest = BASE) -> int:
    """Return how many bytes were read to show that a content is right."""
    return prove(repository.contents, digest, repository.contents, base)


def changed(*places: int) -> bytes:
    """Return the content with another byte at some places."""
    data = bytearray(OLD)
    for place in places:
        data[place] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("new", "most"),
    [
        (changed(), 0),
        (changed(500_000), 2 * GROUP),
        (changed(0, 300_000, 999_999), 6 * GROUP),
        (OLD + b"more", 3 * GROUP),
        (OLD[:900_000], 2 * GROUP),
        (OLD[:655_360], 2 * GROUP),
    ],
    ids=["same", "one byte", "three places", "longer", "shorter", "shorter by whole groups"],
)
def test_what_is_the_same_is_not_read(repository: Repository, new: bytes, most: int) -> None:
    """In place, at the end, at a cut that is none of a chunk."""
    digest = put(repository, new, outline=outline_of(new))
    assert shown(repository, digest) <= most


@pytest.mark.parametrize("at_once", [1 << 10, 4 << 10, 32 << 10])
def test_groups_of_any_length_are_read_in_pieces(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Who sends a recipe chooses the length of its groups, and must not choose the memory of a hub by it."""
    monkeypatch.setattr(proving, "_AT_ONCE", at_once)
    new = changed(3, 20_000, 40_000, 41_000, 500_000, 999_999)
    digest = put(repository, new, outline=outline_of(new))
    assert 0 < shown(repository, digest) < 12 * GROUP
    lie = put(repository, changed(3, 700_000), outline=outline_of(new), name=hash_bytes(b"lie"))
    with pytest.raises(Corrupt):
        shown(repository, lie)
    other = changed(3, 20_000, 40_000, 41_000, 500_001, 999_999)
    with pytest.raises(Corrupt, match="damaged"):
        proving._prove_groups(repository.contents, put(repository, other), outline_of(new), [30])


@pytest.mark.parametrize(
    "new",
    [b"x" + OLD, changed(*range(0, 1_000_000, 15_000)), random.Random(2).randbytes(400_000)],
    ids=["moved on", "everywhere", "another content"],
)
def test_what_differs_much_is_read_whole(repository: Repository, new: bytes) -> None:
    """Then that is quicker."""
    assert shown(repository, put(repository, new, outline=outline_of(new))) == len(new)


def test_without_an_outline_all_is_read(repository: Repository, tmp_path: Path) -> None:
    """As for contents that an earlier version stored."""
    new = changed(5)
    assert shown(repository, put(repository, new)) == len(new)
    other = make_repository(tmp_path / "other")
    digest = put(other, new, outline=outline_of(new))
    assert prove(other.contents, digest, other.contents, put(other, OLD)) == len(new)
    assert prove(other.contents, digest, other.contents, hash_bytes(b"nothing")) == len(new)
    assert prove(other.contents, digest) == len(new)


def lies() -> Iterable[tuple[str, bytes, Outline | None, Digest]]:
    """Yield contents that are not what their names say: what lies, the bytes, the outline, the name."""
    true, other = changed(500_000), changed(500_000, 700_000)
    name = hash_bytes(true)
    yield "another content", other, None, name
    yield "another content with the outline of the true one", other, outline_of(true), name
    yield "another content with its own outline", other, outline_of(other), name
    yield "the old content", OLD, outline_of(true), name
    yield "the old content with its own outline", OLD, outline_of(OLD), name
    yield (
        "two groups exchanged",
        true[GROUP : 2 * GROUP] + true[:GROUP] + true[2 * GROUP :],
        outline_of(true),
        name,
    )
    yield "a false outline of the true one", true, outline_of(other), name


@pytest.mark.parametrize("lie", list(lies()), ids=lambda lie: lie[0].replace(" ", "-"))
def test_a_lie_is_found(repository: Repository, lie: tuple[str, bytes, Outline | None, Digest]) -> None:
    """Whatever of the recipe is true, and whether there is something to compare it with or not."""
    _, data, outline, name = lie
    put(repository, data, outline=outline, name=name)
    with pytest.raises(Corrupt):
        shown(repository, name)
    with pytest.raises(Corrupt):
        prove(repository.contents, name)


def test_a_chunk_that_is_not_there_is_missed(repository: Repository) -> None:
    """Where something is new it is read."""
    new = changed(500_000)
    digest = put(repository, new, outline=outline_of(new), leave=[50])
    with pytest.raises(NotFound):
        shown(repository, digest)


def test_a_false_outline_of_the_old_content_helps_nobody(tmp_path: Path) -> None:
    """It would let groups pass that nobody looked at."""
    repository = make_repository(tmp_path)
    true, other = changed(500_000), changed(500_000, 700_000)
    base = put(repository, OLD, outline=outline_of(true))
    put(repository, other, outline=outline_of(true), name=hash_bytes(true))
    with pytest.raises(Corrupt):
        prove(repository.contents, hash_bytes(true), repository.contents, base)
