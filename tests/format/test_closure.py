"""A live object has all that it refers to beside it, whatever was done to the repository; see ADR 0004."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.format import golden_content, reader
from tests.support.repos import ADA, commit_files, make_repository

from tether.core.digest import EMPTY_FILE, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, fetch, push

NEXT_YEAR = Time(1_798_761_600_000_000, 0)


def references(found: reader.Reader, digest: bytes, kind: int) -> Iterator[bytes]:
    """Yield what an object refers to, by the format pages."""
    if kind == reader.RECIPE:
        fields = reader.decode(found.get(kind, digest)[:-32])
        yield from reader.digests(fields[3])
    elif kind in (reader.RECIPE_PAGE, reader.TREE, reader.COMMIT, reader.TAG, reader.OPERATIONS):
        fields = reader.decode(found.get(kind, digest))
        if kind == reader.RECIPE_PAGE:
            yield from reader.digests(fields[1])
        elif kind == reader.TREE:
            yield from reader.digests(fields[6] if fields[1] == 0 else fields[4])
        elif kind == reader.COMMIT:
            yield from (fields[1], *fields[2])
        elif kind == reader.TAG or fields[2] is not None:
            yield fields[2]


def holes(repository: Repository) -> list[tuple[int, str]]:
    """Return the live objects that refer to one that is not live."""
    found = reader.Reader(repository.directory)
    known = {*found.places, EMPTY_FILE, EMPTY_TREE}
    named = [*found.refs.values(), found.root[5], *filter(None, (found.root[6], found.root[10]))]
    missing = [(-1, digest.hex()) for digest in named if digest not in known]
    for digest, place in found.places.items():
        wanted = references(found, digest, place.kind)
        missing += [(place.kind, digest.hex()) for each in wanted if each not in known]
    return missing


def collect(repository: Repository, retention_days: int) -> None:
    """Collect garbage a year later."""
    plan = plan_gc(repository, NEXT_YEAR, GcOptions(retention_days=retention_days))
    execute_gc(repository, plan)


def drop(repository: Repository, *refs: str) -> None:
    """Remove refs."""
    with repository.transaction("drop") as transaction:
        for ref in refs:
            transaction.set_ref(ref, None)


def test_the_check_finds_holes(tmp_path: Path) -> None:
    """A live commit without its tree is a hole: the check is able to fail."""
    repository = make_repository(tmp_path)
    with repository.transaction("bad") as transaction:
        tree = hash_bytes(b"no such tree")
        commit = Commit(tree, (), ADA, NEXT_YEAR, ADA, NEXT_YEAR, "hole")
        transaction.set_ref("refs/heads/x", transaction.objects.put(ObjectKind.COMMIT, commit.encode()))

    assert len(holes(repository)) == 1


def test_after_commits_merged_packs_and_garbage_collections(tmp_path: Path) -> None:
    """Many commits on branches that come and go, with garbage collected in between, leave no holes."""
    repository = make_repository(tmp_path)
    source = random.Random(11)
    for number in range(90):
        ref = f"refs/heads/{source.choice('abc')}"
        files = {str(n): source.randbytes(40) for n in range(5)} | {"same": b"same\n"}
        if number % 7 == 0:
            files["large"] = bytes(90_000) + source.randbytes(150_000)
        commit_files(repository, files, str(number), branch=ref)
        if number % 13 == 0:
            drop(repository, ref)
        if number % 20 == 19:
            collect(repository, source.choice((0, 30, 365 * 3)))
            assert holes(repository) == []

    assert holes(repository) == []


def test_after_branches_of_a_rich_history_were_dropped(tmp_path: Path) -> None:
    """Trees of several nodes, tags and merges leave no holes when parts of the history go."""
    golden_content.build(tmp_path)
    repository = Repository.open(tmp_path, clock=lambda: NEXT_YEAR)
    assert holes(repository) == []
    before = len(reader.Reader(tmp_path).places)

    drop(repository, "refs/tags/v1", "refs/heads/main", "refs/heads/mark")
    with repository.transaction("unstage") as transaction:
        transaction.set_stage(EMPTY_TREE)
    collect(repository, 0)

    assert holes(repository) == []
    assert 0 < len(reader.Reader(tmp_path).places) < before


def test_after_clone_push_and_fetch(tmp_path: Path) -> None:
    """What is cloned, pushed back, collected and fetched again is whole on both sides."""
    ours = make_repository(tmp_path / "ours")
    theirs = make_repository(tmp_path / "theirs.git", bare=True)
    shared = make_repository(tmp_path / "shared")
    for number in range(6):
        commit_files(ours, {"a": b"%d" % number, "b": b"b" * 300_000}, str(number))
    push(ours, theirs, "origin", PushOptions(("main",)))
    fill_clone(ours, shared, CloneOptions(share=True))
    assert holes(ours) == holes(theirs) == holes(shared) == []

    drop(theirs, "refs/heads/main")
    collect(theirs, 0)
    commit_files(ours, {"a": b"new", "b": b"b" * 300_000}, "new")
    push(ours, theirs, "origin", PushOptions(("main",)))
    fetch(shared, theirs, "other")

    assert holes(ours) == holes(theirs) == holes(shared) == []
