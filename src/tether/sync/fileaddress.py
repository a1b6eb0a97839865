"""Addresses of single files: `ADDRESS[@REV]:PATH`, where ADDRESS is a repository on a hub or in a folder."""

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote

from tether.errors import InvalidInput
from tether.repo.revision import clean_path, split_place

_HOST = re.compile(r"((?:s3|gs|az)://[^/@:]*|[A-Za-z][A-Za-z0-9+.-]*://[^/]*)?(.*)", re.S)
_HINT = "write ADDRESS[@REV]:PATH, as in https://HOST/OWNER/NAME@v1:labels.csv"


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A file or a folder of a revision of a repository that lies elsewhere.

    Attributes:
        repository: The address of the repository.
        rev: A revision there; empty where none is named.
        path: Empty for the whole tree.
    """

    repository: str
    rev: str
    path: bytes

    @property
    def name(self) -> str:
        """The last name of the path; of the whole tree that of the repository."""
        if self.path:
            return os.fsdecode(self.path.rpartition(b"/")[2])
        name = self.repository.rstrip("/").rpartition("/")[2]
        return "files" if name in ("", ".", "..") else name


def parse_file_address(text: str) -> FileAddress:
    """Return what `ADDRESS[@REV]:PATH` names; in REV `/` is written `%2F`.

    Raises:
        InvalidInput: It has another form.
    """
    found = _HOST.fullmatch(text)
    assert found is not None
    host, rest = found[1] or "", found[2]
    place, path = split_place(rest)
    repository, rev = split_revision(place)
    if place == rest or not host + repository:
        raise InvalidInput(f"not the address of a file: {text}", hint=_HINT)
    return FileAddress(host + repository, rev, clean_path(path))


def split_revision(place: str) -> tuple[str, str]:
    """Cut `REPOSITORY@REV` at the first `@` behind the last slash; without one the revision is empty."""
    folder, slash, last = place.rpartition("/")
    name, _, rev = last.partition("@")
    return folder + slash + name, unquote(rev)
