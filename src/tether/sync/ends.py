"""The contract of the far end of a transfer: a hub over HTTP, or a repository in the same process."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from tether.core.digest import Buffer, Digest
from tether.core.treefiles import FolderFiles
from tether.errors import TetherError, Unauthenticated, Unavailable
from tether.repo.frames import Frame
from tether.sync.wire import PackShare, PushRequest, RemoteRefs

TakeFrames = Callable[[Iterator[tuple[Frame, bytes]]], None]
"""Takes frames as they arrive, not verified; called anew from the first frame when a reply was cut."""


def may_go_on(error: BaseException) -> bool:
    """Say whether a transfer that failed so can go on later: it was cut, or its keys or its token ended.

    Not where the disk here has failed or is full: what came is in the way there.
    """
    ended = isinstance(error, Unavailable | Unauthenticated)
    return ended and not (isinstance(error, TetherError) and error.of_storage)


class FarEnd(Protocol):
    """A repository somewhere else. Every call may be repeated without harm."""

    name: str
    """For messages."""

    @property
    def jobs(self) -> int | None:
        """How many requests to have under way at once; None for what is usual."""
        ...

    def refs(self) -> RemoteRefs:
        """Return what it names now."""
        ...

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is there, and all that it needs."""
        ...

    def commits(
        self, wants: Sequence[Digest], haves: Sequence[Digest], take: TakeFrames, *, depth: int | None = None
    ) -> None:
        """Give the commits and tags that are reached from `wants` and not from `haves`.

        With a depth these are the newest so many commits of each line from `wants` on, whatever `haves` are;
        a far end that does not know of depths gives all.

        Raises:
            NotFound: It does not have one of `wants`.
        """
        ...

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects in any order; those that do not fit into one reply are left out.

        Raises:
            NotFound: It does not have one.
        """
        ...

    def shares(self, digests: Sequence[Digest]) -> list[PackShare]:
        """Say which packs of contents hold these chunks; those that are elsewhere are left out."""
        ...

    def verify(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each content whether it is there whole, after reading every byte of it.

        The answer may be shorter than the question: the rest is to be asked again.
        """
        ...

    def pack(self, name: Digest, take: Callable[[Iterator[bytes]], None]) -> None:
        """Give the bytes of a pack of contents, not verified; called anew as for frames.

        Raises:
            NotFound: It is not there any more.
        """
        ...

    def has_packs(self, names: Sequence[Digest]) -> list[bool]:
        """Say of each pack for a push to come whether it is there."""
        ...

    def put_pack(self, name: Digest, data: Buffer, start: int | None = None) -> None:
        """Store a pack for a push to come; one that it has is not sent.

        Args:
            name: Of the pack.
            data: Its bytes.
            start: Where in a file its first chunk belongs, in bytes, if it is known: it spares the far end
                from reading that file again to verify it.

        Raises:
            Corrupt: What arrived there was not that pack.
        """
        ...

    def push(self, request: PushRequest) -> None:
        """Move refs, all or none.

        Raises:
            Conflict: A ref is another one there now, or may not move like that.
            Forbidden: Whoever asks may not do it.
        """
        ...


class Lands(Protocol):
    """Writes files while their packs pass; see `tether.worktree.landing.Landing`."""

    commit: Digest | None
    """Whose files are to be checked out; None where that is not known."""

    def choose(self, files: Iterable[Digest]) -> Collection[Digest]:
        """Return which of some files are wanted; called once, before the first `write`."""
        ...

    def choose_small(self, folders: Iterable[FolderFiles]) -> bool:
        """Say whether any of the small files of a tree are wanted; called at most once, after `choose`."""
        ...

    def write_small(self, digests: bytes, lengths: Sequence[int], data: bytes) -> None:
        """Take verified contents, one after the other: digests of 32 bytes each, and lengths in bytes."""
        ...

    def sync(self) -> None:
        """Have the disk begin with what came, of which no more comes, without waiting for it."""
        ...

    def write(self, file: Digest, offset: int, data: memoryview) -> None:
        """Take verified bytes of a file from an offset on, which may change afterwards."""
        ...
