"""Whole contents on their way out: in large pieces, verified by the digest of the file."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.support.repos import commit_files, make_repository, ticking

from tether.core.ahead import ahead
from tether.core.digest import hash_bytes
from tether.errors import Corrupt, InvalidInput
from tether.repo.repository import Repository


def weights(seed: int, length: int) -> bytes:
    """Return floating-point numbers, of which every chunk is packed."""
    numbers = np.random.default_rng(seed).standard_normal(length // 4).astype(np.float32)
    return numbers.tobytes()


def text(seed: int, length: int) -> bytes:
    """Return lines that zstd makes smaller."""
    numbers = np.random.default_rng(seed).integers(0, 10**6, length // 7)
    return b"".join(b"%06d\n" % number for number in numbers)


def noise(seed: int, length: int) -> bytes:
    """Return bytes that nothing makes smaller."""
    return np.random.default_rng(seed).bytes(length)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Repository, dict[str, bytes]]:
    """Return a repository with large contents of several kinds."""
    files = {
        "weights": weights(1, 14 << 20),
        "text": text(2, 9 << 20),
        "noise": noise(3, 9 << 20),
        "mixed": weights(4, 6 << 20) + text(5, 5 << 20) + bytes(1 << 20),
        "small": b"small",
        "empty": b"",
    }
    repository = make_repository(tmp_path)
    commit_files(repository, files, "all kinds")
    return Repository.open(tmp_path / ".tether", clock=ticking()), files


@pytest.mark.parametrize("name", ["weights", "text", "noise", "mixed", "small", "empty"])
def test_segments_are_the_content(stored: tuple[Repository, dict[str, bytes]], name: str) -> None:
    """All kinds of chunks come back in order, a large content in few pieces."""
    repository, files = stored
    pieces = list(repository.contents.segments(hash_bytes(files[name])))
    assert b"".join(pieces) == files[name]
    assert len(pieces) <= 1 + len(files[name]) // (1 << 20)


@pytest.mark.parametrize("name", ["weights", "mixed", "small", "empty"])
def test_parts_are_streamed(stored: tuple[Repository, dict[str, bytes]], name: str) -> None:
    """Any part comes back as it is in the whole, in pieces that are not large."""
    repository, files = stored
    data, digest = files[name], hash_bytes(files[name])
    cuts = [0, 1, 2, 70_000, 5 << 20, len(data) - 1, len(data), len(data) + 7]
    for start in cuts:
        for stop in (*cuts, None):
            if start < 0 or (stop is not None and stop < 0):
                with pytest.raises(InvalidInput):
                    list(repository.contents.stream(digest, start, stop))
                continue
            pieces = list(repository.contents.stream(digest, start, stop))
            assert b"".join(pieces) == data[start:stop]
            assert max(map(len, pieces), default=0) <= 128 << 10


def flip(folder: Path, *, size_above: int) -> None:
    """Change one bit in the middle of each large file below a folder."""
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        if len(data) > size_above:
            data[len(data) // 2] ^= 4
            path.chmod(0o644)
            path.write_bytes(data)


@pytest.mark.parametrize("name", ["weights", "text", "noise"])
def test_a_flipped_bit_is_found_at_the_end(tmp_path: Path, name: str) -> None:
    """Segments are not verified one by one, but the iteration does not end as if all were well."""
    make = {"weights": weights, "text": text, "noise": noise}
    data = make[name](1, 12 << 20)
    repository = make_repository(tmp_path)
    commit_files(repository, {name: data}, "one")
    flip(tmp_path / ".tether/packs", size_above=100_000)
    contents = Repository.open(tmp_path / ".tether", clock=ticking()).contents

    for read in (contents.segments, contents.stream):
        with pytest.raises(Corrupt, match="damaged"):
            list(read(hash_bytes(data)))


def test_a_damaged_index_does_not_matter(stored: tuple[Repository, dict[str, bytes]], tmp_path: Path) -> None:
    """Where the quick way meets a place that is none, the careful one finds the chunks."""
    _, files = stored
    for path in (tmp_path / ".tether/index").iterdir():
        data = bytearray(path.read_bytes())
        for at in range(len(data) // 3, len(data) // 3 + 4000, 40):
            data[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
    contents = Repository.open(tmp_path / ".tether", clock=ticking()).contents
    for name in ("weights", "text", "noise"):
        assert b"".join(contents.segments(hash_bytes(files[name]))) == files[name]


def test_work_ahead_is_bounded_and_in_order() -> None:
    """Only so many items are asked for before the first result is taken; a failure comes in its turn."""
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in (1, 2, 3, 4, 0, 6, 7, 8):
            asked.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = ahead(pool, lambda number: 60 // number, numbers(), 2)
        assert next(results) == 60
        assert asked == [1, 2, 3]
        assert [next(results) for _ in range(3)] == [30, 20, 15]
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert asked == [1, 2, 3, 4, 0, 6, 7]
