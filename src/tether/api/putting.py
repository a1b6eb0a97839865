"""Files from here put on a branch of a repository that lies elsewhere, without a clone."""

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tether.api.getting import Surroundings
from tether.core.identity import Person
from tether.errors import InvalidInput
from tether.storage.local import LocalBackend
from tether.storage.oserrors import translated
from tether.sync.address import parse_repository_address
from tether.sync.fileaddress import FileAddress
from tether.sync.hubend import HubEnd
from tether.sync.localend import LocalEnd
from tether.sync.places import is_on_hub
from tether.sync.putting import Put, PutRequest, Source, put_files
from tether.sync.remotes import open_location, parse_location


@dataclass(frozen=True, slots=True)
class PutOptions:
    """How files are put.

    Attributes:
        message: Why.
        author: Who commits.
        scratch: A folder with room for what is new there; what is written there is of no use afterwards.
        into: The path is a folder, also where there is none yet.
    """

    message: str
    author: Person
    scratch: Path
    into: bool = False


def put(files: Sequence[Path], address: FileAddress, options: PutOptions, around: Surroundings) -> Put:
    """Add or replace files as one commit.

    Args:
        files: Files here; a link stands for what it leads to.
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
    )
    with ExitStack() as stack:
        sources, total = _opened(files, stack)
        end = _end(address.repository, around)
        stack.callback(end.close)
        scratch = LocalBackend(options.scratch)
        stack.callback(scratch.close)
        around.progress.start("putting files", total, "bytes")
        done = put_files(end, sources, request, scratch, around.progress)
        around.progress.finish()
        return done


def _opened(files: Sequence[Path], stack: ExitStack) -> tuple[list[Source], int]:
    """Open files and return them with the sum of their sizes.

    Raises:
        InvalidInput: One is no file.
    """
    sources, total = [], 0
    for path in files:
        with translated(str(path)):
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise InvalidInput(f"{path} is no file", hint="clone the repository to add folders")
            file = stack.enter_context(path.open("rb", buffering=0))
        name, is_executable = os.fsencode(path.name), bool(found.st_mode & stat.S_IXUSR)
        sources.append(Source(name, is_executable, file.readinto))
        total += found.st_size
    return sources, total


def _end(repository: str, around: Surroundings) -> HubEnd | LocalEnd:
    if is_on_hub(repository):
        parsed = parse_repository_address(repository)
        return HubEnd(around.connect(parsed), parsed.owner, parsed.name)
    return LocalEnd(open_location(parse_location(repository, around.base), around.clock))
