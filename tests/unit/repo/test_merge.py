"""Merging commits without a working copy: bases, texts, and both versions of what cannot be merged."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import make_repository

from tether.core.digest import Digest
from tether.core.tree import EntryKind
from tether.core.treeread import walk
from tether.repo.merge import Labels, MergeOutcome, Merger, names_beside
from tether.repo.repository import Repository

LABELS = Labels("main", "side")
Files = Mapping[str, bytes | None]


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Return an empty bare repository to make commits in."""
    return Past(make_repository(tmp_path / "repo", bare=True))


def merged(past: Past, ours: Digest, theirs: Digest) -> MergeOutcome:
    """Merge two commits and keep what was made."""
    with past.repository.transaction("merge") as transaction:
        outcome = Merger.of(past.repository, transaction).merge_commits(ours, theirs, LABELS)
        transaction.set_stage(outcome.files)
    return outcome


def read(repository: Repository, tree: Digest) -> dict[str, bytes]:
    """Return the files of a tree."""
    return {
        path.decode(): repository.contents.read(entry.digest)
        for path, entry in walk(repository.objects, tree)
        if entry.kind != EntryKind.DIRECTORY
    }


def sides(past: Past, base: Files, ours: Files, theirs: Files) -> MergeOutcome:
    """Merge two commits made on a third."""
    start = past.commit("base", base)
    return merged(past, past.commit("ours", ours), past.commit("theirs", theirs, branch="s", parents=[start]))


def test_a_base_on_one_side_is_no_merge(past: Past) -> None:
    """When one commit comes after the other, the later one's tree is the result."""
    first = past.commit("first", {"a": b"1"})
    second = past.commit("second", {"a": b"2"})

    forward, back = merged(past, first, second), merged(past, second, first)

    assert (forward.fast_forward, back.fast_forward) == (True, False)
    assert forward.tree == back.tree == past.tree(second)
    assert (forward.base, back.base) == (first, first)


def test_texts_are_merged_by_line(past: Past) -> None:
    """Changes of different lines both stand in the result, and files that one side added are there."""
    lines = [b"%d\n" % n for n in range(20)]
    ours, theirs = lines.copy(), lines.copy()
    ours[2], theirs[15] = b"ours\n", b"theirs\n"
    both = ours.copy()
    both[15] = b"theirs\n"

    outcome = sides(
        past,
        {"t": b"".join(lines), "gone": b"g"},
        {"t": b"".join(ours), "o": b"o"},
        {"t": b"".join(theirs), "d/n": b"n", "gone": None},
    )

    assert outcome.conflicts == ()
    assert outcome.tree == outcome.files
    assert read(past.repository, outcome.tree) == {"t": b"".join(both), "o": b"o", "d/n": b"n"}


def test_text_conflict_has_markers_in_the_working_copy_and_ours_on_the_stage(past: Past) -> None:
    """The file for the working copy shows both versions, named as asked; the stage has ours."""
    outcome = sides(past, {"t": b"a\nb\nc\n"}, {"t": b"a\nX\nc\n"}, {"t": b"a\nY\nc\n"})

    assert read(past.repository, outcome.tree) == {"t": b"a\nX\nc\n"}
    assert read(past.repository, outcome.files) == {"t": b"a\n<<<<<<< main\nX\n=======\nY\n>>>>>>> side\nc\n"}
    [row] = outcome.conflicts
    assert (row.path, row.reason, row.our_name, row.their_name) == (b"t", "content", b"t", b"t")


def test_binary_conflict_keeps_both_versions(past: Past) -> None:
    """Theirs lies beside ours under a name that is free, in the same folder, with the same extension."""
    outcome = sides(
        past,
        {"d/p.jpg": b"\0base", "d/p.theirs-side.jpg": b"mine"},
        {"d/p.jpg": b"\0ours"},
        {"d/p.jpg": b"\0theirs"},
    )

    assert read(past.repository, outcome.files) == {
        "d/p.jpg": b"\0ours",
        "d/p.theirs-side.jpg": b"mine",
        "d/p.theirs-side-2.jpg": b"\0theirs",
    }
    [row] = outcome.conflicts
    assert (row.our_name, row.their_name) == (b"d/p.jpg", b"d/p.theirs-side-2.jpg")


def test_untracked_names_are_not_taken(past: Past) -> None:
    """A name that the working copy has is left alone."""
    base = past.commit("base", {"p": b"\0b"})
    ours, theirs = (
        past.commit("o", {"p": b"\0o"}),
        past.commit("t", {"p": b"\0t"}, branch="s", parents=[base]),
    )
    with past.repository.transaction("merge") as transaction:
        merger = Merger.of(past.repository, transaction, lambda path: path == b"p.theirs-side")
        outcome = merger.merge_commits(ours, theirs, LABELS)

    assert outcome.conflicts[0].their_name == b"p.theirs-side-2"


@pytest.mark.parametrize("ours_removes", [True, False])
def test_removed_on_one_side_and_changed_on_the_other(past: Past, ours_removes: bool) -> None:
    """The changed version stays in the working copy; the stage has what ours has."""
    removed: Files = {"t": None, "k": b"k"}
    changed: Files = {"t": b"new"}
    outcome = sides(past, {"t": b"old"}, *((removed, changed) if ours_removes else (changed, removed)))

    assert read(past.repository, outcome.files) == {"t": b"new", "k": b"k"}
    assert ("t" in read(past.repository, outcome.tree)) is not ours_removes
    [row] = outcome.conflicts
    assert row.reason == "modify/delete"
    assert (row.our_name, row.their_name) == ((b"", b"t") if ours_removes else (b"t", b""))


