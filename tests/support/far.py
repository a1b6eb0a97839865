"""A far end in the same process: all passes through the bytes of the wire, and may be cut or lost."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.repos import ticking

from tether.core.digest import Buffer, Digest
from tether.errors import Unavailable
from tether.repo.repository import Repository
from tether.sync.ends import TakeFrames
from tether.sync.serving import Serving, Stream
from tether.sync.wire import (
    PackShare,
    PushRequest,
    RemoteRefs,
    decode_shares,
    decode_verified,
    encode_shares,
    encode_verified,
    pack_bits,
    read_frames,
    unpack_bits,
)


class Cut(Exception):
    """The connection was cut."""


class NearEnd:
    """The far end of transfers with the repository in a folder; see `tether.sync.ends.FarEnd`.

    Attributes:
        calls: How often each request was made.
        questions: Digests of which it was asked whether they are there.
        cut_after: Bytes after which the next reply of objects is cut, once; it is sent again then.
        cut_packs: Give half of the next pack before the whole of it, as after a cut.
        lose: Requests that are done and whose reply is lost, once each.
    """

    name = "ada/photos"
    jobs: int | None = None

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.calls: Counter[str] = Counter()
        self.questions: list[Digest] = []
        self.cut_after: int | None = None
        self.lose: set[str] = set()
        self.cut_packs = False

    def serving(self) -> Serving:
        """Return the end that answers, opened anew as a hub does."""
        return Serving(Repository.open(self._directory, clock=ticking()))

    def refs(self) -> RemoteRefs:
        """Return what it names now."""
        self.calls["refs"] += 1
        return RemoteRefs.decode(self.serving().refs().encode())

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say what is there."""
        self.calls["have"] += 1
        self.questions += digests
        return unpack_bits(pack_bits(self.serving().have(digests)), len(digests))

    def commits(
        self, wants: Sequence[Digest], haves: Sequence[Digest], take: TakeFrames, *, depth: int | None = None
    ) -> None:
        """Give commits."""
        self.calls["commits"] += 1
        self._send(self.serving().commits(wants, haves, depth), take)

    def verify(self, digests: Sequence[Digest]) -> list[bool]:
        """Say which contents are whole."""
        self.calls["verify"] += 1
        return decode_verified(encode_verified(self.serving().verify(digests)), len(digests))

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects."""
        self.calls["objects"] += 1
        self._send(self.serving().objects(digests), take)

    def shares(self, digests: Sequence[Digest]) -> list[PackShare]:
        """Say where chunks lie."""
        self.calls["shares"] += 1
        return decode_shares(encode_shares(self.serving().shares(digests)))

    def pack(self, name: Digest, take: Callable[[Iterator[bytes]], None]) -> None:
        """Give a pack, and half of it first where that is asked for."""
        self.calls["pack"] += 1
        total, blocks = self.serving().pack(name)
        data = b"".join(blocks)
        assert len(data) == total
        if self.cut_packs:
            self.cut_packs = False
            with suppress(Cut):
                take(_broken(data[: total // 2]))
        take(data[at : at + 10_000] for at in range(0, total, 10_000))

    def has_packs(self, names: Sequence[Digest]) -> list[bool]:
        """Say of each pack whether it has arrived."""
        return self.serving().has_packs(names)

    def put_pack(self, name: Digest, data: Buffer, start: int | None = None) -> None:
        """Store a pack."""
        self.calls["put_pack"] += 1
        with self.serving().receive(name, start) as receiver:
            for at in range(0, len(data), 100_000):
                receiver.write(bytes(data[at : at + 100_000]))
            receiver.finish()
        self._lost("put_pack")

    def push(self, request: PushRequest) -> None:
        """Move refs."""
        self.calls["push"] += 1
        self.serving().push(PushRequest.decode(request.encode()))
        self._lost("push")

    def close(self) -> None:
        """Nothing is open."""

    def _lost(self, request: str) -> None:
        if request in self.lose:
            self.lose.discard(request)
            raise Unavailable("the reply was lost")

    def _send(self, stream: Stream, take: TakeFrames) -> None:
        total, blocks = stream
        data = b"".join(blocks)
        assert len(data) == total
        if self.cut_after is not None:
            cut, self.cut_after = data[: self.cut_after], None

            with suppress(Cut):
                take(read_frames(_broken(cut)))
        take(read_frames(data[at : at + 10_000] for at in range(0, len(data), 10_000)))


def _broken(data: bytes) -> Iterator[bytes]:
    yield data
    raise Cut
