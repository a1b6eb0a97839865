"""Differences of texts and the matching of lines below them."""

import random
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core.sequence import changes, match
from tether.core.textdiff import Hunk, count_changes, looks_binary, render, split_lines, unified

TEXTS = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"d"]), max_size=25).map(b"".join),
)


def apply(old: bytes, hunks: list[Hunk]) -> bytes:
    """Apply hunks to `old` by their line numbers alone, checking each line they claim to find."""
    lines = old.split(b"\n")
    source = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    result: list[bytes] = []
    at = 0
    for hunk in hunks:
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        assert start >= at
        result += source[at:start]
        at = start
        assert len(result) == (hunk.new_start - 1 if hunk.new_lines else hunk.new_start)
        for mark, line in hunk.lines:
            if mark != "+":
                assert source[at] == line
                at += 1
            if mark != "-":
                result.append(line)
        assert at - start == hunk.old_lines
    return b"".join(result + source[at:])


@given(TEXTS)
def test_lines_join_to_the_text(text: bytes) -> None:
    """Nothing is lost, and only a newline ends a line."""
    lines = split_lines(text)
    assert b"".join(lines) == text
    assert all(line.endswith(b"\n") for line in lines[:-1])
    assert all(line.count(b"\n") <= 1 and line for line in lines)


@settings(max_examples=300)
@given(TEXTS, TEXTS, st.integers(0, 4))
def test_hunks_applied_to_the_old_text_give_the_new_one(old: bytes, new: bytes, context: int) -> None:
    """Line numbers and lines are right for any bytes and any context."""
    hunks = unified(old, new, context)
    assert apply(old, hunks) == new
    assert (hunks == []) is (old == new)


@settings(max_examples=300)
@given(st.lists(st.integers(0, 6), max_size=40), st.lists(st.integers(0, 6), max_size=40))
def test_matches_rise_and_are_equal(old: list[int], new: list[int]) -> None:
    """What is called equal is equal and in order; runs are as long as they can be."""
    runs = match(old, new)
    for run in runs:
        assert run.length > 0
        assert old[run.old : run.old + run.length] == new[run.new : run.new + run.length]
    for first, second in pairwise(runs):
        assert first.old + first.length <= second.old
        assert first.new + first.length <= second.new
        assert (first.old + first.length, first.new + first.length) != (second.old, second.new)


def shortest_edit(old: list[int], new: list[int]) -> int:
    """Count the removed and added elements of a best edit, by the textbook table."""
    row = list(range(len(new) + 1))
    for index, element in enumerate(old, start=1):
        last, row[0] = row[0], index
        for place, other in enumerate(new, start=1):
            last, row[place] = row[place], last if element == other else 1 + min(row[place - 1], row[place])
    return row[-1]


@settings(max_examples=200)
@given(st.lists(st.integers(0, 2), max_size=24), st.lists(st.integers(0, 2), max_size=24))
def test_without_unique_lines_the_edit_is_a_shortest_one(old: list[int], new: list[int]) -> None:
    """Where every shared element occurs twice on a side there is no anchor, and the result is best."""
    old, new = [9, *old, *old, 7], [8, *new, 6]
    found = changes(old, new)
    size = sum(c.old_end - c.old_start + c.new_end - c.new_start for c in found)
    assert size == shortest_edit(old, new)


def test_a_moved_function_is_read_as_people_read_it() -> None:
    """Unique lines anchor the diff, so braces and blank lines do not pair up across functions."""
    old = b"int f()\n{\n  one();\n}\n\nint g()\n{\n  two();\n}\n"
    new = b"int f()\n{\n  one();\n}\n\nint h()\n{\n  three();\n}\n\nint g()\n{\n  two();\n}\n"
    (hunk,) = unified(old, new)
    assert [line for mark, line in hunk.lines if mark == "+"] == [
        b"int h()\n",
        b"{\n",
        b"  three();\n",
        b"}\n",
        b"\n",
    ]
    assert count_changes([hunk]) == (5, 0)


