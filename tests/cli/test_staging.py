"""`tether add`, `rm`, `mv`, `commit`, `clean` and `ignored`."""

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def begin(room: Room) -> None:
    """Make a repository with two committed files and an ignored one."""
    room.ok("init", "-q")
    room.write("a.txt", "one\n")
    room.write("sub/b.txt", "two\n")
    room.write("x.tmp", "")
    room.write(".tetherignore", "*.tmp\n")
    room.ok("add", "-A", "-q")
    room.ok("commit", "-q", "-m", "first")


def test_add(room: Room) -> None:
    """It counts what it stages; a dry run stages nothing; ignored files want -f; globs pass them over."""
    begin(room)
    room.write("a.txt", "changed\n")
    room.write("new.txt", "new\n")
    (room.work / "sub/b.txt").unlink()
    room.transcript("""
        $ tether add --dry-run -A
        modified: a.txt
        added: new.txt
        removed: sub/b.txt
        would stage 3 files (1 new, 1 changed, 1 removed), 12 B
        $ tether status -s
         M a.txt
         D sub/b.txt
        ?? new.txt
        $ tether add '*.wav'
        error: nothing matches *.wav
        [3]
        $ tether add x.tmp
        error: x.tmp is ignored
        hint: ...
        [2]
        $ tether add nothing
        error: no such file: nothing
        hint: ...
        [3]
        $ tether add
        error: no paths to add
        hint: name files or folders, or give -A for everything
        [2]
    """)
    assert room.json("add", "*") == {"added": 1, "modified": 1, "removed": 1, "bytes": 12}
    assert room.json("add", "-f", "x.tmp")["added"] == 1


def test_rm_and_mv(room: Room) -> None:
    """A glob means tracked files; folders want -r, changed files -f; --cached keeps the file."""
    begin(room)
    room.write("untracked.txt", "")
    room.write("a.txt", "changed\n")
    room.transcript("""
        $ tether rm a.txt
        error: changes would be lost: a.txt
        hint: --cached keeps the files, -f removes them; 'tether undo' brings them back
        [5]
        $ tether rm sub
        error: sub is a folder
        hint: ...
        [2]
        $ tether mv sub/b.txt c.txt
        sub/b.txt -> c.txt
        $ tether mv c.txt new/
        error: no such folder: new/
        hint: make it first, or leave out the slash
        [3]
        $ tether mv nothing d.txt
        error: nothing is not tracked
        [3]
        $ tether rm --cached c.txt
        removed 1 file
        $ tether rm -f '*.txt'
        removed 1 file
        $ ls
        c.txt
        untracked.txt
        x.tmp
        $ tether undo -q && cat a.txt
        changed
    """)
    assert room.json("rm", "-f", "a.txt") == {"added": 0, "modified": 0, "removed": 1, "bytes": 4}


def test_commit(room: Room) -> None:
    """Author, date and several paragraphs are kept; --amend keeps what is not given."""
    begin(room)
    room.write("a.txt", "changed\n")
    room.transcript("""
        $ tether commit -m none
        error: nothing to commit
        hint: ...
        [2]
        $ tether commit -a -m "second" -m "why" --author 'Bob <b@x.org>' --date 2026-01-02T03:04:05+01:00
        [main ...] second
         1 file changed, 3 files in all, 18 B
        $ tether commit --amend
        [main ...] second
         1 file changed, 3 files in all, 18 B
        $ tether log -n 1
        commit ... (HEAD -> main)
        Author: Bob <b@x.org>
        Commit: Ada Lovelace <ada@example.org>
        Date:   2026-01-02 03:04:05 +0100

            second

            why
        $ tether commit -m x --author nobody
        error: not an author: 'nobody'
        hint: write 'NAME <EMAIL>'
        [2]
        $ tether commit --allow-empty
        error: no message
        hint: say why with -m MESSAGE
        [2]
    """)
    made = room.json("commit", "--allow-empty", "-m", "third")
    assert (made["branch"], made["files"], made["bytes"], made["changed"]) == ("main", 3, 18, 0)


def test_an_author_is_needed(room: Room) -> None:
    """Without a name nobody can commit, and the hint says what to do."""
    begin(room)
    nobody = {"TETHER_USER_NAME": None, "TETHER_USER_EMAIL": None}

    result = room.run("commit", "--allow-empty", "-m", "x", environ=nobody)
    room.ok("config", "--global", "user.name", "Eve")
    room.ok("config", "user.email", "eve@example.org")
    room.ok("commit", "-q", "--allow-empty", "-m", "x", environ=nobody)

    assert (result.code, "tether config --global" in result.err) == (2, True)
    assert room.json("log", "-n", "1")[0]["author"] == "Eve"


def test_clean(room: Room) -> None:
    """It wants -f, keeps ignored files without -x, and undo brings back what was not ignored."""
    begin(room)
    room.write("junk/a", "junk")
    room.transcript("""
        $ tether clean
        error: clean removes files
        hint: see which with -n, then give -f
        [2]
        $ tether clean -n
        would remove junk/a
        $ tether clean -f
        removed junk/a
        $ tether clean -f
        nothing to clean
        $ tether undo -q && cat junk/a && rm -r junk
        junk
        $ tether clean -f -x
        removed x.tmp
    """)
    assert room.json("clean", "-n") == {"removed": [], "dry_run": True}


def test_ignored(room: Room) -> None:
    """The rule is named with its file and line."""
    begin(room)
    room.transcript("""
        $ tether ignored x.tmp a.txt
        x.tmp: ignored by '*.tmp' (.tetherignore:1)
        a.txt: not ignored
    """)
    (row,) = room.json("ignored", "x.tmp")
    assert row == {"path": "x.tmp", "ignored": True, "file": ".tetherignore", "line": 1, "pattern": "*.tmp"}
