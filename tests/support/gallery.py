"""A hub that runs and has something for every page, and an address of each page."""

import io
import json
import math
import struct
import wave
import zipfile
from base64 import b64encode
from functools import cache
from pathlib import Path

from tests.support.cli import Room
from tests.support.exhibits import put_records, show_people
from tests.support.modelfiles import everywhere
from tests.support.served import Served, add_user
from tests.support.tables import lay_tables

PASSWORD = "correct horse battery"
REPOSITORY = "/{owner}/{name}"
PAGES: dict[str, tuple[str, ...]] = {
    "/": ("/",),
    "/-/signin": ("/-/signin?next=/ada/birds",),
    "/-/signup": ("/-/signup",),
    "/{owner}": ("/ada", "/owlers"),
    REPOSITORY: ("/ada/birds", "/ada/nothing"),
    f"{REPOSITORY}/tree/{{rev:anything}}": (
        "/ada/birds/tree/main/images/day?view=grid",
        "/ada/birds/tree/main/images/day?view=list",
    ),
    f"{REPOSITORY}/file/{{rev:anything}}": (
        "/ada/birds/file/main/README.md",
        "/ada/birds/file/main/code/train.py",
        "/ada/birds/file/main/images/day/0003.jpg",
        "/ada/birds/file/main/models/w.safetensors",
        "/ada/birds/file/main/other/book.ipynb",
        "/ada/birds/file/main/other/some.zip",
        "/ada/birds/file/main/other/tone.wav",
        "/ada/birds/file/main/other/paper.pdf",
        "/ada/birds/file/main/other/noise.bin",
        "/ada/birds/file/main/tables/labels.csv",
        "/ada/birds/file/main/tables/labels.parquet",
        "/ada/birds/file/main/tables/meta.json",
    ),
    f"{REPOSITORY}/history/{{rev:anything}}": ("/ada/birds/history/main",),
    f"{REPOSITORY}/compare": ("/ada/birds/compare",),
    f"{REPOSITORY}/compare/{{spec:anything}}": ("/ada/birds/compare/v1...main",),
    f"{REPOSITORY}/diff/{{spec:anything}}": (
        "/ada/birds/diff/v1...main/code/train.py",
        "/ada/birds/diff/v1...main/code/train.py?split=1",
        "/ada/birds/diff/v1...main/images/day/0000.jpg",
        "/ada/birds/diff/v1...main/models/w.safetensors",
        "/ada/birds/diff/v1...main/tables/labels.csv",
    ),
    f"{REPOSITORY}/commit/{{commit}}": ("/ada/birds/commit/main",),
    "/-/search": ("/-/search?q=owl", "/-/search"),
    "/-/notifications": ("/-/notifications",),
    "/-/new": ("/-/new",),
    "/-/new/organisation": ("/-/new/organisation",),
    "/-/settings": ("/-/settings",),
    **{f"/-/settings/{word}": (f"/-/settings/{word}",) for word in ("tokens", "identities", "deleted")},
    "/-/admin": ("/-/admin",),
    **{f"/-/admin/{word}": (f"/-/admin/{word}",) for word in ("repositories", "jobs", "quotas", "audit")},
    **{
        f"{REPOSITORY}/{word}": (f"/ada/birds/{word}",)
        for word in (
            "settings",
            "settings/access",
            "settings/rules",
            "settings/locks",
            "settings/gate",
            "settings/storage",
            "settings/audit",
            "settings/webhooks",
            "pulls",
            "discussions",
            "discussions/new",
            "workspaces",
            "runs",
            "releases",
            "lineage",
        )
    },
    f"{REPOSITORY}/pulls/new": ("/ada/birds/pulls/new", "/ada/birds/pulls/new?source=dusk&target=main"),
    f"{REPOSITORY}/pulls/{{number}}": ("/ada/birds/pulls/2",),
    **{
        f"{REPOSITORY}/pulls/{{number}}/{word}": (f"/ada/birds/pulls/2/{word}",)
        for word in ("commits", "files", "conflicts")
    },
    f"{REPOSITORY}/pulls/{{number}}/file": (
        "/ada/birds/pulls/2/file?path=code/train.py",
        "/ada/birds/pulls/2/file?path=images/dusk/0001.jpg",
        "/ada/birds/pulls/2/file?path=tables/labels.csv",
    ),
    f"{REPOSITORY}/discussions/{{number}}": ("/ada/birds/discussions/1",),
    f"{REPOSITORY}/attachments": ("/ada/birds/attachments",),
    f"{REPOSITORY}/releases/{{release}}/{{version}}": ("/ada/birds/releases/owls/1.0",),
    f"{REPOSITORY}/runs/{{run}}": ("/ada/birds/runs/{newer}", "/ada/birds/runs/{better}"),
    f"{REPOSITORY}/runs/diff": ("/ada/birds/runs/diff?run={newer}&run={older}",),
    f"{REPOSITORY}/runs/compare": ("/ada/birds/runs/compare?old={worse}&new={better}",),
    f"{REPOSITORY}/settings/webhooks/{{webhook}}": ("/ada/birds/settings/webhooks/{webhook}",),
    f"{REPOSITORY}/workspaces/{{workspace}}": ("/ada/birds/workspaces/{workspace}",),
    "/-/organisations/{organisation}": ("/-/organisations/owlers",),
    **{
        f"{REPOSITORY}/{word}/{{rev:anything}}": (f"/ada/birds/{word}/main/code/train.py",)
        for word in ("blame", "edit", "rename", "delete")
    },
    **{
        f"{REPOSITORY}/{word}/{{rev:anything}}": (f"/ada/birds/{word}/main/code",)
        for word in ("new", "upload")
    },
}
"""Of each route that gives a page, addresses of it; a test fails when a route has none.

`Gallery.place` puts ids in the place of names in braces.
"""
NO_PAGES = {
    "/-/static/{mark}/{name}": "files of the package",
    "/api": "programs",
    "/metrics": "programs",
    f"{REPOSITORY}/raw/{{rev:anything}}": "contents as they are",
    f"{REPOSITORY}/thumb/{{rev:anything}}": "small pictures",
    "/-/attachments/{id}/{name}": "pictures of what is said",
    f"{REPOSITORY}/releases/{{release}}/{{version}}/exports/{{form}}": "documents for programs",
    "/-/admin/audit/export": "lines of a log",
    f"{REPOSITORY}/settings/audit/export": "lines of a log",
}
"""Routes that give something else, and what."""
FAILING = "/ada/absent"
"""A page that says that something is not there."""
README = """# Night birds

Pictures of **owls** by day and by night, with labels and a small network.

![an owl](images/day/0003.jpg)

| split | pictures |
|---|---|
| day | 24 |
| night | 24 |

```python
import tether
repo = tether.RemoteRepo("http://hub/ada/birds")
```

- [x] labels by two people
- [ ] pictures at dusk

See [the code](code/train.py).
"""
CODE = '''"""Train the network."""

import numpy as np


def train(data: np.ndarray, rate: float = {rate}) -> np.ndarray:
    """Return weights after one step, as a line that is long enough to be wider than the window of a phone."""
    weights = np.zeros(data.shape[1])  # begin with nothing
    for row in data:
        weights += rate * row
    return weights
'''
_EACH = 24


