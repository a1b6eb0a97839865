"""A bundle's file is read with suspicion: any cut and any change of its table is refused."""

from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.errors import Corrupt, Forbidden, NotFound
from tether.sync.bundle import create_bundle, verify_bundle
from tether.sync.bundlefile import BundleBackend, encode_table, is_bundle, open_bundle


def make_bundle(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """Return a bundle of one commit and its files."""
    files = {"a": b"a" * 100, "b": bytes(range(256)) * 8}
    repository = make_repository(tmp_path / "source")
    tip = commit_files(repository, files, "one")
    create_bundle(repository, tmp_path / "x.bundle", {"refs/heads/main": tip})
    return tmp_path / "x.bundle", files


def test_a_bundle_is_a_repository_to_read(tmp_path: Path) -> None:
    """Refs and files are there; nothing can be written, and no folder appears beside it."""
    path, files = make_bundle(tmp_path)
    before = sorted(tmp_path.iterdir())

    bundle = open_bundle(path, ticking())

    assert read_files(bundle, bundle.root().refs["refs/heads/main"]) == files
    with pytest.raises(Forbidden):
        bundle.backend.write_new("key", b"")
    with pytest.raises(NotFound):
        bundle.backend.read("packs/none")
    bundle.close()
    assert sorted(tmp_path.iterdir()) == before


def test_every_cut_and_every_change_at_the_end_is_refused(tmp_path: Path) -> None:
    """The table with its trailer, byte by byte; and the file cut at many lengths."""
    path, _ = make_bundle(tmp_path)
    whole = path.read_bytes()
    bad = tmp_path / "bad.bundle"
    for length in [0, 7, 8, 60, *range(100, len(whole), 97), len(whole) - 1]:
        bad.write_bytes(whole[:length])
        with pytest.raises(Corrupt):
            BundleBackend(bad)
    for back in (1, 9, 20, 40, 50, 60, 64, 70, 90):
        data = bytearray(whole)
        data[-back] ^= 1
        bad.write_bytes(data)
        with pytest.raises(Corrupt):
            BundleBackend(bad)


def test_a_table_that_points_outside_is_refused(tmp_path: Path) -> None:
    """Offsets and lengths are bounded by the end of the members."""
    for start, length in ((8, 1000), (19, 0), (9, 0xFFFFFFFFFFFF)):
        path = tmp_path / "evil.bundle"
        path.write_bytes(b"TETHBND1" + b"x" * 10 + encode_table({"root": (start, length)}, [], 18))
        with pytest.raises(Corrupt):
            BundleBackend(path)


def test_verifying_finds_damage_in_a_pack(tmp_path: Path) -> None:
    """A changed bit among the members is told as a problem, not raised."""
    path, _ = make_bundle(tmp_path)
    assert verify_bundle(path, ticking(), None).problems == ()
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)

    assert verify_bundle(path, ticking(), None).problems


def test_other_files_are_no_bundles(tmp_path: Path) -> None:
    """A missing file, a folder and a text are none."""
    (tmp_path / "text").write_text("hello")

    assert [is_bundle(tmp_path / name) for name in ("text", "missing", ".")] == [False] * 3
