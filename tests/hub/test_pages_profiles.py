"""Profiles on the page of a release: drawn where they are of our form, whatever somebody wrote into them."""

import io
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.hub.test_pages import look
from tests.support.hub import HubRoom
from tests.support.records import put

from tether.core.digest import hash_bytes
from tether.core.jsondoc import canonical
from tether.core.names import release_ref
from tether.errors import Corrupt, Unsupported
from tether.pages.records.profiled import MOST_BYTES, drawn
from tether.releases.manifest import MANIFEST, Creator, Data, Manifest, Profile
from tether.releases.profiles.making import Item, make_profile

EVIL = "<script>alert(1)</script>"
PART: dict[str, Any] = {"kind": "file", "digest": "ab" * 32, "files": 1, "bytes": 7}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubRoom]:
    """Return a hub with a repository of ada's."""
    made = HubRoom(tmp_path_factory.mktemp("profiles") / "hub", signup="open")
    made.repository(made.user("ada"), "ada/x")
    yield made
    made.close()


def document() -> Any:
    """Return a profile as JSON has it, of data with hostile names."""
    rows = "".join(f"{EVIL if n % 3 else 'b&b'},{n % 30}\n" for n in range(60)).encode()
    files = {f"{EVIL}/a.csv": b"label,<i>n</i>\n" + rows, "b.parquet": EVIL.encode()}
    items = [
        Item(path, len(data), partial(io.BytesIO, data), partial(hash_bytes, data))
        for path, data in files.items()
    ]
    return msgspec.to_builtins(make_profile(items, folder=True))


def page(room: HubRoom, version: str, *profiles: bytes) -> str:
    """Push a release with profiles, and return its page."""
    files = {f"profiles/{at}.json": data for at, data in enumerate(profiles)}
    made = Manifest(
        name="spam",
        version=version,
        created="2026-11-01T10:00:00",
        creator=Creator(name="ada", email=""),
        data=(Data(path="data/train/d", role="train", name="train", included=False, **PART),),
        profiles=tuple(Profile(path=path, data=f"data/train/{EVIL}", **PART) for path in files),
    )
    put(room, release_ref("spam", version), {MANIFEST: made.encode(), **files})
    reply = look(room, f"/ada/x/releases/spam/{version}")
    assert reply.status == 200, reply.body[-1500:].decode()
    return reply.body.decode()


def test_labels_and_numbers_are_drawn(room: HubRoom) -> None:
    """Bars of labels, a drawing a column, and what was not read; names are escaped."""
    shown = page(room, "1", canonical(document()))

    assert '<svg class="portion"' in shown
    assert '<svg class="spread"' in shown
    assert "60 rows, 2 columns" in shown
    assert "66.7 %" in shown
    assert "b&amp;b" in shown
    assert "1 file could not be read" in shown
    assert EVIL not in shown
    assert "<i>n</i>" not in shown


def test_other_documents_are_facts(room: HubRoom) -> None:
    """What is of another form is listed as before; what is too large, or damaged, is left to its file."""
    large = b'{"a": "' + b"9" * MOST_BYTES + b'"}'
    shown = page(room, "2", b'{"version": 1, "mean": 5}', large, b"\xff{", b"[" * 9999)

    assert "<dt>mean</dt>" in shown
    assert shown.count('aria-label="Profile of') == 1
    assert '<svg class="spread"' not in shown


def hostile() -> Iterator[tuple[str, Any]]:
    """Yield profiles that no command writes, by what is wrong with them."""

    def changed(name: str, value: Any) -> Any:
        found = document()
        found["tables"][0]["columns"][1]["numbers"][name] = value
        return found

    yield "a huge integer", changed("max", 10**400)
    yield "no finite number", changed("mean", 1.797e308)
    yield "quantiles", changed("quantiles", [1.0])
    yield "a negative count", changed("bins", {"drop": 0, "keys": [1, 1], "counts": [1, -1]})
    yield "keys that go down", changed("bins", {"drop": 0, "keys": [5, -1], "counts": [1, 1]})
    yield "bits past the end", changed("bins", {"drop": 60, "keys": [0, 1 << 40], "counts": [1, 1]})
    yield "unequal columns", changed("bins", {"drop": 0, "keys": [1], "counts": []})
    yield "too many bins", changed("bins", {"drop": 0, "keys": [1] * 257, "counts": [1] * 257})
    yield "too deep", changed("bins", {"drop": 63, "keys": [0], "counts": [1]})
    rows = document()
    rows["tables"][0]["rows"] = 1 << 63
    yield "more rows than there are", rows
    yield "another version", document() | {"version": 2}
    yield "another format", document() | {"format": "x"}


