"""Profiles of files: the same however the rows are written, and nothing told that single rows would show."""

import csv
import io
import json
import os
import pickle
import random
import subprocess
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tether.cli.render_profile import profile_lines
from tether.cli.style import Style
from tether.core.digest import hash_bytes
from tether.errors import InvalidInput, Unsupported
from tether.releases.profiles import arrays, bounded, making, pictures, reading
from tether.releases.profiles.document import Column, Counts, Profile
from tether.releases.profiles.making import Item, make_profile

ROWS = 1200


def profiled(files: Mapping[str, bytes], labels: Iterable[str] = (), *, folder: bool = True) -> Profile:
    """Return the profile of files in memory."""
    items = [
        Item(path, len(data), partial(io.BytesIO, data), partial(hash_bytes, data))
        for path, data in files.items()
    ]
    return make_profile(items, labels, folder=folder)


def alone(name: str, data: bytes, labels: Iterable[str] = ()) -> Profile:
    """Return the profile of one file."""
    return profiled({name: data}, labels, folder=False)


def columns(found: Profile) -> dict[str, Column]:
    """Return the columns of the one table."""
    [table] = found.tables
    return {each.name: each for each in table.columns}


def rows() -> pa.Table:
    """Return a table with a column of each sort."""
    random = np.random.default_rng(1)
    return pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "size": random.normal(size=ROWS),
            "kind": random.choice(["owl", "emu", "kea"], ROWS),
            "Label": random.integers(0, 7, ROWS),
            "words": [f"about number {n}" for n in range(ROWS)],
            "maybe": [None if n % 10 == 0 else n % 4 for n in range(ROWS)],
        }
    )


def as_parquet(table: pa.Table, group: int = ROWS) -> bytes:
    """Return a table as a file with row groups of a size."""
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=group)
    return out.getvalue()


def as_csv(table: pa.Table) -> bytes:
    """Return a table as separated values."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.column_names)
    writer.writerows([["" if each is None else each for each in row.values()] for row in table.to_pylist()])
    return out.getvalue().encode()


def test_rows_count_and_not_how_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups, formats and blocks give the same bytes; so do parts of a table in several files."""
    table = rows()
    whole = alone("a.parquet", as_parquet(table)).encode()

    assert alone("b.parquet", as_parquet(table, 77)).encode() == whole
    assert alone("a.csv", as_csv(table)).encode() == whole
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()
    assert alone("a.jsonl", lines).encode() == whole
    monkeypatch.setattr(reading, "_LINES", 111)
    monkeypatch.setattr(reading, "_BLOCK", 9000)
    assert alone("a.jsonl", lines).encode() == whole
    assert alone("a.csv", as_csv(table)).encode() == whole
    parts = {f"{n}.parquet": as_parquet(table.slice(n * 400, 400), 100) for n in range(3)}
    [together] = profiled(parts).tables
    assert together.files == 3
    assert together.columns == Profile.decode(whole).tables[0].columns
    assert profiled(dict(reversed(parts.items()))).encode() == profiled(parts).encode()


def test_columns_are_told_by_what_they_hold() -> None:
    """Types, distinct values, nulls; values of few, and of labels by their names in any case."""
    found = columns(alone("a.parquet", as_parquet(rows())))

    assert {name: (each.kind, each.distinct, each.nulls) for name, each in found.items()} == {
        "id": ("integer", ROWS, 0),
        "size": ("float", ROWS, 0),
        "kind": ("text", 3, 0),
        "Label": ("integer", 7, 0),
        "words": ("text", ROWS, 0),
        "maybe": ("integer", 4, 120),
    }
    assert found["Label"].label
    assert found["Label"].values is not None
    assert sum(count for _, count in found["Label"].values.values) == ROWS
    assert found["kind"].values is not None
    assert not found["kind"].label
    assert found["size"].numbers is not None
    assert found["size"].numbers.mean == pytest.approx(float(np.mean(rows()["size"].to_numpy())))


