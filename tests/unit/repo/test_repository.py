"""A repository keeps what transactions put into it, in packs, under refs that move all or nothing."""

import itertools
import random
from pathlib import Path

import pytest
from blake3 import blake3
from tests.support.repos import ADA, commit_files, make_repository, put_tree, read_files, ticking

from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.errors import AlreadyExists, Conflict, Corrupt, NotFound, Unsupported
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.operations import walk_operations
from tether.repo.packs import pack_key, verify_pack
from tether.repo.repository import Repository


def test_a_commit_is_there_after_reopening(tmp_path: Path) -> None:
    """Files come back byte for byte from another process's view of the folder."""
    files = {"a.txt": b"one\n", "b.bin": bytes(range(256)) * 9000, "empty": b""}
    commit = commit_files(make_repository(tmp_path), files, "first")

    reopened = Repository.open(tmp_path / ".tether", clock=ticking())

    assert reopened.root().head_commit() == commit
    assert read_files(reopened, commit) == files


def test_an_exception_leaves_the_old_state(tmp_path: Path) -> None:
    """A transaction that fails moves nothing and leaves no live pack."""
    repository = make_repository(tmp_path)
    before = repository.root()

    with pytest.raises(RuntimeError), repository.transaction("fail") as transaction:
        transaction.contents.add_files([b"lost"])
        transaction.set_ref("refs/heads/x", hash_bytes(b"x"))
        raise RuntimeError

    assert repository.root() == before


def test_large_files_stream_and_read_by_range(tmp_path: Path) -> None:
    """A streamed file has the digest of its bytes, and any range of it reads back."""
    data = random.Random(7).randbytes(3_000_000) * 7
    repository = make_repository(tmp_path)
    with repository.transaction("add") as transaction:
        view, at = memoryview(data), 0

        def read_into(buffer: memoryview) -> int:
            nonlocal at
            count = min(len(buffer), len(data) - at, 100_001)
            buffer[:count] = view[at : at + count]
            at += count
            return count

        digest, size = transaction.contents.add_stream(read_into)
        transaction.set_ref("refs/heads/keep", digest)

    assert (digest, size) == (blake3(data).digest(), len(data))
    assert repository.contents.read(digest) == data
    assert repository.contents.size(digest) == len(data)
    for offset, length in ((0, 10), (131_071, 70_000), (len(data) - 5, 100), (len(data), 5), (2_999_990, 20)):
        assert repository.contents.read(digest, offset, length) == data[offset : offset + length]
    with repository.contents.open(digest) as file:
        file.seek(-100, 2)
        assert file.read() == data[-100:]