class Gallery:
    """A hub that runs, with ada and what she has: the repository `birds`, and an empty one.

    Mary works on it with her: they talk, and a pull request is in conflict.

    Args:
        folder: For everything; empty.

    Attributes:
        hub: The hub.
        ada: The room in which she works.
        token: Hers.
        ids: Of what has no name of its own, by the words in the addresses.
    """

    def __init__(self, folder: Path) -> None:
        self.keeper, self.ada = Room(folder / "keeper"), Room(folder / "ada")
        self.keeper.environ["TETHER_HUB_SIGNUP"] = "open"
        self.keeper.environ["TETHER_HUB_WEBHOOK_NETWORKS"] = "127.0.0.0/8"
        self.token = self.ada.environ["TETHER_TOKEN"] = self._make_ada()
        mary = add_user(self.keeper, "mary")
        self.hub = Served(self.keeper, "--allow-unsafe")
        self.url = self.hub.url
        self.ada.do("repo", "create", f"{self.url}/ada/birds")
        self.ada.do("repo", "create", f"{self.url}/ada/nothing")
        self.ids = self._fill()
        self.ids |= show_people(self.url, self.token, mary)

    def _make_ada(self) -> str:
        lay_tables(self.keeper.work / "hub")
        self.keeper.do("hub", "user", "add", "-q", "ada", "--admin", "--root", "hub")
        return self.keeper.do("hub", "token", "create", "ada", "--scope", "admin", "--root", "hub").strip()

    def place(self, address: str) -> str:
        """Return an address with the ids of this hub."""
        return address.format(**self.ids)

    def close(self) -> None:
        """Stop the hub."""
        self.hub.close()

    def push(self, name: str, files: dict[str, bytes], message: str = "files") -> None:
        """Make a repository of ada's with files."""
        self.ada.do("repo", "create", f"{self.url}/ada/{name}")
        folder = self.ada.work / name
        folder.mkdir()
        self.ada.do("init", "-q", cwd=folder)
        self.ada.do("remote", "add", "-q", "origin", f"{self.url}/ada/{name}", cwd=folder)
        self._commit(folder, files, message)
        self.ada.do("push", "-q", "origin", "main", cwd=folder)

    def _commit(self, folder: Path, files: dict[str, bytes], message: str) -> None:
        for name, data in files.items():
            self.ada.write(f"{folder.name}/{name}", data)
        self.ada.do("add", "-q", "-A", cwd=folder)
        self.ada.do("commit", "-q", "-m", message, cwd=folder)

    def _fill(self) -> dict[str, str]:
        self.ada.write("birds/README.md", README)
        folder = self.ada.work / "birds"
        self.ada.do("init", "-q", cwd=folder)
        self.ada.do("remote", "add", "-q", "origin", f"{self.url}/ada/birds", cwd=folder)
        self._commit(folder, {"code/train.py": CODE.format(rate=0.1).encode()}, "Code and a README")
        first = {**pictures("day"), **models(), **tables(changed=False)}
        self._commit(folder, first, "Pictures by day\n\nTaken in June, before the moult.")
        self.ada.do("tag", "v1", cwd=folder)
        self.ada.do("branch", "-q", "calm", cwd=folder)
        self.ada.do("switch", "-q", "-c", "dusk", cwd=folder)
        self._commit(folder, _dusk(), "Pictures at dusk, and a greater rate")
        self.ada.do("switch", "-q", "main", cwd=folder)
        self._commit(folder, {**pictures("night"), **others()}, "Night pictures and notes")
        later = {"code/train.py": CODE.format(rate=0.05).encode(), **tables(changed=True)}
        later |= {"images/day/0000.jpg": _picture(77, "day"), "models/w.safetensors": _later_weights()}
        self._commit(folder, later, "A smaller rate")
        ids = put_records(self.ada, folder)
        self.ada.do("push", "-q", "--tags", "origin", "main", "calm", "dusk", cwd=folder)
        return ids


