"""A revision as a read-only folder: list it, open its files, read them by range."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.names import display, path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, iter_directory, walk
from tether.errors import InvalidInput, NotFound
from tether.repo.revision import Place, clean_path, resolve_tree

if TYPE_CHECKING:
    from os import PathLike

    from tether.api.models import Model


_BUFFER = 256 << 10
_MAX_LINKS = 40


class FileInfo(NamedTuple):
    """One file, link or folder of a snapshot."""

    path: str
    """From the top of the repository; bytes that are not UTF-8 are surrogates, as in `os.fsdecode`."""
    kind: str
    """`file`, `executable`, `symlink` or `directory`."""
    size: int
    """Bytes of the file, of the link's target, or of everything below the folder."""
    digest: str
    """64 hexadecimal digits; of a file what `b3sum` prints."""
    files: int
    """Files below a folder, else 1."""


class Snapshot:
    """The files of one revision; it stays the same whatever happens to branches and to the working copy.

    Example:
        >>> snapshot = repo.at("v1")
        >>> snapshot.id == next(repo.log("v1")).id.hex()
        True

    Attributes:
        id: The commit, 64 hexadecimal digits; None for what is staged.
        tree: The digest of its tree.
    """

    def __init__(self, repo: Opened, place: Place) -> None:
        self._objects, self._contents = repo.repository.objects, repo.repository.contents
        self.id = place.commit.hex() if place.commit is not None else None
        self.tree: Digest = place.tree

    def open(self, path: "str | PathLike[str]") -> io.BufferedReader:
        """Return a seekable binary file; only what is read is fetched, and all of it is verified.

        Example:
            >>> with repo.at("v1").open("images/cat.png") as file:
            ...     position = file.seek(1)
            ...     file.read(3)
            b'PNG'

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is a folder.
        """
        return io.BufferedReader(self._contents.open(self._file(path).digest), _BUFFER)

    def model(self, path: "str | PathLike[str]") -> "Model":
        """Return a model file, to look at its tensors without loading it; errors as for `open`.

        Example:
            >>> import numpy
            >>> numpy.save(repo.root / "weights.npy", numpy.zeros((2, 3), "float32"))
            >>> added, made = repo.add(["weights.npy"]), repo.commit("Weights")
            >>> with repo.at("HEAD").model("weights.npy") as model:
            ...     model.facts.types
            {'F32': 6}
        """
        from tether.api import models

        return models.model_at(self, path)

    def read_bytes(self, path: "str | PathLike[str]") -> bytes:
        """Return a whole file; errors as for `open`.

        Example:
            >>> repo.at("v1").read_bytes("images/cat.png")[1:4]
            b'PNG'
        """
        return self._contents.read(self._file(path).digest)

    def read_text(self, path: "str | PathLike[str]", encoding: str = "utf-8") -> str:
        """Return a whole file as text; errors as for `open`.

        Example:
            >>> repo.at().read_text("labels.csv").splitlines()[-1]
            'dog.png,dog'

        Raises:
            InvalidInput: It is not text in this encoding.
        """
        try:
            return self.read_bytes(path).decode(encoding)
        except UnicodeDecodeError:
            raise InvalidInput(f"{path} is not {encoding} text", hint="use read_bytes") from None

    def read_link(self, path: "str | PathLike[str]") -> str:
        """Return where a symbolic link leads.

        Example:
            >>> repo.at().read_link("newest.png")
            'images/dog.png'

        Raises:
            NotFound: There is nothing.
            InvalidInput: It is no link.
        """
        entry = self._find(_clean(path))
        if entry.kind != EntryKind.SYMLINK:
            raise InvalidInput(f"{path} is no symbolic link")
        return self._contents.read(entry.digest).decode("utf-8", "surrogateescape")

    def info(self, path: "str | PathLike[str]" = "") -> FileInfo:
        """Return what is at a path.

        Example:
            >>> repo.at().info("images").files
            2

        Raises:
            NotFound: There is nothing.
        """
        where = _clean(path)
        return _info(where, self._find(where))

    def exists(self, path: "str | PathLike[str]") -> bool:
        """Say whether there is something at a path.

        Example:
            >>> repo.at("v1").exists("images/dog.png")
            False
        """
        return find(self._objects, self.tree, _clean(path)) is not None

    def ls(self, path: "str | PathLike[str]" = "") -> list[FileInfo]:
        """Return what is in a folder, in order; of a file the file itself.

        Example:
            >>> [(info.path, info.kind) for info in repo.at("v1").ls()]
            [('images', 'directory'), ('labels.csv', 'file')]

        Raises:
            NotFound: There is nothing.
        """
        where = _clean(path)
        entry = self._find(where)
        if entry.kind != EntryKind.DIRECTORY:
            return [_info(where, entry)]
        start = where + b"/" if where else b""
        return [_info(start + below.name, below) for below in iter_directory(self._objects, entry.digest)]

    def walk(self, path: "str | PathLike[str]" = "") -> Iterator[FileInfo]:
        """Yield every file and link below a folder, and the empty folders, in order of the paths.

        Example:
            >>> [info.path for info in repo.at("v1").walk()]
            ['images/cat.png', 'labels.csv']

        Raises:
            NotFound: There is no such folder.
        """
        where = _clean(path)
        entry = self._find(where)
        if entry.kind != EntryKind.DIRECTORY:
            yield _info(where, entry)
            return
        for below, each in walk(self._objects, entry.digest, where):
            yield _info(below, each)

    def _file(self, path: "str | PathLike[str]") -> Entry:
        """Return the file at a path, following links inside the snapshot."""
        where = _clean(path)
        for _ in range(_MAX_LINKS):
            entry = self._find(where)
            if entry.kind == EntryKind.DIRECTORY:
                raise InvalidInput(f"{path} is a folder", hint="ls lists it")
            if entry.kind != EntryKind.SYMLINK:
                return entry
            target = self._contents.read(entry.digest)
            if target.startswith(b"/"):
                raise InvalidInput(f"{path} is a link out of the repository: {display(target)}")
            folder = where.rpartition(b"/")[0]
            where = clean_path((folder + b"/" + target).decode("utf-8", "surrogateescape"))
        raise InvalidInput(f"{path} leads through too many links")

    def _find(self, path: bytes) -> Entry:
        entry = find(self._objects, self.tree, path)
        if entry is None:
            raise NotFound(f"no such file in {(self.id or 'the stage')[:12]}: {display(path)}")
        return entry


def at(repo: Opened, rev: str = "HEAD") -> Snapshot:
    """Return a revision as a read-only folder; what is staged where `rev` is empty.

    Raises:
        NotFound: There is no such revision.
    """
    return Snapshot(repo, resolve_tree(repo.repository, rev))


def _clean(path: "str | PathLike[str]") -> bytes:
    return clean_path(path_bytes(path).decode("utf-8", "surrogateescape"))


def _info(path: bytes, entry: Entry) -> FileInfo:
    name = path.decode("utf-8", "surrogateescape")
    return FileInfo(name, entry.kind.name.lower(), entry.size, entry.digest.hex(), entry.files)
