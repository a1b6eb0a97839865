"""A check finds every kind of damage and says what it touches; a sound repository has no problems."""

import random
from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.repo.check import CheckOptions, ProblemKind, check_repository
from tether.repo.packs import pack_key
from tether.repo.repair import repair_repository
from tether.repo.repository import Repository

FULL = CheckOptions(full=True)


def noise(seed: int, size: int = 3000) -> bytes:
    """Return bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def pack_path(repository: Repository, name: Digest) -> Path:
    """Return the file of a pack."""
    return repository.directory / pack_key(name)


def sound(tmp_path: Path) -> Repository:
    """Return a repository with two commits, a large file and a tag."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": noise(1), "big": noise(2, 900_000)}, "one")
    commit_files(repository, {"a": noise(1), "b": noise(3)}, "two")
    return repository


@pytest.mark.parametrize("options", [CheckOptions(), CheckOptions(sample=50), FULL])
def test_a_sound_repository(tmp_path: Path, options: CheckOptions) -> None:
    """Nothing is wrong, at every depth, and only the deeper ones read contents."""
    report = check_repository(sound(tmp_path), options)

    assert (report.ok, report.problems) == (True, [])
    assert report.packs == 4
    assert report.objects > 8
    assert (report.bytes > 0) == (options != CheckOptions())


def test_a_damaged_content_is_found_and_named_by_its_paths(tmp_path: Path) -> None:
    """One bit in a content: unseen without reading, found by a full check and by a sample of all."""
    repository = sound(tmp_path)
    path = pack_path(repository, repository.root().data_packs[1])
    flip(path, path.read_bytes().index(noise(3)) + 1500)

    assert check_repository(repository).ok
    for options in (FULL, CheckOptions(sample=100)):
        report = check_repository(Repository.open(tmp_path / ".tether", clock=ticking()), options)
        (problem,) = [p for p in report.problems if p.kind == ProblemKind.DAMAGED]
        assert problem.object == hash_bytes(noise(3)).hex()
        assert "stage:b" in problem.touches or "main:b" in problem.touches
    assert [p.kind for p in check_repository(repository, FULL).problems].count(ProblemKind.PACK) == 1


def test_a_damaged_chunk_of_a_large_file_names_the_file(tmp_path: Path) -> None:
    """The path of the file is told, although the chunk has no name of its own."""
    repository = sound(tmp_path)
    path = pack_path(repository, repository.root().data_packs[0])
    flip(path, path.read_bytes().index(noise(2, 900_000)[400_000:400_050]))

    problems = check_repository(repository, FULL).problems

    assert any(any(place.endswith(":big") for place in problem.touches) for problem in problems)


@pytest.mark.parametrize("where", ["frame header", "table", "trailer", "pack header"])
def test_a_bit_anywhere_in_a_pack_is_found(tmp_path: Path, where: str) -> None:
    """Header, frame, table of contents and trailer of a pack are all covered."""
    repository = sound(tmp_path)
    path = pack_path(repository, repository.root().data_packs[1])
    size = path.stat().st_size
    flip(path, {"frame header": 40, "table": size - 120, "trailer": size - 30, "pack header": 12}[where])

    report = check_repository(Repository.open(tmp_path / ".tether", clock=ticking()), FULL)

    assert ProblemKind.PACK in {problem.kind for problem in report.problems}


def test_a_lost_pack(tmp_path: Path) -> None:
    """A pack without a file is a problem of its own, and so is each object that it had."""
    repository = sound(tmp_path)
    pack_path(repository, repository.root().data_packs[1]).unlink()

    report = check_repository(Repository.open(tmp_path / ".tether", clock=ticking()))

    found = {(problem.kind, problem.object) for problem in report.problems}
    assert (ProblemKind.PACK, repository.root().data_packs[1].hex()) in found
    assert (ProblemKind.MISSING, hash_bytes(noise(3)).hex()) in found
    assert len(found) == 2


def test_lost_metadata(tmp_path: Path) -> None:
    """Without the newest commit its branch dangles; the check goes on with the rest."""
    repository = sound(tmp_path)
    pack_path(repository, repository.root().meta_packs[1]).unlink()

    report = check_repository(Repository.open(tmp_path / ".tether", clock=ticking()))

    assert (ProblemKind.REF, "refs/heads/main") in {(p.kind, p.object) for p in report.problems}


def test_a_damaged_root(tmp_path: Path) -> None:
    """A root that cannot be read is one problem."""
    repository = sound(tmp_path)
    flip(tmp_path / ".tether" / "root", 30)

    report = check_repository(repository)

    assert [problem.kind for problem in report.problems] == [ProblemKind.ROOT]


def test_an_index_that_lies(tmp_path: Path) -> None:
    """A changed bit in an index is found by a full check."""
    repository = sound(tmp_path)
    path = next((tmp_path / ".tether" / "index").iterdir())
    flip(path, path.stat().st_size // 2)

    report = check_repository(repository, FULL)

    assert ProblemKind.INDEX in {problem.kind for problem in report.problems}


def test_every_bit_of_an_index_is_covered(tmp_path: Path) -> None:
    """Wherever an index has changed, it alone is reported, and mending gives the same bytes again.

    Everything can be read meanwhile: an index is only a hint.
    """
    repository = make_repository(tmp_path)
    tip = commit_files(repository, {"a": noise(1, 100)}, "one")
    (path,) = (tmp_path / ".tether" / "index").iterdir()
    whole = path.read_bytes()
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        for old in path.parent.iterdir():
            old.unlink()
        path.write_bytes(data)
        opened = Repository.open(tmp_path / ".tether", clock=ticking())
        (problem,) = check_repository(opened, FULL if at % 2 else CheckOptions()).problems
        assert (problem.kind, problem.object) == (ProblemKind.INDEX, f"index/{path.name}"), at
        assert read_files(opened, tip) == {"a": noise(1, 100)}
        opened.close()

    for at in (0, 12, 16, 40, len(whole) - 1):
        path.unlink(missing_ok=True)
        path.write_bytes(whole)
        flip(path, at)
        repair = repair_repository(Repository.open(tmp_path / ".tether", clock=ticking()), Time(0, 0))
        assert (repair.report.ok, len(repair.actions)) == (True, 1)


def test_a_changed_format_file_that_still_parses(tmp_path: Path) -> None:
    """`format` has one form: bytes that changed without changing what they say are found, and mended."""
    repository = sound(tmp_path)
    path = tmp_path / ".tether" / "format"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b" ", b"\t", 1))

    opened = Repository.open(tmp_path / ".tether", clock=ticking())
    problems = check_repository(opened).problems
    repair = repair_repository(opened, Time(0, 0))

    assert [(p.kind, p.object) for p in problems] == [(ProblemKind.FORMAT, "format")]
    assert (repair.report.ok, path.read_bytes()) == (True, whole)
    assert repository.root() == opened.root()
