"""A recipe from elsewhere is not believed before the bytes of its file are hashed."""

import random
from pathlib import Path

import pytest
from tests.support.repos import ADA, commit_files, make_repository, read_files

from tether.core.compression import Codec
from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.recipe import ChunkList, Recipe
from tether.core.tree import Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.errors import Corrupt
from tether.repo.check import CheckOptions, check_repository
from tether.repo.frames import DATA, Stored
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, fetch, push

CONTENT = random.Random(1).randbytes(300_000)


def forge(repository: Repository) -> None:
    """Commit a file under the digest of CONTENT whose recipe, with a seal that fits, lists other chunks."""
    file, chunk = hash_bytes(CONTENT), b"forged" * 1000
    with repository.transaction("forge") as transaction:
        transaction.objects.append(
            DATA, Stored(ObjectKind.CHUNK, Codec.RAW, len(chunk), hash_bytes(chunk), chunk)
        )
        recipe = Recipe(2 * len(chunk), ChunkList(hash_bytes(chunk) * 2, (len(chunk),) * 2))
        transaction.objects.put_named(ObjectKind.RECIPE, file, recipe.encode(file))
        tree = build_directory(transaction.objects, [Entry(b"a", EntryKind.FILE, 2 * len(chunk), file)])
        commit = Commit(tree.digest, (), ADA, Time(0, 0), ADA, Time(0, 0), "forged")
        transaction.set_ref(
            "refs/heads/main", transaction.objects.put(ObjectKind.COMMIT, commit.encode()), expected=None
        )


def test_a_forged_recipe_is_refused_by_fetch_and_clone(tmp_path: Path) -> None:
    """Taken, it would make a later `add` of the true file believe that it is stored already."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here")
    forge(there)

    with pytest.raises(Corrupt, match="damaged"):
        fetch(here, there, "origin")
    with pytest.raises(Corrupt, match="damaged"):
        fill_clone(there, here, CloneOptions())

    commit = commit_files(here, {"a": CONTENT}, "true")
    assert read_files(here, commit) == {"a": CONTENT}


def test_files_of_many_chunks_arrive_in_one_pass(tmp_path: Path) -> None:
    """Chunks that repeat, that two files share, and that the receiver has already: each is stored once."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here")
    block = random.Random(2).randbytes(3_000_000)
    files = {"x": block * 3 + CONTENT, "y": CONTENT + block, "z": bytes(9_000_000), "small": b"s"}
    commit_files(here, {"own": CONTENT}, "own")
    commit = commit_files(there, files, "large")

    fetch(here, there, "origin")

    assert read_files(here, commit) == files
    assert check_repository(here, CheckOptions(full=True)).ok
    stored = sum(path.stat().st_size for path in (here.directory / "packs").iterdir())
    assert stored < 5_000_000


def test_a_forged_recipe_is_not_pushed(tmp_path: Path) -> None:
    """Whoever has one, by a clone of linked packs, does not hand it on."""
    here, hub = make_repository(tmp_path / "here"), make_repository(tmp_path / "hub", bare=True)
    forge(here)

    with pytest.raises(Corrupt, match="damaged"):
        push(here, hub, "origin", PushOptions(("main",)))

    assert not hub.root().refs
