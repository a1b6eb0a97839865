"""A repository that is cloned from a far end in this process, as from a hub."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import pytest
from tests.support.far import NearEnd
from tests.support.repos import ADA, make_repository, ticking

from tether.api import remotes
from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.sync import download
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.places import FarPlace

End = TypeVar("End", bound=NearEnd)


class FarRoom(NamedTuple, Generic[End]):
    """Where files are committed and pushed from, the far end, and where the clone goes."""

    work: Repo
    end: End
    copy: Path

    def commit(self, *names: str) -> None:
        """Commit files of the working copy and push them."""
        self.work.add(names)
        self.work.commit("more")
        push_far(self.work.repository, self.end, "origin", PushOptions(("main",)))

    def clone(self, *, bare: bool = False) -> Repo:
        """Clone as from a hub."""
        request = CloneRequest("http://hub/ada/photos", self.copy, bare=bare)
        return Repo.clone_with(request, clock=ticking())[0]


@contextmanager
def far_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, end_of: Callable[[Path], End]
) -> Iterator[FarRoom[End]]:
    """Yield a room in which every pack is sent whole; `end_of` makes the far end of a repository's folder."""
    there = make_repository(folder / "there", bare=True)
    end = end_of(folder / "there")
    monkeypatch.setattr(download, "_MANY", 1)
    monkeypatch.setattr(remotes, "hub_place", lambda *_: FarPlace(end))  # type: ignore[arg-type]
    with closing(there), closing(Repo(make_repository(folder / "work"), author=ADA)) as work:
        yield FarRoom(work, end, folder / "copy")
