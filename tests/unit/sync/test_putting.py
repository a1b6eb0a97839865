"""Putting files without a clone: how little is read, and what others do meanwhile."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.hosted import commit_paths
from tests.support.repos import ADA, START, commit_files, make_repository, read_files

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.errors import Conflict
from tether.repo.check import CheckOptions, check_repository
from tether.repo.repository import Repository
from tether.storage.memory import MemoryBackend
from tether.sync.ends import TakeFrames
from tether.sync.putting import Put, PutRequest, Source, put_files
from tether.sync.wire import PushRequest


class BusyEnd(NearEnd):
    """An end at which something happens before a push.

    Attributes:
        before: Called before each of the next pushes.
        given: How many objects were asked for.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.before: list[Callable[[], object]] = []
        self.given = 0

    def push(self, request: PushRequest) -> None:
        """Let it happen, then push."""
        if self.before:
            self.before.pop(0)()
        super().push(request)

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Count and give."""
        self.given += len(digests)
        super().objects(digests, take)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a bare repository with some files."""
    repository = make_repository(tmp_path / "bare", bare=True)
    commit_files(repository, {"a": b"one", "b": b"two"}, "first")
    return repository


def put(end: NearEnd, data: bytes, path: bytes = b"a") -> Put:
    """Put one file."""
    source = Source(path, False, io.BytesIO(data).readinto)
    return put_files(
        end, [source], PutRequest("main", path, False, "m\n", ADA, Time(START, 0)), MemoryBackend()
    )


def test_little_is_read(tmp_path: Path) -> None:
    """Of 50,000 files and many commits, the newest commit and the nodes on the way."""
    repository = make_repository(tmp_path / "bare", bare=True)
    files = {f"{number:06}": b"%d" % number for number in range(50_000)}
    commit_files(repository, files, "many")
    for number in range(5):
        commit_paths(repository, {b"z": b"%d" % number})
    end = BusyEnd(repository.directory)
    done = put(end, b"new", b"025000")

    assert end.given <= 8
    assert end.calls["push"] == 1
    assert read_files(Repository.open(repository.directory, clock=repository.clock), done.commit) == {
        **files,
        "z": b"4",
        "025000": b"new",
    }


def test_others_commit_meanwhile(repository: Repository) -> None:
    """Their files stay, and contents are sent once."""
    end = BusyEnd(repository.directory)
    end.before = [
        lambda: commit_files(repository, {"a": b"one", "b": b"theirs"}, "theirs"),
        lambda: commit_files(repository, {"a": b"one", "b": b"theirs", "c": b"more"}, "more"),
    ]
    data = bytes(range(256)) * 2000
    done = put(end, data)

    repository = Repository.open(repository.directory, clock=repository.clock)
    assert read_files(repository, done.commit) == {"a": data, "b": b"theirs", "c": b"more"}
    assert end.calls["push"] == 3
    assert end.calls["put_pack"] <= 5
    assert check_repository(repository, CheckOptions(full=True)).problems == []


def test_others_change_the_same_file(repository: Repository) -> None:
    """Then nothing is done."""
    end = BusyEnd(repository.directory)
    end.before = [lambda: commit_files(repository, {"a": b"theirs", "b": b"two"}, "theirs")]
    with pytest.raises(Conflict, match="same paths"):
        put(end, b"mine")

    repository = Repository.open(repository.directory, clock=repository.clock)
    assert read_files(repository, repository.root().refs["refs/heads/main"])["a"] == b"theirs"


def test_a_branch_that_never_rests(repository: Repository) -> None:
    """After some tries it is a conflict."""
    end = BusyEnd(repository.directory)
    end.before = [
        lambda n=n: commit_files(repository, {"a": b"one", "b": b"%d" % n}, "x")  # type: ignore[misc]
        for n in range(60)
    ]
    with pytest.raises(Conflict):
        put(end, b"mine")
    assert end.calls["push"] == 50
