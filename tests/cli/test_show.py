"""`tether show`."""

from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def test_commits_tags_files_and_folders(room: Room) -> None:
    """A commit comes with its changes, a tag with its message, the rest as `cat` and `ls` give it."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"one\n", "dir/b": b"b\n"})
    commit(repo, "second", {"a": b"two\n"})
    repo.create_tag("v1", message="the first\nrelease")
    repo.close()

    room.transcript(
        """
        $ tether show v1
        tag v1
        Tagger: Ada <ada@example.org>
        Date:   2026-01-01 00:00:... +0000

        the first
        release

        commit ... (HEAD -> main, tag: v1)
        Author: Ada <ada@example.org>
        Date:   2026-01-01 00:00:... +0000

            second

        diff --git a/a b/a
        --- a/a
        +++ b/a
        @@ -1 +1 @@
        -one
        +two
        $ tether show --stat HEAD~ | tail -n 3
         a     | 1 +
         dir/b | 1 +
         2 files changed, 2 lines added
        $ tether show HEAD~:a
        one
        $ tether show HEAD:
        a
        dir/
        """
    )


def test_json_has_the_commit_and_its_changes(room: Room) -> None:
    """A commit is an object, a file too, a folder a list."""
    repo = start_repo(room)
    first = commit(repo, "first", {"a": b"one\n"})
    repo.close()

    shown = room.json("show", "HEAD")

    assert (shown["id"], shown["message"], shown["parents"]) == (first, "first", [])
    assert [(change["path"], change["change"]) for change in shown["changes"]] == [("a", "added")]
    assert room.json("show", "HEAD:a")["size"] == 4
    assert [entry["path"] for entry in room.json("show", "HEAD:")] == ["a"]
