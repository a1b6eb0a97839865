"""What the repository holds, the same in every system: files in folders, a flat folder, commits, a table."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

PER_FOLDER = 100
FOLDERS_PER_SET = 100
BEGUN_S = 1_780_000_000
"""Seconds since 1970 of the first commit; the others follow an hour apart."""
README = (
    b"# Large\n\nMany files in folders, one folder with very many, and a table.\n\n- `data`\n- `flat`\n" * 4
)
_TEXTS = 1000
_GROUP = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of a repository.

    Attributes:
        files: In folders of `PER_FOLDER`.
        flat: In one folder.
        commits: After the first one; each changes ten files, each twentieth one in the flat folder too.
        rows: Of the table.
    """

    files: int
    flat: int
    commits: int
    rows: int

    @classmethod
    def of(cls, scale: float) -> "Plan":
        """Return the plan of a share of the full size."""
        files = max(int(100_000 * scale) // PER_FOLDER, 10) * PER_FOLDER
        return cls(
            files, max(int(1_000_000 * scale), 1000), max(int(200 * scale), 40), int(8_000_000 * scale)
        )

    @property
    def folders(self) -> int:
        """How many folders hold the files."""
        return self.files // PER_FOLDER

    def texts(self) -> list[bytes]:
        """Return the contents: file number `n` has the text `n % len`."""
        return [
            b"".join(b"line %d of text %d\n" % (line, text) for line in range(20)) for text in range(_TEXTS)
        ]

    def changes(self) -> Iterator[tuple[int, str, dict[str, bytes]]]:
        """Yield each later commit: its time in seconds, message, and new contents by path."""
        draw = random.Random(5)
        for number in range(self.commits):
            paths = [path_of(draw.randrange(self.files)) for _ in range(10)]
            if number % 20 == 0:
                paths.append(flat_path(draw.randrange(self.flat)))
            files = dict.fromkeys(paths, b"changed in commit %d\n" % number * 20)
            yield BEGUN_S + 3600 * (number + 1), f"Change {len(files)} files, number {number}", files

    def table(self) -> bytes:
        """Return the Parquet file, which comes with the first commit."""
        return parquet(self.rows)


def folder_of(number: int) -> str:
    """Return the path of a folder of files."""
    return f"data/set-{number // FOLDERS_PER_SET:03}/part-{number % FOLDERS_PER_SET:02}"


def path_of(number: int) -> str:
    """Return the path of a file in a folder."""
    return f"{folder_of(number // PER_FOLDER)}/{number % PER_FOLDER:05}.txt"


def flat_path(number: int) -> str:
    """Return the path of a file in the flat folder."""
    return f"flat/{number:07}.txt"


def parquet(rows: int) -> bytes:
    """Return a table of numbers, words and a sorted key, in groups of `_GROUP` rows; 17 bytes a row."""
    out = io.BytesIO()
    write_parquet(out, rows)
    return out.getvalue()


def write_parquet(out: io.BytesIO | io.BufferedWriter, rows: int) -> None:
    """Write such a table."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(7)
    words = np.array([f"word-{number}" for number in range(500)])
    schema = pa.schema(
        [("id", pa.int64()), ("score", pa.float64()), ("weight", pa.float64()), ("word", pa.string())]
    )
    with pq.ParquetWriter(out, schema, compression="zstd", use_dictionary=["word"]) as writer:
        for start in range(0, rows, _GROUP):
            count = min(_GROUP, rows - start)
            columns = [
                np.arange(start, start + count),
                draw.random(count),
                draw.random(count),
                words[draw.integers(0, len(words), count)],
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=_GROUP)
