"""`tether archive`."""

import tarfile
import zipfile

from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def test_to_a_file_or_to_the_output(room: Room) -> None:
    """The ending says the format; an archive is the same bytes each time."""
    repo = start_repo(room)
    commit(repo, "first", {"a": b"one\n", "dir/b": b"b\n"})
    repo.close()

    room.transcript(
        """
        $ tether archive -o out.tar.gz --prefix data/
        wrote 2 files, 6 B, to out.tar.gz
        $ tether archive > one.tar && tether archive HEAD > two.tar && cmp one.tar two.tar
        $ tether archive nowhere -o x.zip
        error: no such revision or file: nowhere
        hint: write a branch, a tag or 6 digits of an id
        [3]
        $ tether archive -o no/such/folder.zip
        error: ...
        [3]
        """
    )
    with tarfile.open(room.work / "out.tar.gz") as tar:
        assert tar.getnames() == ["data/a", "data/dir/b"]
    document = room.json("archive", "HEAD", "-o", "x.zip", "--", "dir")
    assert document == {"path": "x.zip", "format": "zip", "files": 1, "bytes": 2}
    with zipfile.ZipFile(room.work / "x.zip") as file:
        assert file.namelist() == ["dir/b"]
    assert sorted(p.name for p in room.work.iterdir() if "partial" in p.name) == []
