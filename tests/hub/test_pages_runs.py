"""Pages of runs: the table, one run, differences and comparisons, and who read what a page shows."""

import io
import json
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.hub.test_pages import HTML, look
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom
from tests.support.predicted import predicted
from tests.support.records import put, put_run, run_id

from tether.api.opened import Opened
from tether.api.runs import diff_runs
from tether.cli.render_runs import diff_document
from tether.core.names import RUNS
from tether.evals.evaldoc import EvalData, Evaluation, Intervals, Predictor, SliceResult
from tether.evals.predictions import Predictions
from tether.hub.routes import comparing
from tether.repo.revision import find_entry
from tether.runs.altered import Altered, AlteredInput
from tether.runs.metrics import Metrics, Series, encode_series
from tether.runs.rundoc import Artefact, Code, DataInput, Resources, Summary, Work

EVIL = "<script>alert(1)</script>"
AT = "/ada/x"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with a repository of ada's."""
    made = HubRoom(tmp_path / "hub")
    made.repository(made.user("ada"), "ada/x")
    yield made
    made.close()


def text(room: HubRoom, path: str, status: int = 200) -> str:
    """Return a page."""
    reply = look(room, f"{AT}/{path}")
    assert reply.status == status, reply.body[-1500:].decode()
    return reply.body.decode()


def losses(last: float) -> dict[str, Summary]:
    """Return the metrics of a record."""
    return {"loss": Summary(3, last, 2, last, 2, 1.0, 0)}


def train(digest: str, name: str = "train") -> DataInput:
    """Return an input of one file."""
    return DataInput(name, "main", None, "", "directory", digest * 32, 1, 9)


def series(*values: float) -> bytes:
    """Return the file of metrics with one of them."""
    steps = list(range(len(values)))
    return encode_series(Metrics({"loss": Series(steps, list(values), [None] * len(values))}))


def test_no_runs_tells_how_to_begin(room: HubRoom) -> None:
    """Each repository has the tabs, and the page without runs has the command."""
    page = text(room, "runs")

    assert "tether run --data" in page
    assert f'href="{AT}/releases"' in page
    assert "<table" not in page


def test_runs_are_filtered_and_sorted(room: HubRoom) -> None:
    """By the address alone; a condition that cannot be read is told of beside the runs."""
    for number, rate in enumerate((0.1, 0.3, 0.2)):
        put_run(room, number, name=f"try-{number}", parameters={"lr": rate}, metrics=losses(rate * 2))
    put_run(room, 7, name=EVIL, parameters={"lr": 10**400, EVIL: EVIL, "lost": "NaN"})

    def names(query: str) -> list[str]:
        page = text(room, f"runs?{query}")
        found = [(page.find(f">try-{number}</a>"), f"try-{number}") for number in range(3)]
        return [name for place, name in sorted(found) if place >= 0]

    assert names("") == ["try-2", "try-1", "try-0"]
    assert names("sort=metric.loss") == ["try-0", "try-2", "try-1"]
    assert names("sort=-param.lr") == ["try-1", "try-2", "try-0"]
    assert names("where=lr%3C0.25&where=loss%3E0.3") == ["try-2"]
    page = text(room, "runs?where=nonsense&column=param.lr&column=command")
    assert "not a condition" in page
    assert ">try-0</a>" in page
    assert EVIL not in page
    assert "<svg xmlns" in page  # parallel coordinates


