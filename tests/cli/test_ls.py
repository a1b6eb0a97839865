"""`tether ls`."""

from blake3 import blake3
from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def test_folders_files_and_revisions(room: Room) -> None:
    """One folder or everything below, of HEAD, of another revision, or of the stage."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"one\n", "dir/b": b"b\n", "dir/deep/c": b"c\n"})
    commit(repo, "second", {"a": None})
    repo.close()

    room.transcript(
        """
        $ tether ls
        dir/
        $ tether ls HEAD~
        a
        dir/
        $ tether ls -r HEAD~
        a
        dir/b
        dir/deep/c
        $ tether ls HEAD:dir
        dir/b
        dir/deep/
        $ tether ls dir/deep
        dir/deep/c
        $ cd dir && tether ls :./b
        dir/b
        $ tether ls nowhere
        error: no such revision: nowhere
        hint: write a branch, a tag or 6 digits of an id
        [3]
        """
    )


def test_json_has_kind_size_and_digest(room: Room) -> None:
    """The digest of a file is that of `b3sum`; a folder has totals."""
    repo = start_repo(room)
    room.work.joinpath("link").symlink_to("a")
    commit(repo, "first", {"a": b"one\n", "dir/b": b"b\n"})
    repo.close()

    a, folder, link = room.json("ls")

    assert a == {"path": "a", "kind": "file", "size": 4, "digest": blake3(b"one\n").hexdigest(), "files": 1}
    assert (folder["path"], folder["kind"], folder["size"], folder["files"]) == ("dir", "directory", 2, 1)
    assert (link["kind"], link["size"], link["digest"]) == ("symlink", 1, blake3(b"a").hexdigest())
