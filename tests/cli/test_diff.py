"""`tether diff`."""

import shutil
import subprocess

import pytest
from blake3 import blake3
from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def make_changes(room: Room) -> None:
    """Commit three files and change each in its own way."""
    repo = start_repo(room)
    commit(repo, "first", {"text": b"one\ntwo\n", "old": b"same\n", "bin": b"\0" * 100})
    repo.close()
    room.write("text", "one\n2\n")
    room.write("bin", b"\0" * 2000)
    (room.work / "old").rename(room.work / "new")


def test_the_working_copy_the_stage_and_revisions(room: Room) -> None:
    """Lines of texts, sizes of the rest, renames once staged, and the short forms."""
    make_changes(room)

    room.transcript(
        """
        $ tether diff
        diff --git a/bin b/bin
        changed: binary data, 100 B -> binary data, 2.0 kB
        diff --git a/old b/old
        deleted file mode 100644
        --- a/old
        +++ /dev/null
        @@ -1 +0,0 @@
        -same
        diff --git a/text b/text
        --- a/text
        +++ b/text
        @@ -1,2 +1,2 @@
         one
        -two
        +2
        $ tether add -A && tether diff && tether diff --staged --stat
        staged ...
         bin        | 100 B -> 2.0 kB
         old => new | 0
         text       | 2 +-
         3 files changed, 1 line added, 1 line removed
        $ tether diff HEAD --name-status -- new old text
        R\told\tnew
        M\ttext
        $ tether diff HEAD --name-only -- 't*' 'o?d'
        old
        text
        $ tether diff --staged --exit-code --name-only -- text
        text
        [1]
        """
    )


def test_json_has_both_sides_and_lines(room: Room) -> None:
    """Digests as `b3sum` prints them, also of files that are only in the working copy."""
    make_changes(room)

    binary, removed, text = room.json("diff")

    assert (binary["path"], binary["change"], binary["new_size"]) == ("bin", "modified", 2000)
    assert binary["new"] == blake3(b"\0" * 2000).hexdigest()
    assert "lines" not in binary
    assert (removed["change"], removed["new"]) == ("removed", None)
    assert text["old"] == blake3(b"one\ntwo\n").hexdigest()
    assert text["lines"] == ["@@ -1,2 +1,2 @@", " one", "-two", "+2"]
    assert room.json("diff", "--name-only", "--", "text") == [{"path": "text", "change": "modified"}]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
def test_git_applies_what_is_printed(room: Room) -> None:
    """The text form is a patch: new, changed, removed and renamed files arrive."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"1\n2\n3\n", "gone": b"x\n", "old name": b"same\n"})
    commit(
        repo,
        "second",
        {"a": b"1\nTwo\n3", "gone": None, "dir/new": b"n\n", "old name": None, "name": b"same\n"},
    )
    repo.close()
    patch = room.ok("diff", "HEAD~", "HEAD")
    there = room.home / "there"
    there.mkdir()
    for name, data in {"a": b"1\n2\n3\n", "gone": b"x\n", "old name": b"same\n"}.items():
        (there / name).write_bytes(data)

    subprocess.run(["git", "apply"], cwd=there, input=patch.encode(), env=room.environ, check=True)

    found = {str(path.relative_to(there)): path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert found == {"a": b"1\nTwo\n3", "dir/new": b"n\n", "name": b"same\n"}
