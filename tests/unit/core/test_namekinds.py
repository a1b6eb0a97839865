"""Kinds by the end of a name."""

import pytest

from tether.core.namekinds import DataKind, kind_of_name, sum_kinds

NAMES = {
    b"a.JPG": DataKind.IMAGES,
    b"x/y.tar/clip.wav": DataKind.AUDIO,
    b"clip.mp4": DataKind.VIDEO,
    b"notes.md": DataKind.TEXT,
    b"README": DataKind.TEXT,
    b"train.py": DataKind.CODE,
    b"x/Makefile": DataKind.CODE,
    b"train-00001.parquet": DataKind.TABLES,
    b"train.csv.gz": DataKind.TABLES,
    b"model.safetensors": DataKind.WEIGHTS,
    b"all.tar.gz": DataKind.ARCHIVES,
    b"blob.gz": DataKind.ARCHIVES,
    b"blob.bin.zst": DataKind.ARCHIVES,
    b"paper.pdf": DataKind.DOCUMENTS,
    b".png": DataKind.OTHER,
    b"png": DataKind.OTHER,
    b"a.": DataKind.OTHER,
    b"a.\xff": DataKind.OTHER,
    b"a.bin": DataKind.OTHER,
}


@pytest.mark.parametrize(("name", "kind"), NAMES.items(), ids=repr)
def test_the_last_ending_says_it(name: bytes, kind: DataKind) -> None:
    """In letters of either case; behind the ending of a compressed file the one before counts."""
    assert kind_of_name(name) is kind


def test_sums_are_those_of_each() -> None:
    """Also where names with one ending are of several kinds, and where the ending is all there is."""
    names = [name.rpartition(b"/")[2] for name in NAMES] + [b"b.JPG", b"c.tar.GZ", b"d.csv.GZ", b"b.png"]
    wanted: dict[DataKind, tuple[int, int]] = {}
    for size, name in enumerate(names * 2):
        files, before = wanted.get(kind_of_name(name), (0, 0))
        wanted[kind_of_name(name)] = (files + 1, before + size)

    assert sum_kinds(names * 2, range(2 * len(names))) == wanted
    assert sum_kinds([], []) == {}
