"""Reading the contents of a release and hashing them, each once however often it is named."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from tether.core.digest import Digest, parse_digest
from tether.core.names import display, path_bytes
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import walk
from tether.errors import Corrupt, NotFound, Unavailable
from tether.releases.manifest import Part
from tether.repo.repository import Repository


class BadContent(NamedTuple):
    """A file that is not as it must be.

    Attributes:
        path: In the tree of the release.
        message: What is wrong.
        absent: Whether it is only not here.
    """

    path: str
    message: str
    absent: bool = False


class ContentCheck:
    """Reads parts of a release.

    Args:
        repository: Has them.
        progress: Where to report.
    """

    def __init__(self, repository: Repository, progress: Progress = SILENT) -> None:
        self._repository, self._progress = repository, progress
        self._seen: dict[tuple[Digest, str | None], tuple[str, bool] | None] = {}
        self.files = 0
        self.bytes = 0

    def part(self, part: Part) -> Iterator[BadContent]:
        """Yield the files of a part that are not as the manifest says."""
        digest = parse_digest(part.digest)
        if part.kind != "directory":
            yield from self._file(part.path, digest, part.bytes, part.sha256)
            return
        try:
            entries: list[tuple[bytes, Entry]] = list(
                walk(self._repository.objects, digest, path_bytes(part.path))
            )
        except (Corrupt, NotFound) as error:
            yield BadContent(part.path, str(error), isinstance(error, NotFound))
            return
        contents = self._repository.contents
        with suppress(NotFound, Unavailable):  # told of each file that does not come
            contents.prepare([entry.digest for _, entry in entries if entry.kind != EntryKind.DIRECTORY])
        for path, entry in entries:
            if entry.kind != EntryKind.DIRECTORY:
                yield from self._file(display(path), entry.digest, entry.size, None)

    def _file(self, path: str, digest: Digest, size: int, sha256: str | None) -> Iterator[BadContent]:
        if (digest, sha256) not in self._seen:
            self._seen[digest, sha256] = self._read(digest, size, sha256)
        found = self._seen[digest, sha256]
        if found is not None:
            yield BadContent(path, *found)

    def _read(self, digest: Digest, size: int, sha256: str | None) -> tuple[str, bool] | None:
        hasher, length = hashlib.sha256(), 0
        try:
            for data in self._repository.contents.segments(digest):
                if sha256 is not None:
                    hasher.update(data)
                length += len(data)
        except Corrupt:
            return "its content is damaged", False
        except (NotFound, Unavailable) as error:
            return f"its content is not here: {error}", True
        self.files += 1
        self.bytes += length
        if length != size:
            return f"it has {length} bytes, and its folder says {size}", False
        if sha256 is not None and hasher.hexdigest() != sha256:
            return "its SHA-256 is not that of the manifest", False
        return None