@pytest.mark.parametrize("ours_is_file", [True, False])
def test_a_file_against_a_folder(past: Past, ours_is_file: bool) -> None:
    """The folder keeps its path and the file goes beside it, whichever side has which."""
    file: Files = {"d/x": None, "d": b"file"}
    folder: Files = {"d/x": b"changed", "d/y": b"y"}
    outcome = sides(past, {"d/x": b"x", "z": b"z"}, *((file, folder) if ours_is_file else (folder, file)))

    beside = "d.ours-main" if ours_is_file else "d.theirs-side"
    assert read(past.repository, outcome.files) == {
        "d/x": b"changed",
        "d/y": b"y",
        beside: b"file",
        "z": b"z",
    }
    assert ("d" in read(past.repository, outcome.tree)) is ours_is_file


def test_both_move_a_file_to_different_places(past: Past) -> None:
    """Both places have it in the working copy."""
    outcome = sides(
        past, {"a": b"long enough"}, {"a": None, "b": b"long enough"}, {"a": None, "c": b"long enough"}
    )

    assert read(past.repository, outcome.files) == {"b": b"long enough", "c": b"long enough"}
    assert {row.reason for row in outcome.conflicts} == {"rename/rename"}


@pytest.mark.parametrize("swapped", [False, True])
def test_one_side_moves_and_the_other_removes(past: Past, swapped: bool) -> None:
    """The moved file is in the working copy, whichever side moved it."""
    pair = ({"a": None, "b": b"long enough"}, {"a": None})
    outcome = sides(past, {"a": b"long enough", "k": b"k"}, *(reversed(pair) if swapped else pair))

    assert read(past.repository, outcome.files) == {"b": b"long enough", "k": b"k"}
    [row] = outcome.conflicts
    assert (row.path, row.reason) == (b"b", "rename/delete")
    assert (row.ours is None) is swapped
    assert (row.theirs is None) is not swapped


def test_histories_that_crossed(past: Past) -> None:
    """With two bases, what both sides already merged in the same way is no conflict again."""
    lines = [b"%d\n" % n for n in range(9)]

    def text(**changes: bytes) -> bytes:
        return b"".join(changes.get(f"l{n}", line) for n, line in enumerate(lines))

    root = past.commit("root", {"t": text()})
    left = past.commit("left", {"t": text(l1=b"L\n")})
    right = past.commit("right", {"t": text(l7=b"R\n")}, branch="s", parents=[root])
    both = text(l1=b"L\n", l7=b"R\n")
    ours = past.commit("merge 1", {"t": both}, parents=[left, right])
    theirs = past.commit("merge 2", {"t": both}, branch="s", parents=[right, left])
    ours = past.commit("on 1", {"t": text(l1=b"L2\n", l7=b"R\n")})
    theirs = past.commit("on 2", {"t": text(l1=b"L\n", l7=b"R2\n")}, branch="s")

    outcome = merged(past, ours, theirs)

    assert outcome.conflicts == ()
    assert read(past.repository, outcome.tree) == {"t": text(l1=b"L2\n", l7=b"R2\n")}


def test_crossed_histories_with_conflicts_between_the_bases(past: Past) -> None:
    """Bases that disagree are merged with markers, and binary ones stand as before; the merge goes on."""
    root = past.commit("root", {"t": b"a\n", "p": b"\0a"})
    left = past.commit("left", {"t": b"l\n", "p": b"\0l"})
    right = past.commit("right", {"t": b"r\n", "p": b"\0r"}, branch="s", parents=[root])
    ours = past.commit("merge 1", {"t": b"m\n", "p": b"\0m"}, parents=[left, right])
    theirs = past.commit("merge 2", {"t": b"m\n", "p": b"\0m"}, branch="s", parents=[right, left])

    outcome = merged(past, ours, theirs)

    assert outcome.conflicts == ()
    assert read(past.repository, outcome.tree) == {"t": b"m\n", "p": b"\0m"}


def test_nothing_in_common(past: Past) -> None:
    """Without a base both sides are as if added; different files of one name are in conflict."""
    ours = past.commit("ours", {"a": b"a", "same": b"s", "t": b"1\n"})
    theirs = past.commit("theirs", {"b": b"b", "same": b"s", "t": b"2\n"}, branch="s", parents=[])

    outcome = merged(past, ours, theirs)

    assert outcome.base is None
    assert [(row.path, row.reason) for row in outcome.conflicts] == [(b"t", "add/add")]
    assert set(read(past.repository, outcome.tree)) == {"a", "b", "same", "t"}


def test_large_texts_are_stored_in_pieces(past: Past) -> None:
    """A merged text longer than what is stored whole can be read at once, and after the transaction."""
    data = b"".join(b"%06d\n" % n for n in range(200_000))

    with past.repository.transaction("merge") as transaction:
        contents = Merger.of(past.repository, transaction).contents
        digest = contents.add(data, b"t")
        assert contents.read(digest) == data
        transaction.set_ref("refs/heads/x", past.commit("x", {"a": b"a"}))

    assert past.repository.contents.read(digest) == data


def test_names_beside() -> None:
    """The extension stays, odd characters of a label become dashes, and names never grow too long."""
    assert list(islice(names_beside(b"a/photo.jpg", "theirs-me/x"), 2)) == [
        b"a/photo.theirs-me-x.jpg",
        b"a/photo.theirs-me-x-2.jpg",
    ]
    assert next(iter(names_beside(b".env", "ours-HEAD"))) == b".env.ours-HEAD"
    assert next(iter(names_beside(b"README", "ours-HEAD"))) == b"README.ours-HEAD"
    assert len(next(iter(names_beside(b"n" * 255, "theirs-" + "é" * 200)))) <= 255
