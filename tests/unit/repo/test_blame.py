"""Each line of a text is laid at the door of the commit that wrote it."""

from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import make_repository

from tether.core.digest import Digest
from tether.errors import InvalidInput, NotFound
from tether.repo.blame import BlameBounds, Blamer
from tether.repo.history import History


def origins(past: Past, commit: Digest, path: str) -> list[tuple[str, str, int]]:
    """Return text, message of the commit and number there of each line."""
    repository = past.repository
    history = History.of(repository)
    lines = Blamer(history, repository.objects, repository.contents).blame(commit, path.encode())
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    return [(line.data.decode(), history.commit(line.commit).message, line.original) for line in lines]


def test_lines_belong_to_the_commit_that_wrote_them(tmp_path: Path) -> None:
    """Kept lines keep their origin and their number there."""
    past = Past(make_repository(tmp_path))
    past.commit("one", {"f": b"a\nb\nc\n"})
    past.commit("two", {"f": b"new\na\nB\nc\n"})
    top = past.commit("three", {"f": b"new\na\nB\nc\nlast", "g": b"x"})

    assert origins(past, top, "f") == [
        ("new\n", "two", 1),
        ("a\n", "one", 1),
        ("B\n", "two", 3),
        ("c\n", "one", 3),
        ("last", "three", 5),
    ]


def test_a_renamed_file_is_followed(tmp_path: Path) -> None:
    """A move without a change hands every line on to the old name."""
    past = Past(make_repository(tmp_path))
    past.commit("one", {"old": b"a\n"})
    past.commit("move", {"old": None, "dir/new": b"a\n"})
    top = past.commit("more", {"dir/new": b"a\nb\n"})

    assert origins(past, top, "dir/new") == [("a\n", "one", 1), ("b\n", "more", 2)]


def test_a_merge_blames_both_lines_of_history(tmp_path: Path) -> None:
    """Each half of the merged text comes from its own branch, nothing from the merge."""
    past = Past(make_repository(tmp_path))
    base = past.commit("base", {"f": b"m\nn\n"})
    side = past.commit("side", {"f": b"m\nn\nend\n"}, branch="side", parents=[base])
    main = past.commit("main", {"f": b"start\nm\n"})
    top = past.commit("merge", {"f": b"start\nm\nn\nend\n"}, parents=[main, side])

    assert origins(past, top, "f") == [
        ("start\n", "main", 1),
        ("m\n", "base", 1),
        ("n\n", "base", 2),
        ("end\n", "side", 3),
    ]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """Binary files and missing ones are errors; a text that replaced a binary starts anew."""
    past = Past(make_repository(tmp_path))
    past.commit("binary", {"f": b"\0\n", "g": b"\0"})
    top = past.commit("text", {"f": b"a\n"})

    assert origins(past, top, "f") == [("a\n", "text", 1)]
    with pytest.raises(InvalidInput, match="g is no text"):
        origins(past, top, "g")
    with pytest.raises(NotFound):
        origins(past, top, "absent")
    large = past.commit("large", {"g": b"line\n" * 2_000_000})
    with pytest.raises(InvalidInput, match="larger than 8 MiB"):
        origins(past, large, "g")


def test_a_long_history_is_followed_to_its_start(tmp_path: Path) -> None:
    """More versions than are kept in memory."""
    past = Past(make_repository(tmp_path))
    for number in range(70):
        top = past.commit(f"{number}", {"f": b"".join(b"%d\n" % line for line in range(number + 1))})

    assert [message for _, message, _ in origins(past, top, "f")] == [str(n) for n in range(70)]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    """Nothing is blamed for nothing."""
    past = Past(make_repository(tmp_path))

    assert origins(past, past.commit("one", {"f": b""}), "f") == []


def test_a_bounded_search_says_which_lines_it_did_not_settle(tmp_path: Path) -> None:
    """Lines found within the bound are certain; the others stay at the commit where the search ended."""
    past = Past(make_repository(tmp_path))
    past.commit("one", {"f": b"a\n"})
    past.commit("two", {"f": b"a\nb\n"})
    past.commit("other", {"g": b"x"})
    top = past.commit("three", {"f": b"a\nb\nc\n"})
    repository = past.repository
    history = History.of(repository)

    def found(bounds: BlameBounds) -> list[tuple[str, bool]]:
        lines = Blamer(history, repository.objects, repository.contents, bounds).blame(top, b"f")
        return [(history.commit(line.commit).message, line.certain) for line in lines]

    assert found(BlameBounds(commits=1)) == [("other", False), ("other", False), ("three", True)]
    assert found(BlameBounds(commits=4)) == [("one", True), ("two", True), ("three", True)]
    assert found(BlameBounds(seconds=-1)) == [("three", False)] * 3


def test_a_move_is_not_looked_for_in_a_large_commit(tmp_path: Path) -> None:
    """Above the bound a moved file counts as written by the commit that moved it."""
    past = Past(make_repository(tmp_path))
    past.commit("one", {"old": b"a\n"})
    top = past.commit("move", {"old": None, "new": b"a\n", "more": b"x"})
    repository = past.repository
    history = History.of(repository)

    def origin(moves: int) -> str:
        bounds = BlameBounds(moves=moves)
        line = Blamer(history, repository.objects, repository.contents, bounds).blame(top, b"new")[0]
        return history.commit(line.commit).message

    assert (origin(2), origin(3)) == ("move", "one")
