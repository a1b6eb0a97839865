"""`tether bench`: real runtimes in processes of their own, and what is kept of them. No time is asserted."""

import importlib.util
import io
import json
import pickle
import sys
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from tests.support import nets
from tests.support.cli import Room

QUICK = (
    "--queries",
    "6",
    "--seconds",
    "0",
    "--warmup",
    "1",
    "--rounds",
    "1",
    "--sample",
    "10",
    "--threads",
    "1",
)
needs_onnx = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no onnxruntime")

ANSWERS = """
import sys
from tether.bench.wire import serve

serve(lambda ids, arrays: {"y": arrays["x"][:, :3] + len(ids) - len(arrays["x"])}, "mine", "7")
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with a repository: a network, and data for it."""
    room = Room(tmp_path_factory.mktemp("bench"))
    room.inside = True
    random = np.random.default_rng(1)
    x = random.standard_normal((40, 8)).astype(np.float32)
    data = io.BytesIO()
    np.savez(data, x=x, label=np.arange(40) % 3, part=np.array(["a", "b"] * 20))
    room.write("data/test.npz", data.getvalue())
    room.write("net.onnx", nets.mlp([8, 16, 3]))
    room.write("answers.py", ANSWERS)
    room.write("answers.joblib", pickle.dumps({"weights": [1.0]}))
    room.do("init", "-q")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A network")
    return room


def bench(room: Room, *arguments: str) -> Any:
    """Measure something in this process, quickly, and return what was found."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    words = [*arguments[:at], *QUICK, "--json", *arguments[at:]]
    return json.loads(room.do("bench", *words))


@pytest.fixture(scope="module")
def measured(room: Room) -> Any:
    """Return a bench of the network in all scenarios."""
    return bench(
        room, "net.onnx", "--data", "HEAD:data/test.npz", "--label", "label", "--slices", "part",
        "--batch", "4,8", "--name", "first",
    )  # fmt: skip


@needs_onnx
def test_a_network_is_measured(room: Room, measured: Any) -> None:
    """Model, data and rows are named; every scenario has its queries; answers are checked in the same run."""
    head = json.loads(room.do("log", "--json"))[0]["id"]
    assert measured["model"]["commit"] == measured["inputs"]["commit"] == head
    assert measured["model"]["rev"] == "HEAD:net.onnx"
    assert measured["model"]["parameters"] == 8 * 16 + 16 + 16 * 3 + 3
    assert measured["model"]["macs"]["per_input"] == 8 * 16 + 16 * 3
    assert measured["runner"]["name"] == "onnxruntime"
    ids = measured["inputs"]["ids"]
    assert (len(ids), len({*ids}), measured["inputs"]["total"]) == (10, 10, 40)
    found = {(each["scenario"], each["batch"]): each for each in measured["sections"]}
    assert found.keys() == {("single", 1), ("offline", 4), ("offline", 8), ("server", 1)}
    assert found["single", 1]["queries"] == 10  # as many as there are inputs, for their answers
    assert found["offline", 4]["queries"] == 6
    assert all(each["p99"] is None for each in measured["sections"])
    assert found["server", 1]["rate"] > 0
    assert found["server", 1]["throughput"] is None


@needs_onnx
def test_accuracy_is_that_of_the_network(room: Room, measured: Any) -> None:
    """What the record says is what ONNX Runtime answers for these rows."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(room.work / "net.onnx"), providers=["CPUExecutionProvider"])
    with np.load(room.work / "data/test.npz") as file:
        rows = [int(text) for text in measured["inputs"]["ids"]]
        right = session.run(None, {"x": file["x"][rows]})[0].argmax(axis=1) == file["label"][rows]
        parts = file["part"][rows]

    accuracy = measured["accuracy"]
    assert (accuracy["metric"], accuracy["n"]) == ("accuracy", 10)
    assert accuracy["score"] == pytest.approx(right.mean())
    assert {row["value"]: row["score"] for row in accuracy["groups"]} == {
        part: pytest.approx(right[parts == part].mean()) for part in set(parts.tolist())
    }


@needs_onnx
def test_it_is_a_run_with_all_latencies(room: Room, measured: Any) -> None:
    """Record and raw times are artefacts; whoever reads them computes the same percentiles."""
    run = json.loads(room.do("runs", "show", measured["run"], "--json"))
    assert (run["name"], run["status"], run["seeds"]) == ("first", "finished", {"seed": 17})
    assert {each["name"]: each["path"] for each in run["data"]} == {
        "model": "net.onnx",
        "data": "data/test.npz",
    }
    assert {each["path"] for each in run["artefacts"]} == {"bench.json", "latencies.parquet"}
    assert run["metrics"]["single.p50"]["last"] == measured["sections"][0]["p50"]
    assert run["environment"]["python"]["packages"]

    raw = room.do("cat", f"runs/{measured['run']}:artefacts/latencies.parquet")
    table = pyarrow.parquet.read_table(io.BytesIO(raw.encode(errors="surrogateescape"))).to_pandas()
    for section in measured["sections"]:
        rows = table[(table.scenario == section["scenario"]) & (table.batch == section["batch"])]
        latencies = (rows.end_ns - rows.due_ns).to_numpy() / 1e9
        assert len(latencies) == section["queries"]
        assert np.percentile(latencies, 90) == pytest.approx(section["p90"])
    shown = json.loads(room.do("bench", "show", "first", "--check", "--json"))
    assert shown == {**measured, "checked": True}
    refused = room.run("repro", "first")
    data = f"{measured['inputs']['commit'][:12]}:data/test.npz"
    assert (refused.code, f"tether bench net.onnx --data {data}\n" in refused.err) == (2, True)


