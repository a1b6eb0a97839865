"""Pictures of notebooks, which a browser asks for one by one: a notebook is read and parsed once for all.

A notebook may have 8 MiB of JSON and a hundred pictures. So few are parsed at a time, who wants the same one
waits for it, and the pictures of those that were looked at last are kept in bounded memory.
"""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock, Semaphore
from typing import TYPE_CHECKING

from tether.core.digest import Digest
from tether.core.onetime import OneAtATime
from tether.errors import NotFound
from tether.pages.viewers.notebook import LONGEST, Picture, pictures

if TYPE_CHECKING:
    from tether.repo.contents import ContentReader

_KEPT_BYTES = 32 * 1024 * 1024
_AT_ONCE = 2


class NotebookPictures:
    """Takes pictures out of notebooks, and keeps those of the notebooks that were asked for last.

    Args:
        kept: Bytes of pictures to keep.
        at_once: Notebooks that are parsed at the same time.
    """

    def __init__(self, kept: int = _KEPT_BYTES, at_once: int = _AT_ONCE) -> None:
        self._known: OrderedDict[Digest, Mapping[str, Picture]] = OrderedDict()
        self._bytes, self._kept = 0, kept
        self._lock, self._turns, self._parsing = Lock(), Semaphore(at_once), OneAtATime()

    def of(self, contents: "ContentReader", digest: Digest, number: str) -> Picture:
        """Return a picture.

        Args:
            contents: Has the notebook.
            digest: Of the notebook.
            number: As `tether.pages.viewers.notebook.pictures` names it.

        Raises:
            NotFound: There is none.
            Corrupt, Unavailable: The notebook cannot be read.
        """
        found = self._find(digest)
        if found is None:
            with self._parsing.of(digest):
                found = self._find(digest)
                if found is None:
                    with self._turns:
                        found = pictures(contents.read(digest, 0, LONGEST))
                    self._keep(digest, found)
        if number not in found:
            raise NotFound("no such picture in the notebook")
        return found[number]

    def _find(self, digest: Digest) -> Mapping[str, Picture] | None:
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
            return self._known.get(digest)

    def _keep(self, digest: Digest, found: Mapping[str, Picture]) -> None:
        with self._lock:
            self._known[digest] = found
            self._bytes += _weight(found)
            while self._bytes > self._kept:
                self._bytes -= _weight(self._known.popitem(last=False)[1])


def _weight(found: Mapping[str, Picture]) -> int:
    """Return the bytes that a notebook counts for, with what the dictionaries need for it."""
    return sum(len(each.data) + 256 for each in found.values()) + 256


PICTURES = NotebookPictures()
"""Those of this process: contents are named by digest, so all repositories can share them."""
