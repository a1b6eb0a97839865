"""The record of a merge that stopped: its bytes, what it needs, and how conflicts leave it."""

from dataclasses import replace

import pytest
from tests.support.objects import DictStore, build_tree, file_entry

from tether.core.codec import decode, encode
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.errors import Conflict, Corrupt
from tether.repo import mergestate
from tether.repo.mergestate import ConflictRow, MergeState, commit_parents, read_state, settle
from tether.repo.operations import Head

HEAD, OTHER, NEXT = (Digest(bytes([n]) * 32) for n in (1, 2, 3))
TREE, FILES = (Digest(bytes([n]) * 32) for n in (8, 9))
ROW = ConflictRow(
    b"a/photo.jpg",
    None,
    file_entry(b"photo.jpg", b"ours"),
    file_entry(b"photo.jpg", b"theirs"),
    "add/add",
    b"a/photo.jpg",
    b"a/photo.theirs-x.jpg",
)
STATE = MergeState("merge", (ROW,), OTHER, "Merge\n", Head("refs/heads/main"), HEAD, TREE, FILES)


def test_bytes_give_the_state_again() -> None:
    """What is encoded is what is decoded, with every field set."""
    full = replace(STATE, activity="rebase", head=Head(None, HEAD), onto=NEXT, todo=(NEXT, HEAD))

    assert MergeState.decode(STATE.encode()) == STATE
    assert MergeState.decode(full.encode()) == full


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 2),
        (1, "bisect"),
        (1, 5),
        (2, [[b"a"]]),
        (2, [[b"a", None, None, None, 3, b"", b""]]),
        (2, [[b"a", [b"a", 9, 0, TREE, 1], None, None, "content", b"", b""]]),
        (2, [[b"a", [b"a", 0, -1, TREE, 1], None, None, "content", b"", b""]]),
        (2, [[b"a", [b"a", 0, 1, b"short", 1], None, None, "content", b"", b""]]),
        (3, b"short"),
        (4, 7),
        (5, None),
        (5, [3, None]),
        (7, None),
        (10, b"123"),
    ],
)
def test_damage_is_found(index: int, value: object) -> None:
    """A field of another kind, length or range is refused as damage."""
    fields = decode(STATE.encode(), "state")
    fields[index] = value

    with pytest.raises(Corrupt):
        MergeState.decode(encode(fields))


def test_damaged_form_is_found() -> None:
    """Something that is no list, or has too few fields, is refused as damage."""
    for payload in (encode(5), encode([1]), b"", b"\xff"):
        with pytest.raises(Corrupt):
            MergeState.decode(payload)


def test_references_name_commits_and_trees() -> None:
    """Gc keeps every commit that is needed to go on or back, and both trees."""
    state = replace(STATE, onto=HEAD, todo=(NEXT,))

    assert mergestate.state_references(state.encode()) == [
        (ObjectKind.COMMIT, OTHER),
        (ObjectKind.COMMIT, HEAD),
        (ObjectKind.COMMIT, NEXT),
        (ObjectKind.TREE, TREE),
        (ObjectKind.TREE, FILES),
    ]


def test_parents_of_the_commit_that_ends_it() -> None:
    """A merge has two parents, a cherry-pick one; nothing is committed before all is settled."""
    settled = replace(STATE, conflicts=())

    assert commit_parents(None, HEAD) == (HEAD,)
    assert commit_parents(None, None) == ()
    assert commit_parents(settled, HEAD) == (HEAD, OTHER)
    assert commit_parents(replace(settled, activity="cherry-pick"), HEAD) == (HEAD,)
    with pytest.raises(Conflict, match=r"photo\.jpg"):
        commit_parents(STATE, HEAD)
    for unfinished in (
        replace(settled, activity="rebase"),
        replace(settled, activity="revert", todo=(NEXT,)),
    ):
        with pytest.raises(Conflict, match="under way"):
            commit_parents(unfinished, HEAD)


def test_settling_by_path_and_by_folder() -> None:
    """A path settles its conflict, a folder all below it; others stay."""
    store = DictStore()
    tree = build_tree(store, {b"a/photo.jpg": file_entry(b"photo.jpg", b"ours")})
    digest = store.put(ObjectKind.STATE, replace(STATE, files=tree).encode())

    assert settle(store, digest, [b"a/photo", b"b"], tree) == digest
    for path in (b"a/photo.jpg", b"a", b""):
        after = settle(store, digest, [path], tree)
        assert after is not None
        assert read_state(store, after).conflicts == ()


def test_a_stash_ends_with_its_last_conflict() -> None:
    """Nothing stays under way once the conflicts of a stash are settled, for it makes no commit."""
    store = DictStore()
    tree = build_tree(store, {b"a/photo.jpg": file_entry(b"photo.jpg", b"ours")})
    digest = store.put(ObjectKind.STATE, replace(STATE, activity="stash", files=tree).encode())

    assert settle(store, digest, [b"a"], tree) is None