def test_the_table_has_pages(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has so many rows and the next one begins behind the last; more are not looked at."""
    monkeypatch.setattr("tether.pages.records.table.SHOWN", 2)
    for number in range(3):
        put_run(room, number, name=f"try-{number}")

    first = text(room, "runs")
    assert f"after={run_id(1)}" in first
    assert ">try-0</a>" not in first
    second = text(room, f"runs?after={run_id(1)}")
    assert ">try-0</a>" in second
    assert ">try-1</a>" not in second


def test_a_run_tells_all_of_itself(room: HubRoom) -> None:
    """Curves, data at its commit, parameters, the end of what was printed, artefacts, the patch."""
    with closing(open_hosted(room, "ada/x")) as repository:
        commit_paths(repository, {b"data/a.csv": b"1\n"})
        found = find_entry(repository, "main:data")
    place, entry = found
    assert place.commit is not None
    commit = place.commit.hex()
    data = DataInput("train", "main:data", commit, "data", "directory", entry.digest.hex(), 1, 2)
    gone = DataInput("old", "other", "ab" * 32, "x", "file", "cd" * 32, 1, 5)
    beside = {
        "metrics.jsonl": series(1.0, 0.5, float("nan"), 0.25),
        "stdout": b"begin\n"
        + b"x" * 40_000
        + b"\n\x1b[31mred\x1b[0m 10%\r100%\nthe end "
        + EVIL.encode()
        + b"\n",
        "artefacts/model.bin": b"weights",
        "patch": b"--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-rate = 1\n+rate = 2\n",
        "environment.json": b'{"python": {"version": "3.11"}, "packages": ["numpy 2.1"]}',
    }
    beside["altered.json"] = Altered(
        inputs={"train": AlteredInput((EVIL, *map(str, range(20))), 2)}, unchecked=("old",)
    ).encode()
    put_run(
        room,
        1,
        beside,
        name="spam",
        parameters={"lr": 0.1},
        metrics=losses(0.25),
        data=(data, gone),
        artefacts=(Artefact("model.bin", "ef" * 32, 7),),
        code=Code("git", "12" * 20, "main", True, "", patch="whole"),
        resources=Resources(wall_s=61.0, peak_bytes=5_000_000),
    )

    page = text(room, f"runs/{run_id(1)}")

    assert "<polyline" in page
    assert f'href="{AT}/tree/{commit}/data"' in page
    assert "/tree/" + "ab" * 32 not in page
    assert "the end &lt;script&gt;" in page
    assert "begin" not in page.partition('class="tail"')[2]
    assert "\x1b" not in page
    assert ">100%" in page or "\n100%" in page
    assert "10%\r" not in page
    assert "artefacts/model.bin" in page
    assert '<tr class="in"><td class="line">+rate = 2' in page
    assert "3.11" in page
    assert "1 min 01 s" in page
    assert "data-live" not in page  # it has ended
    written = page.partition("train was written to while it ran:")[2].partition("</p>")[0]
    assert (EVIL in page, written.count("<code>"), written[-11:]) == (False, 10, "and 13 more")
    assert "old could not be looked at: it may have been written to while it ran." in page
    text(room, f"runs/{run_id(2)}", 404)


def test_a_damaged_run_is_told_of(room: HubRoom) -> None:
    """The table leaves it out; its page says what is wrong; what lies beside a good one may be damaged."""
    put(room, RUNS + run_id(1), {"run.json": b"{}"})
    deep = b"[" * 100_000 + b"]" * 100_000
    put_run(
        room, 2, {"environment.json": deep, "metrics.jsonl": b"{", "verdict.json": b"1", "patch": b"\xff\x00"}
    )

    assert text(room, "runs").count("Choose 0") == 1
    assert look(room, f"{AT}/runs/{run_id(1)}").status >= 400
    assert "Environment" not in text(room, f"runs/{run_id(2)}")


def test_two_runs_differ(room: HubRoom) -> None:
    """In parameters, metrics, files of their data, and code; what is equal is not shown."""

    def one(number: int, rate: float, files: dict[str, bytes], commit: str) -> None:
        digest = f"{number:02x}" * 32
        data = (DataInput("train", "main", None, "", "directory", digest, len(files), 9),)
        code = Code("git", commit, "main", False, "")
        beside = {f"data/train/{name}": content for name, content in files.items()}
        facts: dict[str, Any] = {"parameters": {"lr": rate, "same": 17}, "metrics": losses(rate)}
        put_run(room, number, beside, data=data, code=code, **facts)

    one(1, 0.5, {"kept": b"1", "gone": b"2", "other": b"3"}, "aa" * 20)
    one(2, 0.25, {"kept": b"1", "came": b"4", "other": b"5"}, "bb" * 20)

    page = text(room, f"runs/diff?run={run_id(2)}&run={run_id(1)}")  # the older is the one before

    assert '<th scope="row" class="mono">lr</th><td class="num">0.5</td><td class="num">0.25</td>' in page
    assert "-0.25" in page
    assert ">same<" not in page
    assert all(word in page for word in ("+1</span>", "-1</span>", "~1</span>", "came", "gone"))
    assert "kept" not in page
    assert "bb" * 20 in page
    assert "choose two" in text(room, f"runs/diff?run={run_id(1)}", 400)


def evaluated(room: HubRoom, number: int, said: list[str], table: bytes | None = None) -> None:
    """Push an evaluation of four examples."""
    ids, labels = pa.array(list("abcd")), pa.array(["cat", "cat", "dog", "dog"])
    slices = {"dogs": np.array([False, False, True, True])}
    made = Predictions("classification", ids, labels, pa.array(said), slices=slices)
    found = Evaluation(
        "classification",
        EvalData("main:test", None, "test", "ab" * 32, "cd" * 32, 4, "row"),
        Predictor("file"),
        "ef" * 32,
        Intervals(0.95, 10, 0),
        "accuracy",
        (),
        slices=(SliceResult("dogs", "label == dog", 1, 2),),
    )
    sink = io.BytesIO()
    made.write(sink, np.zeros(4))  # type: ignore[arg-type]
    files = {"artefacts/eval.json": found.encode(), "artefacts/predictions.parquet": table or sink.getvalue()}
    artefacts = tuple(Artefact(name.partition("/")[2], "ab" * 32, len(data)) for name, data in files.items())
    put_run(room, number, files, name=f"judge-{number}", artefacts=artefacts)


def test_two_models_are_compared(room: HubRoom) -> None:
    """Example by example, by slice, with an exact test; a run without an evaluation is told of."""
    evaluated(room, 1, ["cat", "dog", "cat", "cat"])
    evaluated(room, 2, ["dog", "cat", "dog", "dog"])
    put_run(room, 3, name="none")

    page = text(room, f"runs/compare?old={run_id(1)}&new={run_id(2)}")

    assert "3 wins" in page
    assert "1 regression<" in page
    assert ">dogs</th>" in page
    assert "McNemar" in page
    assert "is no evaluation" in text(room, f"runs/compare?old={run_id(1)}&new={run_id(3)}", 400)


def test_programs_ask_for_the_same(room: HubRoom) -> None:
    """As documents of the API: what differs by name, with values as they are, and the comparison."""
    said = {"parameters": {"lr": 0.5, "same": 1}, "metrics": losses(0.5)}
    put_run(room, 1, {"data/train/a": b"1"}, data=(train("aa"),), **said)
    put_run(room, 2, {"data/train/b": b"1"}, data=(train("bb"),), **said | {"parameters": {"same": 1}})
    evaluated(room, 3, ["cat", "dog", "cat", "cat"])
    evaluated(room, 4, ["dog", "cat", "dog", "dog"])

    differs = room.ok("GET", f"/repos{AT}/runs/diff?old={run_id(1)}&new={run_id(2)}")
    judged = room.ok("GET", f"/repos{AT}/runs/compare?old={run_id(3)}&new={run_id(4)}")

    comparing.DifferenceDocument.model_validate(differs)
    comparing.ComparisonDocument.model_validate(judged)
    assert differs["parameters"] == {"lr": {"old": 0.5, "new": None}}
    assert differs["metrics"] == {}
    assert comparing.plain({"q": [math.nan, -math.inf, 0.5]}) == {"q": ["NaN", "-Infinity", 0.5]}
    [data] = differs["data"]
    assert (data["added"], data["changed"], data["removed"], data["complete"]) == (1, 0, 1, True)
    assert {each["path"]: each["change"] for each in data["files"]} == {"a": "removed", "b": "added"}
    assert (judged["wins"], judged["regressions"], judged["count"]) == (3, 1, 4)
    assert [each["name"] for each in judged["slices"]] == ["dogs"]
    assert judged["old"] == {"run": run_id(3), "evaluation": run_id(3)}
    for path, code in (
        (f"diff?old={run_id(1)}&new={run_id(9)}", "not-found"),
        (f"compare?old={run_id(1)}&new={run_id(3)}", "invalid-input"),
        (f"diff?old={run_id(1)}", "invalid-input"),
    ):
        assert room.api("GET", f"/repos{AT}/runs/{path}").code == code


def test_a_difference_has_one_form(room: HubRoom) -> None:
    """A hub tells of two runs what `tether runs diff --json` tells of them, value by value."""
    code = Code("git", "ab" * 20, "main", dirty=True, folder=".", patch="whole")
    whole = {
        "environment.json": b'{"python": {"version": "3.11", "packages": {"numpy": "1"}}}',
        "patch": b"-a",
    }
    first = {**whole, "data/train/a": b"1", "data/train/c": b"3", "data/one": b"4"}
    second = {"data/train/b": b"2", "data/train/c": b"5", "data/one": b"6", "patch": b"-b"}
    more = {"code": code, "parameters": {"lr": 0.5}}
    put_run(room, 1, first, data=(train("aa"), train("aa", "one")), metrics=losses(0.5), **more)
    put_run(room, 2, second, data=(train("bb"), train("bb", "one"), train("cc", "new")), **more)
    for number in (3, 4):
        lost = Code("git", "ab" * 20, "main", dirty=True, folder=".", patch="too large")
        put_run(room, number, {}, code=lost)
    put_run(room, 5, {})

    for old, new in ((1, 2), (2, 1), (1, 3), (3, 5), (3, 4)):
        told = room.ok("GET", f"/repos{AT}/runs/diff?old={run_id(old)}&new={run_id(new)}")
        with closing(open_hosted(room, "ada/x")) as repository:
            found = diff_document(diff_runs(Opened(repository), run_id(old), run_id(new)))
        assert told == json.loads(json.dumps(found))
        assert told["patch"] is (None if new == 4 else True)


def test_predictions_that_swell_are_refused(room: HubRoom) -> None:
    """A small file whose values take gigabytes is measured before it is read, and refused."""
    count = 90_000
    values = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array(["x" * 50_000]))
    ids = pa.array([str(number) for number in range(count)])
    header = {
        b"tether.predictions": b'{"version":1,"task":"classification","classes":[],"slices":[],"about":{}}'
    }
    table = pa.table({"example_id": ids, "label": values, "prediction": ids}).replace_schema_metadata(header)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    assert len(sink.getvalue()) < 2_000_000
    evaluated(room, 1, ["cat"] * 4, sink.getvalue())
    evaluated(room, 2, ["cat"] * 4)

    page = text(room, f"runs/compare?old={run_id(1)}&new={run_id(2)}", 400)

    assert "more than a page compares" in page or "more memory" in page


def test_texts_that_take_long_to_compare_are_refused(room: HubRoom) -> None:
    """The distance of two texts is quadratic, so a row of a few kilobytes would keep a processor for long."""
    evaluated(room, 1, ["cat"] * 4, predicted("text", ["ab" * 50_000], ["ba" * 50_000]))
    evaluated(room, 2, ["cat"] * 4, predicted("text", ["ab" * 50_000], ["ab" * 50_000]))

    for old, new in ((1, 2), (2, 1)):
        page = text(room, f"runs/compare?old={run_id(old)}&new={run_id(new)}", 400)
        assert "more than a page compares" in page


def test_many_slices_are_refused_before_they_are_read(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header of a small file names them, and each would be as long as the table."""
    names = [f"slice {number}" for number in range(101)]
    evaluated(room, 1, ["cat"] * 4, predicted("classification", ["cat"] * 4, ["cat"] * 4, slices=names))
    evaluated(room, 2, ["cat"] * 4)
    read = f"runs/compare?old={run_id(1)}&new={run_id(2)}"
    monkeypatch.setattr("tether.pages.records.compared.read_predictions", None)

    assert "more than a page compares" in text(room, read, 400)


def test_pages_tell_who_read_what_they_show(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that read a folder is named on it, on its files and on its commit, and nowhere else."""
    monkeypatch.setattr("tether.pages.records.used.NAMED", 1)
    with closing(open_hosted(room, "ada/x")) as repository:
        commit_paths(repository, {b"data/a.csv": b"1\n", b"else/b.csv": b"2\n"})
        place, entry = find_entry(repository, "main:data")
    assert place.commit is not None
    data = (DataInput("t", "main:data", place.commit.hex(), "data", "directory", entry.digest.hex(), 1, 2),)
    put_run(room, 1, name="elder", data=data)
    put_run(room, 2, name=f"spam {EVIL}", data=data)

    for path in ("tree/main/data", "file/main/data/a.csv", f"commit/{place.commit.hex()}"):
        page = text(room, path)
        assert f'Trained on it:\nruns <a href="{AT}/runs/{run_id(2)}">spam &lt;script' in page
        assert "and 1 more" in page
        assert EVIL not in page
    assert "usedby" not in text(room, "file/main/else/b.csv")
    work = Work(place.commit.hex(), "0" * 64, False, 2, 4)
    put_run(room, 3, name="judging", data=(msgspec.structs.replace(data[0], name="test"),), work=work)
    page = text(room, "tree/main/data")
    assert f'Judged with it, and not trained on it:\nrun <a href="{AT}/runs/{run_id(3)}">' in page
    put_run(room, 4, name="lying", work=work)
    page = text(room, f"commit/{place.commit.hex()}")
    assert f'In the working copy, not known to be read, of\nrun <a href="{AT}/runs/{run_id(4)}">' in page
    monkeypatch.setattr("tether.pages.records.used.LOOKED_AT", 1)
    put_run(room, 5, name="third", data=data)  # what was shown before is remembered
    page = text(room, "tree/main/data")
    assert "elder" not in page
    assert "Asked were only the newest 1 runs" in page
    assert "No run or release that was asked had it." in text(room, "file/main/else/b.csv")
    assert look(room, f"{AT}/runs", **HTML).headers["content-security-policy"].count("unsafe") == 0
