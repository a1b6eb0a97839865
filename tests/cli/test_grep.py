"""`tether grep`."""

from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def test_the_working_copy_the_stage_and_revisions(room: Room) -> None:
    """Each is searched as it is; nothing found is exit code 1."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"Needle\nhay\n", "dir/b": b"no needle?\n", "bin": b"\0needle"})
    repo.close()
    room.write("a", "hay\nneedle now\n")
    room.write("untracked", "needle\n")

    room.transcript(
        """
        $ tether grep -n needle
        a:2:needle now
        dir/b:1:no needle?
        $ tether grep -i needle HEAD -- a
        HEAD:a:Needle
        $ tether grep -l -F 'needle?'
        dir/b
        $ tether grep --staged -i 'needle$'
        a:Needle
        $ tether grep nothing-like-it
        [1]
        $ tether grep '('
        error: not a regular expression: '(': ...
        [2]
        """
    )
    assert room.json("grep", "needle", "--", "a") == [{"path": "a", "line": 2, "text": "needle now"}]
