"""`tether tag`."""

from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def test_tags_are_made_listed_and_deleted(room: Room) -> None:
    """With a message and without; a name is taken once."""
    repo = start_repo(room)
    first = commit(repo, "first", {"a": b"1"})
    second = commit(repo, "second", {"a": b"2"})
    repo.close()

    room.transcript(
        f"""
        $ tether tag light HEAD~
        tagged {first[:12]} as light
        $ tether tag v1 -m "one" -m "and more"
        tagged {second[:12]} as v1
        $ tether tag
        light
        v1
        $ tether tag -v --list 'v*'
        v1 {second[:12]} one
        $ tether tag v1
        error: tag v1 exists already
        hint: 'tether tag -d v1' removes it
        [4]
        $ tether tag bad..name
        error: not a ref name: 'bad..name': ...
        hint: ...
        [2]
        """
    )
    light, noted = room.json("tag")
    assert (light["name"], light["target"], light["annotated"]) == ("light", first, False)
    assert (noted["target"], noted["message"], noted["tagger"]) == (second, "one\n\nand more", "Ada Lovelace")
    assert room.json("tag", "-d", "light")[0]["target"] == first