@needs_onnx
def test_it_is_shown_and_drawn(room: Room, measured: Any) -> None:
    """People get a table, and a drawing of the latencies."""
    text = room.do("bench", "show", measured["run"], "--svg", "hist.svg")

    assert "MB at most, beside the" in text
    assert "no p99 under 1,000 queries" in text
    assert "part=a" in text
    assert (room.work / "hist.svg").read_text().count("<rect") > 4


@needs_onnx
def test_two_benches_are_compared(room: Room, measured: Any) -> None:
    """Of the same inputs they are ranked; of others they are not."""
    again = bench(room, "HEAD:net.onnx", "--data", "HEAD:data/test.npz", "--scenario", "single",
                  "--label", "label",                  "--slices", "part")  # fmt: skip
    found = json.loads(room.do("bench", "compare", measured["run"], again["run"], "--json"))
    assert [(each["scenario"], each["batch"]) for each in found["sections"]] == [("single", 1)]
    assert found["varied"] == []
    assert "ratio" in room.do("bench", "compare", measured["run"], again["run"])

    other = bench(room, "net.onnx", "--random", "--scenario", "single", "--sample", "3")
    assert other["inputs"]["preparation"] == ["random numbers, no data"]
    refused = room.run("bench", "compare", measured["run"], other["run"])
    assert refused.code == 5
    assert "not the same inputs" in refused.err
    allowed = json.loads(
        room.do("bench", "compare", measured["run"], other["run"], "--vary", "inputs", "--json")
    )
    assert allowed["varied"] == ["inputs"]


def test_any_command_can_answer(room: Room) -> None:
    """A command gets ids and arrays, and its answers are checked like those of others."""
    found = bench(
        room, "answers.py", "--data", "HEAD:data/test.npz", "--label", "label", "--slices", "part",
        "--scenario", "single,offline", "--batch", "4", "--", sys.executable, "answers.py",
    )  # fmt: skip

    assert (found["runner"]["name"], found["runner"]["version"]) == ("mine", "7")
    assert found["process"]["baseline_bytes"] is None
    assert min(found["process"]["peak_bytes"]) > 10_000_000
    with np.load(room.work / "data/test.npz") as file:
        rows = [int(text) for text in found["inputs"]["ids"]]
        right = file["x"][rows][:, :3].argmax(axis=1) == file["label"][rows]
    assert found["accuracy"]["score"] == pytest.approx(right.mean())


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no weights here >&2; exit 3", "ended before it answered\nhint: no weights here"),
        ("echo hello; cat", "does not keep to the protocol"),
        ('echo \'{"ready": true}\'; read line; echo \'{"error": "no weights"}\'', "no weights"),
    ],
)
def test_commands_that_do_not_answer(room: Room, script: str, message: str) -> None:
    """They are told of, and nothing is kept of the bench."""
    before = room.do("runs", "list", "--json")

    done = room.run(
        "bench", "answers.py", "--data", "HEAD:data/test.npz", *QUICK, "--", "sh", "-c", script
    )  # fmt: skip

    assert done.code == 2, done
    assert message in done.err
    assert room.do("runs", "list", "--json") == before


@needs_onnx
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("net.onnx",), 2, "no inputs"),
        (("nothing.onnx", "--random"), 3, "no such model: nothing.onnx"),
        (("HEAD:data/test.npz", "--random"), 9, "nothing here runs"),
        (("net.onnx", "--random", "--scenario", "double"), 2, "no such scenario"),
        (("net.onnx", "--data", "HEAD:data/test.npz", "--columns", "label"), 2, "not (8,)"),
        (("answers.joblib", "--random"), 2, "--trust"),
        (("net.onnx", "--random", "--provider", "Nobody"), 2, "no Nobody"),
        (("show", "last-of-all"), 3, "no run"),
    ],
)
def test_what_cannot_be_measured(room: Room, arguments: tuple[str, ...], code: int, message: str) -> None:
    """Errors say what is wrong before much is done."""
    done = room.run("bench", *arguments, *(() if arguments[0] == "show" else QUICK[:-2]))

    assert done.code == code, done
    assert message in done.err + done.out
