"""`RemoteRepo`: the files of one version of a repository that lies elsewhere, without a clone."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tether.api.opened import system_clock
from tether.api.remotefile import find_file, open_remote
from tether.api.snapshot import FileInfo
from tether.core.identity import Person
from tether.core.names import path_bytes
from tether.core.tree import EMPTY_TREE, EntryKind
from tether.errors import InvalidInput, NotFound, Unsupported
from tether.repo.revision import clean_path
from tether.storage.buckets import OpenBucket, as_surroundings_say
from tether.sync.address import parse_repository_address
from tether.sync.places import is_on_hub, open_files
from tether.sync.remotefiles import RemoteEntry, list_folder, read_whole, walk_folder

if TYPE_CHECKING:
    from os import PathLike

    from tether.api.workspace import Workspace
    from tether.sync.address import HubAddress
    from tether.sync.http import HttpClient
    from tether.sync.places import Connect


class RemoteRepo:
    """One version of a repository on a hub, in a bucket or in a folder: list it and read files.

    It stays the same whatever happens to branches there. Whole files are verified by their digests; of parts
    of files on a hub nothing but the hub and TLS says that they are right. In a bucket or a folder every
    chunk is verified when it is read.

    Example:
        >>> with RemoteRepo("shared", revision="main~1") as remote:
        ...     remote.read_bytes("labels.csv").splitlines()
        [b'file,label', b'cat.png,cat']

    Args:
        url: `http(s)://HOST/OWNER/NAME` on a hub, `s3://BUCKET/PREFIX` (`gs://`, `az://`), a folder, or
            `file:///DIR`.
        token: Of the hub; None asks as nobody, since the library looks for none by itself.
        revision: A branch, a tag, a commit, or what else names one.
        connect: Makes connections to hubs another way.
        open_bucket: Opens places in buckets; by default with the keys that the store's client finds.

    Attributes:
        id: The commit, 64 hexadecimal digits.

    Raises:
        NotFound: There is no such repository or revision.
        Unavailable: The hub cannot be reached.
    """

    def __init__(
        self,
        url: str | Path,
        token: str | None = None,
        revision: str = "HEAD",
        *,
        connect: "Connect | None" = None,
        open_bucket: OpenBucket = as_surroundings_say,
    ) -> None:
        self._url = str(url)

        def with_token(address: "HubAddress") -> "HttpClient":
            from tether.sync.http import HttpClient

            return HttpClient(address.base, token)

        self._connect, self._open_bucket = connect or with_token, open_bucket
        self._clients: list[HttpClient] = []
        self._end = open_files(self._url, Path.cwd(), self._connect, open_bucket, system_clock)
        try:
            self.id = self._end.look(revision, b"", limit=1).commit
        except BaseException:
            self._end.close()
            raise

    def ls(self, path: "str | PathLike[str]" = "") -> list[FileInfo]:
        """Return what is in a folder, in order; of a file the file itself.

        Example:
            >>> [(info.path, info.kind) for info in RemoteRepo("shared", revision="main~1").ls()]
            [('images', 'directory'), ('labels.csv', 'file')]

        Raises:
            NotFound: There is nothing.
        """
        look = self._end.look(self.id, _clean(path))
        if look.entry.kind != EntryKind.DIRECTORY:
            return [_info(look.entry)]
        return [_info(entry) for entry in list_folder(self._end, look)]

    def walk(self, path: "str | PathLike[str]" = "") -> Iterator[FileInfo]:
        """Yield every file and link below a folder, and the empty folders, in order of the paths.

        Example:
            >>> [info.path for info in RemoteRepo("shared", revision="main~1").walk()]
            ['images/cat.png', 'labels.csv']

        Raises:
            NotFound: There is nothing.
        """
        look = self._end.look(self.id, _clean(path))
        if look.entry.kind != EntryKind.DIRECTORY:
            yield _info(look.entry)
            return
        for entry in walk_folder(self._end, look):
            if entry.kind != EntryKind.DIRECTORY or entry.digest == EMPTY_TREE:
                yield _info(entry)

    def info(self, path: "str | PathLike[str]" = "") -> FileInfo:
        """Return what is at a path.

        Example:
            >>> RemoteRepo("shared").info("images").files
            2

        Raises:
            NotFound: There is nothing.
        """
        return _info(self._end.look(self.id, _clean(path), limit=1).entry)

    def exists(self, path: "str | PathLike[str]") -> bool:
        """Say whether there is something at a path.

        Example:
            >>> RemoteRepo("shared", revision="main~1").exists("images/dog.png")
            False
        """
        try:
            self.info(path)
        except NotFound:
            return False
        return True

    def open(self, path: "str | PathLike[str]") -> io.BufferedReader:
        """Return a seekable binary file; only what is read is fetched, a little ahead.

        A file that is read in order from its beginning is verified when its last byte comes.

        Example:
            >>> with RemoteRepo("shared").open("images/cat.png") as file:
            ...     position = file.seek(1)
            ...     file.read(3)
            b'PNG'

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is a folder.
        """
        return open_remote(self._end, find_file(self._end, self.id, _clean(path)))

    def read(self, path: "str | PathLike[str]", offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes of a file from `offset` on, fewer at its end; errors as for `open`.

        The whole file is verified by its digest, a part is not.

        Example:
            >>> RemoteRepo("shared").read("images/cat.png", 1, 3)
            b'PNG'
        """
        if offset < 0 or (length is not None and length < 0):
            raise InvalidInput("an offset or a length is negative")
        look = find_file(self._end, self.id, _clean(path))
        size = look.entry.size
        stop = size if length is None else min(offset + length, size)
        if offset == 0 and stop == size:
            return read_whole(self._end, look.commit, look.entry)
        parts: list[bytes] = []
        self._end.read(look.commit, look.entry, min(offset, stop), stop, parts.append)
        return b"".join(parts)

    def read_bytes(self, path: "str | PathLike[str]") -> bytes:
        """Return a whole file, verified; errors as for `open`.

        Example:
            >>> RemoteRepo("shared").read_bytes("images/cat.png")[1:4]
            b'PNG'
        """
        return self.read(path)

    def upload(
        self,
        source: Path,
        path: "str | PathLike[str]",
        message: str,
        author: Person,
        *,
        branch: str | None = None,
    ) -> str:
        """Put a file, or a folder with all that is in it, on a branch as one commit; return its id.

        Only what is new is sent. What this version is does not change.

        Example:
            >>> from tether.errors import NotFound
            >>> remote = RemoteRepo("shared")
            >>> try:
            ...     remote.upload(Path("absent"), "", "New photos", Person("Ada", "ada@example.org"))
            ... except NotFound as error:
            ...     print(error.code)
            not-found

        Args:
            source: A file, which is at the path then, or a folder, which is in it under its name.
            path: In the repository; empty for the top.
            message: Why.
            author: Who commits.
            branch: None is the default branch.

        Raises:
            NotFound: The source is not here, or there is no such branch.
            Conflict: The same paths were changed there meanwhile, or the branch may not move.
            AlreadyExists: A folder is where a file goes, or a file where a folder is needed.
            Forbidden: Whoever asks may not do it.
        """
        import tempfile

        from tether.api.getting import Surroundings
        from tether.api.putting import PutOptions, put
        from tether.sync.fileaddress import FileAddress

        address = FileAddress(self._url, branch or "", _clean(path))
        around = Surroundings(Path.cwd(), self._connect, system_clock, open_bucket=self._open_bucket)
        with tempfile.TemporaryDirectory(prefix="tether-put-") as scratch:
            options = PutOptions(message, author, Path(scratch), into=source.is_dir())
            return put([source.absolute()], address, options, around).commit.hex()

    def workspace(self, branch: str | None = None, *, name: str = "", id: str | None = None) -> "Workspace":
        """Make a workspace on the hub, or open the one of an id: changes are staged there without a clone.

        It is discarded if the `with` block raises.

        Example:
            >>> from tether.errors import Unsupported
            >>> try:
            ...     RemoteRepo("shared").workspace("main")
            ... except Unsupported as error:
            ...     print(error)
            only hubs have workspaces

        Args:
            branch: That it is against, as it is now; None is the default branch.
            name: For people who list workspaces.
            id: Of one that is there.

        Raises:
            Unsupported: The repository is not on a hub.
            NotFound: There is no such branch or workspace.
            Unauthenticated, Forbidden: Whoever asks may not write.
        """
        from tether.api.workspace import Workspace
        from tether.sync.hubworkspace import HubWorkspace

        if not is_on_hub(self._url):
            raise Unsupported("only hubs have workspaces", hint="use 'tether put' for a folder")
        address = parse_repository_address(self._url)
        client = self._connect(address)
        self._clients.append(client)
        if id is not None:
            return Workspace(HubWorkspace.open(client, address.owner, address.name, id))
        return Workspace(HubWorkspace.create(client, address.owner, address.name, branch, name))

    def close(self) -> None:
        """Give back connections and files; a `with` statement does so too.

        Example:
            >>> RemoteRepo("shared").close()
        """
        self._end.close()
        for client in self._clients:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RemoteRepo({self._url!r}, revision={self.id[:12]!r})"


def _clean(path: "str | PathLike[str]") -> bytes:
    return clean_path(path_bytes(path).decode("utf-8", "surrogateescape"))


def _info(entry: RemoteEntry) -> FileInfo:
    name = entry.path.decode("utf-8", "surrogateescape")
    return FileInfo(name, entry.kind.name.lower(), entry.size, entry.digest.hex(), entry.files)
