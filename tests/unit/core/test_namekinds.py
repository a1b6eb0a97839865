"""Kinds by the end of a name."""

import pytest

from tether.core.namekinds import DataKind, kind_of_name

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
