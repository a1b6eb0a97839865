"""A release with tables, images and names that try to get out of where they stand."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.support.cli import Room

from tether.core.digest import hash_bytes

NASTY = 'a|b `c` <i>*d* "e": [f](g) #.csv'
LABEL = "digits@1.0"
COMMIT = "c" * 64
EVALUATION = {
    "version": 1,
    "task": "classification",
    "data": {
        "rev": "main",
        "commit": COMMIT,
        "path": "test",
        "digest": "d" * 64,
        "count": 40,
        "set": "e" * 64,
        "identity": "row",
    },
    "predictor": {"kind": "file"},
    "predictions": "f" * 64,
    "intervals": {"level": 0.95, "replicates": 10, "seed": 0},
    "primary": "accuracy",
    "metrics": [
        {"name": "accuracy", "value": 0.75, "low": 0.5, "high": 0.875, "method": "wilson"},
        {"name": "recall[dog]", "value": None},
    ],
    "slices": [
        {
            "name": "at | night",
            "where": "dark",
            "min": 1,
            "count": 8,
            "metrics": [{"name": "accuracy", "value": 0.25}],
        }
    ],
}
"""An evaluation, as far as exports show it."""
_TRAIN = """
ls "$TETHER_DATA_TRAIN" >/dev/null
echo '{"step": 1, "accuracy": 0.5}' >> "$TETHER_METRICS"
echo '{"step": 2, "accuracy": 0.75}' >> "$TETHER_METRICS"
cp ../model.safetensors model.safetensors
"""


def png(shade: int) -> bytes:
    """Return a grey picture of 4x3."""
    rows = b"".join(b"\0" + bytes([shade] * 4) for _ in range(3))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 4, 3, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def safetensors() -> bytes:
    """Return weights."""
    data = np.arange(6, dtype="<f4").tobytes()
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, len(data)]}}).encode()
    return len(header).to_bytes(8, "little") + header + data


def fill(room: Room) -> None:
    """Write the data of a repository in a room and commit it."""
    room.do("init", "-q")
    for number, name in enumerate(("cat", "cat", "dog")):
        room.write(f"train/images/{name}/{number}.png", png(40 * number))
    room.write("train/labels.csv", "file,label,score,whole\n0.png,cat,0.5,1\n2.png,dog,1,2\n")
    room.write(f"train/{NASTY}", "x,y\n1,a\n")
    room.write("train/lines.jsonl", '{"text": "ü", "n": 1}\n{"text": "b", "n": 2}\n')
    table = pa.table({"id": pa.array([1, 2], pa.int64()), "name": ["a", "b"]})
    pq.write_table(table, room.work / "train/table.parquet")
    room.write("test/labels.csv", "file,label\n1.png,cat\n")
    room.write("code/train.sh", _TRAIN)
    room.write("CARD.md", "# A card\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data")
    (room.work.parent / "model.safetensors").write_bytes(safetensors())


def make_release(folder: Path) -> Room:
    """Return a room whose repository has the release `digits@1.0`."""
    room = Room(folder)
    room.inside = True
    fill(room)
    room.do(
        *("run", "-q", "--name", "base", "--data", "train=main:train", "--param", "lr=0.1", "--seed", "7"),
        *("--artefact", "model.safetensors", "--", "sh", "code/train.sh"),
    )
    weights = safetensors()
    model = {"source": "m", "digest": hash_bytes(weights).hex(), "bytes": len(weights)}
    (room.work / "eval.json").write_text(json.dumps({**EVALUATION, "model": model}))
    room.do("run", "-q", "--name", "judge", "--no-checkout", "--artefact", "eval.json", "--", "true")
    room.do(
        *("release", "create", "-q", LABEL, "--run", "base", "-m", "Digits | of *people*"),
        *("--data", "train=train", "--data", "test=main:test", "--private", "test"),
        *("--code", "training=main:code", "--evaluation", "judge"),
        *("--licence", "Apache-2.0", "--licence", "data=CC-BY-4.0", "--document", "model-card=CARD.md"),
    )
    return room
