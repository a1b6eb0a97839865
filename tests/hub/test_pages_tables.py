"""Tables on pages: by pages of rows, sorted, filtered, and what hostile files and readers try."""

import io
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom

from tether.errors import InvalidInput
from tether.pages.tables import engine
from tether.pages.tables.onefile import OneFile

HTML = {"accept": "text/html"}
COUNT = 1000


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    """Return a Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


BIRDS = {
    "id": list(range(COUNT)),
    "label": [("cat", "dog", "<b>owl</b>")[number % 3] for number in range(COUNT)],
    "score": [None if number == 5 else number / 7 for number in range(COUNT)],
    "box": [{"x": number, "y": [1, 2]} for number in range(COUNT)],
    "image": [{"bytes": b"\x89PNG" + bytes(96), "path": "a.png"} for number in range(COUNT)],
    'odd "name"': ["x" * 3000] * COUNT,
}
NOISE = random.Random(1)
LARGE = parquet({"x": [NOISE.random() for _ in range(200_000)]}, row_group_size=25_000, use_dictionary=False)
WHOLE = parquet(BIRDS, row_group_size=250)
FILES = {
    b"birds.parquet": WHOLE,
    b"large.parquet": LARGE,
    b"cut.parquet": WHOLE[: len(WHOLE) // 2],
    b"lies.parquet": WHOLE[:-8] + b"\xff\xff\xff\x7fPAR1",
    b"wide.parquet": parquet({f"c{number}": [number] for number in range(700)}),
    b"birds.csv": b"id,label\n" + b"".join(b"%d,%s\n" % (n, b"owl" if n % 2 else b"jay") for n in range(300)),
    b"line.csv": b"a,b\n" + b"x" * 3_000_000,
    b"birds.jsonl": b'{"id": 1, "tags": ["a"]}\n{"id": 2, "tags": null}\n',
    b"broken.jsonl": b'{"id": 1}\n{"id": \n',
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubRoom]:
    """Return a hub with ada/tables, which these tests only read."""
    room = HubRoom(tmp_path_factory.mktemp("tables") / "hub")
    room.repository(room.user("ada"), "ada/tables")
    with closing(open_hosted(room, "ada/tables")) as repository:
        commit_paths(repository, FILES)
    yield room
    room.close()


def page(hub: HubRoom, name: str, **asked: str) -> str:
    """Return the page of a file."""
    query = f"?{urlencode(asked)}" if asked else ""
    reply = hub.call("GET", f"/ada/tables/file/main/{name}{query}", headers=HTML)
    assert reply.status == 200
    return reply.body.decode()


def rows(text: str) -> list[int]:
    """Return the numbers of the rows on a page."""
    return [number for number in range(COUNT) if f'id="r{number}"' in text]


def test_a_page_of_rows(hub: HubRoom) -> None:
    """Sums from the footer, values of every kind, cut and escaped; the next page follows."""
    shown = page(hub, "birds.parquet")

    assert rows(shown) == list(range(100))
    assert rows(page(hub, "birds.parquet", first="900")) == list(range(900, 1000))
    assert rows(page(hub, "birds.parquet", row="234")) == list(range(200, 300))
    assert "1,000 rows" in shown
    assert "&lt;b&gt;owl" in shown
    assert "<b>owl" not in shown
    assert '<td class="null">null</td>' in shown
    assert "{&#34;x&#34;:7,&#34;y&#34;:[1,2]}" in shown
    assert "100 B of bytes" in shown
    assert "x" * 1000 + "..." in shown
    assert "x" * 1001 not in shown


def test_rows_are_sorted_and_filtered(hub: HubRoom) -> None:
    """By any column, with missing values at the end; a value is text whatever stands in it."""
    falling = page(hub, "birds.parquet", sort="id", falling="1")
    assert falling.index(">999<") < falling.index(">998<")
    assert '<td class="null">' not in page(hub, "birds.parquet", sort="score", falling="1")

    assert ">12<" in page(hub, "birds.parquet", column="id", operator="eq", value="12")
    assert "Rows 0 to 99" in page(hub, "birds.parquet", column="label", operator="has", value="OWL")
    assert "No row fits" in page(hub, "birds.parquet", column="id", operator="gt", value="no number")
    assert "No row fits" in page(hub, "birds.parquet", column="label", operator="eq", value="' OR 1=1 --")
    assert "has no column" in page(hub, "birds.parquet", sort="id FROM x; --")
    assert "have parts" in page(hub, "birds.parquet", column="box", operator="eq", value="1")
    assert rows(page(hub, "birds.parquet", sort='odd "name"')) == []  # sorted rows have no numbers


@pytest.mark.parametrize(("name", "has"), [("birds.csv", ">jay<"), ("birds.jsonl", "[&#34;a&#34;]")])
def test_tables_of_text(hub: HubRoom, name: str, has: str) -> None:
    """They are tables too, and their text is one click away."""
    assert has in page(hub, name)
    assert 'id="L1"' in page(hub, name, plain="1")


@pytest.mark.parametrize("name", ["cut.parquet", "lies.parquet", "line.csv", "broken.jsonl"])
def test_what_cannot_be_read_says_so(hub: HubRoom, name: str) -> None:
    """The page is there, with the reason and the download, and tells nothing of the machine."""
    shown = page(hub, name)

    assert "cannot be read" in shown
    assert "save=1" in shown
    assert "tether-table" not in shown


def test_wide_tables_are_cut(hub: HubRoom) -> None:
    """So many columns are shown, and the rest counted."""
    assert "200 more columns are not shown" in page(hub, "wide.parquet")


def test_only_what_a_page_needs_is_read(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """The footer and one group of rows of eight, wherever the page is."""
    read = 0

    class Counted(OneFile):
        def __init__(self, opened: Any, size: int) -> None:
            def counting() -> Any:
                file = opened()
                inner = file.readinto

                def readinto(buffer: Any) -> int:
                    nonlocal read
                    got: int = inner(buffer)
                    read += got
                    return got

                file.readinto = readinto
                return file

            super().__init__(counting, size)

    monkeypatch.setattr(engine, "OneFile", Counted)
    for first in ("0", "180000"):
        read = 0
        page(hub, "large.parquet", first=first)
        assert 0 < read < len(LARGE) / 3


def test_a_page_takes_limited_time(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for too much is told what to do."""
    monkeypatch.setattr(engine, "SECONDS", 0.0)

    assert "too large for that here" in page(hub, "birds.parquet", sort="score")


def test_a_query_is_stopped_also_if_it_begins_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt that comes between two queries is lost, and another one stops the next."""
    monkeypatch.setattr(engine, "SECONDS", 0.0)
    with (
        pytest.raises(InvalidInput, match="too large for that here"),
        engine._connected(lambda: io.BytesIO(b""), 0) as limited,
    ):
        limited.connection.execute("SELECT sum(a.i + b.i) FROM range(10000000) a(i), range(10000000) b(i)")


def test_the_engine_sees_nothing_else(tmp_path: Path) -> None:
    """No file of the machine, no network, no other setting, though its SQL were somebody's."""
    (tmp_path / "secret.csv").write_text("secret\n1\n")
    with engine._connected(lambda: io.BytesIO(b""), 0) as connection:
        for query in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
            "SET memory_limit='100GB'",
            "INSTALL httpfs",
            "LOAD httpfs",
            f"ATTACH '{tmp_path}/other.db'",
        ):
            with pytest.raises(Exception, match=r"(?i)disabled|lock|configuration|extension|permission|not"):
                connection.execute(query).fetchall()
    assert [each.name for each in tmp_path.iterdir()] == ["secret.csv"]