def test_what_single_rows_would_show_is_not_told() -> None:
    """Keys, texts and rare values: not their values, not their range; a label that is asked for is told."""
    data = as_parquet(rows().slice(0, 40))
    found = alone("a.parquet", data)

    told = columns(found)
    assert told["id"].numbers is None
    assert told["id"].values is told["words"].values is told["size"].values is None
    assert told["words"].lengths is not None
    assert b"about number" not in found.encode()
    assert told["size"].numbers is not None
    assert told["size"].numbers.bins is not None
    assert len(told["size"].numbers.bins.keys) <= 8
    asked = columns(alone("a.parquet", data, ["words"]))["words"]
    assert asked.values is not None
    assert len(asked.values.values) == 40
    long = "a secret " * 20
    assert long.encode() not in alone("a.csv", f"note\n{f'{long}{chr(10)}' * 50}".encode()).encode()
    with pytest.raises(InvalidInput, match="no table has a column nothing"):
        alone("a.parquet", data, ["nothing"])


def test_the_number_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound it is said that there are more, in any order."""
    monkeypatch.setattr("tether.releases.profiles.columns.MOST_DISTINCT", 100)
    found = columns(alone("a.parquet", as_parquet(rows(), 50)))["words"]

    assert (found.distinct, found.more_than) == (None, 100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n1\n+2\n\n", ("integer", 2)),
        ("a\n1\n2.5e3\n", ("float", 2)),
        ("a\n007\n8\n", ("text", 2)),
        ("a\n1\nn/a\n", ("text", 2)),
        ('a,b\n"x, ""y""\nz",2\n', ("text", 1)),
        ("a,b\n", ("empty", 0)),
        ("a,b", ("empty", 0)),
        ("a,b\n1,2", ("integer", 1)),
        ("1,2\n3,4\n", ("integer", 2)),
        ("a,a\n1,x\n2,y\n", ("integer", 2)),
    ],
)
def test_separated_values(text: str, expected: tuple[str, int]) -> None:
    """The first column is numbers only where all of it is; headings, quotes and blanks are borne."""
    [table] = alone("a.csv", text.encode()).tables

    assert (table.columns[0].kind, table.rows if table.columns[0].kind != "empty" else 0) == expected


def test_values_of_lines_and_structures() -> None:
    """Nested values, lists, times and values of several types are told as such."""
    lines = b'{"a": [1, 2.5], "b": {"c": 1}}\n{"a": [], "d": 1}\n{"d": "x", "e": true}\n{"f": 1e400}\n'
    assert alone("a.jsonl", lines).damaged.count == 1  # no float is as large
    found = columns(alone("a.jsonl", lines.replace(b'{"f": 1e400}\n', b'{"f": ' + b"9" * 30 + b"}")))

    assert {name: each.kind for name, each in found.items()} == {
        "a": "list", "b": "nested", "d": "mixed", "e": "boolean", "f": "float",
    }  # fmt: skip
    assert found["a"].items is not None
    assert (found["a"].items.count, found["b"].nulls) == (2, 3)
    made = pa.table(
        {
            "at": pa.array([0, 2_000_000] * 20, pa.timestamp("us")),
            "box": pa.array([{"x": 1.5, "name": "n"}] * 40),
            "raw": pa.array([b"12", b"1"] * 20),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(120.0)), 3),
        }
    )
    told = columns(alone("a.parquet", as_parquet(made)))
    assert {name: each.kind for name, each in told.items()} == {
        "at": "time", "box.x": "float", "box.name": "text", "raw": "bytes", "vector": "list",
    }  # fmt: skip
    assert told["at"].numbers is not None
    assert told["at"].numbers.max == 2.0
    assert told["vector"].items is not None
    assert told["vector"].items.max == 119.0


class Evil:
    """Runs something when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch gotcha",)


