"""`tether info`."""

from blake3 import blake3
from tests.support.cli import Room
from tests.support.rooms import commit, start_repo

PNG = (
    bytes.fromhex("89504e470d0a1a0a0000000d49484452")
    + bytes.fromhex("0000028000000 1e0".replace(" ", ""))
    + bytes(20)
)


def test_files_of_the_working_copy_and_of_revisions(room: Room) -> None:
    """Type, dimensions, digest and how it is stored; what is not stored has no storage."""
    repo = start_repo(room)
    room.work.joinpath("link").symlink_to("a")
    commit(repo, "first", {"a": b"one\n", "image.png": PNG})
    repo.close()
    room.write("a", "changed\n")

    image = room.json("info", "HEAD:image.png")
    assert (image["type"], image["width"], image["height"]) == ("png", 640, 480)
    assert image["digest"] == blake3(PNG).hexdigest()
    assert image["chunks"] == 1
    assert image["stored"] > 0
    changed, link, folder = room.json("info", "a", "link", ".")
    assert (changed["digest"], changed["chunks"]) == (blake3(b"changed\n").hexdigest(), None)
    assert (link["kind"], link["target"]) == ("symlink", "a")
    assert (folder["kind"], folder["files"]) == ("directory", 3)
    room.transcript(
        """
        $ tether info image.png
        image.png
          kind       file
          type       PNG image...
          dimensions 640 x 480
          size       44 B
          digest     ...
          stored     ... in 1 chunk (...)
        $ tether info absent
        error: no such file or folder: absent
        [3]
        """
    )
