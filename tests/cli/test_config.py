"""`tether config`."""

import pytest
from tests.support.cli import Room

from tether.api.repo import Repo

pytestmark = pytest.mark.usefixtures("inside")


def test_user_and_repository(room: Room) -> None:
    """The repository's value overrides the user's, and taking it away brings the user's back."""
    Repo.init(room.work).close()

    room.transcript("""
        $ tether config --global user.name Ada
        $ tether config user.name
        Ada
        $ tether config user.name Grace
        $ tether config user.name
        Grace
        $ tether config --global user.name
        Ada
        $ tether config
        user.name=Grace
        $ tether config --unset user.name
        $ tether config user.name
        Ada
        $ tether config --unset user.name
        error: user.name is not set in .../work/.tether/config.toml
        [3]
    """)
    assert (room.home / ".config/tether/config.toml").read_text() == '[user]\nname = "Ada"\n'


def test_where_the_users_file_is(room: Room) -> None:
    """`XDG_CONFIG_HOME` moves the user's file."""
    place = room.home / "elsewhere"
    room.ok("config", "--global", "user.name", "Ada", environ={"XDG_CONFIG_HOME": str(place)})

    assert (place / "tether/config.toml").exists()
    assert room.run("config", "user.name").code == 3


def test_errors(room: Room) -> None:
    """Unknown settings, values that are not allowed and missing repositories are told apart."""
    room.transcript("""
        $ tether config user.nam
        error: unknown setting: user.nam
        hint: did you mean user.name?
        [2]
        $ tether config user.email
        error: user.email is not set
        hint: run `tether config user.email "..."`
        [3]
        $ tether config user.email ada@example.org
        error: no repository at or above ...
        hint: use --global for all your repositories
        [3]
        $ tether config --global ui.color pink
        error: ui.color cannot be 'pink'
        hint: choose one of auto, always, never
        [2]
        $ tether config --unset
        error: --unset needs a KEY
        [2]
    """)


def test_json(room: Room) -> None:
    """Each form has a document: one setting, all that are set, all that exist."""
    path = str(room.home / ".config/tether/config.toml")
    ada = {"key": "user.name", "value": "Ada", "origin": path}

    assert room.json("config", "--global", "user.name", "Ada") == ada
    assert room.json("config", "user.name") == ada
    assert room.json("config") == [ada]
    assert room.json("config", "gc.retention") == {"key": "gc.retention", "value": "90", "origin": None}
    assert "user.email" in {row["key"] for row in room.json("config", "--known")}


def test_a_broken_file(room: Room) -> None:
    """A file that is not TOML is named where it matters and hides nothing else."""
    place = room.home / ".config/tether/config.toml"
    place.parent.mkdir(parents=True)
    place.write_text("[user\n")

    room.transcript("""
        $ tether config user.name
        error: .../.config/tether/config.toml is not a TOML file: ...
        hint: ...
        [2]
        $ tether version
        tether ...
    """)
