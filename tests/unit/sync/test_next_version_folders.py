"""Between folders, too, the next version of a large file is read where it is new, and not believed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.packs import commit_of
from tests.support.repos import make_repository, read_files
from tests.support.versions import ONE, THREE, TWO, commit_file, exchanged, recipe_of

from tether.core.compression import decompress
from tether.core.digest import Buffer, Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.outline import FAST
from tether.core.recipe import Recipe
from tether.core.tree import Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.errors import Corrupt
from tether.repo import objectdb
from tether.repo.check import CheckOptions, check_repository
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, fetch, push

needs_outlines = pytest.mark.skipif(not FAST, reason="no compiled modules")
MAIN = PushOptions(("main",))


class Room:
    """A repository, a bare one in a folder, and a clone of that; the first version is everywhere."""

    def __init__(self, folder: Path) -> None:
        self.here = make_repository(folder / "here")
        self.there = make_repository(folder / "there", bare=True)
        self.clone = make_repository(folder / "clone")
        self.first = commit_file(self.here, ONE)
        push(self.here, self.there, "origin", MAIN)
        fill_clone(self.there, self.clone, CloneOptions())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return it."""
    return Room(tmp_path)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what says how long the chunks and other objects were that were unpacked."""
    told: list[int] = []

    def counting(codec: int, stored: Buffer, raw: int) -> bytes:
        told.append(raw)
        return decompress(codec, stored, raw)

    monkeypatch.setattr(objectdb, "decompress", counting)
    return told


@needs_outlines
def test_the_next_version_is_read_where_it_differs(room: Room, unpacked: list[int]) -> None:
    """What goes there and what comes back: the chunks that are new, each once, and those beside them."""
    two = commit_file(room.here, TWO)
    unpacked.clear()
    push(room.here, room.there, "origin", MAIN)
    sent = sum(unpacked)
    unpacked.clear()
    fetch(room.clone, room.there, "origin")

    assert 300 < sent <= 1 << 20
    assert 300 < sum(unpacked) <= 1 << 20
    assert read_files(room.clone, two) == {"weights": TWO}
    assert check_repository(room.clone, CheckOptions(full=True)).ok


@needs_outlines
def test_versions_that_come_at_once(room: Room, unpacked: list[int]) -> None:
    """Each is compared with the one before it, be that new as well."""
    for data in (TWO, THREE, b"x" + THREE, TWO):
        last = commit_file(room.here, data)
    unpacked.clear()
    push(room.here, room.there, "origin", MAIN)

    assert sum(unpacked) < len(THREE) + (3 << 20)
    assert read_files(room.there, last) == {"weights": TWO}
    assert check_repository(room.there, CheckOptions(full=True)).ok


def test_a_version_that_has_nothing_before_it_is_read_once(room: Room, unpacked: list[int]) -> None:
    """All of it, by the same reading that copies what is new."""
    last = commit_file(room.here, TWO, b"other")
    unpacked.clear()
    push(room.here, room.there, "origin", MAIN)

    assert len(TWO) < sum(unpacked) < len(TWO) + 100_000
    assert read_files(room.there, last) == {"other": TWO}


def forge(repository: Repository, recipe: Recipe, digest: Digest, parent: Digest) -> None:
    """Commit a file under a digest, with a recipe and a seal that fits."""
    with repository.transaction("forge") as transaction:
        transaction.objects.put_named(ObjectKind.RECIPE, digest, recipe.encode(digest))
        tree = build_directory(transaction.objects, [Entry(b"weights", EntryKind.FILE, recipe.size, digest)])
        made = Commit.decode(commit_of(tree.digest, parent))
        commit = transaction.objects.put(ObjectKind.COMMIT, made.encode())
        transaction.set_ref("refs/heads/main", commit)


Lie = Callable[[Recipe, Recipe], tuple[Recipe, Digest]]
"""Makes a recipe of two true ones, and says of which file it is to be."""


def false(two: Recipe) -> Recipe:
    """Return a recipe whose outline has two values in another order."""
    assert two.outline is not None
    values = two.outline.values
    return replace(two, outline=replace(two.outline, values=values[32:64] + values[:32] + values[64:]))


def named_by_outline(recipe: Recipe) -> tuple[Recipe, Digest]:
    """Return a recipe and the digest that its outline gives."""
    assert recipe.outline is not None
    return recipe, recipe.outline.digest()


LIES: dict[str, Lie] = {
    "the old file": lambda one, two: (one, hash_bytes(b"three")),
    "another file": lambda one, two: (two, hash_bytes(b"three")),
    "another order": lambda one, two: (exchanged(two), hash_bytes(TWO)),
    "another order of the old file": lambda one, two: (exchanged(one), hash_bytes(b"three")),
    "no outline": lambda one, two: (replace(exchanged(two), outline=None), hash_bytes(TWO)),
    "an outline of its own": lambda one, two: named_by_outline(false(two)),
    "both of another file": lambda one, two: named_by_outline(false(exchanged(two))),
    "the right file and a false outline": lambda one, two: (false(two), hash_bytes(TWO)),
}


@needs_outlines
@pytest.mark.parametrize("lie", list(LIES.values()), ids=list(LIES))
def test_recipes_that_lie_are_refused(room: Room, lie: Lie) -> None:
    """By who fetches from such a folder, and by who would hand them on."""
    one = recipe_of(room.here, ONE)
    commit_file(room.here, b"x" + TWO)  # so that the chunks of the second version are there
    other = make_repository(room.here.directory.parent.parent / "other")
    commit_file(other, TWO)
    two = recipe_of(other, TWO)
    fetch(room.here, other, "other")
    forged = make_repository(room.here.directory.parent.parent / "forged")
    fetch(forged, room.here, "origin")
    recipe, digest = lie(one, two)
    if digest == hash_bytes(TWO):
        forged = make_repository(room.here.directory.parent.parent / "apart")
        fetch(forged, room.there, "origin")
        with forged.transaction("chunks") as transaction:
            transaction.contents.add(b"x" + TWO)
            transaction.set_ref("refs/heads/kept", room.first)
    forge(forged, recipe, digest, room.first)
    before = room.clone.root().refs

    with pytest.raises(Corrupt):
        fetch(room.clone, forged, "origin")
    with pytest.raises(Corrupt):
        push(forged, room.there, "origin", MAIN)

    assert room.clone.root().refs == before
    assert room.there.root().refs == {"refs/heads/main": room.first}


@needs_outlines
def test_damage_in_what_is_new_is_found(room: Room) -> None:
    """A bit that flipped in a chunk that is to be copied stops the copy."""
    two = recipe_of_new(room)
    place = room.here.objects.find(two)
    assert place is not None
    path = room.here.directory / pack_key(place.pack)
    data = bytearray(path.read_bytes())
    data[place.frame.offset + 60] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    room.here.objects.reset()

    with pytest.raises(Corrupt):
        push(room.here, room.there, "origin", MAIN)

    assert room.there.root().refs == {"refs/heads/main": room.first}


def recipe_of_new(room: Room) -> Digest:
    """Commit the second version and return a chunk that the first has not."""
    commit_file(room.here, TWO)
    one, two = (recipe_of(room.here, data).chunks for data in (ONE, TWO))
    assert one is not None
    assert two is not None
    known = {one.digest(at) for at in range(len(one))}
    return next(digest for at in range(len(two)) if (digest := two.digest(at)) not in known)
