"""Bringing contents that a remote has: many at a time, verified, and kept from then on.

A partial clone brings what it is about to read. What comes is stored before it is used, in an operation of
its own, so it stays when the command that needed it fails.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from tether.api.opened import Opened
from tether.api.places import open_place
from tether.core.digest import Digest
from tether.core.names import display
from tether.core.treeread import walk
from tether.errors import Corrupt, TetherError
from tether.repo.absent import absent_contents, with_absent
from tether.repo.repository import Repository

BRING = "bring contents"
"""What the operation log says."""


def supply(repo: Opened, contents: Mapping[Digest, bytes], command: str = BRING) -> list[Digest]:
    """Bring those of some contents that are not here and that a remote has; return them.

    Args:
        repo: Where.
        contents: Each with a path that has it, for messages.
        command: For the operation log.

    Raises:
        NotFound: The remote does not have one any more, or there is no such remote.
        Unavailable: The remote cannot be reached; names a file and the remote.
    """
    repository = repo.repository
    has, record = repository.objects.has, repository.absent.record()
    lacking = {d: remote for d in contents if not has(d) and (remote := record.remote_of(d)) is not None}
    for remote in sorted(set(lacking.values())):
        mine = [digest for digest in lacking if lacking[digest] == remote]
        try:
            _bring(repo, remote, mine, command)
        except Corrupt:
            raise
        except TetherError as error:
            first = display(contents[mine[0]]) or f"content {mine[0].hex()[:12]}"
            more = f" and {len(mine) - 1:,} more" if len(mine) > 1 else ""
            raise type(error)(f"{first}{more} must come from {remote}: {error}", hint=error.hint) from error
    return list(lacking)


def _bring(repo: Opened, remote: str, contents: list[Digest], command: str) -> None:
    repository, wanted = repo.repository, frozenset(contents)
    place = open_place(repo, remote)
    try:
        with repository.transaction(command) as transaction:
            place.supply(repository, transaction, contents, repo.progress)
            dropped = absent_contents(transaction.root)
            rest = {digest: name for digest, name in dropped.items() if digest not in wanted}
            if len(rest) < len(dropped):
                transaction.set_extra(with_absent(transaction.root, rest))
            transaction.record()
    finally:
        place.close()


def unnamed(repo: Opened, contents: Iterable[Digest]) -> Mapping[Digest, bytes]:
    """Return contents for `supply` whose paths are looked for when somebody asks."""
    return _Named(repo.repository, contents)


def supplier(repo: Opened) -> Callable[[list[Digest]], None]:
    """Return what brings contents when they are first read."""

    def bring(contents: list[Digest]) -> None:
        supply(repo, unnamed(repo, contents))

    return bring


class _Named(Mapping[Digest, bytes]):
    """Some contents, whose paths are looked for when somebody asks."""

    def __init__(self, repository: Repository, contents: Iterable[Digest]) -> None:
        self._repository, self._contents = repository, dict.fromkeys(contents)

    def __getitem__(self, digest: Digest) -> bytes:
        objects, stage = self._repository.objects, self._repository.root().stage
        return next((path for path, entry in walk(objects, stage) if entry.digest == digest), b"")

    def __iter__(self) -> Iterator[Digest]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)
