"""Which commits a log shows, and how much is read to show them."""

from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import ADA, make_repository

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.errors import InvalidInput
from tether.repo.history import History
from tether.repo.logwalk import LogFilter, LogRange, PageSize, read_graph, read_log, read_log_page
from tether.repo.repository import Repository


def messages(repository: Repository, start: Digest, wanted: LogFilter, limit: int | None = None) -> list[str]:
    """Return the messages of a log."""
    found = read_log(History.of(repository), repository.objects, LogRange([start]), wanted, limit)
    return [entry.commit.message for entry in found]


def test_a_log_with_paths_shows_only_the_commits_that_change_them(tmp_path: Path) -> None:
    """Files, folders and removals count; everything else is passed over."""
    past = Past(make_repository(tmp_path))
    past.commit("one", {"a": b"1", "dir/x": b"1"})
    past.commit("two", {"a": b"2"})
    past.commit("three", {"dir/y": b"1"})
    past.commit("four", {"dir/x": None})
    top = past.commit("five", {"b": b"1"})

    assert messages(past.repository, top, LogFilter((b"a",))) == ["two", "one"]
    assert messages(past.repository, top, LogFilter((b"dir",))) == ["four", "three", "one"]
    assert messages(past.repository, top, LogFilter((b"dir/x",))) == ["four", "one"]
    assert messages(past.repository, top, LogFilter((b"dir/y", b"b"))) == ["five", "three"]
    assert messages(past.repository, top, LogFilter((b"absent",))) == []


def test_a_merge_is_passed_over_for_the_parent_that_it_equals(tmp_path: Path) -> None:
    """A side line without a change of the path disappears with its merge."""
    past = Past(make_repository(tmp_path))
    base = past.commit("base", {"a": b"1"})
    side = past.commit("side", {"b": b"1"}, branch="side", parents=[base])
    past.commit("main", {"a": b"2"})
    main = past.repository.root().refs["refs/heads/main"]
    top = past.commit("merge", {"b": b"1"}, parents=[main, side])

    assert messages(past.repository, top, LogFilter((b"a",))) == ["main", "base"]
    assert messages(past.repository, top, LogFilter((b"b",))) == ["side"]
    assert messages(past.repository, top, LogFilter(first_parent=True)) == ["merge", "main", "base"]


def test_authors_words_and_times_filter(tmp_path: Path) -> None:
    """Each filter keeps what fits, and together they keep what fits all."""
    past = Past(make_repository(tmp_path))
    eve = Person("Eve", "eve@example.org")
    for day in range(4):
        who = eve if day % 2 else ADA
        moment = Time(day * 86_400_000_000, 0)
        top = past.commit(f"Day {day}", {"a": b"%d" % day}, time=moment, author=who)

    log = past.repository
    assert messages(log, top, LogFilter(author="eve@")) == ["Day 3", "Day 1"]
    assert messages(log, top, LogFilter(message="day [01]")) == ["Day 1", "Day 0"]
    assert messages(log, top, LogFilter(since=2 * 86_400_000_000)) == ["Day 3", "Day 2"]
    assert messages(log, top, LogFilter(until=86_400_000_000, author="Ada")) == ["Day 0"]
    with pytest.raises(InvalidInput, match="regular expression"):
        messages(log, top, LogFilter(author="("))


def test_a_graph_joins_the_shown_commits(tmp_path: Path) -> None:
    """The parents in a graph are the nearest commits that are shown."""
    past = Past(make_repository(tmp_path))
    base = past.commit("base", {"a": b"1"})
    past.commit("other", {"z": b"1"})
    top = past.commit("top", {"a": b"2"})

    found = read_graph(
        History.of(past.repository), past.repository.objects, LogRange([top]), LogFilter((b"a",))
    )

    assert [(entry.id, entry.parents) for entry in found] == [(top, (base,)), (base, ())]


def test_pages_of_a_log_lose_no_line_of_history(tmp_path: Path) -> None:
    """Pages of any size, one begun where the other ended, are the whole log; none walks what another did."""
    past = Past(make_repository(tmp_path))
    base = past.commit("base", {"a": b"0"})
    sides = [past.commit(f"s{n}", {f"s{n}": b"1"}, branch=f"s{n}", parents=[base]) for n in range(3)]
    main = base
    for number, side in enumerate(sides):
        main = past.commit(f"m{number}", {"a": b"%d" % (number + 1)}, parents=[main])
        main = past.commit(f"merge{number}", {f"s{number}": b"1"}, parents=[main, side])
    repository = past.repository
    history = History.of(repository)

    for wanted in (LogFilter(), LogFilter((b"a",)), LogFilter(message="s")):
        whole = [entry.id for entry in read_log(history, repository.objects, LogRange([main]), wanted)]
        for size in (PageSize(1, 100), PageSize(2, 100), PageSize(3, 2), PageSize(99, 99)):
            pages, starts = [], [main]
            while starts:
                found = read_log_page(history, repository.objects, starts, wanted, size)
                assert len(found.walked) <= size.looked_at
                pages.append(found)
                starts = found.open
            walked = [digest for page in pages for digest, _ in page.walked]
            assert [entry.id for page in pages for entry in page.entries] == whole
            assert len(walked) == len(set(walked))


def test_a_page_can_pass_over_what_was_before(tmp_path: Path) -> None:
    """With a number instead of open ends the page is the same."""
    past = Past(make_repository(tmp_path))
    tops = [past.commit(f"c{number}", {"a": b"%d" % number}) for number in range(6)]
    repository = past.repository
    history = History.of(repository)

    found = read_log_page(history, repository.objects, [tops[-1]], LogFilter(), PageSize(2, 100, 3))

    assert [entry.commit.message for entry in found.entries] == ["c2", "c1"]
    assert found.open == [tops[0]]
