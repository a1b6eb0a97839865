"""Both ends read of the next version of a large file what is new, and are not fooled by that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.support.far import NearEnd
from tests.support.packs import commit_of, leaf, pack, tree_id
from tests.support.repos import make_repository, read_files
from tests.support.versions import ONE, THREE, TWO, commit_file, exchanged, recipe_of

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.outline import FAST, GROUP, Outline, group_values
from tether.core.recipe import ChunkList, Recipe
from tether.core.tree import Entry, EntryKind
from tether.errors import InvalidInput
from tether.repo.frames import DATA, META
from tether.repo.proving import prove
from tether.repo.repository import Repository
from tether.sync import download, proofs
from tether.sync.exchange import PushOptions
from tether.sync.far import fetch_far, fill_far, push_far
from tether.sync.wire import PushRequest, RefMove

pytestmark = pytest.mark.skipif(not FAST, reason="no compiled modules")

MAIN = PushOptions(("main",))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what says how many bytes of each new file were read to show that it is right."""
    told: list[int] = []

    def proving(*args: object, **options: object) -> int:
        told.append(prove(*args, **options))  # type: ignore[arg-type]
        return told[-1]

    monkeypatch.setattr(proofs, "prove", proving)
    return told


class Room:
    """A repository here, an empty one there, and a clone."""

    def __init__(self, folder: Path) -> None:
        self.here = make_repository(folder / "here")
        self.clone = make_repository(folder / "clone")
        self.there = make_repository(folder / "there", bare=True)
        self.end = NearEnd(folder / "there")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return it."""
    return Room(tmp_path)


def test_the_next_version_is_read_where_it_differs(room: Room, read: list[int]) -> None:
    """By the hub of a push, and by who fetches."""
    commit_file(room.here, ONE)
    push_far(room.here, room.end, "origin", MAIN)
    fill_far(room.end, room.clone)
    assert read[0] <= GROUP
    assert read[1] == len(ONE)
    two = commit_file(room.here, TWO)
    push_far(room.here, room.end, "origin", MAIN)
    fetch_far(room.clone, room.end, "origin")
    assert read[2] == read[3] <= 1 << 20
    assert read_files(room.clone, two) == {"weights": TWO}


def test_versions_that_come_at_once(room: Room, read: list[int]) -> None:
    """Each is compared with the one before it, which is shown first; there and back again too."""
    for data in (ONE, TWO, THREE, ONE):
        commit = commit_file(room.here, data)
    push_far(room.here, room.end, "origin", MAIN)
    fill_far(room.end, room.clone)
    assert len(read) == 6
    for found in (read[:3], read[3:]):
        assert sum(size > 1 << 20 for size in found) == 1
    assert read_files(room.clone, commit) == {"weights": ONE}


def test_a_file_at_another_path_is_read_whole(room: Room, read: list[int]) -> None:
    """There is nothing that it would be compared with."""
    commit_file(room.here, ONE)
    push_far(room.here, room.end, "origin", MAIN)
    commit_file(room.here, TWO, b"other")
    push_far(room.here, room.end, "origin", MAIN)
    assert read[1] == len(TWO)


def push_by_hand(
    room: Room,
    files: Sequence[tuple[Recipe, Digest]],
    packs: Sequence[tuple[Digest, bytes]] = (),
    start: int | None = None,
    starts: Mapping[Digest, int] = MappingProxyType({}),
) -> None:
    """Push a line of commits whose file has these recipes, under these digests, each sent once.

    The packs are said to begin in a file where `starts` has them, or at `start`.
    """
    parent = room.there.root().refs["refs/heads/main"]
    first, sent, recipes = parent, list(packs), dict[Digest, bytes]()
    for recipe, digest in files:
        tree = leaf(Entry(b"weights", EntryKind.FILE, recipe.size, digest))
        commit = commit_of(tree_id(tree), parent)
        parent = object_digest(ObjectKind.COMMIT, commit)
        recipes[digest] = recipe.encode(digest)
        sent.append(pack(META, (ObjectKind.TREE, tree), (ObjectKind.COMMIT, commit)))
    sent += [pack(META, (ObjectKind.RECIPE, data, digest)) for digest, data in recipes.items()]
    for name, data in sent:
        room.end.put_pack(name, data, starts.get(name, start))
    move = RefMove("refs/heads/main", first, parent)
    room.end.push(PushRequest(hash_bytes(parent)[:16], tuple(name for name, _ in sent), (move,)))


def test_the_first_version_is_not_read_again(
    room: Room, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the hub of a push nor by who clones: but for groups that lie in several packs."""
    monkeypatch.setattr(download, "_MANY", 1)
    commit = commit_file(room.here, ONE)
    push_far(room.here, room.end, "origin", MAIN)
    room.end.cut_packs = True
    fill_far(room.end, room.clone)
    assert len(read) == 2
    assert max(read) <= GROUP
    assert read_files(room.clone, commit) == {"weights": ONE}


