"""A pull from a hub into a repository of which contents were dropped."""

from contextlib import closing
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.farclones import far_room

from tether.api import joined, places, remotes
from tether.api.drop import drop
from tether.core.digest import hash_bytes
from tether.sync.places import FarPlace


def test_what_was_dropped_is_not_brought_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the next version of its folder, in which it is as it was; what is new comes."""
    with far_room(tmp_path, monkeypatch, NearEnd) as room:
        monkeypatch.setattr(places, "hub_place", lambda *_: FarPlace(room.end))  # type: ignore[arg-type]
        folder = room.work.root / "folder"
        folder.mkdir()
        for name in ("kept", "dropped"):
            (folder / name).write_bytes(name.encode() * 99)
        room.commit("folder")
        with closing(room.clone()) as clone:
            drop(clone, [b"folder/dropped"])
            gone = hash_bytes(b"dropped" * 99)
            assert not clone.repository.objects.has(gone)

            (folder / "new").write_bytes(b"new")
            room.commit("folder")
            found = remotes.fetch_upstream(clone, None, None)
            joined.join(clone, found.upstream)

            assert not clone.repository.objects.has(gone)
            assert clone.repository.objects.has(hash_bytes(b"new"))
            assert sorted(path.name for path in (clone.root / "folder").iterdir()) == [
                "dropped",
                "kept",
                "new",
            ]