def test_pickles_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array of objects has a shape and no numbers; a pickle is of no form that is read."""
    monkeypatch.chdir(tmp_path)
    out = io.BytesIO()
    np.savez(out, labels=np.array([0, 1, 1, 1]), objects=np.array([Evil(), 1], object))
    found = profiled({"a.npz": out.getvalue(), "b.pkl": pickle.dumps(Evil())})

    assert [(each.name, each.dtype, each.numbers is None) for each in found.arrays] == [
        ("labels", "I64", False), ("objects", "O", True),
    ]  # fmt: skip
    assert found.arrays[0].values is not None
    assert found.arrays[0].values.values == (("1", 3), ("0", 1))
    assert found.files is not None
    assert (found.files.count, found.files.read) == (2, 1)
    assert not (tmp_path / "gotcha").exists()


def test_many_arrays_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, type and shape of a row, once they are too many to be told one by one."""

    def array(values: Any) -> bytes:
        out = io.BytesIO()
        np.save(out, np.asarray(values, np.float32))
        return out.getvalue()

    files = {f"{n}.npy": array([[n, n + 1.0]] * 3) for n in range(4)} | {"z.npy": array([1.0])}
    assert [each.path for each in profiled(files).arrays] == [*files]
    monkeypatch.setattr(making, "MOST_NAMED", 3)
    found = profiled(files).arrays

    assert [(each.path, each.files, each.rows, each.shape) for each in found] == [
        (None, 1, 1, ()), (None, 4, 12, (2,)),
    ]  # fmt: skip
    assert found[1].numbers is not None
    assert (found[1].numbers.count, found[1].numbers.mean) == (24, 2.0)


def test_only_what_is_told_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder of tables, arrays and damage that all differ no more is held than a profile tells."""
    held: list[weakref.ref[Any]] = []
    most: list[int] = []

    def watched(read: Any, *found: Any) -> Any:
        made = read(*found)
        held.extend(map(weakref.ref, made if isinstance(made, list) else [made]))
        return made

    def items() -> Iterator[Item]:
        for n in range(12):
            out = io.BytesIO()
            np.save(out, np.zeros((2, 12 - n)))
            files = {
                f"{n:02}.csv": b"a%d\n1\n" % n,
                f"{n:02}.npy": out.getvalue(),
                f"{11 - n:02}.parquet": b"",
            }
            for path, data in files.items():
                yield Item(path, len(data), partial(io.BytesIO, data), partial(hash_bytes, data))
            most.append(sum(each() is not None for each in held))

    for name in ("MOST_TABLES", "MOST_ARRAYS", "MOST_NAMED", "MOST_DAMAGED"):
        monkeypatch.setattr(making, name, 2)
    monkeypatch.setattr(reading, "read_table", partial(watched, reading.read_table))
    monkeypatch.setattr(arrays, "read_arrays", partial(watched, arrays.read_arrays))
    found = make_profile(items(), ["a11"], folder=True)

    assert max(most) <= 2 * 2 + 2  # and those that were read just now
    assert [each.columns[0].name for each in found.tables] == ["a0", "a1"]
    assert [each.shape for each in found.arrays] == [(1,), (10,)]
    assert (found.more_tables, found.more_arrays, found.at_least) == (10, 10, False)
    assert (found.damaged.count, [each.path for each in found.damaged.files]) == (
        12, ["00.parquet", "01.parquet"],
    )  # fmt: skip
    assert b"at_least" not in found.encode()
    with pytest.raises(InvalidInput, match="no table has a column a12"):
        make_profile(items(), ["a11", "a12"], folder=True)
    monkeypatch.setattr(bounded, "MOST_DIFFERENT", 3)
    found = make_profile(items(), folder=True)
    assert (found.more_tables, found.more_arrays, found.at_least) == (3, 3, True)
    assert Profile.decode(found.encode()) == found
    assert "and at least 3 tables with other columns" in [*profile_lines(Style(False), found)]


def test_which_folders_are_told_does_not_depend_on_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose names come first, with all of their files, however often others were counted between."""
    monkeypatch.setattr(making, "MOST_DIFFERENT", 3)
    paths = [f"{folder}/{number}.bin" for folder in "hgfedcba" for number in range(ord(folder) - 96)]
    told = []
    for seed in range(5):
        found = profiled(dict.fromkeys(paths, b""))
        assert found.files is not None
        assert found.files.folders == Counts((("c", 3), ("b", 2), ("a", 1)), 1, 4 + 5 + 6 + 7 + 8)
        assert found.at_least
        told.append(found.encode())
        random.Random(seed).shuffle(paths)
    assert len(set(told)) == 1


