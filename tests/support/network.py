"""Repositories that are forked from each other, on hubs inside of the test."""

from pathlib import Path
from typing import Any

from tests.support.histories import Past
from tests.support.hub import DAY, HubRoom
from tests.support.hubpush import RoomClient
from tests.support.repos import make_repository
from tests.support.s3 import s3_server

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.hub.app import build_app
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.settings import load_settings
from tether.hub.upkeep import chosen, collect, verify
from tether.storage.buckets import open_bucket
from tether.sync.hubend import HubEnd
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove


class BucketRoom(HubRoom):
    """A hub with its packs in a bucket.

    Args:
        root: The folder of the hub.
        endpoint: Where the bucket is reached, if not at its server.
        storage: The address in the bucket, if not a new one.
        more: Settings.
    """

    def __init__(self, root: Path, *, endpoint: str | None = None, storage: str = "", **more: Any) -> None:
        server = s3_server()
        super().__init__(root, **{name: more[name] for name in ("database",) if name in more})
        self.hub.close()
        self.storage = storage or f"s3://{server.bucket}/{server.new_prefix()}"
        settings = load_settings(root, {"storage": self.storage, **more}, {})
        keys = server.keys(url=endpoint)
        self.hub = Hub.open(settings, lambda: Time(self.now, 0), lambda place: open_bucket(place, keys))
        self.app = build_app(self.hub, lambda: self.now / 1_000_000)


class Network:
    """Repositories of Ada's and Bob's, pushed to from one repository here.

    Attributes:
        past: Makes commits.
        tokens: By the name of the user.
    """

    def __init__(self, hub: HubRoom, folder: Path) -> None:
        self.hub, self._writes = hub, 0
        self.local = make_repository(folder)
        self.past = Past(self.local)
        self.tokens = {name: hub.user(name) for name in ("ada", "bob")}
        hub.repository(self.tokens["ada"], "ada/x")

    def end(self, address: str, token: str | None = None) -> HubEnd:
        """Return a repository as its owner reaches it, or somebody else."""
        owner, _, name = address.partition("/")
        return HubEnd(RoomClient(self.hub, token or self.tokens[owner]), owner, name)

    def push(self, address: str, branch: str, new: Digest | None) -> int:
        """Let a branch on the hub name a commit, by force; return how many bytes were sent."""
        end, name = self.end(address), f"refs/heads/{branch}"
        refs = end.refs()
        sent = upload(end, self.local, [new] if new else [], refs)
        self._writes += 1
        move = RefMove(name, refs.refs.get(name), new, True)
        end.push(PushRequest(self._writes.to_bytes(16, "big"), sent.packs, (move,)))
        return sent.bytes

    def fork(self, source: str, target: str, **more: object) -> None:
        """Fork as the owner of the target."""
        owner, _, name = target.partition("/")
        body = {"owner": owner, "name": name, **more}
        self.hub.ok("POST", f"/repos/{source}/forks", self.tokens[owner], body)

    def row(self, address: str) -> RepositoryRow:
        """Return the row of a repository."""
        [row] = chosen(self.hub.hub, [address])
        return row

    def collect(self) -> None:
        """Let gc free at once whatever it finds in all repositories; what it set aside goes too."""
        for _ in range(2):
            for row in chosen(self.hub.hub, ()):
                folder = self.hub.hub.settings.repositories / row.id
                (folder / "config.toml").write_text("[gc]\nretention = 0\n")
                collect(self.hub.hub, row)
            self.hub.now += 3 * DAY

    def check(self) -> None:
        """Fail unless every byte of all repositories is sound."""
        for row in chosen(self.hub.hub, ()):
            report = verify(self.hub.hub, row, full=True)
            assert report.problems == [], row.full_name

    def read(self, address: str, branch: str, path: str) -> bytes:
        """Return a file of a branch."""
        owner = address.partition("/")[0]
        reply = self.hub.api("GET", f"/repos/{address}/files/{branch}/{path}", self.tokens[owner])
        assert reply.status == 200, reply
        return reply.body

    def has(self, address: str, *contents: bytes) -> list[bool]:
        """Say whether a repository admits to have some small files."""
        return self.end(address).have([hash_bytes(data) for data in contents])