def sent_by_hand(recipe: Recipe, here: Repository) -> tuple[Digest, bytes]:
    """Return a pack of a file's chunks in the order of a recipe."""
    assert recipe.chunks is not None
    names = [recipe.chunks.digest(at) for at in range(len(recipe.chunks))]
    return pack(DATA, *((ObjectKind.CHUNK, here.objects.get(ObjectKind.CHUNK, each)) for each in names))


def test_a_start_that_is_not_true_helps_nobody(room: Room, read: list[int]) -> None:
    """The hub reads the file then, and takes it if it is what it is said to be, and only then."""
    commit_file(room.here, b"first")
    push_far(room.here, room.end, "origin", MAIN)
    other = make_repository(room.here.directory.parent.parent / "other")
    commit_file(other, ONE)
    one, digest = recipe_of(other, ONE), hash_bytes(ONE)
    for start in (0, GROUP):
        with pytest.raises(InvalidInput, match="not sound"):
            push_by_hand(room, [(exchanged(one), digest)], [sent_by_hand(exchanged(one), other)], start)
    assert read == []
    push_by_hand(room, [(one, digest)], [sent_by_hand(one, other)], GROUP)
    assert read == [len(ONE)]


@pytest.mark.parametrize("changed", [0, 2, 3, 4, 7, 8, 31])
def test_a_chunk_that_is_exchanged_beside_packs_of_the_true_file_is_found(room: Room, changed: int) -> None:
    """The outline and all packs are those of the true file, and groups lie in two packs."""
    size, data = 32 << 10, ONE[: 4 * GROUP]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    listed = [b"evil" * (size // 4) if n == changed else piece for n, piece in enumerate(pieces)]
    spans = ((0, 3), (3, 8), (8, 32))
    packs = [pack(DATA, *((ObjectKind.CHUNK, piece) for piece in pieces[a:b])) for a, b in spans]
    starts = {name: at * size for (name, _), at in zip(packs, (0, 3, 8), strict=True)}
    packs.append(pack(DATA, (ObjectKind.CHUNK, listed[changed])))
    outline = Outline(GROUP, group_values(data, 0, GROUP))
    digests = b"".join(map(hash_bytes, listed))
    recipe = Recipe(len(data), ChunkList(digests, (size,) * 32), outline=outline)
    commit_file(room.here, TWO)
    push_far(room.here, room.end, "origin", MAIN)

    with pytest.raises(InvalidInput, match="not sound"):
        push_by_hand(room, [(recipe, hash_bytes(data))], packs, starts=starts)


def test_recipes_that_lie_are_refused(room: Room) -> None:
    """Whatever of them is true: the chunks, which are all there, or the outline; or both, of another file."""
    for data in (ONE, TWO):
        commit_file(room.here, data)
    one, two = recipe_of(room.here, ONE), recipe_of(room.here, TWO)
    assert one.outline is not None
    commit_file(room.here, b"x" + TWO)  # so that the chunks of the second version are there
    push_far(room.here, room.end, "origin", MAIN)
    room.there.objects.reset()
    three, four = hash_bytes(b"three"), hash_bytes(b"four")
    values = one.outline.values[32:64] + one.outline.values[:32] + one.outline.values[64:]
    false = replace(one.outline, values=values)
    for files in (
        [(one, three)],
        [(two, three)],
        [(exchanged(two), three)],
        [(replace(two, outline=None), three)],
        [(replace(exchanged(two), outline=false), false.digest())],
        [(replace(two, outline=false), false.digest())],
        [(two, three), (exchanged(two), four), (two, three)],
    ):
        before = room.there.root().refs
        with pytest.raises(InvalidInput, match="not sound"):
            push_by_hand(room, files)
        assert room.there.root().refs == before


def test_a_recipe_by_hand_is_taken(room: Room, read: list[int]) -> None:
    """Those above are refused for what is wrong with them."""
    commit_file(room.here, b"x" + TWO)
    commit_file(room.here, ONE)
    push_far(room.here, room.end, "origin", MAIN)
    other = make_repository(room.here.directory.parent.parent / "other")
    commit_file(other, TWO)
    two = recipe_of(other, TWO)
    assert two.chunks is not None
    lacking = [
        digest for at in range(len(two.chunks)) if not room.there.objects.has(digest := two.chunks.digest(at))
    ]
    name, data = pack(
        DATA, *((ObjectKind.CHUNK, other.objects.get(ObjectKind.CHUNK, each)) for each in lacking)
    )
    read.clear()
    push_by_hand(room, [(two, hash_bytes(TWO))], [(name, data)] if lacking else [])
    assert read[0] <= 1 << 20