def test_hunks_have_the_numbers_of_a_unified_diff() -> None:
    """Starts count from one; an empty side names the line before."""
    assert unified(b"", b"a\n") == [Hunk(0, 0, 1, 1, (("+", b"a\n"),))]
    assert unified(b"a\n", b"") == [Hunk(1, 1, 0, 0, (("-", b"a\n"),))]
    old = b"".join(b"%d\n" % number for number in range(1, 21))
    first, second = unified(old, old.replace(b"3\n", b"x\n", 1).replace(b"17\n", b"", 1), context=1)
    assert first == Hunk(2, 3, 2, 3, ((" ", b"2\n"), ("-", b"3\n"), ("+", b"x\n"), (" ", b"4\n")))
    assert (second.old_start, second.old_lines, second.new_start, second.new_lines) == (16, 3, 16, 2)


def test_changes_within_twice_the_context_share_a_hunk() -> None:
    """Two changes with six lines between them are one hunk of context three, with seven two."""
    lines = [b"%d\n" % number for number in range(30)]
    for gap, hunks in ((6, 1), (7, 2)):
        new = list(lines)
        new[5] = b"x\n"
        new[6 + gap] = b"y\n"
        assert len(unified(b"".join(lines), b"".join(new))) == hunks


def test_a_nul_byte_near_the_start_makes_it_binary() -> None:
    """Only the first 8000 bytes count, as in Git."""
    assert looks_binary(b"a\0b")
    assert looks_binary(b"a" * 7999 + b"\0")
    assert not looks_binary(b"a" * 8000 + b"\0")
    assert not looks_binary(b"")
    assert not looks_binary(b"\xff\xfe")


@pytest.mark.parametrize("seed", range(6))
def test_git_applies_what_is_rendered(tmp_path: Path, seed: int) -> None:
    """A rendered diff is a patch that Git applies, with and without a newline at the end."""
    chance = random.Random(seed)
    lines = [chance.choice([b"a\n", b"b\n", b"\n", b"c d\r\n"]) for _ in range(60)]
    changed = [line for line in lines if chance.random() > 0.1]
    for _ in range(5):
        changed.insert(chance.randrange(len(changed)), b"new %d\n" % chance.randrange(9))
    old, new = b"".join(lines) + b"end" * (seed % 2), b"".join(changed) + b"end" * (seed // 2 % 2)
    (tmp_path / "f").write_bytes(old)
    patch = b"--- a/f\n+++ b/f\n" + render(unified(old, new))
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], input=patch, cwd=tmp_path, check=True)
    assert (tmp_path / "f").read_bytes() == new


HOSTILE = {
    "one line many times, another count": (["a"] * 100_000, ["a"] * 50_000 + ["b"] + ["a"] * 49_000),
    "periods that do not meet": (["a", "b", "c"] * 30_000, ["c", "b", "a"] * 30_000),
    "nothing unique, shuffled": (
        random.Random(1).choices("abcdefgh", k=60_000),
        random.Random(2).choices("abcdefgh", k=60_000),
    ),
    "reversed": (list(map(str, range(60_000))), list(map(str, range(60_000, 0, -1)))),
    "nested anchors": (
        [str(number // 2) for number in range(80_000)],
        [str(number // 2) for number in range(1, 80_000, 3)],
    ),
    # A line becomes unique only when the anchor before it has split off its twin.
    "each anchor uncovers the next": (
        [line for step in range(2000) for line in ("old", str(step + 1), "old", str(step))],
        [line for step in range(2000) for line in ("new", str(step + 1), "new", str(step))],
    ),
    "nothing in common": (["a"] * 100_000, ["b"] * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_inputs_take_bounded_time(name: str) -> None:
    """A hundred thousand lines without help take seconds, not hours, and the result is right."""
    old, new = HOSTILE[name]
    started = time.process_time()
    found = changes(old, new)
    assert time.process_time() - started < 20
    rebuilt: list[str] = []
    at = 0
    for change in found:
        rebuilt += old[at : change.old_start] + new[change.new_start : change.new_end]
        at = change.old_end
    assert rebuilt + old[at:] == new
