"""Clone, fetch and push with a repository that is somewhere else."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.repos import ADA, commit_files, make_repository, put_tree, read_files, ticking

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.names import branch_ref, remote_ref, tag_ref
from tether.core.objects import Commit, Tag
from tether.errors import AlreadyExists, Conflict, NotFound, Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.frames import FRAME_SIZE
from tether.repo.history import with_shallow
from tether.repo.oplog import read_operations
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.sync.exchange import FetchOptions, PushOptions, RefState
from tether.sync.far import fetch_far, fill_far, push_far
from tether.sync.serving import _Arrived
from tether.sync.upload import _find, upload
from tether.sync.wire import PushRequest, RefMove

MAIN = PushOptions(("main",))
BLOCK = random.Random(1).randbytes(2_000_000)
FILES = {
    "small": b"s",
    "empty": b"",
    "large": BLOCK + bytes(3_000_000) + BLOCK,
    "shared": b"head" + BLOCK,
    **{f"n{number:04}": b"%d" % number * 40 for number in range(700)},
}


class Room:
    """A repository here and an empty one there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.here = make_repository(folder / "here")
        self.there = make_repository(folder / "there", bare=True)
        self.end = NearEnd(folder / "there")

    def clone(self, name: str) -> Repository:
        """Return a new clone of what is there."""
        target = make_repository(self.folder / name)
        fill_far(self.end, target)
        return target


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return the two."""
    return Room(tmp_path)


def assert_sound(repository: Repository) -> None:
    """Fail unless every object is there and as it should be."""
    repository.objects.reset()
    assert check_repository(repository, CheckOptions(full=True)).problems == []


def test_everything_arrives_and_comes_back(room: Room) -> None:
    """Small and large files, repeated chunks, branches and tags: pushed and cloned, byte for byte."""
    one = commit_files(room.here, FILES, "one")
    two = commit_files(room.here, {**FILES, "more": b"m"}, "two")
    side = commit_files(room.here, {"only": b"here"}, "side", branch=branch_ref("side"))
    with room.here.transaction("tag") as transaction:
        tag = Tag("v1", one, ObjectKind.COMMIT, ADA, Time(0, 0), "first")
        transaction.set_ref(tag_ref("v1"), transaction.objects.put(ObjectKind.TAG, tag.encode()))
        transaction.set_ref(tag_ref("plain"), one)

    done = push_far(room.here, room.end, "origin", PushOptions(("main", "side"), tags=True))

    assert {update.state for update in done.updates} == {RefState.NEW}
    assert_sound(room.there)
    assert room.there.root().head.ref == branch_ref("main")
    clone = room.clone("clone")
    assert_sound(clone)
    assert read_files(clone, one) == FILES
    assert read_files(clone, two) == {**FILES, "more": b"m"}
    assert clone.root().refs == {
        branch_ref("main"): two,
        remote_ref("origin", "main"): two,
        remote_ref("origin", "side"): side,
        tag_ref("v1"): room.here.root().refs[tag_ref("v1")],
        tag_ref("plain"): one,
    }


def test_work_is_that_of_the_difference(room: Room) -> None:
    """An unchanged repository costs a request, a small change a few, whatever the length of the history."""
    for number in range(60):
        commit_files(room.here, {**FILES, "n": b"%d" % number}, f"{number}")
    push_far(room.here, room.end, "origin", MAIN)
    clone = room.clone("clone")
    room.end.calls.clear()

    again = push_far(room.here, room.end, "origin", MAIN)
    same = fetch_far(clone, room.end, "origin")
    assert again.updates[0].state == same.updates[0].state == RefState.SAME
    assert room.end.calls == {"refs": 2}

    for number in range(60, 100):
        commit_files(room.here, {**FILES, "n": b"%d" % number}, f"{number}")
    sent = push_far(room.here, room.end, "origin", MAIN)
    assert sent.bytes < 400_000
    assert room.end.calls["have"] <= 2
    room.end.calls.clear()
    came = fetch_far(clone, room.end, "origin")
    assert came.bytes < 400_000
    assert room.end.calls["commits"] == 1
    assert room.end.calls["objects"] <= 4
    assert_sound(clone)


def test_contents_that_are_known_to_be_there_are_not_asked_about(room: Room) -> None:
    """Of a large folder only what is new beside the far end's commits, also over several commits."""
    commit_files(room.here, FILES, "zero")
    push_far(room.here, room.end, "origin", MAIN)
    room.end.questions.clear()
    files = dict(FILES)
    for number in range(0, 700, 70):
        files[f"n{number:04}"] = b"new %d" % number
        del files[f"n{number + 1:04}"]
        commit = commit_files(room.here, files, f"{number}")

    push_far(room.here, room.end, "origin", MAIN)

    new = {hash_bytes(data) for data in files.values()} - {hash_bytes(data) for data in FILES.values()}
    assert new <= {*room.end.questions}
    assert not {hash_bytes(data) for data in FILES.values()} & {*room.end.questions}
    assert read_files(room.there, commit) == files
    assert_sound(room.there)


