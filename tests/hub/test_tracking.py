"""The MLflow-compatible endpoint of a hub: live runs in its database, stored as refs when they end."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import DAY, HubRoom
from tests.support.hubpush import Desk

from tether.hub import trackedrecords
from tether.hub.runending import end_lost
from tether.hub.upkeep import collect
from tether.repo.history import History
from tether.runs.reading import stored_run

FILES = "/ada/x/api/2.0/mlflow-artifacts/artifacts/"


class Client:
    """Asks a hub as a client of MLflow does."""

    def __init__(self, hub: HubRoom, token: str | None) -> None:
        self.hub, self.token = hub, token

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a request below the API of ada/x."""
        reply = self.hub.call(method, f"/ada/x/api/2.0/mlflow/{path}", self.token, body)
        return reply.status, reply.json

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """Send one that must succeed."""
        status, answer = self.ask(method, path, body)
        assert status == 200, answer
        return answer

    def begin(self, **fields: Any) -> str:
        """Begin a run."""
        run = self.ok("POST", "runs/create", {"experiment_id": "0", **fields})["run"]["info"]["run_id"]
        return str(run)

    def put(self, run: str, path: str, data: bytes) -> int:
        """Send an artefact."""
        return self.hub.call("PUT", f"{FILES}{run}/artifacts/{path}", self.token, parts=[data]).status


@pytest.fixture
def ada(hub: HubRoom) -> Client:
    """Return a client of somebody who may write."""
    token = hub.user("ada")
    hub.repository(token, "ada/x")
    return Client(hub, token)


def test_a_run_from_its_begin_to_its_ref(hub: HubRoom, ada: Client, tmp_path: Path) -> None:
    """What was logged is read while it is under way, and is a run like others when it ended."""
    run = ada.begin(run_name="base", tags=[{"key": "mlflow.source.name", "value": "train.py"}])
    big = bytes(range(256)) * 20_000
    metrics = [{"key": "loss", "value": 1 / step, "timestamp": 1000, "step": step} for step in (1, 2, 4)]
    ada.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics})
    ada.ok(
        "POST", "runs/log-metric", {"run_id": run, "key": "bad", "value": "NaN", "timestamp": 1, "step": 0}
    )
    ada.ok("POST", "runs/log-batch", {"run_id": run, "params": [{"key": "lr", "value": "0.1"}]})
    ada.ok("POST", "runs/set-tag", {"run_id": run, "key": "team", "value": "vision"})
    for path, data in (("a/big", big), ("a/small", b"old"), ("a/small", b"hello"), ("twice", big)):
        assert ada.put(run, path, data) == 200
    assert collect(hub.hub, _row(hub)).freed >= 0
    live = ada.ok("GET", f"runs/get?run_id={run}")["run"]
    assert hub.call("GET", f"{FILES}{run}/artifacts/a/big", ada.token).body == big
    ada.ok("POST", "runs/update", {"run_id": run, "status": "FINISHED"})

    stored = ada.ok("GET", f"runs/get?run_id={run}")["run"]
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    commit = desk.end(ada.token).refs().refs[f"refs/runs/{run}"]
    with _open(hub) as repository:
        record = stored_run(repository, History.of(repository), run, commit).record

    assert {each["key"]: each["value"] for each in stored["data"]["metrics"]} == {"loss": 0.25, "bad": "NaN"}
    assert live["data"]["params"] == stored["data"]["params"] == [{"key": "lr", "value": "0.1"}]
    assert stored["info"]["status"] == "FINISHED"
    assert (record.name, record.command, record.parameters) == ("base", ("train.py",), {"lr": 0.1})
    assert [each.path for each in record.artefacts] == ["a/big", "a/small", "twice"]
    assert hub.call("GET", f"{FILES}{run}/artifacts/a/small", ada.token).body == b"hello"
    assert hub.call("GET", f"{FILES}{run}/artifacts/a/big", ada.token).body == big
    assert len(ada.ok("GET", f"metrics/get-history?run_id={run}&metric_key=loss")["metrics"]) == 3
    listed = ada.ok("GET", f"artifacts/list?run_id={run}&path=a")["files"]
    assert [(each["path"], each["file_size"]) for each in listed] == [("a/big", len(big)), ("a/small", 5)]
    status, answer = ada.ask("POST", "runs/set-tag", {"run_id": run, "key": "a", "value": "b"})
    assert (status, answer["error_code"]) == (400, "INVALID_STATE")


