"""`tether log`."""

import pytest
from tests.support.cli import Room
from tests.support.histories import Past
from tests.support.rooms import start_repo

pytestmark = pytest.mark.usefixtures("inside")


def make_history(room: Room) -> None:
    """Make two lines of history that were merged, with a tag."""
    repo = start_repo(room)
    past = Past(repo.repository)
    first = past.commit("first\n\nwith a body\n", {"a": b"1"})
    side = past.commit("side", {"s": b"1"}, branch="side", parents=[first])
    second = past.commit("second", {"a": b"2"})
    past.commit("merge", {"s": b"1"}, parents=[second, side])
    repo.create_tag("v1", "side")
    repo.close()


def test_one_line_a_commit_with_names_and_lines_of_history(room: Room) -> None:
    """The short form, the graph, ranges and paths."""
    make_history(room)

    room.transcript(
        """
        $ tether log --oneline --graph
        *   ... (HEAD -> main) merge
        |\\
        | * ... (side, tag: v1) side
        * | ... second
        |/
        * ... first
        $ tether log --oneline side..main
        ... (HEAD -> main) merge
        ... second
        $ tether log --oneline -n 1 -- a
        ... second
        $ tether log --oneline --grep FIRST --author ada
        ... first
        $ tether log --oneline --since 2026-01-02
        $ tether log --oneline --stat -n 1 side
        ... (side, tag: v1) side

         s | 1 +
         1 file changed, 1 line added
        $ tether log -p -n 1 side | tail -n 2
        +1
        \\ No newline at end of file
        $ tether log nowhere
        error: no such revision or file: nowhere
        hint: write a branch, a tag or 6 digits of an id
        [3]
        """
    )


def test_whole_commits(room: Room) -> None:
    """Id, author, date and the message with a margin."""
    make_history(room)

    room.transcript(
        """
        $ tether log v1
        commit ... (side, tag: v1)
        Author: Ada <ada@example.org>
        Date:   2026-01-01 00:00:... +0000

            side

        commit ...
        Author: Ada <ada@example.org>
        Date:   2026-01-01 00:00:... +0000

            first

            with a body
        $ tether log -n 1 --graph
        *   commit ... (HEAD -> main)
        |\\  Merge:  ... ...
        | | Author: Ada <ada@example.org>
        | | Date:   ...
        | |
        | |     merge
        | |
        """
    )


def test_json_lists_commits(room: Room) -> None:
    """Every key of the contract; the parents are whole ids."""
    make_history(room)

    found = room.json("log")

    assert [commit["message"] for commit in found] == ["merge", "second", "side", "first\n\nwith a body"]
    assert found[0]["parents"] == [found[1]["id"], found[2]["id"]]
    assert (found[3]["author"], found[3]["email"]) == ("Ada", "ada@example.org")
    assert found[3]["time"].startswith("2026-01-01T00:00:")
    assert len(found[3]["tree"]) == 64


def test_an_empty_repository_has_no_log(room: Room) -> None:
    """The message says what is missing."""
    start_repo(room).close()

    result = room.json("log", code=3)

    assert result["error"]["message"] == "main has no commits yet"


def test_dates_have_the_zone_rules_of_their_season(room: Room) -> None:
    """A commit at 00:30 of a July day in Berlin is of that day, whatever offset holds today."""
    room.ok("init")
    room.write("a", b"a")
    room.ok("add", "a")
    room.ok("commit", "-m", "summer", "-q", environ={"TETHER_DATE": "2025-07-01T00:30:00+02:00"})
    room.write("a", b"b")
    room.ok("add", "a")
    room.ok("commit", "-m", "winter", "-q", environ={"TETHER_DATE": "2025-12-01T00:30:00+01:00"})
    berlin: dict[str, str | None] = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3", "TETHER_DATE": None}

    def first(*arguments: str) -> list[str]:
        return [commit["message"] for commit in room.json("log", *arguments, environ=berlin)]

    assert first("--since", "2025-07-01") == ["winter", "summer"]
    assert first("--until", "2025-06-30") == []
    assert first("--since", "2025-12-01") == ["winter"]
    assert first("--until", "2025-11-30") == ["summer"]
    assert first("main@{2025-07-01}") == ["summer"]
    assert room.run("log", "main@{2025-06-30}", environ=berlin).code == 3
