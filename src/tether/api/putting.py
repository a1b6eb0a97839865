"""Files from here put on a branch of a repository that lies elsewhere, without a clone."""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tether.api.getting import Surroundings
from tether.core.identity import Person
from tether.errors import InvalidInput
from tether.storage.buckets import is_in_bucket
from tether.storage.local import LocalBackend
from tether.storage.oserrors import translated
from tether.sync.address import parse_repository_address
from tether.sync.fileaddress import FileAddress
from tether.sync.hubend import HubEnd
from tether.sync.localend import LocalEnd
from tether.sync.places import bucket_place, is_on_hub
from tether.sync.putting import Put, PutEnd, PutRequest, Source, put_files
from tether.sync.remotes import open_location, parse_location


@dataclass(frozen=True, slots=True)
class PutOptions:
    """How files are put.

    Attributes:
        message: Why.
        author: Who commits.
        scratch: A folder with room for what is new there; what is written there is of no use afterwards.
        into: The path is a folder, also where there is none yet.
        removed: Files and folders that go, by their paths from the top on.
    """

    message: str
    author: Person
    scratch: Path
    into: bool = False
    removed: tuple[bytes, ...] = ()


def put(files: Sequence[Path], address: FileAddress, options: PutOptions, around: Surroundings) -> Put:
    """Add, replace or remove files as one commit.

    Args:
        files: Files and folders here; a link stands for what it leads to, but not one in a folder.
        address: The branch and the path: of one file, or of a folder that files go into under their names.
        options: Message, author and the like.
        around: Of whoever asks.

    Raises:
        NotFound: A file is not here, or there is no such branch.
        InvalidInput: There is no message, or something is no file.
        Conflict: The same paths were changed there meanwhile, or the branch may not be moved.
        AlreadyExists: A folder is where a file goes, or a file where a folder is needed.
        Forbidden: Whoever asks may not do it.
    """
    if not options.message.strip():
        raise InvalidInput("no message", hint="say why with -m MESSAGE")
    request = PutRequest(
        address.rev,
        address.path,
        options.into,
        options.message.strip() + "\n",
        options.author,
        around.clock(),
        options.removed,
    )
    with ExitStack() as stack:
        sources, total = _opened(files)
        end = _opened_end(address.repository, around, stack)
        scratch = LocalBackend(options.scratch)
        stack.callback(scratch.close)
        around.progress.start("putting files", total, "bytes")
        done = put_files(end, sources, request, scratch, around.progress)
        around.progress.finish()
        return done


def _opened(files: Sequence[Path]) -> tuple[list[Source], int]:
    """Return files, and those in folders, with the sum of their sizes.

    Raises:
        NotFound: One is not here.
        InvalidInput: One is no file, or a folder holds what is none.
    """
    sources, total = [], 0
    for path in files:
        with translated(str(path)):
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        for each in _below(path) if is_folder else (path,):
            with translated(str(each)):
                found = each.lstat() if is_folder else each.stat()
            if not stat.S_ISREG(found.st_mode):
                raise InvalidInput(f"{each} is no file", hint="clone the repository to add what is no file")
            name = os.fsencode(each.relative_to(path.parent).as_posix())
            sources.append(Source(name, bool(found.st_mode & stat.S_IXUSR), _Late(each).read_into))
            total += found.st_size
    return sources, total


def _below(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and the folders in it, but folders, in order."""
    with translated(str(folder)):
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _below(path)
        else:
            yield path


class _Late:
    """A file that is open only while it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.FileIO | None = None

    def read_into(self, buffer: memoryview) -> int:
        """Fill a buffer from its start; 0 at the end."""
        with translated(str(self._path)):
            if self._file is None:
                self._file = io.FileIO(self._path)
            count = self._file.readinto(buffer)
            if not count:
                self._file.close()
                self._file = None
            return count


def _opened_end(repository: str, around: Surroundings, stack: ExitStack) -> PutEnd:
    """Return what takes the files; the stack closes it."""
    end: HubEnd | LocalEnd
    if is_in_bucket(repository):
        place = bucket_place(repository, around.open_bucket, around.clock)
        stack.callback(place.close)
        return stack.enter_context(place.writing("put"))
    if is_on_hub(repository):
        parsed = parse_repository_address(repository)
        end = HubEnd(around.connect(parsed), parsed.owner, parsed.name)
    else:
        end = LocalEnd(open_location(parse_location(repository, around.base), around.clock))
    stack.callback(end.close)
    return end
