"""Whatever is sent to the binary routes, the hub answers in its form and never with a bug."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest
from tests.support.damage import altered, damaged
from tests.support.hub import HubRoom, Reply
from tests.support.packs import commit_of, leaf, pack, tag_of, tree_id
from tests.support.postgres import Cluster

from tether.core.digest import Digest, derive, hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.recipe import ChunkList, Recipe
from tether.core.tree import Entry, EntryKind
from tether.repo.frames import DATA, META
from tether.sync.wire import PushRequest, RefMove

ROUNDS = 40
CHUNKS = (b"the first part\n" * 300, b"the second part\n" * 300)
WHOLE = b"".join(CHUNKS)
FILE = hash_bytes(WHOLE)
LIST = ChunkList(b"".join(map(hash_bytes, CHUNKS)), tuple(map(len, CHUNKS)))
RECIPE = Recipe(len(WHOLE), LIST).encode(FILE)
TREE = leaf(Entry(b"f", EntryKind.FILE, len(WHOLE), FILE))
COMMIT = commit_of(tree_id(TREE))
TAG = tag_of(object_digest(ObjectKind.COMMIT, COMMIT))
TIP, TAGGED = object_digest(ObjectKind.COMMIT, COMMIT), object_digest(ObjectKind.TAG, TAG)
DIGESTS = (*map(hash_bytes, CHUNKS), FILE, tree_id(TREE), TIP, TAGGED, hash_bytes(b"nothing"))
CONTENTS = pack(DATA, *((ObjectKind.CHUNK, chunk) for chunk in CHUNKS))
REST = pack(
    META,
    (ObjectKind.RECIPE, RECIPE, FILE),
    (ObjectKind.TREE, TREE),
    (ObjectKind.COMMIT, COMMIT),
    (ObjectKind.TAG, TAG),
)
WAY = "/api/v1/repos/ada/x/transfer"
NAMES = [
    *(
        "",
        "\0",
        "HEAD",
        "refs/heads/",
        "refs/heads/\0",
        "refs/heads/a\0b",
        "refs/heads/..",
        "refs/heads/a//b",
    ),
    *("refs/heads/" + "x" * 5000, "refs/tags/" + "é" * 300, "refs/remotes/a/b", "refs/heads/a b", "🙂"),
    *("refs/heads/main", "refs/heads/main/below", "refs/heads/\r\n", "refs/tags/v1"),
]
_writes = count()


def write_id() -> bytes:
    """Return one that no push had."""
    return next(_writes).to_bytes(16, "big")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[HubRoom, str]]:
    """Return a hub with the repository ada/x, which has one commit and a tag, and ada's token."""
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgres")
            url = stack.enter_context(cluster.hub_database())
        room = HubRoom(tmp_path_factory.mktemp("transfer") / "hub", database=url, requests_per_s=0)
        stack.callback(room.close)
        token = room.user("ada")
        room.repository(token, "ada/x")
        moves = (RefMove("refs/heads/main", None, TIP), RefMove("refs/tags/v1", None, TAGGED))
        assert pushed(room, token, [CONTENTS, REST], *moves).status == 204
        yield room, token


def pushed(
    room: HubRoom, token: str, packs: list[tuple[Digest, bytes]], *moves: RefMove, all_arrive: bool = True
) -> Reply:
    """Send packs, and then a push of those that arrived."""
    arrived = []
    for name, data in packs:
        reply = sent(room, token, "PUT", f"/packs/{name.hex()}", data)
        assert reply.status == 204 or not all_arrive, reply
        arrived += [name] if reply.status == 204 else []
    return sent(room, token, "POST", "/push", PushRequest(write_id(), tuple(arrived), moves).encode())


def sent(room: HubRoom, token: str, method: str, path: str, body: bytes) -> Reply:
    """Send a body in two pieces; the reply is a success or one of our failures, and as long as it says."""
    cut = len(body) // 3
    reply = room.call(method, WAY + path, token, parts=[body[:cut], body[cut:]])
    assert reply.status < 500, (method, path, body.hex(), reply)
    if reply.status >= 400:
        assert set(reply.json["error"]) == {"code", "message", "hint"}
    if "content-length" in reply.headers:
        assert int(reply.headers["content-length"]) == len(reply.body)
    return reply


def push_message() -> bytes:
    """Return the end of a push that changes nothing."""
    moves = (RefMove("refs/heads/main", TIP, TIP), RefMove("refs/heads/new", None, None))
    return PushRequest(write_id(), (), moves).encode()


