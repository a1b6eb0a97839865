"""Releases and attestations travel with branches: they are added, and neither moved nor removed."""

from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.repos import commit_files, make_repository

from tether.core.digest import Digest
from tether.errors import Conflict, InvalidInput
from tether.repo.forking import plan_fork
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, RefState, fetch, push, refuse
from tether.sync.far import fetch_far, fill_far, push_far
from tether.sync.wire import PushRequest, RefMove

RELEASE = "refs/releases/spam/1.0"
SIGNED = "refs/attestations/spam/1.0/" + "a" * 64
MAIN = PushOptions(("main",), runs=False)


class Ends:
    """A repository with a branch, a release and an attestation, and an empty one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.here = make_repository(folder / "here")
        self.there = make_repository(folder / "there", bare=True)
        self.end = NearEnd(folder / "there")
        commit_files(self.here, {"a": b"0"}, "zero")
        commit_files(self.here, {"a": b"1"}, "one")
        self.release = commit_files(self.here, {"release.json": b"{}"}, "release", branch=RELEASE)
        self.signed = commit_files(self.here, {"attestation.json": b"{}"}, "attestation", branch=SIGNED)
        self.both = {RELEASE: self.release, SIGNED: self.signed}


def fixed(repository: Repository) -> dict[str, Digest]:
    """Return the releases and attestations of a repository by their refs."""
    prefixes = ("refs/releases/", "refs/attestations/")
    return {name: new for name, new in repository.root().refs.items() if name.startswith(prefixes)}


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    """Return them."""
    return Ends(tmp_path)


@pytest.mark.parametrize("far", [True, False])
def test_there_and_back(ends: Ends, far: bool) -> None:
    """A push adds them also where runs stay, clone and fetch bring them, and they are not sent again."""
    done = push_far(ends.here, ends.end, "o", MAIN) if far else push(ends.here, ends.there, "o", MAIN)
    again = push_far(ends.here, ends.end, "o", MAIN) if far else push(ends.here, ends.there, "o", MAIN)
    copy, short, late = (make_repository(ends.folder / name) for name in ("copy", "short", "late"))
    for target, options in ((copy, CloneOptions()), (short, CloneOptions(depth=1))):
        if far:
            fill_far(ends.end, target, options)
        else:
            fill_clone(ends.there, target, options)
    came = fetch_far(late, ends.end, "origin") if far else fetch(late, ends.there, "origin")

    assert {update.name for update in done.updates} == {"refs/heads/main", RELEASE, SIGNED}
    assert [update.state for update in again.updates] == [RefState.SAME]
    assert not came.rejected
    assert fixed(copy) == fixed(ends.there) == fixed(late) == ends.both
    assert fixed(short) == {}
    assert plan_fork(ends.there).refs[RELEASE] == ends.release


def test_a_release_stays(ends: Ends) -> None:
    """Nobody moves or removes one, by force neither, nor gives it a name that it may not have."""
    push_far(ends.here, ends.end, "o", MAIN)
    new = commit_files(ends.here, {"a": b"2"}, "two")
    push_far(ends.here, ends.end, "o", MAIN)

    for number, move in enumerate(
        [
            RefMove(RELEASE, ends.release, new, True),
            RefMove(RELEASE, ends.release, None, True),
            RefMove(SIGNED, ends.signed, new, True),
            RefMove(SIGNED, ends.signed, None, True),
            RefMove("refs/releases/spam", None, new, False),
            RefMove("refs/releases/spam/1/2", None, new, False),
            RefMove("refs/releases/spam/.1", None, new, False),
            RefMove("refs/attestations/spam/1/x", None, new, False),
            RefMove("refs/attestations/" + "a" * 64, None, new, False),
        ]
    ):
        with pytest.raises(InvalidInput):
            ends.end.push(PushRequest(bytes([number]) * 16, (), (move,)))

    assert fixed(ends.there) == ends.both


@pytest.mark.parametrize("far", [True, False])
def test_another_release_of_the_same_name(ends: Ends, far: bool) -> None:
    """Nothing is overwritten on either side, and the user is told; attestations are named by content."""
    push_far(ends.here, ends.end, "o", MAIN)
    other = make_repository(ends.folder / "other")
    mine = commit_files(other, {"release.json": b"[]"}, "release", branch=RELEASE)
    signed = commit_files(other, {"attestation.json": b"{}"}, "again", branch=SIGNED)

    came = fetch_far(other, ends.end, "origin") if far else fetch(other, ends.there, "origin")
    options = PushOptions(())
    sent = push_far(other, ends.end, "o", options) if far else push(other, ends.there, "o", options)

    assert [each.reason for each in came.rejected] == ["another release of that name is here"]
    assert [each.reason for each in sent.rejected] == ["another release of that name is there"]
    assert fixed(other) == {RELEASE: mine, SIGNED: signed}
    assert fixed(ends.there) == ends.both
    with pytest.raises(Conflict) as caught:
        refuse(sent, "o")
    assert caught.value.hint == "a release is never changed: make one of another version"
