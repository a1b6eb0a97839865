"""`tether status`: what people read, and where paths are taken from."""

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_at_length_and_in_short(room: Room) -> None:
    """Each kind of change is under its title with the command that leads on; -s has two letters a path."""
    room.ok("init", "-q")
    for name in ("a.txt", "b.txt", "c.txt", "moved.txt"):
        room.write(name, f"{name}\n")
    room.ok("add", "-A", "-q")
    room.ok("commit", "-q", "-m", "one")
    room.ok("mv", "-q", "moved.txt", "there.txt")
    room.write("a.txt", "changed\n")
    room.ok("add", "-q", "a.txt")
    room.write("a.txt", "again\n")
    (room.work / "b.txt").unlink()
    (room.work / "c.txt").chmod(0o755)
    room.write("new/file", "x")
    room.write(".tetherignore", "*.log\n")
    room.write("x.log", "")
    room.transcript("""
        $ tether status
        on branch main

        To be committed ('tether restore --staged PATH' takes out):
          modified:  a.txt
          renamed:   moved.txt -> there.txt

        Changed, not staged ('tether add PATH' stages):
          modified:  a.txt
          removed:   b.txt
          mode:      c.txt

        Not tracked ('tether add PATH' starts to):
          .tetherignore
          new/
        $ tether status -s --ignored -u
        MM a.txt
         D b.txt
         M c.txt
        R  there.txt
        ?? .tetherignore
        ?? new/file
        !! x.log
        $ tether status -s '*.txt'
        MM a.txt
         D b.txt
         M c.txt
        R  there.txt
    """)


def test_paths_are_as_they_are_typed_here(room: Room) -> None:
    """In a folder people see paths from there; scripts get them from the top."""
    room.ok("init", "-q")
    room.write("a.txt", "x")
    room.write("sub/b.txt", "x")
    room.ok("add", "-q", "a.txt")
    sub = room.work / "sub"

    assert room.ok("status", "-s", cwd=sub) == "A  ../a.txt\n?? ./\n"
    assert "  added:     ../a.txt\n" in room.ok("status", cwd=sub)
    assert room.json("status", cwd=sub)["staged"] == [{"path": "a.txt", "change": "added"}]


def test_how_the_branch_stands(room: Room) -> None:
    """Commits ahead of and behind the upstream are counted; without one nothing is said."""
    room.ok("init", "-q", "there")
    there = room.work / "there"
    for number in range(3):
        room.ok("commit", "-q", "--allow-empty", "-m", str(number), cwd=there)
    room.ok("clone", "-q", "there", "here")
    here = room.work / "here"
    assert room.ok("status", cwd=here).splitlines()[1] == "up to date with origin/main"
    assert "upstream" not in room.ok("status", cwd=there)

    room.ok("reset", "-q", "--hard", "HEAD~2", cwd=here)
    behind = room.ok("status", cwd=here).splitlines()[1]
    room.ok("commit", "-q", "--allow-empty", "-m", "mine", cwd=here)
    both = room.ok("status", cwd=here).splitlines()[1]

    assert behind == "2 commits behind origin/main ('tether pull' brings them)"
    assert both == "1 commit ahead of origin/main and 2 commits behind ('tether pull' joins them)"
    document = room.json("status", cwd=here)
    assert (document["upstream"], document["ahead"], document["behind"]) == ("origin/main", 1, 2)


def test_conflicts_are_told_once(room: Room) -> None:
    """A path in conflict is in no other list, and the version beside it is named with it."""
    room.ok("init", "-q")
    room.write("p.bin", b"\0base")
    room.write("gone.txt", "x\n")
    room.ok("add", "-A", "-q")
    room.ok("commit", "-q", "-m", "base")
    room.ok("switch", "-q", "-c", "side")
    room.write("p.bin", b"\0side")
    room.write("gone.txt", "changed\n")
    room.ok("commit", "-a", "-q", "-m", "side")
    room.ok("switch", "-q", "main")
    room.write("p.bin", b"\0main")
    room.ok("rm", "-q", "gone.txt")
    room.ok("commit", "-a", "-q", "-m", "main")
    assert room.run("merge", "side").code == 5

    room.transcript("""
        $ tether status
        on branch main
        a merge is under way: settle the conflicts, then 'tether merge --continue'; ...

        Conflicts ('tether resolve PATH' when settled):
          removed here, changed there:  gone.txt
          both changed:  p.bin  (theirs is p.theirs-side.bin)
    """)
