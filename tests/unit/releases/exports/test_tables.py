"""The columns of tables, beside what pyarrow wrote and what people write by hand."""

import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.errors import InvalidInput
from tether.releases.exports import parquet
from tether.releases.exports.tables import Table, read_table


def read(text: str | bytes, ending: str = "csv") -> Table | None:
    """Return what is in a text."""
    data = text.encode() if isinstance(text, str) else text
    return read_table(ending, io.BytesIO(data), len(data))


def kinds(found: Table | None) -> dict[str, str]:
    """Return the kinds of columns by name."""
    assert found is not None
    return dict(found.columns)


def test_a_column_has_the_narrowest_kind_that_all_values_have() -> None:
    """One value of another sort is enough, wherever it is."""
    found = read('id,score,ok,name,code\n1,0.5,true,Ada,007\n2,1,false,"B, C",8\n,2e3,true,1,9\n')

    assert kinds(found) == {
        "id": "integer",
        "score": "float",
        "ok": "boolean",
        "name": "text",
        "code": "text",
    }
    assert found is not None
    assert (found.rows, found.left_out) == (3, 0)


def test_a_boolean_with_gaps_is_text() -> None:
    """Readers that know no gap would take the word for true."""
    assert kinds(read('ok\ntrue\n""\n')) == {"ok": "text"}


@pytest.mark.parametrize(
    "text",
    ["", "1,2\n3,4\n", "a,a\n1,2\n", "a,b\n1\n", 'a\n"1\n', b"a\n\xff\n"],
    ids=["empty", "no header", "two of one name", "short row", "open quote", "not UTF-8"],
)
def test_what_is_no_table_with_a_header_is_none(text: str | bytes) -> None:
    """Nothing is made up for it."""
    assert read(text) is None


def test_columns_without_a_name_are_counted() -> None:
    """The first column that pandas writes has none."""
    found = read(",name\n0,Ada\n")

    assert kinds(found) == {"name": "text"}
    assert found is not None
    assert found.left_out == 1


def test_lines_of_json_have_the_keys_of_all_lines() -> None:
    """Values inside values are left out, and whole numbers beside others are numbers."""
    text = '{"a": 1, "b": "x", "c": [1]}\n\n{"a": 2.5, "d": true, "b": null}\n'
    found = read(text, "jsonl")

    assert kinds(found) == {"a": "float", "b": "text", "d": "boolean"}
    assert found is not None
    assert (found.rows, found.left_out) == (2, 1)
    assert read("[1]\n", "jsonl") is None


def parquet_bytes(tmp_path: Path) -> bytes:
    """Return a file with columns of many types."""
    columns = {
        "whole": pa.array([1, 2], pa.int64()),
        "small": pa.array([1, 2], pa.uint8()),
        "real": pa.array([1.5, None], pa.float32()),
        "flag": pa.array([True, False]),
        "text": pa.array(["a", "ü"]),
        "day": pa.array([date(2026, 1, 1), None], pa.date32()),
        "moment": pa.array([datetime(2026, 1, 1), None], pa.timestamp("us")),
        "bytes": pa.array([b"a", b"b"], pa.binary()),
        "money": pa.array([Decimal("1.50"), None], pa.decimal128(5, 2)),
        "list": pa.array([[1], [2, 3]], pa.list_(pa.int64())),
        "inside": pa.array([{"x": 1, "y": "a"}, None]),
        "last": pa.array(["x", "y"], pa.large_string()),
    }
    path = tmp_path / "all.parquet"
    pq.write_table(pa.table(columns), path)
    return path.read_bytes()


def test_the_footer_of_parquet_tells_columns_and_rows(tmp_path: Path) -> None:
    """Types of pyarrow come back as kinds; what has no plain value is left out."""
    found = read(parquet_bytes(tmp_path), "parquet")

    assert kinds(found) == {
        "whole": "integer",
        "small": "integer",
        "real": "float",
        "flag": "boolean",
        "text": "text",
        "day": "date",
        "moment": "date",
        "last": "text",
    }
    assert found is not None
    assert (found.rows, found.left_out) == (2, 4)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_footer_ends_in_a_table_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever byte is another one, nothing else is raised."""
    whole = _WHOLE.setdefault("", parquet_bytes(tmp_path_factory.mktemp("p")) if not _WHOLE else b"")
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    try:
        found = parquet.footer(io.BytesIO(changed), len(changed))
        list(parquet.columns(found))
        parquet.rows(found)
    except InvalidInput:
        pass


_WHOLE: dict[str, bytes] = {}
