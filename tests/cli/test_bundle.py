"""`tether bundle` carries commits in one file that clone and fetch take as an address."""

import random

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_a_whole_history_and_then_the_news(room: Room) -> None:
    """Clone from a full bundle, then fetch what is new from a small one; a changed bit is found."""
    room.ok("init", "a")
    (room.work / "a/data.bin").write_bytes(random.Random(1).randbytes(300_000))
    room.ok("-C", "a", "add", "-A")
    room.ok("-C", "a", "commit", "-m", "one", "-q")
    room.ok("-C", "a", "tag", "v1")
    full = room.json("-C", "a", "bundle", "create", "../full.bundle", "main", "v1")
    (room.work / "a/more.txt").write_text("more\n")
    room.ok("-C", "a", "add", "-A")
    room.ok("-C", "a", "commit", "-m", "two", "-q")
    news = room.json("-C", "a", "bundle", "create", "../news.bundle", "v1..main")

    early = room.run("clone", "news.bundle", "early")
    room.ok("clone", "-q", "full.bundle", "b")
    lacks = room.json("-C", "b", "bundle", "verify", "../news.bundle")
    room.ok("-C", "b", "remote", "set-url", "origin", str(room.work / "news.bundle"))
    fetched = room.json("-C", "b", "fetch")
    room.ok("-C", "b", "merge", "origin/main", "-q")

    assert [ref["name"] for ref in full["refs"]] == ["refs/heads/main", "refs/tags/v1"]
    assert full["bytes"] > 300_000
    assert news["bytes"] < 5000
    assert len(news["prerequisites"]) == 1
    assert (early.code, "builds on" in early.err or "needs commit" in early.err) == (3, True)
    assert lacks["ok"]
    assert fetched
    assert (room.work / "b/data.bin").read_bytes() == (room.work / "a/data.bin").read_bytes()
    assert (room.work / "b/more.txt").read_text() == "more\n"
    assert room.json("-C", "b", "fsck", "--full")["ok"]


def test_damage_and_wrong_names(room: Room) -> None:
    """One changed bit is found; a commit id is no ref; an existing file stays."""
    room.ok("init")
    room.write("data.bin", random.Random(1).randbytes(30_000))
    room.ok("add", "-A")
    tip = room.json("commit", "-m", "one")["id"]
    room.ok("bundle", "create", "x.bundle", "--all")
    data = bytearray((room.work / "x.bundle").read_bytes())
    data[10_000] ^= 1
    (room.work / "bad.bundle").write_bytes(data)
    (room.work / "cut.bundle").write_bytes(data[:-100])

    assert room.json("bundle", "verify", "x.bundle")["problems"] == []
    assert room.json("bundle", "verify", "bad.bundle", code=7)["ok"] is False
    assert room.run("bundle", "verify", "cut.bundle").code == 7
    assert room.run("bundle", "create", "y.bundle", tip).code == 2
    assert room.run("bundle", "create", "y.bundle", "nothing").code == 3
    assert room.run("bundle", "create", "x.bundle", "main").code == 4
    assert not list(room.work.glob(".*.tmp"))
