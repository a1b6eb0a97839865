"""What comes from elsewhere, or was left by an accident, does not mislead: names, headers, clocks."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.errors import InvalidInput, NotFound
from tether.repo.absent import with_absent
from tether.repo.check import CheckOptions, ProblemKind, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.lookup import Lookup
from tether.repo.operations import Head
from tether.repo.packindex import PackIndex
from tether.repo.packs import PackWriter, pack_key
from tether.repo.repair import repair_repository
from tether.repo.repository import Repository
from tether.repo.revision import resolve
from tether.storage.memory import MemoryBackend
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import fetch

FULL = CheckOptions(full=True)
DAY = 86_400_000_000


def set_root(repository: Repository, **changes: object) -> None:
    """Write a root as another program could."""
    root = repository.root()
    repository.backend.swap("root", root.encode(), replace(root, **changes).encode())  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [8, 9])
@pytest.mark.parametrize("role", ["data", "meta"])
def test_a_flipped_bit_in_the_header_of_a_pack_is_found_and_mended(
    tmp_path: Path, at: int, role: str
) -> None:
    """A version or role that no writer writes is damage of that pack, not a newer Tether."""
    repository = make_repository(tmp_path)
    commit = commit_files(repository, {"a": b"content"}, "one")
    root = repository.root()
    path = repository.directory / pack_key((root.data_packs if role == "data" else root.meta_packs)[0])
    data = bytearray(path.read_bytes())
    data[at] ^= 64
    path.chmod(0o644)
    path.write_bytes(data)
    opened = Repository.open(repository.directory, clock=ticking())

    found = check_repository(opened)
    mended = repair_repository(opened, Time(0, 0))

    assert ProblemKind.PACK in [problem.kind for problem in found.problems]
    assert mended.report.ok
    assert read_files(Repository.open(repository.directory, clock=ticking()), commit) == {"a": b"content"}


def test_a_content_that_is_damaged_is_not_called_absent(tmp_path: Path) -> None:
    """A record that a remote has a content says nothing of the bytes that are stored here."""
    repository = make_repository(tmp_path)
    content = random.Random(1).randbytes(5000)
    commit_files(repository, {"a": content}, "one")
    with repository.transaction("absent") as transaction:
        transaction.set_extra(with_absent(transaction.root, {hash_bytes(content): "origin"}))
    path = repository.directory / pack_key(repository.root().data_packs[0])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(content[100:110], bytes(10)))

    report = check_repository(Repository.open(repository.directory, clock=ticking()), FULL)

    assert hash_bytes(content).hex() in [problem.object for problem in report.problems]


@pytest.mark.parametrize(
    "name",
    ["refs/tags/\x1b[2J", "refs/tags/../x", "refs/heads/a b", "refs/tags/-d"],
    ids=["escape", "dots", "space", "option"],
)
def test_a_ref_of_another_repository_with_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    """Neither a fetch nor a clone takes a name that no command here would make."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here")
    commit = commit_files(there, {"a": b"a"}, "one")
    set_root(there, refs={"refs/heads/main": commit, name: commit})

    with pytest.raises(InvalidInput, match="not a ref name"):
        fetch(here, there, "origin")
    with pytest.raises(InvalidInput, match="not a ref name"):
        fill_clone(there, here, CloneOptions())

    assert here.root().refs == {}


def test_a_head_of_another_repository_that_is_no_branch_is_passed_over(tmp_path: Path) -> None:
    """A clone then takes the first branch, as where the source's HEAD names nothing."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here")
    commit = commit_files(there, {"a": b"a"}, "one")
    set_root(there, refs={"refs/heads/x": commit, "refs/tags/v1": commit}, head=Head("refs/tags/v1"))

    assert fill_clone(there, here, CloneOptions()) == "x"


def test_a_date_before_the_log_begins_is_an_error(tmp_path: Path) -> None:
    """After gc shortened the log, a date before its first operation has no answer, not the nearest one."""
    repository = make_repository(tmp_path)
    first = commit_files(repository, {"a": b"1"}, "one")
    now = repository.clock().micros + 100 * DAY
    repository.clock = ticking(now)
    second = commit_files(repository, {"a": b"2"}, "two")
    assert resolve(repository, "main@{2026-01-02}") == first

    execute_gc(repository, plan_gc(repository, Time(now + DAY, 0), GcOptions(30)))

    with pytest.raises(NotFound, match="no record of that time"):
        resolve(repository, "main@{2026-01-02}")
    assert resolve(repository, "main@{2027-01-01}") == second


def test_a_wrong_clock_does_not_cost_what_undo_needs(tmp_path: Path) -> None:
    """One operation dated 1970 does not make gc forget younger ones that came before it."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "keep")
    lost = commit_files(repository, {"b": b"b"}, "lose", branch="refs/heads/x")
    with repository.transaction("branch -d") as transaction:
        transaction.set_ref("refs/heads/x", None)
    repository.clock = ticking(0)
    commit_files(repository, {"c": b"c"}, "a machine without a battery")
    repository.clock = ticking()
    commit_files(repository, {"d": b"d"}, "mended")

    execute_gc(repository, plan_gc(repository, repository.clock(), GcOptions(30)))

    assert read_files(repository, lost) == {"b": b"b"}


def test_a_large_merged_index_names_live_packs_alone() -> None:
    """Otherwise the same pack, made again after it was dropped, would count as covered."""
    from tether.core.kinds import ObjectKind
    from tether.repo.frames import DATA, Stored

    backend, packs = MemoryBackend(), []
    for start in (0, 12_000):
        writer = PackWriter(backend, DATA)
        for number in range(start, start + 12_000):
            data = b"%06d" % number
            writer.add(Stored(ObjectKind.CHUNK, 0, len(data), hash_bytes(data), data))
        packs.append(writer.finish())
    lookup = Lookup(backend, [])
    lookup.extend(packs)
    (dead, _), (live, _) = packs
    lookup.extend([], [dead])

    key = lookup.compact()

    assert PackIndex(backend.map(key)).packs == (live,)
    for other, _ in list(backend.list("index/")):
        if other != key:
            backend.delete(other)
    again = Lookup(backend, [dead, live])
    assert again.find(hash_bytes(b"000007")) is not None
    assert again.find(hash_bytes(b"012007")) is not None