def test_what_no_command_writes_is_refused() -> None:
    """Bounds of all numbers are checked before anything is drawn."""
    drawn(json.dumps(document()).encode())
    for what, found in hostile():
        try:
            drawn(json.dumps(found).encode())
        except (Corrupt, Unsupported):
            continue
        pytest.fail(what)


def test_a_page_draws_so_much() -> None:
    """Of very many columns and values some are shown, and how many are not."""
    found = document()
    column = found["tables"][0]["columns"][0]
    many = {"values": [[f"v{n}" * 60, 1] for n in range(900)], "more": 0, "count": 0}
    found["tables"][0]["columns"] = [
        column | {"name": f"c{n}" * 80, "values": many if n < 7 else None} for n in range(400)
    ]
    shown = drawn(json.dumps(found).encode())

    assert (len(shown.rows), shown.more) == (100, 300)
    assert len(shown.counted) == 5
    assert (len(shown.counted[0].values), shown.counted[0].more) == (25, 875)
    assert max(len(each.name) for each in shown.counted[0].values) == 80


def test_what_is_not_counted_further_is_told(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a profile says "at least", its page does."""
    monkeypatch.setattr("tether.releases.profiles.bounded.MOST_DIFFERENT", 30)
    monkeypatch.setattr("tether.releases.profiles.making.MOST_DIFFERENT", 30)
    items = [
        Item(f"f{n:02}/a.csv", 4, partial(io.BytesIO, f"c{n}\n1\n".encode()), partial(hash_bytes, b""))
        for n in range(60)
    ]
    some, every = (make_profile(items[:most], folder=True).encode() for most in (30, 60))

    exact, least = page(room, "some", some), page(room, "every", every)

    assert "At least" not in exact
    assert "5 more values are not shown" in exact
    assert "At least 6 more values are not shown" in least
    assert "At least 30 more rows are not shown" in least


def test_a_page_draws_so_much_of_all_profiles(room: HubRoom) -> None:
    """The rows of all profiles together are bounded, and of each it is said how many are left out."""
    found = document()
    column = found["tables"][0]["columns"][1]
    found["tables"][0]["columns"] = [column | {"name": f"c{n}"} for n in range(60)]
    shown = page(room, "3", *[canonical(found)] * 3)

    assert shown.count('<th scope="row">c') == 60 + 39  # the 61st row of the first are the files
    assert shown.count('aria-label="Profile of') == 3
    assert "21 more rows are not shown" in shown
    assert "60 more rows are not shown" in shown


def test_bins_are_put_into_buckets() -> None:
    """Each number counts once, whether bins are single numbers or wide, on both sides of zero."""
    found = document()
    numbers = found["tables"][0]["columns"][1]["numbers"]
    numbers |= {"min": -4.0, "max": 4.0, "quantiles": []}
    one, four = 0x3FF0_0000_0000_0000, 0x4010_0000_0000_0000
    wide = one >> 51  # from 1 to 1.5
    for bins, expected in (
        ({"drop": 0, "keys": [0, one], "counts": [3, 1]}, {12: 3, 15: 1}),
        ({"drop": 0, "keys": [four], "counts": [2]}, {23: 2}),
        ({"drop": 51, "keys": [-wide, 2 * wide], "counts": [9, 9]}, {7: 3, 8: 6, 15: 6, 16: 3}),
    ):
        numbers["bins"] = bins
        drawing = drawn(json.dumps(found).encode()).rows[1].drawing
        assert drawing is not None
        most = max(expected.values())
        tall = {round(bar.x / 4): bar.height / 24 * most for bar in drawing.bars}
        assert tall == pytest.approx(expected), bins


def test_ends_that_are_far_apart_are_drawn_from_the_middle() -> None:
    """And numbers that lie too far apart for any drawing have none."""
    found = document()
    numbers = found["tables"][0]["columns"][1]["numbers"]
    numbers["max"] = 10**12
    [_, row, *_] = drawn(json.dumps(found).encode()).rows
    assert row.drawing is not None
    assert "from 1 % to 99 %" in row.drawing.said
    assert all(0 < bar.height <= 24 and 0 <= bar.x < 96 for bar in row.drawing.bars)
    numbers |= {"min": -1.7e308, "max": 1.7e308, "quantiles": []}
    assert drawn(json.dumps(found).encode()).rows[1].drawing is None