def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    """A second commit of the same files adds no data pack."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"x" * 5000}, "first")
    packs = repository.root().data_packs

    commit_files(repository, {"a": b"x" * 5000, "b": b"x" * 5000}, "second")

    assert repository.root().data_packs == packs


def test_refs_move_by_compare_and_swap(tmp_path: Path) -> None:
    """A ref that someone else moved in between is not overwritten."""
    repository = make_repository(tmp_path)
    other = Repository.open(tmp_path / ".tether", clock=ticking())
    commit_files(repository, {"a": b"1"}, "first")

    with pytest.raises(Conflict), repository.transaction("mine") as transaction:
        transaction.set_ref("refs/heads/main", hash_bytes(b"mine"))
        commit_files(other, {"a": b"2"}, "theirs")

    with pytest.raises(AlreadyExists), repository.transaction("mine") as transaction:
        transaction.set_ref("refs/heads/main", hash_bytes(b"mine"), expected=None)


def test_independent_refs_of_two_writers_both_move(tmp_path: Path) -> None:
    """Transactions that touch different refs do not disturb each other."""
    repository = make_repository(tmp_path)
    other = Repository.open(tmp_path / ".tether", clock=ticking())

    with repository.transaction("mine") as transaction:
        transaction.set_ref("refs/heads/mine", hash_bytes(b"mine"))
        with other.transaction("theirs") as theirs:
            theirs.set_ref("refs/heads/theirs", hash_bytes(b"theirs"))

    assert set(repository.root().refs) == {"refs/heads/mine", "refs/heads/theirs"}


def test_every_operation_is_kept_and_linked(tmp_path: Path) -> None:
    """Operations beyond those in the root are found in older runs, each linked to its parent."""
    repository = make_repository(tmp_path)
    for number in range(80):
        commit_files(repository, {"a": b"%d" % number}, str(number))

    root = repository.root()
    operations = list(walk_operations(root.operations, root.older_operations, repository.objects))

    assert len(operations) == 80
    assert [op.command for op in operations] == [f"commit {n}" for n in reversed(range(80))]
    assert all(new.parent == old.id for new, old in itertools.pairwise(operations))


def test_many_small_commits_keep_few_packs(tmp_path: Path) -> None:
    """Small packs are merged by themselves and everything stays readable."""
    repository = make_repository(tmp_path)
    commits = [commit_files(repository, {"a": b"%d" % n}, str(n)) for n in range(70)]

    root = repository.root()
    on_disk = list((tmp_path / ".tether" / "packs").iterdir())

    assert len(root.packs()) < 70
    assert len(on_disk) == len(root.packs())
    assert [read_files(repository, commit)["a"] for commit in commits] == [b"%d" % n for n in range(70)]


def test_indexes_are_disposable(tmp_path: Path) -> None:
    """Lost and damaged indexes are built again from the packs."""
    repository = make_repository(tmp_path)
    commit = commit_files(repository, {"a": b"1" * 9999}, "first")
    indexes = list((tmp_path / ".tether" / "index").iterdir())
    for path in indexes:
        data = bytearray(path.read_bytes())
        path.chmod(0o644)
        data[60:90] = bytes(30)
        path.write_bytes(data)

    reopened = Repository.open(tmp_path / ".tether", clock=ticking())
    assert read_files(reopened, commit) == {"a": b"1" * 9999}

    for path in (tmp_path / ".tether" / "index").iterdir():
        path.unlink()
    assert read_files(Repository.open(tmp_path / ".tether", clock=ticking()), commit) == {"a": b"1" * 9999}


def test_a_flipped_bit_is_never_read(tmp_path: Path) -> None:
    """Any flipped bit of a pack is found by its name, and a read of the frame fails."""
    repository = make_repository(tmp_path)
    content = random.Random(1).randbytes(5000)
    commit_files(repository, {"a": content}, "first")
    (name,) = repository.root().data_packs
    path = tmp_path / ".tether" / pack_key(name)
    data = bytearray(path.read_bytes())
    data[3000] ^= 4
    path.chmod(0o644)
    path.write_bytes(data)

    reopened = Repository.open(tmp_path / ".tether", clock=ticking())

    with pytest.raises(Corrupt):
        reopened.contents.read(hash_bytes(content))
    with pytest.raises(Corrupt):
        verify_pack(reopened.backend, name)


def test_a_missing_pack_hides_only_its_own_objects(tmp_path: Path) -> None:
    """What is in other packs stays readable; what is gone is reported as not there."""
    repository = make_repository(tmp_path)
    first = commit_files(repository, {"a": b"1" * 100}, "first")
    (lost,) = repository.root().data_packs
    commit_files(repository, {"a": b"2" * 100}, "second")
    (tmp_path / ".tether" / pack_key(lost)).unlink()
    for path in (tmp_path / ".tether" / "index").iterdir():
        path.unlink()

    reopened = Repository.open(tmp_path / ".tether", clock=ticking())

    assert reopened.objects.get(ObjectKind.COMMIT, first)
    assert reopened.contents.read(hash_bytes(b"2" * 100)) == b"2" * 100
    with pytest.raises(NotFound):
        reopened.contents.read(hash_bytes(b"1" * 100))


def test_an_unknown_format_stops_the_reader(tmp_path: Path) -> None:
    """A repository with a feature of the future is refused, not misread."""
    make_repository(tmp_path)
    path = tmp_path / ".tether" / "format"
    path.chmod(0o644)
    path.write_text('version = 1\nhash = "blake3"\nfeatures = ["holograms"]\n')

    with pytest.raises(Unsupported, match="holograms"):
        Repository.open(tmp_path / ".tether", clock=ticking())


def test_a_repository_is_not_made_twice(tmp_path: Path) -> None:
    """Init on a repository is an error and changes nothing."""
    make_repository(tmp_path)

    with pytest.raises(AlreadyExists):
        make_repository(tmp_path)


def test_small_batches_give_every_file_once(tmp_path: Path) -> None:
    """Files of one chunk, of several and empty ones come back with their index."""
    contents = [b"", b"a" * 10, random.Random(3).randbytes(900_000), b"a" * 10, b""]
    repository = make_repository(tmp_path)
    with repository.transaction("add") as transaction:
        digests = transaction.contents.add_files(contents)
        transaction.set_ref("refs/heads/keep", digests[1])

    items = [(digest, len(data)) for digest, data in zip(digests, contents, strict=True)]
    found = dict(pair for batch in repository.contents.small_batches(items) for pair in batch)

    assert found == dict(enumerate(contents))


def test_two_writers_of_the_same_objects_list_their_pack_once(tmp_path: Path) -> None:
    """Two at once that store the same under two names make one pack; gc must not take it for a spare."""
    repository = make_repository(tmp_path)
    other = Repository.open(tmp_path / ".tether", clock=ticking())
    with repository.transaction("push") as one, other.transaction("push") as two:
        for transaction, branch in ((one, "refs/heads/x"), (two, "refs/heads/y")):
            tree = put_tree(transaction, {"a": b"the same"})
            commit = Commit(tree, (), ADA, Time(0, 0), ADA, Time(0, 0), "the same")
            digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
            transaction.set_ref(branch, digest, expected=None)

    packs = repository.root().packs()
    execute_gc(repository, plan_gc(repository, repository.clock(), GcOptions(0, 0)))

    assert len(set(packs)) == len(packs) == 2
    assert read_files(Repository.open(tmp_path / ".tether", clock=ticking()), digest) == {"a": b"the same"}
