"""What partial clones ask a hub: the newest commits, and which contents it verifiably has."""

from pathlib import Path

import pytest
from tests.support.hub import HubRoom
from tests.support.repos import commit_files

from tether.core.digest import Digest, hash_bytes
from tether.hub.repositories import find, open_repository
from tether.sync.wire import MAX_DIGESTS, decode_verified, read_frames

TRANSFER = "/api/v1/repos/ada/photos/transfer"
FILES = {"a": b"a" * 5000, "b": b"b"}


class Hosted:
    """A private repository with three commits on a hub."""

    def __init__(self, hub: HubRoom, folder: Path) -> None:
        self.hub, self.token, self.other = hub, hub.user("ada"), hub.user("bob")
        hub.repository(self.token, "ada/photos", private=True)
        [self.folder] = (folder / "hub/repositories").iterdir()
        with hub.hub.database.session() as session:
            row = find(session, "ada", "photos")
            assert row is not None
            repository = open_repository(hub.hub, row)
        self.commits = [commit_files(repository, {**FILES, "n": b"%d" % n}, f"{n}") for n in range(3)]
        repository.close()

    def newest(self, query: str) -> list[Digest]:
        """Return the commits that come for the newest one."""
        body = (1).to_bytes(4, "little") + self.commits[-1]
        reply = self.hub.call("POST", f"{TRANSFER}/commits{query}", self.token, parts=[body])
        assert reply.status == 200, reply
        return [frame.digest for frame, _ in read_frames([reply.body])]


@pytest.fixture
def hosted(hub: HubRoom, tmp_path: Path) -> Hosted:
    """Return the repository."""
    return Hosted(hub, tmp_path)


def test_the_newest_commits(hosted: Hosted) -> None:
    """With a depth so many come, without one all as before."""
    assert set(hosted.newest("")) == set(hosted.commits)
    assert hosted.newest("?depth=1") == hosted.commits[-1:]
    assert set(hosted.newest("?depth=2")) == set(hosted.commits[-2:])
    assert set(hosted.newest(f"?depth={1 << 31}")) == set(hosted.commits)


@pytest.mark.parametrize("depth", ["0", "-1", "x", "", "1.5", str(1 << 40)])
def test_a_depth_that_is_none(hosted: Hosted, depth: str) -> None:
    """It is refused."""
    body = (1).to_bytes(4, "little") + hosted.commits[-1]
    reply = hosted.hub.call("POST", f"{TRANSFER}/commits?depth={depth}", hosted.token, parts=[body])
    assert (reply.status, reply.code) == (400, "invalid-input")


def test_verified_contents(hosted: Hosted) -> None:
    """A bit says that every byte was read and is right; a commit is no content."""
    asked = [hash_bytes(FILES["a"]), hash_bytes(b"nothing"), hash_bytes(b"b"), hosted.commits[0]]

    def verified() -> list[bool]:
        reply = hosted.hub.call("POST", f"{TRANSFER}/verify", hosted.token, parts=[b"".join(asked)])
        assert reply.status == 200
        return decode_verified(reply.body, len(asked))

    assert verified() == [True, False, True, False]
    for pack in (hosted.folder / "packs").iterdir():
        data = pack.read_bytes()
        pack.unlink()
        pack.write_bytes(data.replace(b"aaaaa", b"aaaba"))
    assert verified()[1:] == [False, True, False]


@pytest.mark.parametrize("body", [b"", b"short", b"x" * 32 * (MAX_DIGESTS + 1)], ids=["none", "half", "many"])
def test_questions_of_another_form(hosted: Hosted, body: bytes) -> None:
    """They are refused."""
    reply = hosted.hub.call("POST", f"{TRANSFER}/verify", hosted.token, parts=[body])
    assert (reply.status, reply.code) == (400, "invalid-input")


def test_only_who_may_read_is_told(hosted: Hosted) -> None:
    """To others the repository is not there, whether it has the content or not."""
    replies = {
        (reply.status, reply.body.replace(b"nowhere", b"photos"))
        for path in (TRANSFER, TRANSFER.replace("photos", "nowhere"))
        for digest in (hash_bytes(b"b"), hash_bytes(b"nothing"))
        for reply in [hosted.hub.call("POST", f"{path}/verify", hosted.other, parts=[digest])]
    }
    assert len(replies) == 1
    assert next(iter(replies))[0] == 404
