"""Repositories in a folder for tests, with a clock that does not depend on the day."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction

ADA = Person("Ada", "ada@example.org")
START = 1_767_225_600_000_000


def ticking(start: int = START) -> Callable[[], Time]:
    """Return a clock that moves on by one second at each look."""
    ticks: Iterator[int] = iter(range(start, start + 10**15, 1_000_000))
    return lambda: Time(next(ticks), 0)


def make_repository(path: Path, *, bare: bool = False) -> Repository:
    """Return a new repository with a ticking clock."""
    return Repository.init(path, clock=ticking(), bare=bare)


def put_tree(transaction: Transaction, files: Mapping[str, bytes]) -> Digest:
    """Store flat files and return their tree."""
    names = sorted(name.encode() for name in files)
    contents = [files[name.decode()] for name in names]
    digests = transaction.contents.add_files(contents, names)
    entries = [
        Entry(name, EntryKind.FILE, len(data), digest)
        for name, data, digest in zip(names, contents, digests, strict=True)
    ]
    return build_directory(transaction.objects, entries).digest if entries else EMPTY_TREE


def commit_files(
    repository: Repository, files: Mapping[str, bytes], message: str, *, branch: str = "refs/heads/main"
) -> Digest:
    """Commit flat files on a branch without a working copy and return the commit."""
    with repository.transaction(f"commit {message}") as transaction:
        tree = put_tree(transaction, files)
        old = transaction.ref(branch)
        now = repository.clock()
        commit = Commit(tree, (old,) if old else (), ADA, now, ADA, now, message)
        digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        transaction.set_ref(branch, digest, expected=old)
        if transaction.root.head.ref == branch:
            transaction.set_stage(tree)
    return digest


def read_files(repository: Repository, commit: Digest) -> dict[str, bytes]:
    """Return every file of a commit by path."""
    from tether.core.treeread import walk

    tree = Commit.decode(repository.objects.get(ObjectKind.COMMIT, commit)).tree
    return {
        path.decode(): repository.contents.read(entry.digest)
        for path, entry in walk(repository.objects, tree)
        if entry.kind != EntryKind.DIRECTORY
    }
