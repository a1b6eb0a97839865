"""`tether eval`, `slices` and `compare`: real models in processes, tables, pictures, and gates."""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet, table
from tests.support import benches
from tests.support.cli import Room
from tests.support.evalsets import digits, nearest_mean, npz, onnx_linear, write_pictures

from tether.core.digest import hash_bytes

SLICES = """
min: 10
slices:
  faint: ink < 4.5
  round: label in (0, 6, 8, 9)
  rare: label = 3 and ink > 7
"""
FEW = "--replicates=20"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with digits as arrays and pictures, and models of them, committed."""
    import skops.io  # takes three seconds, which every process of tests would pay for
    from sklearn.naive_bayes import GaussianNB

    room = Room(tmp_path_factory.mktemp("eval"))
    room.inside = True
    room.do("init", "-q")
    x, y = digits()
    x, y, old = x[1000:1300], y[1000:1300], (x[:1000], y[:1000])
    room.write("test.npz", npz(x=x, y=y, ink=x.mean(axis=1)))
    room.write("slices.yml", SLICES)
    model = GaussianNB(var_smoothing=1e-2).fit(*old)
    skops.io.dump(model, room.work / "bayes.skops")
    weights, bias = nearest_mean(*old)
    room.write("mean.onnx", onnx_linear(weights, bias, ("n", 64)))
    room.write("fixed.onnx", onnx_linear(weights, bias, (7, 1, 8, 8)))
    room.write("pixels.onnx", onnx_linear(weights * 17, bias, ("n", 1, 8, 8)))
    write_pictures(room.work / "pictures", x[:60], y[:60])
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Digits")
    return room


def evaluated(room: Room, *words: str) -> dict[str, Any]:
    """Return what an evaluation gives."""
    found: dict[str, Any] = json.loads(room.do("eval", FEW, "--json", *words))
    return found


def metrics(found: dict[str, Any]) -> dict[str, float]:
    """Return the values of the metrics by name."""
    return {each["name"]: each["value"] for each in found["metrics"]}


def predictions(room: Room, run: str) -> Any:
    """Return the table that an evaluation keeps."""
    data = Path(room.work / "out.parquet")
    data.write_bytes(
        room.do("cat", f"runs/{run}:artefacts/predictions.parquet").encode(errors="surrogateescape")
    )
    return parquet.read_table(data).to_pydict()


def test_a_model_of_scikit_learn(shared: Room) -> None:
    """Its figures are those that scikit-learn computes of it, and the run keeps all that they come from."""
    import skops.io
    from sklearn.metrics import log_loss, roc_auc_score

    found = evaluated(shared, "HEAD:bayes.skops", "HEAD:test.npz", "--name", "bayes")

    model = skops.io.load(shared.work / "bayes.skops")
    with np.load(shared.work / "test.npz") as archive:
        test = dict(archive)
    said, scores = model.predict(test["x"]), model.predict_proba(test["x"])
    exact = scores.astype(float) / scores.astype(float).sum(axis=1, keepdims=True)
    values = metrics(found)
    assert values["accuracy"] == pytest.approx((test["y"] == said).mean())
    assert values["log_loss"] == pytest.approx(log_loss(test["y"], exact))
    assert values["auc"] == pytest.approx(roc_auc_score(test["y"], scores, multi_class="ovr"))
    assert (found["predictor"]["kind"], found["data"]["count"], found["model"]["format"]) == (
        "sklearn",
        300,
        "skops",
    )
    commit = json.loads(shared.do("log", "-n", "1", "--json"))[0]["id"]
    assert found["data"]["commit"] == commit
    faint, _, rare = found["slices"]
    mask = test["x"].mean(axis=1) < 4.5
    assert faint["count"] == mask.sum()
    assert metrics(faint)["accuracy"] == pytest.approx((test["y"] == said)[mask].mean())
    assert (rare["count"] < 10, rare["metrics"]) == (True, [])

    kept = predictions(shared, found["id"])
    assert kept["prediction"] == [*map(str, said)]
    assert kept["slices"][0] == [
        name for name, at in (("faint", mask[0]), ("round", test["y"][0] in (0, 6, 8, 9))) if at
    ]
    run = json.loads(shared.do("runs", "show", "bayes", "--json"))
    assert [each["name"] for each in run["data"]] == ["eval", "model", "slices"]
    for again in ("repro", "retrain"):
        refused = shared.run(again, "bayes")
        assert (refused.code, f"run {found['id']} is an evaluation" in refused.err) == (2, True)
        assert f"tether eval {commit[:12]}:bayes.skops {commit[:12]}:test.npz\n" in refused.err
    assert run["metrics"]["accuracy"]["last"] == values["accuracy"]
    assert run["metrics"]["slice.faint"]["last"] == metrics(faint)["accuracy"]
    assert run["resources"]["peak_bytes"] > 10_000_000
    assert "scikit-learn" in run["environment"]["python"]["packages"]
    assert json.loads(shared.do("fsck", "--json"))["problems"] == []
    assert "faint" in shared.do("slices", "list", "bayes")
    assert "ink < 4.5" in shared.do("slices", "list")


def test_a_model_of_onnx(shared: Room) -> None:
    """It predicts what NumPy computes, though it takes seven pictures at once."""
    found = evaluated(shared, "fixed.onnx", "HEAD:test.npz")

    x, y = digits()
    weights, bias = nearest_mean(x[:1000], y[:1000])
    said = (x[1000:1300] @ weights + bias).argmax(axis=1)
    assert metrics(found)["accuracy"] == pytest.approx((y[1000:1300] == said).mean())
    assert predictions(shared, found["id"])["prediction"] == [*map(str, said)]
    assert found["model"]["weights"] is not None


def test_pictures_in_folders(shared: Room) -> None:
    """They are fed as the model wants them, and are known by their content."""
    shared.write(
        "light.yml", "slices: {light: {where: brightness > 0.3, min: 1}, big: {where: width > 8, min: 1}}"
    )
    shared.do("add", "-q", "light.yml")

    found = evaluated(shared, "pixels.onnx", "HEAD:pictures", "--slices", ":light.yml")

    files = sorted((shared.work / "pictures").glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(file), np.float32) / 255 for file in files])
    x, y = digits()
    weights, bias = nearest_mean(x[:1000], y[:1000])
    said = (pixels.reshape(len(files), -1) @ (weights * 17) + bias).argmax(axis=1)
    kept = predictions(shared, found["id"])
    assert kept["prediction"] == [f"d{digit}" for digit in said]
    assert kept["label"] == [file.parent.name for file in files]
    listed = json.loads(shared.do("ls", "-r", "HEAD:pictures", "--json"))
    assert kept["example_id"] == [each["digest"] for each in listed if each["kind"] == "file"]
    light, big = found["slices"]
    assert light["count"] == (pixels.mean(axis=(1, 2)) > 0.3).sum()
    assert big["count"] == 0


PREDICTOR = """
import sys
from pyarrow import parquet, table
rows = parquet.read_table(sys.argv[2]).to_pydict()
assert sorted(rows) == ["example_id", "file", "path", "text"] and Path(sys.argv[1]).read_text() == "spam"
said = [word if (word := open(sys.argv[1]).read()) in text else "ham" for text in rows["text"]]
parquet.write_table(table({"example_id": rows["example_id"][::-1], "prediction": said[::-1]}), sys.argv[3])
""".replace("import sys\n", "import sys\nfrom pathlib import Path\n")


def test_a_program_of_the_user(room: Room) -> None:
    """It gets inputs without labels, and gives predictions in whatever order."""
    for path, text in {"ham/1": "hello", "ham/2": "some spam", "spam/1": "spam!", "spam/2": "hello"}.items():
        room.write(f"mails/{path}.txt", text)
    room.write("model.txt", "spam")
    room.write("predict.py", PREDICTOR)
    room.do("init", "-q")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Mails")
    room.inside = True

    found = evaluated(
        room,
        "model.txt",
        "HEAD:mails",
        "--predictor",
        f"{sys.executable} predict.py {{model}} {{in}} {{out}}",
    )

    assert found["data"]["count"] == 4
    kept = predictions(room, found["id"])
    assert kept["example_id"][3] == kept["example_id"][0] + "#2"  # ham/1 and spam/2 are the same text
    assert kept["prediction"] == ["ham", "spam", "spam", "ham"]
    assert metrics(found)["accuracy"] == 0.5
    failed = room.run(
        "eval", "model.txt", "HEAD:mails", "--predictor", "sh -c 'echo oops >&2; exit 3' {in} {out}"
    )
    assert (failed.code, failed.err.splitlines()[-1]) == (2, "error: the predictor ended with 3: oops")
    assert len(json.loads(room.do("runs", "list", "--json"))) == 1


TABLE = "id,a,b,note,label\n" + "".join(f"r{at},{at % 7},{at / 4},n{at % 3},{at % 2}\n" for at in range(40))


@pytest.fixture
def table_room(room: Room) -> Room:
    """Return a room with a table of forty rows."""
    room.inside = True
    room.do("init", "-q")
    room.write("test.csv", TABLE)
    room.write("slices.yml", "slices: {third: \"note = 'n2'\", small: a < 3 and b >= 1}\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Rows")
    return room


def test_predictions_by_a_key(table_room: Room) -> None:
    """Predictions of others are tied to the rows by a column, whatever their order."""
    rows = [f"r{at},{0 if at < 30 else 1 - at % 2}\n" for at in reversed(range(40))]
    table_room.write("said.csv", "id,prediction\n" + "".join(rows))

    found = evaluated(table_room, "HEAD:test.csv", "--predictions", "said.csv", "--key", "id")

    assert metrics(found)["accuracy"] == 15 / 40
    assert {each["name"]: each["count"] for each in found["slices"]} == {"third": 13, "small": 15}
    assert found["data"]["identity"] == "column id"


def test_predictions_for_written_examples(table_room: Room) -> None:
    """Who has no key gets ids to predict for; a label that is corrected leaves them as they are."""
    table_room.do("eval", "HEAD:test.csv", "--examples", "in.parquet", "-q")
    examples = parquet.read_table(table_room.work / "in.parquet")
    assert examples.column_names == ["example_id", "id", "a", "b", "note"]
    said = examples.select(["example_id"]).append_column("prediction", [[0] * 40])
    parquet.write_table(said, table_room.work / "said.parquet")

    first = evaluated(table_room, "HEAD:test.csv", "--predictions", "said.parquet", "--name", "first")
    table_room.write("test.csv", TABLE.replace("r1,1,0.25,n1,1", "r1,1,0.25,n1,0"))
    table_room.do("add", "-q", ".")
    second = evaluated(table_room, ":test.csv", "--predictions", "said.parquet", "--name", "second")

    assert (metrics(first)["accuracy"], metrics(second)["accuracy"]) == (0.5, 21 / 40)
    refused = table_room.run("compare", "first", "second")
    assert refused.code == 2
    assert "1 have another label" in refused.err
    found = json.loads(table_room.do("compare", "first", "second", "--common", FEW, "--json"))
    assert (found["count"], found["left_out"]["relabelled"]) == (39, 1)


def test_keys_are_texts(table_room: Room) -> None:
    """What looks like a number is none: 007 is not 7."""
    table_room.write("keys.csv", "id,label\n007,a\n7,b\n")
    table_room.do("add", "-q", "keys.csv")
    table_room.write("said.csv", "id,prediction\n7,b\n007,a\n")

    found = evaluated(table_room, ":keys.csv", "--predictions", "said.csv", "--key", "id", "--no-slices")

    assert metrics(found)["accuracy"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["HEAD:test.csv"], "no model and no predictions"),
        (["HEAD:test.csv", "--predictions", "few.csv", "--key", "id"], "39 of 40 examples have no"),
        (["HEAD:test.csv", "--predictions", "few.csv"], "does not say of which example"),
        (["HEAD:test.csv", "--predictions", "few.csv", "--in-order"], "1 predictions for 40 examples"),
        (["HEAD:test.csv", "--predictions", "few.csv", "--label", "nothing"], "no column nothing"),
        (["HEAD:test.csv", "--predictions", "few.csv", "--key", "a"], "stands twice"),
        (["HEAD:test.csv", "--predictions", "few.csv", "--key", "id", "--task", "regression"], "39 of 40"),
        (["no.onnx", "HEAD:test.csv"], "no such model: no.onnx"),
        (["test.csv", "HEAD:test.csv"], "no runner for test.csv"),
        (["evil.pkl", "HEAD:test.csv"], "can run anything"),
        (["HEAD:slices.yml", "HEAD:slices.yml"], "no data of a known form"),
        (["few.csv", "HEAD:test.csv", "--slices", "s.yml"], "slices are those of a revision: s.yml"),
        (["few.csv", "HEAD:test.csv", "--predictor", "true"], "told where to read and write"),
    ],
)  # fmt: skip
def test_what_does_not_fit(table_room: Room, words: list[str], said: str) -> None:
    """It is told, nothing is kept, and nothing that a file brings is run."""
    table_room.write("few.csv", "id,prediction\nr0,1\n")
    table_room.write("evil.pkl", b"cposix\nsystem\n(S'touch gotcha'\ntR.")

    done = table_room.run("eval", *words)

    assert done.code in (2, 3, 9)
    assert (done.code == 3) == (said == "no such model: no.onnx")
    assert said in done.err
    assert json.loads(table_room.do("runs", "list", "--json")) == []
    assert not (table_room.work / "gotcha").exists()


def test_trusted_pickles_are_run(table_room: Room) -> None:
    """Who says so gets what joblib loads."""
    from sklearn.naive_bayes import GaussianNB

    rows = np.array([[at % 7, at / 4] for at in range(40)])
    model = GaussianNB().fit(rows, np.arange(40) % 2)
    (table_room.work / "model.pkl").write_bytes(pickle.dumps(model))

    found = evaluated(table_room, "model.pkl", "HEAD:test.csv", "--input", "a,b", "--trust")

    assert metrics(found)["accuracy"] == pytest.approx(float(model.score(rows, np.arange(40) % 2)))


def test_comparing_as_a_gate(shared: Room) -> None:
    """Trainings are compared by the evaluations of what they made; a broken rule ends with 10."""
    for name, model in (("plain", "mean.onnx"), ("better", "bayes.skops")):
        shared.do("run", "-q", "--name", name, "--param", f"kind={name}", "--artefact", model, "--", "true")
    y = digits()[1][1000:1300]
    for model, wrong in (("mean.onnx", 40), ("bayes.skops", 15)):
        said = np.r_[(y[:wrong] + 1) % 10, y[wrong:]]
        shared.write("said.csv", "prediction\n" + "".join(f"{digit}\n" for digit in said))
        evaluated(shared, model, "HEAD:test.npz", "--predictions", "said.csv", "--in-order")

    done = shared.run(
        "compare", "plain", "better", FEW, "--json", "--fail-on", "slice:*:-0.001", "--fail-on=wins>9999"
    )

    found = json.loads(done.out)
    assert (done.code, found["failed"], found["wins"], found["regressions"]) == (0, [], 25, 0)
    assert found["training"]["parameters"] == {"kind": {"old": "plain", "new": "better"}}
    assert found["metrics"][0]["change"] == pytest.approx(25 / 300)
    worse = shared.run("compare", "better", "plain", FEW, "--fail-on", "accuracy<1")
    assert worse.code == 10
    assert "failed accuracy<1" in worse.out
    page = shared.do("compare", "better", "plain", FEW, "--markdown")
    assert page.startswith("### better to plain\n\nPassed: classification, 300 examples")
    assert "| kind | better | plain |" in page
    missing = shared.run("compare", "last", "no-such-run")
    assert missing.code == 3
    assert shared.run("compare", "better", "plain", "--fail-on", "acc<0").code == 2


def test_benches_are_compared_where_they_can_be_ranked(shared: Room) -> None:
    """Their figures have units; those of other machines are not put beside each other, and it says why."""

    def bench(model: str, cores: int) -> None:
        made, digest = benches.small(), hash_bytes((shared.work / model).read_bytes()).hex()
        about = msgspec.structs.replace(made.model, digest=digest)
        made = msgspec.structs.replace(made, model=about, fingerprint={"processor": "A", "cores": cores})
        shared.write("bench.json", made.encode().decode())
        line = f'{{"single-1.p50": {0.001 * cores}, "peak_bytes": 2500000}}'
        put = ("sh", "-c", f"echo '{line}' >> \"$TETHER_METRICS\"")
        shared.do("run", "-q", "--artefact", "bench.json", "--", *put)

    def compared() -> tuple[list[list[str]], list[str]]:
        lines = shared.do("compare", "mean-of", "bayes-of", FEW).splitlines()
        figures = [line.split() for line in lines if line.strip().startswith(("single-1.p50", "peak_bytes"))]
        return figures, [line for line in lines if line.startswith("bench: ")]

    for name, model in (("mean-of", "mean.onnx"), ("bayes-of", "bayes.skops")):
        evaluated(shared, model, "HEAD:test.npz", "--name", name)
        bench(model, 2)
    ms, size = ["2.00", "ms"], ["2.5", "MB"]
    assert compared() == ([["peak_bytes", *size, *size, "1.000"], ["single-1.p50", *ms, *ms, "1.000"]], [])
    bench("bayes.skops", 8)
    assert compared() == ([], ["bench: these benches cannot be ranked: not the same cores"])


BOX = '[{"label": "cat", "box": [0, 0, 10, 10]}]'
OTHERS: dict[str, tuple[list[Any], list[Any], dict[str, float]]] = {
    "regression": ([1.5, 2.0, 4.0], [1.0, 2.0, 6.0], {"mae": 2.5 / 3, "rmse": (4.25 / 3) ** 0.5}),
    "text": (["a cat", "a dog"], ["a cat", "the dog"], {"exact_match": 0.5, "wer": 0.25, "token_f1": 0.75}),
    "retrieval": (
        [["a", "b"], ["c"]],
        [["a", "x"], ["x", "c"]],
        {"mrr": 0.75, "recall@1": 0.25},
    ),
    "detection": ([BOX, BOX], [BOX, "[]"], {"ap@0.5": 51 / 101, "recall@0.5": 0.5}),
}


def test_what_else_can_be_predicted(room: Room) -> None:
    """Each task has its metrics, and two models of it can be compared; a clone has all of it."""
    room.inside = True
    for task, (labels, _, _) in OTHERS.items():
        keys = [f"k{at}" for at in range(len(labels))]
        parquet.write_table(table({"id": keys, "label": labels}), room.work / f"{task}.parquet")
    room.do("init", "-q")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Sets")
    for task, (labels, given, wanted) in OTHERS.items():
        keys = [f"k{at}" for at in range(len(labels))]
        for name, said in ((f"{task}-good", labels), (f"{task}-bad", given)):
            parquet.write_table(table({"id": keys, "prediction": said}), room.work / "said.parquet")
            words = ["--predictions", "said.parquet", "--key", "id", "--task", task, "--name", name]
            found = evaluated(room, f"HEAD:{task}.parquet", *words)

        assert {name: metrics(found)[name] for name in wanted} == pytest.approx(wanted)
        gate = room.run("compare", f"{task}-good", f"{task}-bad", FEW, "--fail-on", "-0.0001", "--json")
        assert gate.code == 10
        assert json.loads(gate.out)["worst"][0]["id"] in keys

    room.do("remote", "add", "origin", "../shared.tether")
    room.do("push", "-q", "origin")
    room.do("clone", "-q", "../shared.tether", "../copy")
    copy = room.work.parent / "copy"
    again = room.do("compare", "text-good", "text-bad", FEW, "--json", cwd=copy)
    assert again == room.do("compare", "text-good", "text-bad", FEW, "--json")


def test_the_nearest_slices_are_taken_and_told(tmp_path: Path) -> None:
    """Those beside the data before those above it; also that there are none, and nothing with -q."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    room.write("a/b/test.csv", "label,n\nx,1\ny,2\n")
    room.write("said.csv", "prediction\nx\ny\n")
    judge = ("eval", FEW, "--predictions", "said.csv", "--in-order", "--label", "label")

    def told(*words: str) -> tuple[list[str], str]:
        room.do("add", "a", *(["slices.yml"] if (room.work / "slices.yml").exists() else []))
        done = room.run(*judge, *words, ":a/b/test.csv")
        assert done.code == 0, done.err
        kept = room.json("runs", "show", "last")
        return [each["path"] for each in kept["data"] if each["name"] == "slices"], done.err

    assert told() == ([], "no slices: no slices.yml lies beside the data or in a folder above it\n")
    for place in ("slices.yml", "a/slices.yml", "a/b/slices.yml"):
        room.write(place, "slices: {one: {where: n = 1, min: 1}}\n")
        assert told() == ([place], f"slices are those of :{place}\n")
    assert told("-q") == (["a/b/slices.yml"], "")
    assert told("--no-slices") == ([], "")


def test_a_run_stands_for_the_one_model_that_it_kept(shared: Room) -> None:
    """It is measured as the file itself is; with none, with two, or without data it is told what to name."""
    shared.do(
        "run", "-q", "--name", "one", "--artefact", "mean.onnx", "--artefact", "slices.yml", "--", "true"
    )
    shared.do("run", "-q", "--name", "none", "--artefact", "slices.yml", "--", "true")
    shared.do(
        "run", "-q", "--name", "two", "--artefact", "mean.onnx", "--artefact", "fixed.onnx", "--", "true"
    )

    by_run = evaluated(shared, "one", "HEAD:test.npz")

    assert metrics(by_run) == metrics(evaluated(shared, "mean.onnx", "HEAD:test.npz"))
    refused = {
        words: shared.run("eval", *words.split()) for words in ("none :test.npz", "two :test.npz", "one")
    }
    assert [done.code for done in refused.values()] == [3, 2, 2]
    assert "the run none kept no model" in refused["none :test.npz"].err
    assert "the run two kept 2 models" in refused["two :test.npz"].err
    assert ":artefacts/fixed.onnx" in refused["two :test.npz"].err
    assert "tether eval one REV:DATA" in refused["one"].err
