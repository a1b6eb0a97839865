"""Attributes of files by patterns."""

import pytest

from tether.core.attributes import Attributes, attributes_of, parse_attributes


@pytest.mark.parametrize(
    ("line", "path", "found"),
    [
        ("*.csv merge=union", b"a.csv", Attributes(merge="union")),
        ("*.csv merge=union", b"deep/a.csv", Attributes(merge="union")),
        ("/*.csv binary", b"deep/a.csv", Attributes()),
        ("/*.csv binary", b"a.csv", Attributes(binary=True)),
        ("labels/*.csv binary", b"labels/a.csv", Attributes(binary=True)),
        ("labels/*.csv binary", b"x/labels/a.csv", Attributes()),
        ("labels/** binary merge=ours", b"labels/x/a", Attributes(binary=True, merge="ours")),
        ("*.svg -binary -merge", b"x.svg", Attributes(binary=False, merge="binary")),
        ("*.svg merge", b"x.svg", Attributes(merge="text")),
        ("*.csv key=id,day", b"a.csv", Attributes(key="id,day")),
        ("*.csv key", b"a.csv", Attributes()),
        ("*.csv keys=id", b"a.csv", Attributes()),
        ("# *.csv binary", b"a.csv", Attributes()),
        ("*.csv", b"a.csv", Attributes()),
        ("labels/ binary", b"labels/a", Attributes()),
        ("[ binary", b"[", Attributes()),
    ],
)
def test_a_line(line: str, path: bytes, found: Attributes) -> None:
    """Patterns are those of ignore files without `!` and folders; unknown words say nothing."""
    assert attributes_of(path, [(b"", parse_attributes(line.encode()))]) == found


def test_what_wins() -> None:
    """A later line and a deeper folder win, each attribute by itself, and `!` takes a word back."""
    top = parse_attributes(b"\xef\xbb\xbf* binary merge=ours\r\n*.txt -binary\r\n")
    deep = parse_attributes(b"*.txt merge=union\n/b.txt !merge\n")

    def of(path: bytes) -> Attributes:
        return attributes_of(path, [(b"", top), (b"d", deep)])

    assert of(b"d/a.txt") == Attributes(binary=False, merge="union")
    assert of(b"d/b.txt") == Attributes(binary=False)
    assert attributes_of(b"x.bin", [(b"", top)]) == Attributes(binary=True, merge="ours")


def test_names_that_are_not_utf8() -> None:
    """A pattern may hold any bytes."""
    rules = parse_attributes(b"caf\xe9* binary\n")

    assert attributes_of(b"caf\xe9.txt", [(b"", rules)]).binary is True
