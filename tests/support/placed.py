"""A hub over a bucket of the real S3 server, in this process; clients reach the bucket through a proxy."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import urllib3
from sqlalchemy import select
from tests.support.faultproxy import Call, Proxy, before
from tests.support.hub import HubRoom
from tests.support.hubpush import RoomClient
from tests.support.packs import pack
from tests.support.repos import commit_files, ticking
from tests.support.s3 import s3_server

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.hub.counting import QUIET, recount
from tether.hub.database.uploads import UploadPlace
from tether.hub.places import INCOMING, TAKEN
from tether.hub.presigning import LEAST
from tether.hub.repositories import find, open_repository
from tether.repo.check import CheckOptions, run_check
from tether.repo.frames import DATA
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.storage.buckets import BucketAddress, OpenBucket, open_bucket
from tether.storage.objectstore import ObjectBackend
from tether.sync.http import Request
from tether.sync.hubend import HubEnd
from tether.sync.placewire import GivenPlace, WantedPlace
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove

MAIN = "refs/heads/main"


def opened(address: BucketAddress) -> ObjectBackend:
    """Open a place in the bucket of the server."""
    return open_bucket(address, s3_server().keys())


class Placed:
    """A hub, ada who has `x`, and a repository of hers here.

    Attributes:
        room: The hub.
        bucket: What clients see of the bucket.
        ada: Her token.
        local: Her repository.
    """

    def __init__(self, folder: Path, bucket: Proxy, open_bucket: OpenBucket, **settings: Any) -> None:
        server = s3_server()
        self._root, self.bucket = folder / "hub", bucket
        self._settings = {
            "storage": f"s3://{server.bucket}/{server.new_prefix()}",
            "presign": "on",
            "presign_endpoint": bucket.url,
            **settings,
        }
        self.room = HubRoom(self._root, open_bucket=open_bucket, **self._settings)
        self.ada = self.room.user("ada")
        self.room.repository(self.ada, "ada/x")
        self.local = Repository.init(folder / "mine", clock=ticking(), bare=True)
        self._pushes = 0

    def restart(self) -> None:
        """Begin anew over what a hub that was killed left."""
        now = self.room.now
        self.room.close()
        self.room = HubRoom(self._root, open_bucket=opened, **self._settings)
        self.room.now = now

    def client(self, token: str | None = None) -> RoomClient:
        """Return a client on the machine of the hub; ada's if not said otherwise."""
        return RoomClient(self.room, token or self.ada, "http://127.0.0.1")

    def commit(self, files: dict[str, bytes]) -> Digest:
        """Commit files here."""
        return commit_files(self.local, files, "change")

    def packs(self) -> list[tuple[Digest, bytes]]:
        """Return the packs of contents that are here."""
        names = self.local.root().data_packs
        return [(name, bytes(self.local.backend.map(pack_key(name)))) for name in names]

    def push(self, tip: Digest, client: RoomClient | None = None) -> None:
        """Push a commit to main."""
        end = HubEnd(client or self.client(), "ada", "x")
        there = end.refs()
        sent = upload(end, self.local, [tip], there)
        self._pushes += 1
        move = RefMove(MAIN, there.refs.get(MAIN), tip, force=True)
        end.push(PushRequest(self._pushes.to_bytes(16, "big"), sent.packs, (move,)))

    def puts(self) -> list[Call]:
        """Return what clients put into the bucket."""
        return [call for call in self.bucket.calls if "X-Amz-Signature" in call.path]

    def left(self) -> list[str]:
        """Return what lies in the bucket and is no repository's."""
        found = self.room.hub.bucket
        assert found is not None
        return [key for folder in (INCOMING, TAKEN) for key, _ in found.list(f"{folder}/")]

    def rows(self) -> list[UploadPlace]:
        """Return the places that were given away."""
        with self.room.hub.database.session(reads_only=True) as session:
            return list(session.scalars(select(UploadPlace)))

    def usage(self) -> int:
        """Return the bytes that ada has."""
        found = self.room.ok("GET", "/quotas/ada", self.ada)["bytes"]
        assert isinstance(found, int)
        return found

    def stored(self) -> int:
        """Return the bytes of all packs of the repository, after verifying every one of them."""
        with self.room.hub.database.session(reads_only=True) as session:
            row = find(session, "ada", "x")
        assert row is not None
        with closing(open_repository(self.room.hub, row)) as repository:
            assert run_check(repository, CheckOptions(full=True)).problems == []
            return sum(size for _, size in repository.backend.list("packs/"))

    def count(self) -> None:
        """Let the hub count what is stored, a while later."""
        self.room.now += QUIET + 1
        recount(self.room.hub)

    def close(self) -> None:
        """Close the hub and the repository."""
        self.room.close()
        self.local.close()


@contextmanager
def placed_hub(folder: Path, open_bucket: OpenBucket = opened, **settings: Any) -> Iterator[Placed]:
    """Run a hub for a block."""
    with before(s3_server().url) as bucket, closing(Placed(folder, bucket, open_bucket, **settings)) as found:
        yield found


def large(client: RoomClient) -> list[str]:
    """Return how packs were sent to the hub itself that could go past it."""
    return [
        sent.method for sent in client.sent if sent.body is not None and memoryview(sent.body).nbytes >= LEAST
    ]


def some(seed: int, size: int = 3 * LEAST // 2) -> bytes:
    """Return bytes that cannot be compressed."""
    return random.Random(seed).randbytes(size)


def chunks(seed: int) -> tuple[Digest, bytes]:
    """Return name and bytes of a large pack of contents."""
    return pack(DATA, *((ObjectKind.CHUNK, some(seed * 100 + at, 100_000)) for at in range(12)))


def ask(client: RoomClient, name: Digest, data: bytes, repository: str = "x") -> GivenPlace:
    """Ask for a place; there must be one."""
    wanted = WantedPlace(len(data), hashlib.sha256(data).digest())
    path = f"/api/v1/repos/ada/{repository}/transfer/packs/{name.hex()}/places"
    return GivenPlace.decode(client.call(Request("POST", path, wanted.encode())))


def tell(client: RoomClient, name: Digest, place: GivenPlace, repository: str = "x") -> None:
    """Say that a pack was put at a place."""
    path = f"/api/v1/repos/ada/{repository}/transfer/packs/{name.hex()}/places/{place.id.hex()}"
    client.call(Request("POST", path, b""))


def put(place: GivenPlace, data: bytes, signed: bytes | None = None, method: str = "PUT") -> int:
    """Send something to the address of a place, with the headers for `signed`; return the status."""
    signed = data if signed is None else signed
    wanted = WantedPlace(len(signed), hashlib.sha256(signed).digest())
    assert place.url is not None
    with urllib3.PoolManager(retries=False) as pool:
        headers = {**wanted.headers(), "Content-Length": str(len(data))}
        return pool.request(method, place.url, body=data, headers=headers).status


def has(placed: Placed, name: Digest) -> bool:
    """Say whether a pack has arrived."""
    return HubEnd(placed.client(), "ada", "x").has_packs([name])[0]
