"""`tether lineage --uses TABLE --row COLUMN=VALUE`: who read a version of a table that has a row."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from tests.support.cli import Room

from tether.api.repo import Repo
from tether.errors import InvalidInput
from tether.releases.rows import is_written, parse_row

ROOT = "v1:train/labels.csv"


def commit(room: Room, message: str, files: dict[str, str | bytes]) -> None:
    """Commit what files are now."""
    for path, data in files.items():
        room.write(path, data)
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", message)


def train(room: Room, name: str, *data: str) -> None:
    """Run something on data."""
    inputs = [word for each in data for word in ("--data", each)]
    room.do("run", "-q", "--name", name, *inputs, "--artefact", "w.bin", "--", "sh", "-c", "echo 1 > w.bin")


def parquet(tmp: Path, **columns: list[Any]) -> bytes:
    """Return a Parquet file."""
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp / "t.parquet")
    return (tmp / "t.parquet").read_bytes()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a repository in which row 2 of a table is taken out, and row 3 changed, between trainings."""
    folder = tmp_path_factory.mktemp("story")
    room = Room(folder)
    room.inside = True
    room.do("init", "-q")
    attributes: dict[str, str | bytes] = {".tetherattributes": "*.csv key=id\npairs.tsv key=a,b\n"}
    first = 'id,label,note\n1,cat,"a, b"\n2,dog,"two\nlines"\n3,cat,\n'
    lines = '{"id": 2, "text": "x"}\n\n{"id": 4.5, "ok": true}\n'
    commit(room, "Labels", {
        **attributes, "train/labels.csv": first, "lines.jsonl": lines, "pairs.tsv": "a\tb\n1\t2\n",
        "t.parquet": parquet(folder, id=[1, 2], score=[0.5, None]), "notes.txt": "2\n",
    })  # fmt: skip
    room.do("tag", "v1")
    train(room, "all", "train=v1:train")
    room.do("release", "create", "pets@1", "--run", "all", "--licence", "MIT", "-q")
    train(room, "again", "train=v1:train")
    changed: dict[str, str | bytes] = {"pairs.tsv": "a\tb\n3\t4\n"}
    commit(room, "Without 2", {"train/labels.csv": "id,label\n1,cat\n3,dog\n", **changed})
    train(room, "less", "train=HEAD:train")
    train(room, "alone", "table=v1:train/labels.csv")
    train(room, "others", "a=v1:lines.jsonl", "b=v1:t.parquet", "c=v1:pairs.tsv")
    return room


def users(room: Room, table: str, *row: str) -> set[str]:
    """Return the names of the runs that read a version with a row."""
    words = [word for each in row for word in ("--row", each)]
    found = json.loads(room.do("lineage", "--uses", table, *words, "--json"))
    return {run["name"] for run in found["runs"]}


EVERY = {"all", "again", "less", "alone"}
"""Runs that read any version of the table, all of which had row 1."""


def test_only_versions_with_the_row_count(story: Room) -> None:
    """Row 2 was in the first version alone, row 1 in all; a changed row counts where it was so."""
    with_it = {"all", "again", "alone"}
    assert users(story, ROOT, "id=2") == with_it
    assert users(story, "HEAD:train/labels.csv", "id=2") == with_it
    assert users(story, "train/labels.csv", "id=2") == with_it
    assert users(story, ROOT, "2") == with_it
    assert users(story, ROOT, "id=1") == EVERY
    assert users(story, ROOT, "id=3", "label=cat") == with_it
    assert users(story, ROOT, "id=3", "label=dog") == {"less"}
    found = json.loads(story.do("lineage", "--uses", ROOT, "--row", "id=3", "--row", "label=dog", "--json"))
    assert {run["name"] for run in found["there"]["runs"]} == {"alone", "others"}
    assert users(story, ROOT, "note=two\nlines") == with_it
    assert users(story, ROOT, "id=9") == set()


def test_who_stands_on_it(story: Room) -> None:
    """Releases too; it is told how many versions were read, each once, and people see which have the row."""
    found = json.loads(story.do("lineage", "--uses", ROOT, "--row", "2", "--json"))

    assert [each["release"] for each in found["releases"]] == ["pets@1"]
    assert len(found["contents"]) == 1
    assert found["looked_at"]["versions"] == 2
    lines = story.do("lineage", "--uses", ROOT, "--row", "9").splitlines()
    assert lines[0] == "0 of 2 versions have the row"
    assert lines[1].startswith("none of 5 runs")
    with Repo.open(story.work) as repo:
        assert {each.run.record.name for each in repo.users_of(ROOT, {"id": 2}).runs if each.run} == {
            "all", "again", "alone",
        }  # fmt: skip


