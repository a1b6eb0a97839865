"""Three-way merge of texts, beside `git merge-file`."""

import random
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core.textmerge import merge_text
from tether.errors import InvalidInput

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\r\n", b"\n"]), max_size=12)
TEXTS = st.builds(lambda lines, end: b"".join(lines) + end, LINES, st.sampled_from([b"", b"", b"end"]))


@given(TEXTS, TEXTS)
def test_an_unchanged_side_gives_the_other(base: bytes, changed: bytes) -> None:
    """Whoever changed nothing loses nothing and adds nothing."""
    assert merge_text(base, base, changed) == (changed, 0)
    assert merge_text(base, changed, base) == (changed, 0)
    assert merge_text(base, changed, changed) == (changed, 0)


@settings(max_examples=300)
@given(TEXTS, TEXTS, TEXTS)
def test_the_sides_may_be_swapped(base: bytes, ours: bytes, theirs: bytes) -> None:
    """The same conflicts come out, and a clean result is the same."""
    one = merge_text(base, ours, theirs)
    other = merge_text(base, theirs, ours)
    assert one.conflicts == other.conflicts
    if not one.conflicts:
        assert one.data == other.data


def sides_of(data: bytes) -> tuple[bytes, bytes]:
    """Resolve every conflict to the one and to the other side."""
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    where = None
    for line in data.splitlines(keepends=True):
        if line.startswith(b"<<<<<<< "):
            where = 0
        elif line.startswith(b"=======") and where == 0:
            where = 1
        elif line.startswith(b">>>>>>> ") and where == 1:
            where = None
        else:
            for side in (0, 1):
                if where in (None, side):
                    sides[side].append(line)
    return b"".join(sides[0]), b"".join(sides[1])


@settings(max_examples=300)
@given(LINES, LINES)
def test_a_conflict_keeps_both_sides(ours: list[bytes], theirs: list[bytes]) -> None:
    """Against an empty base each side can be had back whole."""
    mine, yours = b"".join(ours), b"".join(theirs)
    merged = merge_text(b"", mine, yours)
    if merged.conflicts:
        assert sides_of(merged.data) == (mine, yours)
    else:
        assert merged.data in (mine, yours)


@settings(max_examples=100)
@given(st.data())
def test_edits_with_a_line_between_merge_clean(data: st.DataObject) -> None:
    """Each side edits other lines, none next to another: both edits are in the result."""
    count = data.draw(st.integers(3, 20))
    base = [b"%d\n" % number for number in range(count)]
    owners = data.draw(st.lists(st.sampled_from(["", "ours", "theirs"]), min_size=count, max_size=count))
    ours, theirs, expected = list(base), list(base), list(base)
    for number in range(0, count, 2):
        text = data.draw(st.sampled_from([b"", b"x\n", b"x\ny\n"]))
        if owners[number]:
            (ours if owners[number] == "ours" else theirs)[number] = text
            expected[number] = text
    merged = merge_text(b"".join(base), b"".join(ours), b"".join(theirs))
    assert merged == (b"".join(expected), 0)


def test_edits_that_touch_conflict() -> None:
    """Neighbouring lines are one place, as in Git."""
    merged = merge_text(b"a\nb\nc\n", b"A\nb\nc\n", b"a\nB\nc\n")
    assert merged == (b"<<<<<<< ours\nA\nb\n=======\na\nB\n>>>>>>> theirs\nc\n", 1)


def test_common_lines_at_the_ends_stand_outside_of_the_markers() -> None:
    """Only what differs is for people to settle."""
    merged = merge_text(b"m\n", b"same\nours\nend\n", b"same\ntheirs\nend\n", ("main", "topic"))
    assert merged == (b"same\n<<<<<<< main\nours\n=======\ntheirs\n>>>>>>> topic\nend\n", 1)


def test_markers_end_as_the_lines_do_and_begin_a_line() -> None:
    r"""A text with `\r\n` gets such markers; a last line without an end gets one before a marker."""
    merged = merge_text(b"a\r\nb", b"a\r\nours", b"a\r\ntheirs")
    assert merged == (b"a\r\n<<<<<<< ours\r\nours\r\n=======\r\ntheirs\r\n>>>>>>> theirs\r\n", 1)
    merged = merge_text(b"b", b"x", b"y")
    assert merged == (b"<<<<<<< ours\nx\n=======\ny\n>>>>>>> theirs\n", 1)


def test_an_added_newline_at_the_end_is_a_change_like_any_other() -> None:
    """One side ends the file with a newline, the other edits the start: both happen."""
    base = b"a\nb\nc\nd"
    assert merge_text(base, base + b"\n", b"A\nb\nc\nd") == (b"A\nb\nc\nd\n", 0)


def test_texts_over_the_limit_are_refused() -> None:
    """The limit is on the three texts together."""
    with pytest.raises(InvalidInput, match="too large"):
        merge_text(b"aaa", b"bbb", b"ccc", limit=8)
    assert merge_text(b"aaa", b"aaa", b"ccc", limit=9) == (b"ccc", 0)


def edited(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    """Return a copy with a few random edits."""
    result = list(lines)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(result) + 1)
        what = chance.choice(["insert", "delete", "change"])
        if what == "insert" or at == len(result):
            result.insert(at, b"new %d\n" % chance.randrange(100))
        elif what == "delete":
            del result[at : at + chance.randint(1, 3)]
        else:
            result[at] = b"changed %d\n" % chance.randrange(100)
    return result


@pytest.mark.parametrize("seed", range(4))
def test_git_merges_the_same(tmp_path: Path, seed: int) -> None:
    """On random edits Git finds the same cases clean, with the same result."""
    chance = random.Random(seed)
    clean = 0
    for _ in range(25):
        base = [b"line %d\n" % number for number in range(chance.randint(4, 40))]
        texts = {"base": base, "ours": edited(chance, base), "theirs": edited(chance, base)}
        for name, lines in texts.items():
            (tmp_path / name).write_bytes(b"".join(lines))
        command = ["git", "merge-file", "-p", "ours", "base", "theirs"]
        git = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=False)
        merged = merge_text(b"".join(base), b"".join(texts["ours"]), b"".join(texts["theirs"]))
        assert (git.returncode == 0) is (merged.conflicts == 0)
        if git.returncode == 0:
            clean += 1
            assert merged.data == git.stdout
    assert clean > 5


def test_a_large_text_merges_in_bounded_time() -> None:
    """A hundred thousand lines that are all alike, changed at both ends."""
    base = b"same\n" * 100_000
    started = time.process_time()
    merged = merge_text(base, b"start\n" + base, base + b"end\n")
    assert merged == (b"start\n" + base + b"end\n", 0)
    assert time.process_time() - started < 10