MESSAGES = {
    "/have": b"".join(DIGESTS),
    "/packs": b"".join(DIGESTS[:3]),
    "/objects": b"".join(DIGESTS[:-1]),
    "/shares": b"".join(DIGESTS[:2]),
    "/verify": FILE + hash_bytes(CHUNKS[0]),
    "/commits": (1).to_bytes(4, "little") + TAGGED + TIP,
    "/commits?depth=1": (2).to_bytes(4, "little") + TIP + TAGGED,
    "/push": push_message(),
}


@pytest.mark.parametrize(
    ("hub", "path"), [*(("sqlite", path) for path in MESSAGES), ("postgresql", "/push")], indirect=["hub"]
)
def test_no_message_is_a_bug(hub: tuple[HubRoom, str], path: str) -> None:
    """Good messages are answered; those that were cut, flipped, mixed or made longer are, or are refused."""
    room, token = hub
    assert sent(room, token, "POST", path, MESSAGES[path]).status in (200, 204)
    source = random.Random(path)
    mixed = (b"".join(source.choices(DIGESTS, k=source.randrange(60))) for _ in range(ROUNDS))
    for message in (*damaged(MESSAGES[path], path, ROUNDS), *mixed):
        sent(room, token, "POST", path, message)


def test_no_end_of_a_push_is_a_bug(hub: tuple[HubRoom, str]) -> None:
    """Well-formed ends of pushes with values of another type, or with names that no ref has, are refused."""
    room, token = hub
    for message in altered(push_message(), "push", 4 * ROUNDS):
        sent(room, token, "POST", "/push", message)
    for name in NAMES:
        for old, new in ((None, None), (None, TIP), (TIP, None), (TIP, TIP), (TAGGED, hash_bytes(b"x"))):
            pushed(room, token, [], RefMove(name, old, new))


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
@pytest.mark.parametrize("whole", [CONTENTS, REST], ids=["data", "metadata"])
def test_no_pack_is_a_bug(hub: tuple[HubRoom, str], whole: tuple[Digest, bytes]) -> None:
    """Damaged packs are refused under the name of the whole one, and under their own."""
    room, token = hub
    name, data = whole
    for changed in damaged(data, name.hex(), ROUNDS):
        if changed == data:
            continue
        for given in (name, hash_bytes(changed)):
            assert sent(room, token, "PUT", f"/packs/{given.hex()}", changed).status == 400


def commit_with(tree: bytes, *rest: tuple[ObjectKind, bytes, Digest]) -> tuple[tuple[Digest, bytes], Digest]:
    """Return a pack with a commit of a tree and what the tree needs, and the digest of the commit."""
    commit = commit_of(tree_id(tree))
    made = pack(META, *rest, (ObjectKind.TREE, tree), (ObjectKind.COMMIT, commit))
    return made, object_digest(ObjectKind.COMMIT, commit)


def variants() -> Iterator[tuple[str, list[tuple[Digest, bytes]], Digest]]:
    """Yield packs in which one object has parts of another type or range, under digests that fit."""
    for number, tree in enumerate(altered(TREE, "tree", ROUNDS)):
        rest, tip = commit_with(tree, (ObjectKind.RECIPE, RECIPE, FILE))
        yield f"tree-{number}", [CONTENTS, rest], tip
    for kind, payload in ((ObjectKind.COMMIT, COMMIT), (ObjectKind.TAG, TAG)):
        for number, changed in enumerate(altered(payload, kind.name, ROUNDS)):
            yield f"{kind.name}-{number}", [pack(META, (kind, changed))], object_digest(kind, changed)
    for number, body in enumerate(altered(RECIPE[:-32], "recipe", ROUNDS)):
        file = hash_bytes(b"another file %d" % number)
        recipe = body + derive("tether 2026 recipe v1", file + body)
        entry = Entry(b"f", EntryKind.FILE, len(WHOLE), file)
        rest, tip = commit_with(leaf(entry), (ObjectKind.RECIPE, recipe, file))
        yield f"recipe-{number}", [rest], tip


def test_no_object_is_a_bug(hub: tuple[HubRoom, str]) -> None:
    """Objects as nobody writes them, sound to the last check sum, are refused before a ref names them."""
    room, token = hub
    taken = []
    for label, packs, tip in variants():
        ref = "tags" if label.startswith("TAG") else "heads"
        reply = pushed(room, token, packs, RefMove(f"refs/{ref}/{label}", None, tip), all_arrive=False)
        assert reply.status in (204, 400, 409), (label, reply)
        taken += [label] if reply.status == 204 else []
    for label in taken:
        assert room.api("GET", f"/repos/ada/x/tree/{label}").status == 200, label
        assert room.api("GET", f"/repos/ada/x/files/{label}/f").body == WHOLE