def _dusk() -> dict[str, bytes]:
    """Return what a branch changes: as code and a picture that main changes too, and what it alone has."""
    came = {f"images/dusk/{number:04d}.jpg": _picture(40 + number, "dusk") for number in range(6)}
    labels = tables(changed=False)["tables/labels.csv"].replace(b"\n12,owl,", b"\n12,swift,")
    return {
        **came,
        "code/train.py": CODE.format(rate=0.4).encode(),
        "images/day/0000.jpg": _picture(78, "day"),
        "tables/labels.csv": labels,
    }


def pictures(part: str) -> dict[str, bytes]:
    """Return pictures of one half of the day."""
    return {f"images/{part}/{number:04d}.jpg": _picture(number, part) for number in range(_EACH)}


@cache
def _picture(number: int, part: str) -> bytes:
    from PIL import Image, ImageDraw

    wide, high = 160 + number * 37 % 240, 160 + number * 53 % 180
    sky = {"day": (150, 190, 220), "dusk": (214, 146, 110), "night": (24, 28, 52)}[part]
    picture = Image.new("RGB", (wide, high), sky)
    pen = ImageDraw.Draw(picture)
    for step in range(high // 2, high, 4):
        shade = 40 + (step - high // 2) * 120 // high
        pen.rectangle((0, step, wide, step + 4), fill=(shade // 2, shade, shade // 3))
    x, y, r = wide // 2, high // 2, min(wide, high) // 4
    hue = (110 + number * 13 % 90, 80 + number * 7 % 60, 50)
    pen.ellipse((x - r, y - r, x + r, y + r * 3 // 2), fill=hue)
    for side in (-1, 1):
        eye = x + side * r // 2
        pen.ellipse((eye - r // 3, y - r // 2, eye + r // 3, y + r // 6), fill=(240, 220, 120))
        pen.ellipse((eye - r // 9, y - r // 3, eye + r // 9, y - r // 12), fill=(10, 10, 10))
    pen.polygon([(x - r // 8, y), (x + r // 8, y), (x, y + r // 3)], fill=(200, 150, 40))
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()


def models() -> dict[str, bytes]:
    """Return weights in several formats."""
    return {f"models/{name}": data for name, data in everywhere().items() if name.startswith("w.")}


def _later_weights() -> bytes:
    from safetensors.numpy import load, save

    weights = load(everywhere()["w.safetensors"])
    weights["layer.0.bias"] = weights["layer.0.bias"] * 2
    return save(weights, metadata={"format": "np"})


def tables(*, changed: bool) -> dict[str, bytes]:
    """Return tables, some rows of which differ in the second state."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ("owl", "nightjar", "swift")
    rows = [(number, names[number % 3], round(math.sin(number) ** 2, 4)) for number in range(400)]
    if changed:
        rows[7], rows[9] = (7, "swift", 0.5), (9, "owl", 0.25)
        rows.append((400, "owl", 1.0))
    lines = "".join(f"{number},{label},{score}\n" for number, label, score in rows)
    out = io.BytesIO()
    columns = dict(zip(("id", "label", "score"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), out)
    return {
        "tables/labels.csv": f"id,label,score\n{lines}".encode(),
        "tables/labels.parquet": out.getvalue(),
        "tables/meta.json": json.dumps({"classes": names, "nested": {"a": [1, 2], "b": None}}).encode(),
    }


def others() -> dict[str, bytes]:
    """Return a file of each other kind that has a page of its own."""
    sound, packed = io.BytesIO(), io.BytesIO()
    with wave.open(sound, "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", "none"))
        tone.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(at / 6))) for at in range(8000)))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(12):
            archive.writestr(f"notes/{number:02d}.txt", "a note\n" * number)
    cells = [
        {"cell_type": "markdown", "source": ["# Counts\n", "How many owls there are."]},
        {
            "cell_type": "code",
            "source": "print(24)",
            "outputs": [
                {"output_type": "stream", "text": ["24\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/jpeg": b64encode(_picture(5, "day")).decode()},
                },
            ],
        },
    ]
    return {
        "other/tone.wav": sound.getvalue(),
        "other/some.zip": packed.getvalue(),
        "other/book.ipynb": json.dumps({"cells": cells}).encode(),
        "other/paper.pdf": b"%PDF-1.4\n%\xe2\xe3\n",
        "other/noise.bin": bytes(range(256)) * 8,
    }
