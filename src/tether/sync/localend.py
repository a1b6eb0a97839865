"""A repository on this machine as the far end of a put: what a hub does for it, without HTTP."""

from collections.abc import Sequence

from tether.core.digest import Buffer, Digest
from tether.errors import Conflict
from tether.repo.repository import Repository
from tether.sync.ends import TakeFrames
from tether.sync.serving import Serving
from tether.sync.wire import PushRequest, RemoteRefs, read_frames

_BLOCK = 4 << 20


class LocalEnd:
    """Answers for one repository; see `putting.PutEnd`."""

    def __init__(self, repository: Repository) -> None:
        self._repository, self._serving = repository, Serving(repository)
        self.name = str(repository.worktree or repository.directory)

    def refs(self) -> RemoteRefs:
        """Return what it names now."""
        return self._serving.refs()

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is there."""
        return self._serving.have(digests)

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects."""
        take(read_frames(self._serving.objects(digests)[1]))

    def put_pack(self, name: Digest, data: Buffer) -> None:
        """Store a pack for a push to come."""
        with self._serving.receive(name) as receiver:
            for start in range(0, len(data), _BLOCK):
                receiver.write(bytes(data[start : start + _BLOCK]))
            receiver.finish()

    def push(self, request: PushRequest) -> None:
        """Move refs, all or none; not the branch of working files, which would look changed then."""
        head = self._repository.root().head.ref
        if self._repository.worktree is not None and any(move.name == head for move in request.moves):
            hint = "put it on another branch, or commit it there"
            raise Conflict(f"{self.name} refused {head}: it is checked out there", hint=hint)
        self._serving.push(request, "put")

    def close(self) -> None:
        """Close the repository."""
        self._repository.close()
