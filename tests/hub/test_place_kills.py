"""Hubs that are killed, or whose bucket fails, while packs come by places in the bucket."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.faultproxy import Call, before
from tests.support.faults import Stopped
from tests.support.placed import Placed, ask, chunks, has, opened, placed_hub, put, some, tell
from tests.support.replicas import Replicas
from tests.support.repos import commit_files, ticking
from tests.support.s3 import s3_server

from tether.core.digest import Buffer, Digest
from tether.errors import Unavailable
from tether.hub.places import remove_ended
from tether.repo.repository import Repository
from tether.storage.buckets import BucketAddress
from tether.storage.objectstore import ObjectBackend
from tether.sync.hubend import HubEnd
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove, RemoteRefs

MAIN = "refs/heads/main"
HOUR = 3600 * 1_000_000
NEVER = 1 << 30


class Failing(ObjectBackend):
    """Lets one of the changes to the bucket fail, instead of it or behind it.

    Attributes:
        left: So many changes are made before.
        after: Whether the change is made.
        error: What is raised.
    """

    left = NEVER
    after = False
    error: BaseException = Stopped()

    def below(self, prefix: str) -> ObjectBackend:
        """Return a part of the bucket that fails as well."""
        return failing(super().below(prefix))

    def spooling(self, spool: Path) -> ObjectBackend:
        """Return the same place."""
        return failing(super().spooling(spool))

    def copy(self, source: ObjectBackend, key: str) -> None:
        """Copy, or fail."""
        self._step(partial(super().copy, source, key))

    def move(self, source: str, target: str) -> None:
        """Move, or fail."""
        self._step(partial(super().move, source, target))

    def delete(self, key: str) -> None:
        """Delete, or fail."""
        self._step(partial(super().delete, key))

    def write_new(self, key: str, data: Buffer) -> None:
        """Write, or fail."""
        self._step(partial(super().write_new, key, data))

    def _step(self, change: Callable[[], None]) -> None:
        Failing.left -= 1
        if Failing.left >= 0 or Failing.after:
            change()
        if Failing.left < 0:
            raise Failing.error


def failing(backend: ObjectBackend) -> ObjectBackend:
    """Return the same place in the bucket with faults."""
    backend.__class__ = Failing
    return backend


def open_failing(address: BucketAddress) -> ObjectBackend:
    """Open a place in the bucket with faults."""
    return failing(opened(address))


@pytest.mark.parametrize("after", [False, True])
def test_a_hub_that_is_killed(tmp_path: Path, after: bool) -> None:
    """Before or after any change to the bucket: a push goes on, and in the end nothing is left over."""
    with placed_hub(tmp_path, open_failing) as placed:
        steps = 0
        while was_killed(placed, *chunks(steps), partial(failing_at, steps, after)):
            steps += 1
        assert steps >= 4
        placed.restart()
        placed.room.now += 2 * HOUR
        remove_ended(placed.room.hub)
        assert (placed.left(), placed.rows()) == ([], [])
        placed.count()
        assert placed.usage() == placed.stored() == sum(len(chunks(step)[1]) for step in range(steps + 1))


def was_killed(placed: Placed, name: Digest, data: bytes, fault: Callable[[], None]) -> bool:
    """Send a pack by a place to a hub with a fault, then again as a push does that goes on."""
    place = ask(placed.client(), name, data)
    put(place, data)
    fault()
    killed = False
    try:
        tell(placed.client(), name, place)
    except Stopped:
        killed = True
    Failing.left = NEVER
    end = HubEnd(placed.client(), "ada", "x")
    end.refs()
    if not end.has_packs([name])[0]:
        end.put_pack(name, data)
    assert has(placed, name)
    return killed


def failing_at(step: int, after: bool) -> None:
    """Let the process end at one change to the bucket from now on."""
    Failing.left, Failing.after, Failing.error = step, after, Stopped()


def test_a_bucket_that_does_not_answer(tmp_path: Path) -> None:
    """The place stays until the hub can look at it."""
    with placed_hub(tmp_path, open_failing) as placed:
        name, data = chunks(1)
        place = ask(placed.client(), name, data)
        put(place, data)
        Failing.left, Failing.after, Failing.error = 0, True, Unavailable("not now")
        try:
            with pytest.raises(Unavailable):
                tell(placed.client(), name, place)
        finally:
            Failing.left = NEVER
        assert placed.usage() == len(data)
        tell(placed.client(), name, place)

        assert has(placed, name)
        assert placed.usage() == len(data)
        assert (placed.left(), placed.rows()) == ([], [])


def test_a_hub_that_is_killed_while_a_pack_is_under_way(tmp_path: Path) -> None:
    """The client finds the next one at the same address, and sends the pack no second time."""
    server, folder = s3_server(), tmp_path / "hub"
    local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
    commit = commit_files(local, {"a": some(1)}, "one")
    with before(server.url) as bucket:
        given = {"PRESIGN": "on", "PRESIGN_ENDPOINT": bucket.url}
        given["STORAGE"] = f"s3://{server.bucket}/{server.new_prefix()}"
        hub = Replicas(folder, 1, settings=given, environ=server.environment())
        killed: list[Call] = []

        def kill(_number: int, call: Call) -> None:
            killed.append(call)
            hub.restart(0, away_s=0.0)

        bucket.rule = kill
        end = hub.end(0)
        end.refs()
        sent = upload(end, local, [commit], RemoteRefs(None, {}))
        end.push(PushRequest(b"w" * 16, sent.packs, (RefMove(MAIN, None, commit, False),)))
        end.close()

        assert [call.method for call in killed] == ["PUT"]
        assert hub.fsck() == []
        hub.close()
