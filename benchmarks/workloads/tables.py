"""Workload C: one table as CSV and as Parquet; rows change, then a column comes."""

from pathlib import Path
from typing import Any

from benchmarks.deltas import ChangeWriter
from benchmarks.workloads import SEED
from benchmarks.workloads.require import require

ROWS, EDITED = 5_000_000, 1_000
FILES = ("table.csv", "table.parquet")


def generate(folder: Path, scale: float, jobs: int) -> dict[str, Any]:
    """Write three versions: the table; rows updated, inserted and removed; a column added."""
    del jobs  # the libraries use all cores by themselves
    arrow, numpy = require("pyarrow", "pyarrow"), require("numpy", "numpy")
    rows = max(20_000, round(ROWS * scale))
    edited = max(10, round(EDITED * scale))
    everything = orders(rows + edited)
    table, fresh = everything.slice(0, rows), everything.slice(rows)
    (folder / "v1").mkdir()
    write(table, [folder / "v1" / name for name in FILES])
    random = numpy.random.default_rng([SEED, 6])
    price = table["price"].to_numpy().copy()
    price[random.choice(rows // 2, edited, replace=False)] += 1.25
    table = table.set_column(table.schema.get_field_index("price"), "price", arrow.array(price.round(2)))
    half, late = rows // 2, rows // 4 * 3
    parts = [table.slice(0, half), fresh, table.slice(half, late - half), table.slice(late + edited)]
    table = arrow.concat_tables(parts).combine_chunks()
    save(folder / "v2", table)
    discount = arrow.array((random.random(table.num_rows) / 2).round(2))
    save(folder / "v3", table.append_column("discount", discount))
    return {
        "title": f"a table of {rows:,} rows x 12 columns, CSV and Parquet; 3 x {edited:,} rows edited",
        "versions": ["v1", "v2", "v3"],
        "sample": FILES[0],
        "touched": [],
    }


def save(version: Path, table: Any) -> None:
    """Record a version that rewrites both files."""
    change = ChangeWriter(version)
    write(table, [change.put(name) for name in FILES])
    change.close()


def write(table: Any, paths: list[Path]) -> None:
    """Write the table as CSV and as Parquet with the library's defaults."""
    csv, parquet = require("pyarrow.csv", "pyarrow"), require("pyarrow.parquet", "pyarrow")
    csv.write_csv(table, paths[0])
    parquet.write_table(table, paths[1], compression="snappy")


def orders(rows: int) -> Any:
    """Return a table of shop orders: keys, times, skewed categories, numbers and short titles."""
    arrow, numpy = require("pyarrow", "pyarrow"), require("numpy", "numpy")
    random = numpy.random.default_rng([SEED, 5])

    def skewed(exponent: float, limit: int) -> Any:
        return numpy.minimum(random.zipf(exponent, rows), limit) - 1

    categories = arrow.array([f"category_{number:02d}" for number in range(50)])
    countries = arrow.array(
        [f"{first}{second}" for first in "ABCDEFGHJK" for second in "ABCDEFGHIJKLMNOPQRST"]
    )
    return arrow.table(
        {
            "id": numpy.arange(rows),
            "user_id": random.integers(0, 400_000, rows),
            "ts": 1_700_000_000 + random.integers(0, 9, rows).cumsum(),
            "category": categories.take(arrow.array(skewed(1.5, 50))),
            "country": countries.take(arrow.array(skewed(1.6, 200))),
            "price": random.lognormal(3, 1, rows).round(2),
            "quantity": random.integers(1, 20, rows, dtype=numpy.int32),
            "score": random.random(rows, dtype=numpy.float32),
            "lat": random.uniform(-60, 70, rows).round(5),
            "lon": random.uniform(-180, 180, rows).round(5),
            "returned": random.random(rows) < 0.04,
            "title": titles(random, skewed(1.3, 5000), skewed(1.3, 5000)),
        }
    )


def titles(random: Any, first: Any, second: Any) -> Any:
    """Return titles of three made-up words, the first two skewed and the last one uniform."""
    arrow, compute = require("pyarrow", "pyarrow"), require("pyarrow.compute", "pyarrow")
    heads, tails = list("bcdfghjklmnprstvwz"), list("aeiou")
    words = [
        "".join(random.choice(heads) + random.choice(tails) for _ in range(random.integers(1, 4)))
        for _ in range(5000)
    ]
    pool = arrow.array([str(word) for word in words])
    last = random.integers(0, len(words), len(first))
    parts = [pool.take(arrow.array(part)) for part in (first, second, last)]
    return compute.binary_join_element_wise(*parts, " ")
