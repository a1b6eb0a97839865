"""A bundle with the next version of a large file has what is new of it alone."""

from pathlib import Path

import pytest
from tests.support.repos import make_repository, read_files, ticking
from tests.support.versions import ONE, TWO, commit_file

from tether.repo import ingest
from tether.sync.bundle import create_bundle
from tether.sync.bundlefile import open_bundle
from tether.sync.exchange import fetch


@pytest.mark.parametrize("page_chunks", [16, 65_536], ids=["pages", "no pages"])
@pytest.mark.parametrize("data", [TWO, ONE + b"end" * 1000], ids=["changed", "longer"])
def test_it_is_joined_with_what_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, page_chunks: int
) -> None:
    """Whoever has the version before fetches the new one, proved, from a file that is a fraction of it."""
    monkeypatch.setattr(ingest, "PAGE_CHUNKS", page_chunks)
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there")
    first = commit_file(here, ONE)
    create_bundle(here, tmp_path / "first.bundle", {"refs/heads/main": first})
    second = commit_file(here, data)
    create_bundle(here, tmp_path / "second.bundle", {"refs/heads/main": second}, [first])

    for name in ("first", "second"):
        bundle = open_bundle(tmp_path / f"{name}.bundle", ticking())
        fetch(there, bundle, "origin")
        bundle.close()

    assert read_files(there, second) == {"weights": data}
    assert (tmp_path / "second.bundle").stat().st_size < len(ONE) // 10
