"""What a hub refuses of a push, and a clone of a hub: neither end believes the other."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.packs import commit_of, leaf, pack, tree_id
from tests.support.repos import commit_files, make_repository, read_files

from tether.core.compression import Codec
from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.names import branch_ref
from tether.core.recipe import ChunkList, Recipe
from tether.core.tree import Entry, EntryKind
from tether.errors import Conflict, Corrupt, InvalidInput, TetherError, TooLarge, Unavailable
from tether.repo.frames import DATA, META, Frame, Stored
from tether.repo.packs import pack_key
from tether.sync.ends import TakeFrames
from tether.sync.far import fetch_far
from tether.sync.wire import MAX_PACK, PackShare, PushRequest, RefMove, RemoteRefs, read_digests, read_frames

MAIN = branch_ref("main")
CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture
def end(tmp_path: Path) -> NearEnd:
    """Return a far end with one commit."""
    repository = make_repository(tmp_path / "there", bare=True)
    commit_files(repository, {"a": b"1"}, "one")
    return NearEnd(tmp_path / "there")


def push(end: NearEnd, new: bytes, *packs: tuple[Digest, bytes], name: str = "refs/heads/new") -> None:
    """Send packs and let a new ref name a commit."""
    for key, data in packs:
        end.put_pack(key, data)
    move = RefMove(name, None, object_digest(ObjectKind.COMMIT, new))
    end.push(PushRequest(hash_bytes(name.encode())[:16], tuple(key for key, _ in packs), (move,)))


FILE = leaf(Entry(b"f", EntryKind.FILE, 4, hash_bytes(b"file")))
GOOD = commit_of(tree_id(FILE))


def good() -> list[tuple[Digest, bytes]]:
    """Return the packs of a push of GOOD that is right."""
    return [
        pack(DATA, (ObjectKind.CHUNK, b"file")),
        pack(META, (ObjectKind.TREE, FILE), (ObjectKind.COMMIT, GOOD)),
    ]


def test_a_push_made_by_hand_is_taken(end: NearEnd) -> None:
    """The cases below are refused for what is wrong with them and for nothing else."""
    push(end, GOOD, *good())
    there = end.serving().refs().refs["refs/heads/new"]
    assert there == object_digest(ObjectKind.COMMIT, GOOD)


def test_packs_that_are_not_sound_are_refused(end: NearEnd) -> None:
    """Another name, a flipped bit, no end, an object under another's digest, a kind that does not travel."""
    name, data = pack(DATA, (ObjectKind.CHUNK, b"file"))
    flipped = bytearray(data)
    flipped[70] ^= 1
    lie = pack(DATA, (ObjectKind.CHUNK, b"file", hash_bytes(b"other")))
    state = pack(META, (ObjectKind.STATE, b"state"))
    mixed = pack(DATA, (ObjectKind.CHUNK, b"file"), (ObjectKind.COMMIT, GOOD))
    wrong = pack(META, (ObjectKind.TREE, b"no tree at all"))
    short = data[:-40]
    cases = [
        (hash_bytes(b"x"), data),
        (name, bytes(flipped)),
        (name, data[:-1]),
        (name, b""),
        (hash_bytes(short), short),
        (hash_bytes(b"noise"), b"noise"),
        lie,
        state,
        mixed,
    ]
    for key, body in cases:
        with pytest.raises(InvalidInput):
            end.put_pack(key, body)
        assert not end.has_packs([key])[0]
        assert not end.serving()._repository.backend.exists(pack_key(key))
    end.put_pack(*wrong)  # its digest is right; that it is no tree is seen by the push
    commit = commit_of(wrong[0])
    with pytest.raises(TetherError):
        push(end, commit, wrong, pack(META, (ObjectKind.COMMIT, commit)))


