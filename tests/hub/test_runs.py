"""Runs on a hub: whoever may write adds them, and nobody changes them."""

from pathlib import Path

import pytest
from tests.support.hub import HubRoom
from tests.support.hubpush import Desk
from tests.support.repos import commit_files

from tether.errors import Forbidden, InvalidInput
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.wire import PushRequest, RefMove

RUN = "refs/runs/01kdvjkj00000000000000000a"


def test_who_may_write_adds_runs(hub: HubRoom, tmp_path: Path) -> None:
    """A reader may not, and sees them; they are not moved."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/x")
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": b"1"})
    desk.push(ada)
    run = commit_files(desk.local, {"run.json": b"{}"}, "run", branch=RUN)

    with pytest.raises(Forbidden):
        push_far(desk.local, desk.end(bob), "hub", PushOptions(("main",)))
    push_far(desk.local, desk.end(ada), "hub", PushOptions(("main",)))
    with pytest.raises(InvalidInput, match="a run stays"):
        desk.end(ada).push(PushRequest(bytes(16), (), (RefMove(RUN, run, None, True),)))

    assert desk.end(bob).refs().refs[RUN] == run
