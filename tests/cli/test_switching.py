"""`tether switch`, `checkout` and `reset`."""

from tests.support.cli import Room


def begin(room: Room) -> None:
    """Make two commits of a file on main."""
    room.ok("init", "-q")
    for text in ("one\n", "two\n"):
        room.write("a.txt", text)
        room.ok("add", "-q", "a.txt")
        room.ok("commit", "-q", "-m", text.strip())


def test_switch(room: Room) -> None:
    """A branch is checked out or made; local changes are never lost without -f."""
    begin(room)
    room.transcript("""
        $ tether switch -c old HEAD~1
        on new branch old, at ..., 1 file written
        $ cat a.txt
        one
        $ tether switch -c old
        error: a branch named old exists
        hint: run 'tether switch old'
        [4]
        $ tether switch nothing
        error: no branch named nothing
        hint: branches: main, old; 'tether switch -c nothing' makes it
        [3]
        $ echo mine > a.txt && tether switch main
        error: ...a.txt...
        hint: ...
        [5]
        $ tether switch -q -f main && cat a.txt
        two
        $ tether undo -q && cat a.txt
        mine
    """)
    room.ok("restore", "-q", "a.txt")
    moved = room.json("switch", "main")
    assert (moved["branch"], moved["files"]) == ("main", 1)


def test_checkout(room: Room) -> None:
    """A revision is checked out without a branch; with paths files are taken from it."""
    begin(room)
    room.transcript("""
        $ tether checkout HEAD~1
        checked out HEAD~1, at ..., 1 file written
        $ tether status
        no branch, at ...
        nothing to commit, everything is as committed
        $ tether checkout main
        on branch main, at ..., 1 file written
        $ tether checkout HEAD~1 -- '*.txt'
        took 1 file from HEAD~1
        $ tether status -s
        M  a.txt
        $ tether checkout HEAD~1 -- nothing.txt
        error: nothing.txt is not in that revision
        hint: see 'tether ls REV'
        [3]
        $ tether checkout -q -f -b fresh HEAD && tether branch
        * fresh
          main
    """)


def test_reset(room: Room) -> None:
    """--soft moves the branch alone, the default the stage too, --hard the files too; undo takes it back."""
    begin(room)
    room.transcript("""
        $ tether reset --soft HEAD~1
        main reset to HEAD~1, at ...
        $ tether status -s
        M  a.txt
        $ tether reset
        main reset to HEAD, at ...
        $ tether status -s
         M a.txt
        $ tether reset --hard
        main reset to HEAD, at ..., 1 file written
        $ cat a.txt
        one
        $ tether undo -q && cat a.txt
        two
        $ tether reset nothing
        error: no such revision: nothing
        hint: ...
        [3]
    """)