def test_a_pack_without_end_is_refused(end: NearEnd) -> None:
    """The hub stops to listen, and keeps nothing."""
    with end.serving().receive(hash_bytes(b"x")) as receiver, pytest.raises(TooLarge):
        for _ in range(MAX_PACK // (8 << 20) + 1):
            receiver.write(bytes(8 << 20))
    assert list(end.serving()._repository.backend.list("arrived/")) == []


def forged_recipe(chunk: bytes = b"forged" * 1000) -> tuple[bytes, bytes]:
    """Return a recipe under the digest of CONTENT that lists another chunk, and the chunk."""
    recipe = Recipe(2 * len(chunk), ChunkList(hash_bytes(chunk) * 2, (len(chunk),) * 2))
    return recipe.encode(hash_bytes(CONTENT)), chunk


def incomplete() -> Iterator[tuple[str, bytes, list[tuple[Digest, bytes]]]]:
    """Yield pushes that may not be: what is wrong, the commit, the packs."""
    file = (ObjectKind.CHUNK, b"file")
    tree, commit = (ObjectKind.TREE, FILE), (ObjectKind.COMMIT, GOOD)
    yield "no content", GOOD, [pack(META, tree, commit)]
    yield "no tree", GOOD, [pack(DATA, file), pack(META, commit)]
    yield "no commit", GOOD, [pack(DATA, file), pack(META, tree)]
    orphan = commit_of(tree_id(FILE), hash_bytes(b"parent"))
    yield "no parent", orphan, [pack(DATA, file), pack(META, tree, (ObjectKind.COMMIT, orphan))]
    surplus = commit_of(tree_id(FILE), object_digest(ObjectKind.COMMIT, GOOD))
    yield "surplus", GOOD, [pack(DATA, file), pack(META, tree, commit, (ObjectKind.COMMIT, surplus))]
    recipe, chunk = forged_recipe()
    large = leaf(Entry(b"l", EntryKind.FILE, 12_000, hash_bytes(CONTENT)))
    named = commit_of(tree_id(large))
    yield (
        "forged recipe",
        named,
        [
            pack(DATA, (ObjectKind.CHUNK, chunk)),
            pack(
                META,
                (ObjectKind.TREE, large),
                (ObjectKind.COMMIT, named),
                (ObjectKind.RECIPE, recipe, hash_bytes(CONTENT)),
            ),
        ],
    )
    lying = leaf(Entry(b"d", EntryKind.DIRECTORY, 999, tree_id(FILE), 7))
    liar = commit_of(tree_id(lying))
    yield (
        "totals that lie",
        liar,
        [pack(DATA, file), pack(META, tree, (ObjectKind.TREE, lying), (ObjectKind.COMMIT, liar))],
    )


@pytest.mark.parametrize("case", list(incomplete()), ids=lambda case: case[0].replace(" ", "-"))
def test_what_is_not_whole_and_true_is_refused(
    end: NearEnd, case: tuple[str, bytes, list[tuple[Digest, bytes]]]
) -> None:
    """Nothing of it counts, and the same objects in a good push are taken afterwards."""
    before = end.serving().refs().refs
    with pytest.raises((Conflict, InvalidInput)):
        push(end, case[1], *case[2])
    assert end.serving().refs().refs == before
    push(end, GOOD, *good())


@pytest.mark.parametrize("seed", range(4))
def test_a_second_recipe_of_one_file_is_refused(end: NearEnd, seed: int) -> None:
    """Only one of the two would be looked at, by the order of names, and readers might take the other."""
    forged, chunk = forged_recipe(b"forged%d" % seed * 1000)
    halves = (CONTENT[:100_000], CONTENT[100_000:200_000], CONTENT[200_000:])
    file = hash_bytes(CONTENT)
    digests = b"".join(map(hash_bytes, halves))
    true = Recipe(len(CONTENT), ChunkList(digests, tuple(map(len, halves)))).encode(file)
    large = leaf(Entry(b"l", EntryKind.FILE, len(CONTENT), file))
    commit = commit_of(tree_id(large))
    chunks = pack(DATA, *((ObjectKind.CHUNK, data) for data in (*halves, chunk)))
    tree = pack(META, (ObjectKind.TREE, large), (ObjectKind.COMMIT, commit))
    recipes = [pack(META, (ObjectKind.RECIPE, data, file)) for data in (true, forged)]
    with pytest.raises(InvalidInput):
        push(end, commit, chunks, tree, *recipes)
    push(end, commit, chunks, tree, recipes[0])
    with pytest.raises(InvalidInput):
        push(end, GOOD, recipes[1], *good(), name="refs/heads/again")
    push(end, GOOD, recipes[0], *good(), name="refs/heads/again")


@pytest.mark.parametrize(
    "name",
    [
        "refs/heads/../x",
        "refs/heads/",
        "refs/remotes/o/x",
        "HEAD",
        "root",
        "refs/heads/a b",
        "refs/heads/a.lock",
    ],
)
def test_only_names_of_branches_and_tags_are_moved(end: NearEnd, name: str) -> None:
    """A push cannot reach any other name."""
    with pytest.raises(InvalidInput):
        push(end, GOOD, *good(), name=name)


def test_a_branch_never_names_a_tree(end: NearEnd) -> None:
    """Readers count on a commit there."""
    data, meta = pack(DATA, (ObjectKind.CHUNK, b"file")), pack(META, (ObjectKind.TREE, FILE))
    for key, body in (data, meta):
        end.put_pack(key, body)
    with pytest.raises((Conflict, InvalidInput)):
        end.push(PushRequest(bytes(16), (data[0], meta[0]), (RefMove("refs/heads/t", None, tree_id(FILE)),)))


def test_packs_that_did_not_arrive_are_not_taken_up(end: NearEnd) -> None:
    """A push names packs that came by this way, not any file that lies in the store."""
    with pytest.raises(Conflict, match="not there"):
        end.push(PushRequest(bytes(16), (hash_bytes(b"x"),), ()))


class Liar(NearEnd):
    """A far end that changes what it sends."""

    change: Callable[[Frame, bytes], tuple[Frame, bytes] | None] | None = None

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give other objects."""
        change = self.change
        assert change is not None
        super().objects(
            digests, lambda frames: take(found for each in frames if (found := change(*each)) is not None)
        )


def spoil(frame: Frame, data: bytes) -> tuple[Frame, bytes]:
    """Flip a bit."""
    return frame, bytes([data[0] ^ 1]) + data[1:]


def swap(frame: Frame, data: bytes) -> tuple[Frame, bytes]:
    """Give another object than the one asked for, sound in itself."""
    return frame._replace(kind=ObjectKind.CHUNK, codec=0, raw=1, stored=1, digest=hash_bytes(b"z")), b"z"


def drop(_: Frame, __: bytes) -> None:
    """Give nothing."""


@pytest.mark.parametrize("change", [spoil, swap, drop])
def test_a_clone_believes_no_hub(
    tmp_path: Path, change: Callable[[Frame, bytes], tuple[Frame, bytes] | None]
) -> None:
    """Damage, other objects and silence end in an error, and nothing has changed here."""
    there, here = make_repository(tmp_path / "there", bare=True), make_repository(tmp_path / "here")
    commit_files(there, {"a": CONTENT, "b": b"small" * 100}, "one")
    liar = Liar(tmp_path / "there")
    liar.change = change
    with pytest.raises((Corrupt, Unavailable)):
        fetch_far(here, liar, "origin")
    assert here.root().refs == {}


@pytest.mark.parametrize("lie", ["noise", "other objects", "metadata"])
def test_a_clone_takes_no_pack_on_trust(tmp_path: Path, lie: str) -> None:
    """A pack must be what its name says, hold what its frames say, and hold contents only."""
    there, here = make_repository(tmp_path / "there", bare=True), make_repository(tmp_path / "here")
    commit_files(there, {f"{number:03}": b"%d" % number * 99 for number in range(400)}, "one")
    made = {
        "noise": (hash_bytes(b"noise"), b"noise" * 100),
        "other objects": pack(DATA, (ObjectKind.CHUNK, b"file", hash_bytes(b"other"))),
        "metadata": pack(META, (ObjectKind.TREE, FILE)),
    }[lie]

    class Packs(NearEnd):
        def shares(self, digests: Sequence[Digest]) -> list[PackShare]:
            return [PackShare(made[0], len(made[1]), 1, len(digests))]

        def pack(self, name: Digest, take: Callable[[Iterator[bytes]], None]) -> None:
            take(iter([made[1]]))

    with pytest.raises(Corrupt):
        fetch_far(here, Packs(tmp_path / "there"), "origin")
    assert here.root().refs == {}


def test_a_forged_recipe_is_refused_by_a_fetch(tmp_path: Path) -> None:
    """Taken, it would make a later `add` of the true file believe that it is stored already."""
    there, here = make_repository(tmp_path / "there", bare=True), make_repository(tmp_path / "here")
    recipe, chunk = forged_recipe()
    with there.transaction("forge") as transaction:
        transaction.objects.append(
            DATA, Stored(ObjectKind.CHUNK, Codec.RAW, len(chunk), hash_bytes(chunk), chunk)
        )
        transaction.objects.put_named(ObjectKind.RECIPE, hash_bytes(CONTENT), recipe)
        tree = leaf(Entry(b"l", EntryKind.FILE, 12_000, hash_bytes(CONTENT)))
        transaction.objects.put(ObjectKind.TREE, tree)
        transaction.set_ref(MAIN, transaction.objects.put(ObjectKind.COMMIT, commit_of(tree_id(tree))))
    with pytest.raises(Corrupt, match="damaged"):
        fetch_far(here, NearEnd(tmp_path / "there"), "origin")
    commit = commit_files(here, {"a": CONTENT}, "true")
    assert read_files(here, commit) == {"a": CONTENT}


@pytest.mark.parametrize("seed", range(40))
def test_messages_of_noise_are_refused(seed: int) -> None:
    """No decoder of the wire fails in another way than by an error of ours."""
    source = random.Random(seed)
    good = PushRequest(bytes(16), (hash_bytes(b"p"),), (RefMove("refs/heads/m", None, hash_bytes(b"c")),))
    for whole, decode in (
        (good.encode(), PushRequest.decode),
        (RemoteRefs("refs/heads/m", {"refs/heads/m": hash_bytes(b"c")}).encode(), RemoteRefs.decode),
        (pack(DATA, (ObjectKind.CHUNK, b"file"))[1][16:], lambda data: list(read_frames([data]))),
        (hash_bytes(b"p") * 3, read_digests),
    ):
        data = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        cut = bytes(data[: source.randrange(len(data) + 1)])
        for body in (bytes(data), cut, source.randbytes(40)):
            try:
                decode(body)
            except (Corrupt, InvalidInput):
                continue