def test_rights_are_those_of_push_and_read(hub: HubRoom, ada: Client) -> None:
    """Who may not know of the repository learns nothing of its runs; who may read does not write."""
    run = ada.begin()
    bob, nobody = Client(hub, hub.user("bob")), Client(hub, None)

    assert bob.ask("GET", f"runs/get?run_id={run}")[0] == 200
    assert bob.ask("POST", "runs/search", {})[0] == 200
    assert bob.ask("POST", "runs/set-tag", {"run_id": run, "key": "a", "value": "b"})[0] == 403
    assert bob.put(run, "a", b"x") == 403
    assert nobody.ask("POST", "runs/create", {})[0] == 401
    hub.ok("PATCH", "/repos/ada/x", ada.token, {"private": True})
    for client in (bob, nobody):
        status, answer = client.ask("GET", f"runs/get?run_id={run}")
        assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_runs_of_one_repository_are_not_seen_in_another(hub: HubRoom, ada: Client) -> None:
    """Neither read nor changed, whatever id is asked for."""
    run = ada.begin()
    hub.repository(str(ada.token), "ada/y")

    for method, path, body in (
        ("GET", f"runs/get?run_id={run}", None),
        ("POST", "runs/log-metric", {"run_id": run, "key": "a", "value": 1}),
        ("GET", f"artifacts/list?run_id={run}", None),
    ):
        reply = hub.call(method, f"/ada/y/api/2.0/mlflow/{path}", ada.token, body)
        assert (reply.status, reply.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    place = f"/ada/y/api/2.0/mlflow-artifacts/artifacts/{run}/artifacts/a"
    assert hub.call("PUT", place, ada.token, parts=[b"x"]).status == 404


def test_experiments_and_the_registry_of_a_repository(ada: Client) -> None:
    """They are there for all of its runs, also when these are stored."""
    experiment = ada.ok("POST", "experiments/create", {"name": "animals"})["experiment_id"]
    run = ada.begin(experiment_id=experiment)
    model = ada.ok("POST", "logged-models", {"name": "m", "source_run_id": run})["model"]["info"]
    assert ada.put(run, "models/m/MLmodel", b"x") == 200
    ada.ok("POST", "registered-models/create", {"name": "cats"})
    source = {"name": "cats", "source": f"models:/{model['model_id']}", "model_id": model["model_id"]}
    ada.ok("POST", "model-versions/create", source)
    ada.ok("POST", "registered-models/alias", {"name": "cats", "alias": "best", "version": "1"})
    ada.ok("POST", "runs/update", {"run_id": run, "status": "FINISHED"})

    found = ada.ok("GET", "registered-models/alias?name=cats&alias=best")["model_version"]
    searched = ada.ok("POST", "runs/search", {"experiment_ids": [experiment]})["runs"]
    uri = ada.ok("GET", "model-versions/get-download-uri?name=cats&version=1")["artifact_uri"]

    assert (found["version"], found["run_id"]) == ("1", run)
    assert [each["info"]["run_id"] for each in searched] == [run]
    assert uri == model["artifact_uri"] == f"mlflow-artifacts:/{run}/artifacts/models/m"


def test_a_run_that_nobody_ends_is_stored_as_lost(hub: HubRoom, ada: Client) -> None:
    """When nobody told of it for long; until then it is under way."""
    run = ada.begin(run_name="base")
    assert ada.put(run, "a", b"x") == 200
    assert end_lost(hub.hub) == 0

    hub.now += 31 * DAY
    assert end_lost(hub.hub) == 1

    [found] = ada.ok("POST", "runs/search", {})["runs"]
    assert (found["info"]["run_id"], found["info"]["status"]) == (run, "KILLED")
    assert hub.call("GET", f"{FILES}{run}/artifacts/a", ada.token).body == b"x"


def test_what_fails_changes_nothing(ada: Client) -> None:
    """A request of which one part is wrong is taken back whole."""
    run = ada.begin()
    body = {
        "run_id": run,
        "metrics": [{"key": "loss", "value": 1, "timestamp": 1, "step": 1}],
        "tags": [{"key": "x" * 300, "value": "y"}],
    }

    assert ada.ask("POST", "runs/log-batch", body)[0] == 400
    assert ada.ask("POST", "traces/search", {})[1]["error_code"] == "ENDPOINT_NOT_FOUND"
    assert ada.put(run, "../x", b"x") == 400
    data = ada.ok("GET", f"runs/get?run_id={run}")["run"]["data"]
    assert (data["metrics"], json.dumps(data["params"])) == ([], "[]")


def _row(hub: HubRoom) -> Any:
    from tether.hub.repositories import find

    with hub.hub.database.session(reads_only=True) as session:
        return find(session, "ada", "x")


def _open(hub: HubRoom) -> Any:
    from contextlib import closing

    from tether.hub.repositories import open_repository

    return closing(open_repository(hub.hub, _row(hub)))


def test_a_run_under_way_is_on_the_pages(hub: HubRoom, ada: Client) -> None:
    """In the table with its last values, and on a page of its own with its curves, until it is stored."""
    run = ada.begin(run_name="under way")
    metrics = [{"key": "loss", "value": 1 / step, "timestamp": 1000, "step": step} for step in (1, 2, 4)]
    ada.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics})
    ada.ok("POST", "runs/log-batch", {"run_id": run, "params": [{"key": "lr", "value": "0.1"}]})
    assert ada.put(run, "model", b"weights") == 200
    hub.repository(str(ada.token), "ada/y")

    def page(path: str, status: int = 200) -> str:
        reply = hub.call("GET", path, ada.token, headers={"accept": "text/html"})
        assert reply.status == status, reply.body
        return reply.body.decode()

    table, one, part = page("/ada/x/runs"), page(f"/ada/x/runs/{run}"), page(f"/ada/x/runs/{run}?part=live")
    ada.ok("POST", "runs/update", {"run_id": run, "status": "FINISHED"})

    for text in (table, one):
        assert "under way" in text
        assert "running" in text
        assert "0.25" in text
    assert "<svg" in part
    assert "loss" in part
    assert "model" in one
    page(f"/ada/y/runs/{run}", 404)
    assert "finished" in page(f"/ada/x/runs/{run}")


def test_a_page_reads_no_more_points_than_it_shows(
    hub: HubRoom, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with more is listed without them, and its page says so; others keep theirs."""
    short = ada.begin(run_name="short")
    ada.ok(
        "POST", "runs/log-metric", {"run_id": short, "key": "loss", "value": 0.75, "timestamp": 1, "step": 0}
    )
    run = ada.begin(run_name="long")
    metrics = [{"key": "loss", "value": 0.123, "timestamp": 1, "step": step} for step in range(50)]
    ada.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics})
    monkeypatch.setattr(trackedrecords, "_MOST_POINTS", 100)
    for path in ("/ada/x/runs", f"/ada/x/runs/{run}"):
        reply = hub.call("GET", path, ada.token, headers={"accept": "text/html"})
        assert reply.status == 200
        assert b"long" in reply.body
        assert b"0.123" not in reply.body
    assert b"0.75" in hub.call("GET", "/ada/x/runs", ada.token, headers={"accept": "text/html"}).body
