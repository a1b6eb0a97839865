"""What a person's script does with MLflow; a client of any version runs it, and it knows nothing of Tether.

`python mlflowscript.py TRANSCRIPT` writes the requests that the client makes there, one a line.
"""

import re
import sys
from pathlib import Path
from typing import Any


def record(place: Path) -> None:
    """Write down the method and the path of each request."""
    import requests

    send = requests.Session.send

    def sending(self: Any, request: Any, **settings: Any) -> Any:
        answer = send(self, request, **settings)
        path = request.path_url.partition("/api/")[2].partition("?")[0]
        path = re.sub(r"0\d[0-9a-z]{24}(?=/|-|$)", "RUN", path)
        path = re.sub(r"(RUN/artifacts/.*)", "RUN/artifacts/PATH", path)
        with place.open("a") as file:
            file.write(f"{request.method} /api/{path} {answer.status_code}\n")
        return answer

    requests.Session.send = sending  # type: ignore[method-assign]


def main(folder: Path) -> None:
    """Log, search, register and load."""
    import mlflow  # type: ignore[import-not-found, unused-ignore]
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1]})
    mlflow.set_experiment("animals")
    with mlflow.start_run(run_name="base") as run:
        mlflow.log_params({"lr": 0.1, "layers": 3, "note": "0.10"})
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"accuracy": 0.9, "bad": float("nan")})
        mlflow.set_tag("team", "vision")
        mlflow.log_input(mlflow.data.from_pandas(rows, source="train.csv", name="train"), context="training")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({}, "empty.json")
        (folder / "nothing").touch()
        mlflow.log_artifact(str(folder / "nothing"))
        model = LogisticRegression().fit(rows[["x"]], rows["y"])
        info = mlflow.sklearn.log_model(
            model,
            "model",
            registered_model_name="cats",
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
        for depth in (1, 2):
            with mlflow.start_run(run_name=f"depth-{depth}", nested=True):
                mlflow.log_param("depth", depth)
                mlflow.log_metric("loss", 1 / depth)
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("cats", "champion", "1")
    client.set_model_version_tag("cats", "1", "checked", "yes")
    assert client.get_model_version_by_alias("cats", "champion").run_id == run.info.run_id
    assert [each.name for each in client.search_registered_models()] == ["cats"]
    assert [each.version for each in client.search_model_versions("name='cats'")] in (["1"], [1])
    loaded = mlflow.sklearn.load_model("models:/cats@champion")
    assert np.array_equal(loaded.predict(rows[["x"]]), model.predict(rows[["x"]]))
    again = mlflow.sklearn.load_model(info.model_uri)
    assert np.array_equal(again.coef_, model.coef_)
    look(run.info.run_id)
    if mlflow.__version__ >= "3":
        log_by_itself(rows)


def look(run: str) -> None:
    """Find and read what was logged."""
    import mlflow  # type: ignore[import-not-found, unused-ignore]

    client = mlflow.MlflowClient()
    found = mlflow.search_runs(
        filter_string="metrics.loss <= 0.5 and tags.mlflow.runName LIKE 'depth%'",
        order_by=["metrics.loss"],
    )
    assert list(found["params.depth"]) == ["2"], found
    points = client.get_metric_history(run, "loss")
    assert [(each.step, round(each.value, 2)) for each in points] == [(0, 1.0), (1, 0.5), (2, 0.33)]
    seen = client.get_run(run)
    assert {"lr": "0.1", "layers": "3", "note": "0.10"}.items() <= seen.data.params.items()
    assert seen.info.status == "FINISHED"
    assert seen.data.tags["team"] == "vision"
    assert [each.dataset.name for each in seen.inputs.dataset_inputs] == ["train"]
    listed = {each.path for each in client.list_artifacts(run)}
    assert {"notes", "empty.json", "nothing"} <= listed, listed
    place = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="notes/hello.txt")
    assert Path(place).read_text() == "hello"
    assert [each.name for each in client.search_experiments()] == ["animals", "Default"]


def log_by_itself(rows: Any) -> None:
    """Let scikit-learn log."""
    import mlflow  # type: ignore[import-not-found, unused-ignore]
    from sklearn.linear_model import LogisticRegression

    mlflow.sklearn.autolog(log_models=False)
    LogisticRegression(C=0.5).fit(rows[["x"]], rows["y"])
    newest = mlflow.last_active_run()
    assert newest is not None
    assert newest.data.params["C"] == "0.5"
    assert newest.data.metrics["training_accuracy_score"] == 1.0


if __name__ == "__main__":
    record(Path(sys.argv[1]))
    main(Path(sys.argv[1]).parent)
