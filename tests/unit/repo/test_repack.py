"""Merging small packs while somebody else does the same."""

from pathlib import Path

from tests.support.repos import commit_files, make_repository

from tether.core.digest import Digest
from tether.repo.packs import pack_key
from tether.repo.repack import MANY, merge_small_packs
from tether.storage.backend import Backend
from tether.storage.wrappers import Wrapper


class Vanishing(Wrapper):
    """A pack is gone when it is read as a whole, as after somebody else has merged it."""

    def __init__(self, inner: Backend, name: Digest) -> None:
        super().__init__(inner)
        self._key = pack_key(name)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes; one pack goes before all of it is read."""
        if key == self._key and length is None:
            self.inner.delete(key)
        return self.inner.read(key, offset, length)


def test_packs_that_go_while_they_are_merged_are_left_alone(tmp_path: Path) -> None:
    """Merging is given up, and what was asked for goes on without it."""
    repository = make_repository(tmp_path / "r")
    for number in range(MANY // 2 + 1):
        commit_files(repository, {"n": b"%d" % number}, f"{number}")
    root = repository.root()
    while len(root.meta_packs) < MANY:
        commit_files(repository, {"n": b"%d" % len(root.meta_packs)}, "more")
        root = repository.root()
    assert merge_small_packs(repository.backend, root)[1]

    merged, removed = merge_small_packs(Vanishing(repository.backend, root.meta_packs[3]), root)

    assert not set(removed) & set(root.meta_packs)
    assert merged.meta == ()
