"""What a recorded run says to a client: `run.json` as plain values, with `mlflow.json` where it has one."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tether.mlflow.document import DEFAULT, FAILED, FINISHED, KILLED, RUNNING, Document, Input
from tether.mlflow.store import Point

INPUT_TAG = "tether.input"
"""The tag of a dataset that is an input of the run, with the name of that."""
_MOST_TEXT = 6000
_STATUSES = {"running": RUNNING, "finished": FINISHED, "failed": FAILED}
_RECORDED = {FINISHED: "finished", FAILED: "failed", KILLED: "killed"}


def status_of(status: str) -> str:
    """Return how a run stands in the words of a client."""
    return _STATUSES.get(status, KILLED)


def recorded_status(status: str, otherwise: str) -> str:
    """Return how a run stands in our words, `otherwise` where the client did not say how it ended."""
    return _RECORDED.get(status, otherwise)


def document_of(record: Mapping[str, Any], told: bytes | None = None) -> Document:
    """Return what is known of a run.

    Args:
        record: The values of its `run.json`.
        told: Its `mlflow.json`, if there is one.

    Raises:
        Corrupt: What was told is damaged.
    """
    document = Document() if told is None else Document.decode(told, record["id"])
    changes: dict[str, Any] = {"name": document.name or record.get("name") or ""}
    if not document.started:
        changes["started"] = _millis(record.get("started")) or 0
    if document.status == RUNNING:
        changes |= {"status": status_of(record["status"]), "ended": _millis(record.get("ended"))}
    named = {each.tags.get(INPUT_TAG) for each in document.inputs}
    data = [each for each in inputs_of(record) if each.dataset["name"] not in named]
    changes["inputs"] = (*document.inputs, *data)
    changes["experiment"] = document.experiment or DEFAULT
    return msgspec.structs.replace(document, **changes)


def inputs_of(record: Mapping[str, Any]) -> list[Input]:
    """Return the data of a run as datasets."""
    return [_input(each) for each in record.get("data", ())]


def _input(data: Mapping[str, Any]) -> Input:
    """Return an input of a run as a dataset whose source is a commit and a path."""
    commit, path = data.get("commit") or data["rev"], data["path"]
    source = json.dumps({"uri": f"{commit}:{path}"})
    facts = {
        "name": data["name"],
        "digest": data["digest"][:36],
        "source_type": "tether",
        "source": source,
        "profile": json.dumps({"files": data["files"], "bytes": data["bytes"]}),
    }
    return Input(facts, {"mlflow.data.context": data["name"]})


def _millis(text: str | None) -> int | None:
    try:
        return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def text_of(value: object) -> str:
    """Return a parameter as a client reads it."""
    return value if isinstance(value, str) else str(value)


def scalar_of(text: str) -> str | int | float:
    """Return what a parameter is kept as: a number where that is written in just this way, else the text."""
    try:
        whole = int(text)
        if str(whole) == text and abs(whole) < 1 << 63:
            return whole
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) and repr(number) == text else text


def is_same(value: object, text: str) -> bool:
    """Say whether a text means a parameter that is known, as a number or a word."""
    if text_of(value).lower() == text.lower():
        return True
    try:
        return isinstance(value, int | float) and float(value) == float(text)
    except ValueError:
        return False


def summarised(metrics: Mapping[str, Mapping[str, Any]], ended: int | None) -> dict[str, Point]:
    """Return the last values of metrics that a record sums up."""
    return {
        name: Point(name, float(each["last"]), each["last_step"], ended or 0)
        for name, each in metrics.items()
    }


def points_of(name: str, columns: Iterable[tuple[int, float, float | None]]) -> list[Point]:
    """Return the points of a series of steps, values and times in seconds."""
    return [
        Point(name, value, step, 0 if time is None else round(time * 1000)) for step, value, time in columns
    ]
