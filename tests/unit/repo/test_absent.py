"""The record of contents that a remote has instead."""

import random
from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files

from tether.core.codec import encode
from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.errors import Corrupt, NotFound
from tether.repo.absent import KEY, absent_contents, with_absent
from tether.repo.check import CheckOptions, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.root import Root

LATER = Time(1_800_000_000_000_000, 0)
BIG = random.Random(1).randbytes(900_000)


def test_the_record_round_trips_beside_others() -> None:
    """What is recorded is read back; other entries of the root stay; an empty record is no entry."""
    root = Root(b"w" * 16, extra=(("zebra", b"z"),))
    absent = {hash_bytes(b"a"): "origin", hash_bytes(b"b"): "backup", hash_bytes(b"c"): "origin"}

    recorded = Root(b"w" * 16, extra=with_absent(root, absent))

    assert absent_contents(recorded) == absent
    assert [key for key, _ in recorded.extra] == [KEY, "zebra"]
    assert with_absent(recorded, {}) == root.extra


@pytest.mark.parametrize("value", [encode(7), encode([["origin"]]), encode([["origin", b"short"]])])
def test_a_damaged_record_is_refused(value: bytes) -> None:
    """Another form is not taken for a record."""
    with pytest.raises(Corrupt):
        absent_contents(Root(b"w" * 16, extra=((KEY, value),)))


def test_a_dropped_content_goes_with_its_chunks_and_the_rest_stays(tmp_path: Path) -> None:
    """Recipe and chunks are freed; later gc runs and checks accept that it is elsewhere."""
    repository = make_repository(tmp_path)
    tip = commit_files(repository, {"big": BIG, "small": b"s" * 100}, "one")
    gone = {hash_bytes(BIG): "origin"}

    counts = execute_gc(repository, plan_gc(repository, LATER, GcOptions(90, 0, gone, "drop big")))
    execute_gc(repository, plan_gc(repository, LATER, GcOptions(0, 0)))

    assert counts.freed > 890_000
    report = check_repository(repository, CheckOptions(full=True))
    assert (report.problems, report.absent) == ([], [(hash_bytes(BIG), "origin")])
    assert repository.contents.read(hash_bytes(b"s" * 100)) == b"s" * 100
    with pytest.raises(NotFound, match="is at origin"):
        repository.contents.read(hash_bytes(BIG))
    with pytest.raises(NotFound):
        read_files(repository, tip)


def test_chunks_that_another_file_needs_stay(tmp_path: Path) -> None:
    """A file that shares most of its chunks with a dropped one is still whole."""
    repository = make_repository(tmp_path)
    twin = BIG[:800_000] + b"other end"
    commit_files(repository, {"big": BIG, "twin": twin}, "one")

    gone = {hash_bytes(BIG): "origin"}
    execute_gc(repository, plan_gc(repository, LATER, GcOptions(90, 0, gone, "drop big")))

    assert repository.contents.read(hash_bytes(twin)) == twin
    assert check_repository(repository, CheckOptions(full=True)).ok
