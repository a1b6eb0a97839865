"""`tether export croissant`: data of any revision, as other programs read it."""

import json
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.exportable import NASTY, fill
from tests.support.served import Served, add_user
from tests.support.validators import validators


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with data."""
    room = Room(tmp_path)
    room.inside = True
    fill(room)
    return room


def test_a_folder_with_the_files_is_read_by_mlcroissant(room: Room) -> None:
    """It has the data of the revision, whatever the working copy has now."""
    room.write("train/labels.csv", "changed\n")
    said = ("--licence", "CC-BY-4.0", "--description", "Pets", "--creator", "Ada", "--version", "1.0.0")
    found = room.json("export", "croissant", "main:train", "--files", "-o", "../out", *said)

    assert (found["files"], found["records"], found["missing"]) == (7, 5, ["url"])
    answer = validators().ask("croissant", path=room.work / "../out/croissant.json")
    assert answer["ok"], answer["error"]
    assert len(answer["records"]["labels.csv#records"]) == 2
    assert {row["label"] for row in answer["records"]["images#png-records"]} == {"cat", "dog"}


def test_a_document_alone_names_commit_and_addresses(room: Room) -> None:
    """What nobody said is left out."""
    found = json.loads(room.do("export", "croissant", "main:train", "--url", "https://example.org/a/"))

    assert found["name"] == "train"
    assert found["datePublished"] == "2026-01-31"
    assert {"license", "creator", "description"}.isdisjoint(found)
    assert found["identifier"][0] == f"commit:{json.loads(room.do('log', '--json'))[0]['id']}"
    addresses = [each["contentUrl"] for each in found["distribution"] if "contentUrl" in each]
    assert "https://example.org/a/labels.csv" in addresses
    assert not any(" " in address for address in addresses)
    [nasty] = [each for each in found["distribution"] if each["name"] == NASTY]
    assert nasty["contentSize"] == "8 B"


def test_a_single_table_is_data_too(room: Room) -> None:
    """Its name is enough."""
    found = json.loads(room.do("export", "croissant", "main:train/labels.csv"))

    assert [each["contentUrl"] for each in found["distribution"]] == ["data/labels.csv"]
    [records] = found["recordSet"]
    assert [(each["name"], each["dataType"]) for each in records["field"]] == [
        ("file", "sc:Text"),
        ("label", "sc:Text"),
        ("score", "sc:Float"),
        ("whole", "sc:Integer"),
    ]


def test_files_need_a_folder(room: Room) -> None:
    """It is said how to name one."""
    result = room.run("export", "croissant", "main:train", "--files")

    assert (result.code, "name one with -o" in result.err) == (2, True)
    assert room.run("export", "croissant", "main:none").code == 3


def test_mlcroissant_gets_the_files_from_a_hub(room: Room) -> None:
    """By the commit, whatever the branch has by then; names with marks come as well."""
    keeper = Room(room.work.parent / "keeper")
    token = add_user(keeper, "ada")
    hub = Served(keeper)
    try:
        room.do("login", hub.url, "--token", token)
        room.do("repo", "create", "-q", f"{hub.url}/ada/pets")
        room.do("remote", "add", "-q", "origin", f"{hub.url}/ada/pets")
        room.do("push", "-q")
        room.do("export", "croissant", "-q", "main:train", "--remote", "origin", "-o", "../remote.json")
        room.write("train/labels.csv", "changed\n")
        room.do("commit", "-q", "-a", "-m", "Changed")
        room.do("push", "-q")

        answer = validators().ask("croissant", path=room.work / "../remote.json")
    finally:
        hub.close()

    assert answer["ok"], answer["error"]
    assert sorted(map(len, answer["records"].values())) == [1, 2, 2, 2]
    assert "images#png-records" not in answer["records"]


def test_what_is_staged_is_on_no_hub(room: Room) -> None:
    """And a folder is no hub."""
    room.do("remote", "add", "-q", "origin", "http://127.0.0.1:1/ada/pets")
    room.do("remote", "add", "-q", "folder", "../shared")

    assert "name a revision" in room.run("export", "croissant", ":train", "--remote", "origin").err
    assert room.run("export", "croissant", "main", "--remote", "folder").code == 2
    assert room.run("export", "croissant", "main", "--remote", "none").code == 3