def picture(shade: int, side: int = 8, mode: str = "L") -> bytes:
    """Return a picture of one shade."""
    out = io.BytesIO()
    Image.new(mode, (side, side // 2), shade).save(out, "png")
    return out.getvalue()


def test_a_folder_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes of all, brightness of a sample that contents decide and names do not."""
    files = {f"{'cat' if n % 3 else 'dog'}/{n}.png": picture(n, 8 + n) for n in range(12)}
    found = profiled(files)
    assert found.files is not None
    assert found.files.folders.values == (("cat", 8), ("dog", 4))
    assert found.images is not None
    assert (found.images.count, found.images.decoded) == (12, 12)
    assert found.images.brightness.mean == 5.5
    assert (found.images.width.min, found.images.width.max) == (8, 19)

    monkeypatch.setattr(pictures, "SAMPLE", 5)
    some = profiled(files).images
    renamed = profiled({f"{n}.png": data for n, data in enumerate(reversed(files.values()))}).images
    assert some is not None
    assert some.decoded == 5
    assert some == renamed


def test_damaged_files_are_named_and_the_rest_is_read() -> None:
    """By reasons of ours, without a word of what is in them."""
    good = as_csv(rows().slice(0, 20))
    found = profiled(
        {
            "a.csv": good,
            "b.parquet": b"PAR1 no",
            "c.png": b"no picture",
            "d.png": picture(9)[:45],
            "e.jsonl": b'{"a": 1}\n{"a": secret}\n',
            "f.npy": b"\x93NUMPY",
            "g.txt": b"\xff\xfe\x00",
            "h.csv": b"a\n\xff\n",
            "i.npz": b"PK",
            "j.csv": b"",
        }
    )

    assert [each.path for each in found.damaged.files] == [
        "b.parquet", "c.png", "d.png", "e.jsonl", "f.npy", "g.txt", "h.csv", "i.npz",
    ]  # fmt: skip
    assert found.damaged.count == 8
    assert "secret" not in found.encode().decode()
    assert found.rows == 20
    with pytest.raises(Unsupported):
        alone("a.bin", b"1")


@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_any_damage_of_a_parquet_file_is_damage(compression: str) -> None:
    """Wherever a byte is another one, the file is read or named; no error of a library comes out."""
    out = io.BytesIO()
    pq.write_table(rows().slice(0, 50), out, compression=compression)
    whole = out.getvalue()
    damaged = 0
    for at in range(4, len(whole), 61):
        found = alone("a.parquet", whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        damaged += found.damaged.count
    assert damaged > 5


def test_nothing_is_said_of_damage_but_in_the_profile(capfd: pytest.CaptureFixture[str]) -> None:
    """Libraries write no word to the standard error."""
    out = io.BytesIO()
    Image.new("L", (9, 9)).save(out, "tiff")
    found = profiled({"a.csv": b"a,b\n1,2\n\xff,3,4\n", "b.tiff": out.getvalue()[:-20], "c.npz": b"PK\3\4"})

    assert found.damaged.count == 3
    assert capfd.readouterr() == ("", "")


def test_rows_of_another_length_are_left_out() -> None:
    """They are counted, and the others are read."""
    [table] = alone("a.csv", b"a,b\n1,2\n1\n1,2,3\n3,4\n").tables

    assert (table.rows, table.left_out) == (2, 2)


def test_processors_and_hash_seeds_do_not_matter(tmp_path: Path) -> None:
    """Another process with one thread and another seed writes the same bytes."""
    (tmp_path / "a.parquet").write_bytes(as_parquet(rows(), 100))
    code = (
        "import sys; from pathlib import Path; from tether.api.profiling import profile_of_path;"
        "sys.stdout.buffer.write(profile_of_path(Path('a.parquet')).encode())"
    )
    environ = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "OMP_NUM_THREADS": "1",
        "NPY_DISABLE_CPU_FEATURES": "AVX2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, check=True
    )

    assert done.stdout == alone("a.parquet", as_parquet(rows())).encode()