def test_damage_in_what_is_there_already_stops_no_push(room: Room) -> None:
    """Folders of commits that the far end has are read to ask less; where they are damaged, more is asked."""
    old = commit_files(room.here, FILES, "zero")
    push_far(room.here, room.end, "origin", MAIN)
    commit = commit_files(room.here, {**FILES, "n0000": b"new"}, "one")
    tree = Commit.decode(room.here.objects.get(ObjectKind.COMMIT, old)).tree
    place = room.here.objects.find(tree)
    assert place is not None
    file = room.here.directory / pack_key(place.pack)
    data = bytearray(file.read_bytes())
    data[place.frame.offset + FRAME_SIZE] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    again = Repository.open(room.here.directory, clock=ticking())

    push_far(again, room.end, "origin", MAIN)

    assert read_files(room.there, commit) == FILES | {"n0000": b"new"}


def test_an_object_that_is_named_twice_makes_no_pack_whole(room: Room) -> None:
    """What is sent as it lies here holds nothing that was not asked for."""
    commit_files(room.here, {"a": b"1", "b": b"2"}, "zero")
    [name] = room.here.root().data_packs

    assert _find(room.here, [hash_bytes(b"1"), hash_bytes(b"2")]).whole.keys() == {name}
    found = _find(room.here, [hash_bytes(b"1"), hash_bytes(b"1")])
    assert not found.whole
    assert [place.frame.digest for place in found.rest] == [hash_bytes(b"1")]


def test_contents_that_come_back_are_found_there(room: Room) -> None:
    """What an older commit of the far end named and its newest does not is asked about, and not sent."""
    commit_files(room.here, FILES, "one")
    commit_files(room.here, {"small": b"s"}, "two")
    push_far(room.here, room.end, "origin", MAIN)
    commit = commit_files(room.here, {**FILES, "more": b"m"}, "three")

    sent = push_far(room.here, room.end, "origin", MAIN)

    assert sent.bytes < 100_000
    assert read_files(room.there, commit) == FILES | {"more": b"m"}
    assert_sound(room.there)


@pytest.mark.parametrize("after", [0, 10, 48, 100, 5_000, 300_000])
def test_a_reply_that_was_cut_is_taken_again(room: Room, after: int) -> None:
    """What came before the cut is not taken twice, and nothing is missed."""
    commit = commit_files(room.here, FILES, "one")
    push_far(room.here, room.end, "origin", MAIN)
    room.end.cut_after = after
    clone = room.clone("clone")
    assert read_files(clone, commit) == FILES
    assert_sound(clone)


@pytest.mark.parametrize("cut", [False, True])
def test_a_clone_takes_whole_packs(room: Room, cut: bool) -> None:
    """Where nothing is here, contents come as packs, also after a cut; changes later come one by one."""
    commit = commit_files(room.here, FILES, "one")
    push_far(room.here, room.end, "origin", MAIN)
    room.end.cut_packs = cut
    clone = room.clone("clone")
    assert room.end.calls["pack"] == 1
    assert read_files(clone, commit) == FILES
    assert_sound(clone)
    assert clone.root().data_packs == room.there.root().data_packs

    two = commit_files(room.here, {**FILES, "more": b"m"}, "two")
    push_far(room.here, room.end, "origin", MAIN)
    fetch_far(clone, room.end, "origin")
    assert room.end.calls["pack"] == 1
    assert read_files(clone, two) == {**FILES, "more": b"m"}