def test_kinds_of_tables(story: Room) -> None:
    """Lines of JSON, Parquet and tabs; numbers are numbers however they are written."""
    assert "others" in users(story, "v1:lines.jsonl", "id=2", "text=x")
    assert "others" in users(story, "v1:lines.jsonl", "id=4.50", "ok=true")
    assert users(story, "v1:lines.jsonl", "id=2", "ok=true") == set()
    assert "others" in users(story, "v1:t.parquet", "id=1", "score=5e-1")
    assert users(story, "v1:t.parquet", "id=2", "score=0.5") == set()
    assert "others" in users(story, "v1:pairs.tsv", "1", "2")
    assert users(story, "v1:pairs.tsv", "2", "1") == set()
    assert users(story, "v1:pairs.tsv", "3", "4") == set()
    there = json.loads(story.do("lineage", "--uses", "v1:pairs.tsv", "--row", "3", "--row", "4", "--json"))[
        "there"
    ]
    assert {run["name"] for run in there["runs"]} == {"less", "alone", "others"}


def test_what_cannot_be_asked(story: Room) -> None:
    """No table, no key, no such column, a folder, a hub: each is said."""
    for arguments, said in (
        ((ROOT, "--row", "colour=red"), "no version of labels.csv has a column colour"),
        (("v1:lines.jsonl", "--row", "2"), "v1:lines.jsonl has no key"),
        (("v1:pairs.tsv", "--row", "1"), "the key of v1:pairs.tsv has 2 columns"),
        ((ROOT, "--row", "id=1", "--row", "cat"), "not a value of a row: cat"),
        ((ROOT, "--row", "id=1", "--row", "id=2"), "not a value of a row: id=2"),
        (("v1:notes.txt", "--row", "id=1"), "notes.txt is no table"),
        (("v1:train", "--row", "id=1"), "train is a folder"),
        ((ROOT, "--row", "id=1", "--remote", "https://h/a/b"), "a hub reads no tables"),
    ):
        result = story.run("lineage", "--uses", *arguments)
        assert result.code == 2
        assert said in result.err
    assert story.run("lineage", "last", "--row", "id=1").code == 2


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("t.csv", b"id\n\xff\xfe\n"),
        ("t.jsonl", b'{"id": 1}\nnonsense\n'),
        ("t.jsonl", b"[1]\n"),
        ("t.jsonl", b"[" * 100_000),
        ("t.parquet", b"PAR1 and no more"),
    ],
)
def test_versions_that_cannot_be_read(room: Room, name: str, bad: bytes, tmp_path: Path) -> None:
    """They are told of, and hide no others."""
    room.inside = True
    room.do("init", "-q")
    good = {"t.csv": b"id\n7\n", "t.jsonl": b'{"id": 7}\n', "t.parquet": parquet(tmp_path, id=[7])}
    commit(room, "Bad", {name: bad})
    train(room, "bad", f"t=HEAD:{name}")
    commit(room, "Good", {name: good[name]})
    train(room, "good", f"t=HEAD:{name}")

    shown = room.run("lineage", "--uses", name, "--row", "id=7", "--json")

    assert [run["name"] for run in json.loads(shown.out)["runs"]] == ["good"]
    assert f"{name} " in shown.err
    assert "cannot be read" in shown.err


def test_values_as_they_are_written() -> None:
    """Texts by their letters, numbers by their value; what is not there is never meant."""
    same: list[tuple[object, str]] = [
        ("07", "07"), (7, "7"), (7, "7.0"), (0.5, ".5"), (True, "true"), (b"a", "a"),
    ]  # fmt: skip
    other: list[tuple[object, str]] = [
        ("07", "7"), (7, "07x"), (None, ""), (None, "None"), (True, "1"), (1.0, "nan"), (10, "1_0"),
    ]  # fmt: skip
    assert [is_written(*each) for each in same] == [True] * len(same)
    assert [is_written(*each) for each in other] == [False] * len(other)
    assert parse_row(["a=b=c"], None, "t") == {"a": "b=c"}
    for words, key in ((["=1"], None), (["1"], ""), (["1", "2"], "id")):
        with pytest.raises(InvalidInput):
            parse_row(words, key, "t")
