"""A repository on a hub, spoken to over HTTP."""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from tether.core.batches import batches
from tether.core.digest import Buffer, Digest
from tether.errors import Forbidden, InvalidInput, TooLarge, Unavailable
from tether.sync.elsewhere import Elsewhere
from tether.sync.ends import TakeFrames
from tether.sync.http import HttpClient, Reply, Request
from tether.sync.placing import Places
from tether.sync.wire import (
    ADDRESS_TYPE,
    PackShare,
    PushRequest,
    RemoteRefs,
    decode_address,
    decode_shares,
    decode_verified,
    read_frames,
    unpack_bits,
)

API = "/api/v1"
_TAKEN = ""
"""Instead of an address: the pack came."""
_PACKS_ASKED = 256
"""Packs of one question: a hub may ask a bucket about each, and has to answer before a client gives up."""
_ADDRESSES = 2
"""Of one pack, one after the other: the time of an address that is refused may have been over."""


def repository_path(owner: str, repository: str) -> str:
    """Return where the routes of a repository begin on its hub."""
    return f"{API}/repos/{quote(owner, safe='')}/{quote(repository, safe='')}"


class HubEnd:
    """The far end of transfers with one repository of a hub; see `ends.FarEnd`.

    Args:
        client: Speaks to the hub.
        owner: Whose repository.
        repository: Its name.
    """

    def __init__(self, client: HttpClient, owner: str, repository: str) -> None:
        self._client = client
        self._elsewhere = Elsewhere(client.base)
        self._path = repository_path(owner, repository)
        self._places = Places(client, f"{self._path}/transfer/packs", self._elsewhere)
        self.name = f"{owner}/{repository}"

    @property
    def jobs(self) -> int | None:
        """How many requests to have under way at once; None for what is usual."""
        return self._client.jobs

    def refs(self) -> RemoteRefs:
        """Return what it names now."""

        def use(reply: Reply) -> bytes:
            data = b"".join(reply.blocks)
            self._places.note(reply.headers)
            return data

        request = Request("GET", f"{self._path}/transfer/refs")
        return RemoteRefs.decode(self._client.exchange(lambda: request, use))

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is there."""
        reply = self._client.call(self._post("have", b"".join(digests)))
        return unpack_bits(reply, len(digests))

    def commits(
        self, wants: Sequence[Digest], haves: Sequence[Digest], take: TakeFrames, *, depth: int | None = None
    ) -> None:
        """Give the commits and tags that are reached from `wants` and not from `haves`."""
        body = len(wants).to_bytes(4, "little") + b"".join((*wants, *haves))
        what = "commits" if depth is None else f"commits?depth={depth}"
        self._client.call(self._post(what, body), _framed(take))

    def verify(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of the first of some contents whether each is there whole."""
        return decode_verified(self._client.call(self._post("verify", b"".join(digests))), len(digests))

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects in any order, as many as fit into one reply."""
        self._client.call(self._post("objects", b"".join(digests)), _framed(take))

    def put_pack(self, name: Digest, data: Buffer, start: int | None = None) -> None:
        """Store a pack for a push to come: where the hub has a place for it elsewhere, or else at the hub."""
        if not self._places.send(name, data):
            where = "" if start is None else f"?start={start}"
            self._client.call(Request("PUT", f"{self._path}/transfer/packs/{name.hex()}{where}", data))

    def shares(self, digests: Sequence[Digest]) -> list[PackShare]:
        """Say which packs of contents hold these chunks."""
        return decode_shares(self._client.call(self._post("shares", b"".join(digests))))

    def pack(self, name: Digest, take: Callable[[Iterator[bytes]], None]) -> None:
        """Give the bytes of a pack of contents: from where the hub says they are, or else from the hub."""
        path = f"{self._path}/transfer/packs/{name.hex()}/bytes"
        for _ in range(_ADDRESSES):
            url = self._address(path, take) if self._elsewhere.is_wanted else None
            if url == _TAKEN:
                return
            if url is None or not self._elsewhere.follows(url):
                break
            try:
                self._client.fetch_elsewhere(url, take)
                self._elsewhere.worked()
                return
            except (Forbidden, Unavailable, InvalidInput, TooLarge) as error:
                if error.of_storage:  # of the disk here
                    raise
                self._elsewhere.failed()
                if not isinstance(error, Forbidden):  # not there, cut, or not the pack: the hub has it
                    break
        self._client.call(Request("GET", path), take)

    def _address(self, path: str, take: Callable[[Iterator[bytes]], None]) -> str | None:
        """Ask for a pack, and return where it is; `_TAKEN` where the hub sent it."""

        def use(reply: Reply) -> str | None:
            if reply.headers.get("Content-Type") == ADDRESS_TYPE:
                return decode_address(reply.blocks)
            take(reply.blocks)
            return _TAKEN

        headers = {"Accept": f"{ADDRESS_TYPE}, application/octet-stream"}
        return self._client.exchange(lambda: Request("GET", path, headers=headers), use)

    def has_packs(self, names: Sequence[Digest]) -> list[bool]:
        """Say of each pack for a push to come whether it is there."""
        return [
            there
            for part in batches(names, _PACKS_ASKED)
            for there in unpack_bits(self._client.call(self._post("packs", b"".join(part))), len(part))
        ]

    def push(self, request: PushRequest) -> None:
        """Move refs, all or none."""
        self._client.call(self._post("push", request.encode()))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _post(self, what: str, body: bytes) -> Request:
        return Request("POST", f"{self._path}/transfer/{what}", body)


def _framed(take: TakeFrames) -> Callable[[Iterator[bytes]], None]:
    def blocks(source: Iterator[bytes]) -> None:
        take(read_frames(source))

    return blocks
