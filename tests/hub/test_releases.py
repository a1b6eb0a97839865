"""Releases on a hub: whoever may write adds them, and nobody changes them."""

from pathlib import Path

import pytest
from tests.support.hub import HubRoom
from tests.support.hubpush import Desk
from tests.support.repos import commit_files

from tether.errors import Forbidden, InvalidInput
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.wire import PushRequest, RefMove

RELEASE = "refs/releases/spam/1.0"
SIGNED = "refs/attestations/spam/1.0/" + "a" * 64


def test_who_may_write_adds_releases(hub: HubRoom, tmp_path: Path) -> None:
    """A reader may not, and sees them; they are neither moved nor removed."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/x")
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": b"1"})
    desk.push(ada)
    release = commit_files(desk.local, {"release.json": b"{}"}, "release", branch=RELEASE)
    signed = commit_files(desk.local, {"attestation.json": b"{}"}, "signed", branch=SIGNED)

    with pytest.raises(Forbidden):
        push_far(desk.local, desk.end(bob), "hub", PushOptions(("main",)))
    push_far(desk.local, desk.end(ada), "hub", PushOptions(("main",)))
    for number, move in enumerate(
        [
            RefMove(RELEASE, release, None, True),
            RefMove(RELEASE, release, signed, True),
            RefMove(SIGNED, signed, release, True),
        ]
    ):
        with pytest.raises(InvalidInput, match="stays"):
            desk.end(ada).push(PushRequest(bytes([number]) * 16, (), (move,)))

    refs = desk.end(bob).refs().refs
    assert (refs[RELEASE], refs[SIGNED]) == (release, signed)
