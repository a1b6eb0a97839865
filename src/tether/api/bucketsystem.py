"""`tether+s3://BUCKET/PREFIX@REV/PATH` for fsspec: files in buckets; `tether+gs`, `tether+az`.

It needs `pip install 'tether[fsspec,objectstore]'`, which registers them. Files are read-only; errors are
those of `revisionsystem`. Decision: docs/adr/0036-reading-and-putting-in-buckets.md.
"""

import re
from collections.abc import Mapping
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import unquote

from tether.api.opened import system_clock
from tether.api.revisionsystem import Place, RevisionSystem
from tether.errors import InvalidInput
from tether.repo.bucket import open_in_bucket
from tether.repo.revision import clean_path
from tether.storage.buckets import open_bucket, parse_bucket_address
from tether.sync.remotefiles import FolderFiles

_PLACE = re.compile(r"(?P<repository>(?P<prefix>[^@]+)@(?P<rev>[^/]*))(?:/(?P<path>.*))?", re.S)


class BucketFileSystem(RevisionSystem):
    """The repositories in buckets of one kind, read-only.

    Paths are `BUCKET[/PREFIX]@[REV]/PATH`, REV with `%2F` for `/`; an empty one is HEAD. The `@` has to be
    there: it says where the prefix ends. Each file is of the version that REV names when it is opened.

    Args:
        keys: Settings of the store's client by their names in it, such as `access_key_id` or `endpoint`; what
            is missing the client looks for in the environment and on the machine.
    """

    scheme: ClassVar[str]

    def __init__(self, keys: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(keys=keys, **options)
        self._keys = dict(keys or {})
        self._opened: dict[str, FolderFiles] = {}
        self._opening = Lock()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return str(path).removeprefix(f"{cls.protocol}://").strip("/")

    def place(self, path: str) -> Place:
        """Return what a path names."""
        found = _PLACE.fullmatch(path)
        if found is None:
            raise FileNotFoundError(
                f"no revision in {path!r}: write {self.protocol}://BUCKET/PREFIX@REV/PATH"
            )
        files, rev = self._files(found["prefix"]), unquote(found["rev"]) or "HEAD"
        return Place(found["repository"], files, rev, clean_path(found["path"] or ""))

    def close(self) -> None:
        """Close what is open; it is opened again when it is needed."""
        with self._opening:
            while self._opened:
                self._opened.popitem()[1].close()

    def _files(self, prefix: str) -> FolderFiles:
        """Return the files of a repository, which stays open: it keeps the indexes that it read."""
        with self._opening:
            if prefix not in self._opened:
                name = f"{self.scheme}://{prefix}"
                try:
                    address = parse_bucket_address(name)
                except InvalidInput as error:
                    raise FileNotFoundError(str(error)) from error
                store = open_bucket(address, self._keys).as_far()
                self._opened[prefix] = FolderFiles(open_in_bucket(name, store, clock=system_clock))
            return self._opened[prefix]


class S3FileSystem(BucketFileSystem):
    """Repositories in buckets of S3."""

    protocol = "tether+s3"
    scheme = "s3"


class GoogleFileSystem(BucketFileSystem):
    """Repositories in buckets of Google Cloud Storage."""

    protocol = "tether+gs"
    scheme = "gs"


class AzureFileSystem(BucketFileSystem):
    """Repositories in containers of Azure."""

    protocol = "tether+az"
    scheme = "az"
