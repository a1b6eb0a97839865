"""What the gallery has beside files: runs, a release, and what people say and do about the data."""

import io
import json
import random
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
from tests.support.benches import small
from tests.support.cli import Room
from tests.support.receiver import Receiver
from tests.support.records import put_in, record, run_id

from tether.api.repo import Repo
from tether.core.names import RUNS
from tether.evals.evaldoc import EvalData, EvalModel, Evaluation, Intervals, Metric, Predictor, SliceResult
from tether.evals.predictions import Predictions
from tether.repo.repository import Repository
from tether.repo.revision import find_entry
from tether.runs.rundoc import Artefact

SECRET = "of-the-webhooks-of-ada"
_NOW = 1_769_860_800_000_000
_STEPS = 40
_DEADLINE_S = 30.0
_CARD = """# Owls

A small network that tells owls from nightjars and swifts, by day and by night.

## Where it fails

Wet feathers, and pictures of *less than* 160 pixels.
"""
_PULL = """Pictures at **dusk**, with labels.

- all of them were looked at
- the rate is a guess, see `code/train.py`
"""


class Desk:
    """Sends requests to the programs' interface of a hub that runs.

    Args:
        url: Of the hub.
        token: Of who sends them.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """Send one request, which must succeed; return its document, None where there is none.

        A path that does not begin with a slash is below that of `ada/birds`.
        """
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        place = path if path.startswith("/") else f"/api/v1/repos/ada/birds/{path}"
        request = urllib.request.Request(self._url + place, data, method=method)
        request.add_header("authorization", f"Bearer {self._token}")
        request.add_header("content-type", kind)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read()!r}") from None
        return json.loads(text) if text else None


def put_records(room: Room, folder: Path) -> dict[str, str]:
    """Record two trainings, two evaluations, a bench and a release in a working copy.

    Returns:
        The ids of the trainings (`older`, `newer`) and of the evaluations (`worse`, `better`).
    """
    _write_metrics(room.work / "older.jsonl", 0.9)
    _write_metrics(room.work / "newer.jsonl", 0.6)
    ids = {name: _train(room, folder, name, rate) for name, rate in (("older", "0.1"), ("newer", "0.05"))}
    ids |= {"worse": run_id(1), "better": run_id(2)}
    (folder.parent / "CARD.md").write_text(_CARD)
    with Repo.open(folder) as repo:
        repository = repo.repository
        weights = find_entry(repository, "main:models/w.safetensors")[1]
        measured = weights.digest.hex()
        for name, every in (("worse", 3), ("better", 9)):
            model = EvalModel("main:models/w.safetensors", measured, weights.size)
            put_evaluation(repository, ids[name], f"judge-{name}", every, model)
        told = small(model=msgspec.structs.replace(small().model, digest=measured))
        bench = {"run.json": record(3, name="bench").encode(), "artefacts/bench.json": told.encode()}
        put_in(repository, RUNS + run_id(3), bench, _NOW)
    parts = ("--weights", "main:models/w.safetensors", "--code", "training=main:code/train.py")
    card = ("--card", str(folder.parent / "CARD.md"), "--licence", "MIT", "--licence", "data=CC-BY-4.0")
    judged = ("--evaluation", ids["better"], "--bench", run_id(3), "--profile", "train")
    room.do(
        "release", "create", "-q", "owls@1.0", "--run", ids["newer"], *parts, *card, *judged,
        "-m", "Tells owls from nightjars.", cwd=folder,
    )  # fmt: skip
    return ids


def _write_metrics(place: Path, start: float) -> None:
    lines = (
        {"name": name, "value": factor * start / (1 + step / 8), "step": step}
        for step in range(_STEPS)
        for name, factor in (("loss", 1.0), ("val/loss", 1.2))
    )
    place.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _train(room: Room, folder: Path, name: str, rate: str) -> str:
    line = f'cat "{room.work}/{name}.jsonl" >> "$TETHER_METRICS"'
    words = ("--data", "train=main:images/day", "--param", f"lr={rate}", "--param", "layers=2")
    kept = ("--seed", "17", "--artefact", "models/w.safetensors", "--no-checkout", "--no-observe", "--json")
    said = room.do("run", *words, *kept, "--name", name, "--", "sh", "-c", line, cwd=folder)
    found: str = json.loads(said.splitlines()[-1])["id"]
    return found


def put_evaluation(
    repository: Repository, run: str, name: str, every: int, model: EvalModel | None = None
) -> None:
    """Put a run that evaluated a classifier, wrong at each `every`th example of 60."""
    import numpy as np
    import pyarrow as pa

    labels = [("owl", "nightjar", "swift")[at % 3] for at in range(60)]
    said = ["owl" if at % every == 1 else label for at, label in enumerate(labels)]
    right = [one == other for one, other in zip(labels, said, strict=True)]
    dark = np.arange(60) % 4 == 0
    ids = pa.array([f"images/night/{at:04d}.jpg" for at in range(60)])
    made = Predictions("classification", ids, pa.array(labels), pa.array(said), slices={"dark": dark})
    sink = io.BytesIO()
    made.write(sink, np.array(right, float))  # type: ignore[arg-type]
    share = sum(right) / 60
    found = Evaluation(
        "classification",
        EvalData("main:tables", None, "tables", "ab" * 32, "cd" * 32, 60, "row"),
        Predictor("file"),
        "ef" * 32,
        Intervals(0.95, 10, 0),
        "accuracy",
        (Metric("accuracy", share, share - 0.1, min(share + 0.1, 1.0), "wilson"),),
        model=model,
        slices=(
            SliceResult("dark", "brightness < 40", 15, 15, (Metric("accuracy", 0.8, 0.55, 0.93, "wilson"),)),
        ),
    )
    files = {"artefacts/eval.json": found.encode(), "artefacts/predictions.parquet": sink.getvalue()}
    artefacts = tuple(Artefact(path.partition("/")[2], "ab" * 32, len(data)) for path, data in files.items())
    told = record(int(run[-2:], 16), name=name, artefacts=artefacts)
    put_in(repository, RUNS + run, {"run.json": told.encode(), **files}, _NOW)


def show_people(url: str, ada: str, mary: str) -> dict[str, str]:
    """Let two people talk about `ada/birds`, whose branch `dusk` is in conflict with its main.

    Args:
        url: Of the hub, which sends webhooks to addresses of this machine.
        ada: The token of who owns it.
        mary: Of somebody else.

    Returns:
        The ids of a `workspace` and of a `webhook` that was sent something.
    """
    mine, hers = Desk(url, ada), Desk(url, mary)
    mine.ask("POST", "/api/v1/organisations", {"name": "owlers"})
    mine.ask("PUT", "/api/v1/organisations/owlers/members/mary", {"role": "member"})
    mine.ask("POST", "/api/v1/organisations/owlers/teams", {"name": "watchers"})
    mine.ask("PUT", "/api/v1/organisations/owlers/teams/watchers/members/mary")
    mine.ask("PUT", "collaborators/mary", {"role": "write"})
    mine.ask("PATCH", "/api/v1/accounts/ada", {"display_name": "Ada Lovelace", "about": "Birds, by night."})
    mine.ask("PATCH", "/api/v1/accounts/owlers", {"display_name": "W" * 80, "about": "W" * 300})
    _discuss(mine, hers)
    _review(mine, hers)
    return {"workspace": _stage(mine), "webhook": _tell(mine)}


def _review(mine: Desk, hers: Desk) -> None:
    """Open a pull request, which becomes number 2, and review it."""
    wanted = {"title": "Pictures at dusk", "source": "dusk", "body": _PULL, "labels": ["data"]}
    mine.ask("POST", "pulls", wanted)
    head = mine.ask("GET", "pulls/2")["head"]
    line = {"kind": "line", "start": 6, "end": 6}
    region = {"kind": "region", "x": 40, "y": 30, "w": 80, "h": 60}
    notes = [
        {
            "path": "code/train.py",
            "anchor": line,
            "body": "That is **four times** what we had. Why?",
            "suggestion": "def train(data: np.ndarray, rate: float = 0.1) -> np.ndarray:",
        },
        {"path": "images/dusk/0001.jpg", "anchor": region, "body": "Is this an owl?"},
    ]
    hers.ask(
        "POST", "pulls/2/reviews", {"verdict": "changes", "head": head, "body": "Nearly.", "notes": notes}
    )
    thread = hers.ask("GET", "pulls/2/threads")[0]["thread"]
    mine.ask("POST", "conversations/2/entries", {"body": "It converges *sooner*.", "thread": thread})
    for name, state in (("ci/labels", "success"), ("ci/compare", "failure")):
        told = {"state": state, "summary": "accuracy 0.91, was 0.93"}
        mine.ask("PUT", f"commits/{head}/checks/{name}", told)


def _discuss(mine: Desk, hers: Desk) -> None:
    """Begin a discussion, which becomes number 1, with a picture in an answer."""
    body = "The pictures by night are *dark*. Shall we lighten them, @mary?\n\n> or keep them as they are"
    mine.ask("POST", "discussions", {"title": "Dark pictures", "body": body, "path": "images/night"})
    sent = hers.ask("POST", "/ada/birds/attachments", _drawing(), "image/png")
    answer = f"Like this one? I would keep them.\n\n![a histogram]({sent['address']})"
    hers.ask("POST", "conversations/1/entries", {"body": answer})


def _drawing() -> bytes:
    from PIL import Image, ImageDraw

    picture, dice = Image.new("RGB", (320, 160), (245, 244, 240)), random.Random(17)
    pen = ImageDraw.Draw(picture)
    for at in range(0, 320, 16):
        pen.rectangle((at, 160 - dice.randrange(10, 150), at + 12, 160), fill=(70, 110, 140))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _stage(mine: Desk) -> str:
    """Stage some files in a workspace."""
    made: str = mine.ask("POST", "workspaces", {"branch": "main", "name": "Feathers"})["id"]
    for at in range(3):
        kind = "application/octet-stream"
        mine.ask(
            "PUT", f"workspaces/{made}/files/images/feathers/{at:04d}.txt", b"a feather\n" * (at + 1), kind
        )
    mine.ask("PUT", f"workspaces/{made}/files/README.md", b"# Night birds\n", "application/octet-stream")
    mine.ask("DELETE", f"workspaces/{made}/files/other/noise.bin")
    return made


def _tell(mine: Desk) -> str:
    """Make a webhook and have a ping delivered."""
    receiver = Receiver()
    try:
        wanted = {"url": receiver.url, "secret": SECRET, "events": ["push"]}
        made: str = mine.ask("POST", "webhooks", wanted)["id"]
        mine.ask("POST", f"webhooks/{made}/ping")
        end = time.monotonic() + _DEADLINE_S
        while mine.ask("GET", f"webhooks/{made}/deliveries")[0]["state"] != "delivered":
            assert time.monotonic() < end, receiver.received
            time.sleep(0.02)
    finally:
        receiver.close()
    return made