def test_a_pack_that_went_meanwhile_is_no_loss(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The far end merged its packs before it was asked for one: the objects come by themselves."""
    commit = commit_files(room.here, FILES, "one")
    push_far(room.here, room.end, "origin", MAIN)

    def gone(name: Digest, take: object) -> None:
        raise NotFound("pack is not in this repository")

    monkeypatch.setattr(room.end, "pack", gone)
    clone = room.clone("clone")
    assert read_files(clone, commit) == FILES
    assert_sound(clone)


def test_a_push_that_was_cut_goes_on_where_it_was(room: Room) -> None:
    """Packs that arrived are not sent again, even if the answer to the last one was lost."""
    commit = commit_files(room.here, FILES, "one")
    room.end.lose = {"put_pack"}
    with pytest.raises(Unavailable):
        push_far(room.here, room.end, "origin", MAIN)
    assert room.there.root().refs == {}

    push_far(room.here, room.end, "origin", MAIN)

    assert (
        room.end.calls["put_pack"] <= 3
    )  # one of data and one of metadata, and what ran beside the lost one
    assert read_files(room.there, commit) == FILES


def test_a_pack_that_was_collected_is_sent_again(room: Room) -> None:
    """Garbage collection between the arrival of a pack and the end of its push costs nothing but time."""
    commit = commit_files(room.here, FILES, "one")
    sent = upload(room.end, room.here, [commit], room.end.refs())
    for name in sent.packs:
        room.there.backend.delete(pack_key(name))
    move = RefMove(branch_ref("main"), None, commit)
    with pytest.raises(Conflict, match="not there any more"):
        room.end.push(PushRequest(bytes(16), sent.packs, (move,)))

    push_far(room.here, room.end, "origin", MAIN)

    assert read_files(room.there, commit) == FILES
    assert_sound(room.there)


def test_a_push_is_done_once(room: Room) -> None:
    """The end of a push whose reply was lost is sent again and moves nothing a second time."""
    commit = commit_files(room.here, FILES, "one")
    sent = upload(room.end, room.here, [commit], room.end.refs())
    request = PushRequest(bytes(range(16)), sent.packs, (RefMove(branch_ref("main"), None, commit),))
    room.end.lose = {"push"}
    with pytest.raises(Unavailable):
        room.end.push(request)
    later = commit_files(room.here, {"later": b"l"}, "two")
    push_far(room.here, room.end, "origin", MAIN)

    room.end.push(request)

    assert room.there.root().refs == {branch_ref("main"): later}
    assert len(list(read_operations(room.there))) == 2


@pytest.mark.parametrize("waiting", ["first", "second"])
def test_a_push_that_overlaps_itself_is_no_conflict(
    room: Room, monkeypatch: pytest.MonkeyPatch, waiting: str
) -> None:
    """Sent again while the hub still verifies it: whichever of the two is first, both are done."""
    commit = commit_files(room.here, FILES, "one")
    sent = upload(room.end, room.here, [commit], room.end.refs())
    request = PushRequest(bytes(range(16)), sent.packs, (RefMove(branch_ref("main"), None, commit),))
    check, other = _Arrived.check, room.end.serving()

    def meanwhile(arrived: _Arrived) -> None:
        monkeypatch.setattr(_Arrived, "check", check)
        if waiting == "first":
            check(arrived)
        other.push(request)
        if waiting == "second":
            check(arrived)

    monkeypatch.setattr(_Arrived, "check", meanwhile)
    room.end.push(request)

    assert room.there.root().refs == {branch_ref("main"): commit}
    assert len(list(read_operations(room.there))) == 1
    assert_sound(room.there)


def test_contents_whose_branch_was_removed_can_come_again(room: Room) -> None:
    """What is there without a ref is neither sent again nor in the way."""
    commit = commit_files(room.here, FILES, "one")
    push_far(room.here, room.end, "origin", MAIN)
    push_far(room.here, room.end, "origin", replace(MAIN, delete=True))

    assert push_far(room.here, room.end, "origin", MAIN).bytes < 20_000

    assert read_files(room.there, commit) == FILES
    assert_sound(room.there)


def test_two_first_pushes_of_one_large_file(room: Room) -> None:
    """Both found nothing there; the recipe that comes second is the one that is there."""
    one = commit_files(room.here, FILES, "one")
    other = make_repository(room.folder / "other")
    two = commit_files(other, {"large": FILES["large"]}, "two", branch=branch_ref("two"))
    empty = room.end.refs()
    packs = upload(room.end, room.here, [one], empty).packs, upload(room.end, other, [two], empty).packs

    room.end.push(PushRequest(bytes(16), packs[0], (RefMove(branch_ref("main"), None, one),)))
    room.end.push(PushRequest(bytes([1]) * 16, packs[1], (RefMove(branch_ref("two"), None, two),)))

    assert read_files(room.there, two) == {"large": FILES["large"]}
    assert_sound(room.there)


def test_only_forward_unless_forced(room: Room) -> None:
    """What would lose commits there is refused, also when this side did not know of them."""
    commit_files(room.here, {"a": b"1"}, "one")
    push_far(room.here, room.end, "origin", MAIN)
    clone = room.clone("clone")
    theirs = commit_files(clone, {"a": b"2"}, "theirs")
    push_far(clone, room.end, "origin", MAIN)
    ours = commit_files(room.here, {"a": b"3"}, "ours")

    refused = push_far(room.here, room.end, "origin", MAIN)
    assert refused.rejected[0].reason == "it has commits that are not here"
    assert push_far(room.here, room.end, "origin", replace(MAIN, lease=True)).rejected
    fetch_far(room.here, room.end, "origin")
    assert room.here.root().refs[remote_ref("origin", "main")] == theirs
    forced = push_far(room.here, room.end, "origin", replace(MAIN, lease=True))
    assert forced.updates[0].state == RefState.FORCED
    assert room.there.root().refs[branch_ref("main")] == ours
    assert fetch_far(clone, room.end, "origin").updates[0].state == RefState.FORCED


def test_the_hub_itself_looks_at_what_moves(room: Room) -> None:
    """A sender that claims more than is so is refused: an old value that is none, a step to the side."""
    one = commit_files(room.here, {"a": b"1"}, "one")
    push_far(room.here, room.end, "origin", MAIN)
    other = commit_files(room.here, {"b": b"1"}, "other", branch=branch_ref("other"))
    packs = upload(room.end, room.here, [other], room.end.refs()).packs

    for move in (
        RefMove(branch_ref("main"), one, other),
        RefMove(branch_ref("main"), other, other),
        RefMove(branch_ref("main"), None, other),
        RefMove(branch_ref("gone"), one, None),
    ):
        with pytest.raises((AlreadyExists, Conflict)):
            room.end.push(PushRequest(bytes(16), packs, (move,)))
    assert room.there.root().refs == {branch_ref("main"): one}


def test_branches_can_be_removed(room: Room) -> None:
    """Removing needs no pack; a fetch with pruning forgets the branch."""
    commit_files(room.here, {"a": b"1"}, "one")
    push_far(room.here, room.end, "origin", MAIN)
    clone = room.clone("clone")
    push_far(room.here, room.end, "origin", replace(MAIN, delete=True))
    assert room.there.root().refs == {}
    assert fetch_far(clone, room.end, "origin", FetchOptions(prune=True)).updates[0].state == RefState.DELETED


def test_a_shallow_history_is_not_pushed(room: Room) -> None:
    """A repository that others fetch from never gets commits without their parents."""
    one = commit_files(room.here, {"a": b"1"}, "one")
    two = commit_files(room.here, {"a": b"2"}, "two")
    shallow = make_repository(room.folder / "shallow")
    with shallow.transaction("part") as transaction:
        put_tree(transaction, {"a": b"2"})
        payload = room.here.objects.get(ObjectKind.COMMIT, two)
        transaction.objects.put(ObjectKind.COMMIT, payload)
        transaction.set_extra(with_shallow(transaction.root, [two]))
        transaction.set_ref(branch_ref("main"), two)
    with pytest.raises(Unavailable, match="history ends here"):
        push_far(shallow, room.end, "origin", MAIN)
    push_far(room.here, room.end, "origin", MAIN)
    assert room.there.objects.has(one)
    assert push_far(shallow, room.end, "origin", MAIN).updates[0].state == RefState.SAME


def test_what_is_here_already_does_not_travel(room: Room) -> None:
    """Contents that the other side has under other names are neither sent nor fetched."""
    big = random.Random(9).randbytes(3_000_000)
    commit_files(room.here, {"a": big}, "one")
    push_far(room.here, room.end, "origin", MAIN)
    other = make_repository(room.folder / "other")
    commit_files(other, {"copy": big, "x": b"x"}, "same", branch=branch_ref("copy"))
    assert push_far(other, room.end, "origin", PushOptions(("copy",))).bytes < 20_000
    assert fetch_far(other, room.end, "origin").bytes < 20_000
    digest: Digest = hash_bytes(big)
    assert other.contents.read(digest) == big
