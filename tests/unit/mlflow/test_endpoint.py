"""The server of one command, asked by hand: what clients do not do, and what they do at once."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.repos import ADA, make_repository

from tether.api.endpoint import Endpoint
from tether.api.opened import Opened
from tether.api.running import recover_all
from tether.core.ulid import make_ulid
from tether.runs.journal import FOLDER, Journal
from tether.runs.reading import find_run, runs_of
from tether.runs.rundoc import RunRecord, Status
from tether.runs.sealing import Ending, seal

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"


class Server:
    """The server of a run that is under way, and its end."""

    def __init__(self, repo: Opened, journal: Journal) -> None:
        self.repo, self.journal = repo, journal
        self.endpoint = Endpoint(repo, journal, {})
        self.address = urlsplit(self.endpoint.variables["MLFLOW_TRACKING_URI"])

    def ask(self, method: str, path: str, body: Any = None, secret: str | None = None) -> tuple[int, Any]:
        """Send one request, JSON or bytes, and return status and answer."""
        connection = http.client.HTTPConnection(str(self.address.hostname), self.address.port, timeout=30)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, (self.address.path if secret is None else secret) + path, data)
            answer = connection.getresponse()
            text = answer.read()
            kind = answer.headers["Content-Type"]
            return answer.status, json.loads(text) if kind == "application/json" else text
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request below the API that must succeed."""
        status, answer = self.ask(method, API + path, body)
        assert status == 200, answer
        return answer

    def begin(self, **fields: Any) -> str:
        """Begin a run."""
        run = self.ok("POST", "runs/create", {"experiment_id": "0", **fields})["run"]["info"]["run_id"]
        return str(run)

    def raw(self, data: bytes) -> bytes:
        """Send bytes and return all that comes back."""
        with socket.create_connection((self.address.hostname, self.address.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def end(self, status: Status = Status.FINISHED) -> None:
        """End the command and store its runs."""
        self.endpoint.close(status, Path(self.repo.root))
        seal(self.repo.repository, self.journal, Ending(status), ADA)
        self.endpoint.store(status)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a server that answers."""
    repo = Opened(make_repository(tmp_path / "repo"), author=ADA)
    run = make_ulid(1, 0)
    with repo, Journal.begin(repo.repository.directory / FOLDER / run) as (journal, _):
        journal.tell(RunRecord(id=run, status=Status.RUNNING, command=("x",), started="2026-01-01T00:00:00Z"))
        server = Server(repo, journal)
        with server.endpoint.serving():
            yield server


def test_who_does_not_know_the_address_learns_nothing(server: Server) -> None:
    """Neither without the secret nor with a part of it."""
    for secret in ("", "/", "/x" * 20, server.address.path[:-1], server.address.path + "x"):
        status, answer = server.ask("GET", API + "experiments/get?experiment_id=0", secret=secret)
        assert (status, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert server.ok("GET", "experiments/get?experiment_id=0")["experiment"]["name"] == "Default"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", API + "traces/search"),
        ("POST", API + "runs/get"),
        ("GET", API + "logged-models/x/y/z"),
        ("GET", "/api/2.0/other"),
        ("DELETE", FILES + "x/artifacts/y"),
        ("GET", "/"),
    ],
)
def test_what_is_not_there_says_so(server: Server, method: str, path: str) -> None:
    """A client that gets this code knows that the server is older or another one."""
    status, answer = server.ask(method, path)

    assert (status, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("runs/log-metric", b"{"),
        ("runs/log-metric", b"\xff\xfe"),
        ("runs/log-metric", {"run_id": "RUN", "key": "a", "value": "much"}),
        ("runs/log-metric", {"run_id": "RUN", "key": "a\nb", "value": 1}),
        ("runs/log-metric", {"run_id": "RUN", "key": "", "value": 1}),
        ("runs/log-batch", {"run_id": "RUN", "metrics": 7}),
        ("runs/log-batch", {"run_id": "RUN", "params": [{"key": "x" * 300, "value": "1"}]}),
        ("runs/log-parameter", {"run_id": "RUN", "key": "a", "value": "x" * 6001}),
        ("runs/set-tag", {"run_id": "RUN", "value": "x"}),
        ("runs/set-tag", {"run_id": ["RUN", 3], "key": {}, "value": "x"}),
        ("runs/update", {"run_id": "RUN", "status": "HAPPY"}),
        ("runs/search", {"filter": "metrics.loss <"}),
        ("runs/search", {"max_results": 10**9}),
        ("runs/log-inputs", {"run_id": "RUN", "datasets": [7]}),
        ("registered-models/create", {"name": "a/b"}),
        ("model-versions/create", {"name": 7}),
        ("runs/search", b"[" * 100_000),
    ],
)
def test_nonsense_is_refused(server: Server, path: str, body: Any) -> None:
    """It is the mistake of the client, nothing is kept of it, and the server goes on."""
    run = server.begin()
    if not isinstance(body, bytes):
        body = json.loads(json.dumps(body).replace("RUN", run))

    status, answer = server.ask("POST", API + path, body)

    assert (status, answer["error_code"]) in (
        (400, "INVALID_PARAMETER_VALUE"),
        (404, "RESOURCE_DOES_NOT_EXIST"),
    )
    data = server.ok("GET", f"runs/get?run_id={run}")["run"]["data"]
    assert (data["metrics"], data["params"]) == ([], [])


def test_what_is_no_http_ends_the_connection(server: Server) -> None:
    """With 400 where a word can still be said."""
    path = server.address.path.encode()
    long = b"POST " + path + b"/api/2.0/mlflow/runs/search HTTP/1.1\r\n"
    for data, status in (
        (b"\x16\x03\x01" + b"\0" * 100 + b"\r\n\r\n", b"400"),
        (b"BREW " + path + b" HTTP/1.1\r\n\r\n", b"400"),
        (long + b"Content-Length: x\r\n\r\n", b"400"),
        (long + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"400"),
        (long + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (long + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (long + b"Content-Length: 99999999999\r\n\r\n", b"413"),
        (long + b"A: b\r\n" * 200 + b"\r\n", b"400"),
    ):
        assert server.raw(data).split(b" ")[1] == status
    assert server.raw(long + b"Content-Length: 10\r\n\r\n{}") == b""


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "%2e%2e/x",
        "..%2fx",
        "a//b",
        "/etc/passwd",
        "%00",
        ".tether/x",
        "a/%2e",
        "x" * 5000,
    ],
)
def test_artefacts_stay_in_their_run(server: Server, path: str) -> None:
    """A path that leads elsewhere is refused, in both directions."""
    run = server.begin()

    sent, _ = server.ask("PUT", f"{FILES}{run}/artifacts/{path}", b"data")
    read, _ = server.ask("GET", f"{FILES}{run}/artifacts/{path}")

    assert sent == 400
    assert read in (400, 404)
    assert server.ask("GET", f"{API}artifacts/list?run_id={run}")[1]["files"] == []


def test_artefacts_come_back(server: Server) -> None:
    """Whole, by chunks, replaced, listed; a folder is no file, and a file is no folder."""
    run = server.begin()
    data = bytes(range(256)) * 10_000
    here = f"{FILES}{run}/artifacts/"

    assert server.ask("PUT", here + "a/b%20c.bin", b"old")[0] == 200
    assert server.ask("PUT", here + "a/b%20c.bin", data)[0] == 200
    chunked = f"PUT {server.address.path}{here}a/d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert server.raw(chunked + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").split(b" ")[1] == b"200"
    assert server.ask("GET", here + "a/b%20c.bin") == (200, data)
    assert server.ask("GET", here + "a/d") == (200, b"abcde")
    assert server.ask("GET", here + "a")[0] == 404
    assert server.ask("PUT", here + "a", b"x")[0] == 400
    assert server.ask("PUT", here + "a/d/e", b"x")[0] in (400, 404)
    cut = f"PUT {server.address.path}{here}cut HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc".encode()
    server.raw(cut)
    listed = server.ok("GET", f"artifacts/list?run_id={run}&path=a")["files"]
    assert [(each["path"], each["file_size"]) for each in listed] == [("a/b c.bin", len(data)), ("a/d", 5)]
    server.end()
    assert {each.path for each in find_run(server.repo.repository, run).record.artefacts} == {
        "a/b c.bin",
        "a/d",
    }


def test_many_at_once(server: Server) -> None:
    """Threads that log into several runs lose nothing."""
    runs = [server.begin(run_name=f"r{number}") for number in range(4)]

    def log(number: int) -> None:
        run = runs[number % 4]
        metrics = [{"key": "loss", "value": 0.5, "timestamp": 1, "step": step} for step in range(50)]
        server.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics})
        server.ok("POST", "runs/set-tag", {"run_id": run, "key": f"tag{number}", "value": "x"})
        assert server.ask("PUT", f"{FILES}{run}/artifacts/f{number}", b"x" * number)[0] == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(24)))

    server.end()
    stored = {run.id: run.record for run in runs_of(server.repo.repository)}
    assert set(stored) == set(runs)
    assert {record.metrics["loss"].count for record in stored.values()} == {300}
    assert {len(record.artefacts) for record in stored.values()} == {6}


def test_stored_runs_are_read_and_never_change(server: Server) -> None:
    """They are found with those under way; a write to one is refused."""
    child = [server.begin(), server.begin(run_name="child")][1]
    server.ok("POST", "runs/log-batch", {"run_id": child, "params": [{"key": "lr", "value": "0.10"}]})
    server.ok("POST", "runs/update", {"run_id": child, "status": "FAILED", "end_time": 10**18})
    forgotten = server.begin()
    server.ok("POST", "runs/delete", {"run_id": forgotten})
    server.end(Status.KILLED)
    with Journal.begin(server.journal.folder.with_name(make_ulid(2_000_000, 0))) as (journal, _):
        journal.tell(
            RunRecord(id=journal.id, status=Status.RUNNING, command=("y",), started="2026-01-02T00:00:00Z")
        )
        later = Server(server.repo, journal)
        with later.endpoint.serving():
            found = later.ok("POST", "runs/search", {"filter": "params.lr = '0.10'"})["runs"]
            statuses = {
                each["info"]["run_id"]: each["info"]["status"]
                for each in later.ok("POST", "runs/search", {})["runs"]
            }
            status, answer = later.ask(
                "POST", API + "runs/set-tag", {"run_id": child, "key": "a", "value": "b"}
            )

    assert [each["info"]["run_id"] for each in found] == [child]
    assert statuses == {journal.id: "RUNNING", server.journal.id: "KILLED", child: "FAILED"}
    assert (status, answer["error_code"]) == (400, "INVALID_STATE")


def test_parameters_are_set_once(server: Server) -> None:
    """The same value again is fine, another one is not."""
    run = server.begin()
    for value, expected in (("0.10", 200), ("0.10", 200), ("0.1", 400)):
        body = {"run_id": run, "key": "lr", "value": value}
        assert server.ask("POST", API + "runs/log-parameter", body)[0] == expected


def test_nothing_comes_after_the_end(server: Server) -> None:
    """Who holds the store when the command has ended can write nothing more."""
    run = server.begin()
    server.endpoint.close(Status.FINISHED, Path(server.repo.root))

    status, answer = server.ask("POST", API + "runs/log-metric", {"run_id": run, "key": "a", "value": 1})

    assert (status, answer["error_code"]) == (400, "INVALID_STATE")


def test_all_runs_of_a_command_are_stored_when_its_recorder_is_gone(tmp_path: Path) -> None:
    """They live as long as the lock that they share, and are stored as far as they came."""
    repo = Opened(make_repository(tmp_path / "repo"), author=ADA)
    folder = repo.repository.directory / FOLDER
    with repo:
        with Journal.begin(folder / make_ulid(1, 0)) as (journal, _):
            journal.tell(
                RunRecord(
                    id=journal.id, status=Status.RUNNING, command=("x",), started="2026-01-01T00:00:00Z"
                )
            )
            server = Server(repo, journal)
            with server.endpoint.serving():
                runs = [server.begin(run_name="first"), server.begin(run_name="second")]
                for run in runs:
                    metric = {"run_id": run, "key": "loss", "value": 1, "timestamp": 5, "step": 2}
                    server.ok("POST", "runs/log-metric", metric)
            assert recover_all(repo) == []
            assert [run.record.status for run in runs_of(repo.repository)] == [Status.RUNNING] * 2

        recovered = recover_all(repo)

        assert {record.id for record in recovered} == set(runs)
        stored = list(runs_of(repo.repository))
        assert [run.record.status for run in stored] == [Status.LOST] * 2
        assert [run.record.metrics["loss"].count for run in stored] == [1, 1]
        assert [run.record.name for run in stored] == ["second", "first"]
        assert not any(folder.iterdir())


@pytest.mark.parametrize(
    ("end", "tail"), [(b"\r\n\r\n", b""), (b"\n\n", b"\r\n\r\n"), (b"\r\n\n", b"\n\r\n")]
)
def test_heads_that_come_again(server: Server, end: bytes, tail: bytes) -> None:
    """On one connection, also where a head ends in another way and its body looks like the end of one."""
    run = server.begin()
    body = json.dumps({"run_id": run, "key": "loss", "value": 1, "step": 1}).encode() + tail
    where = f"POST {server.address.path}{API}runs/log-metric HTTP/1.1\r\n".encode()
    request = where + b"Content-Length: %d" % len(body) + end + body

    assert server.raw(3 * request).count(b"HTTP/1.1 200") == 3

    found = server.ok("GET", f"metrics/get-history?run_id={run}&metric_key=loss")["metrics"]
    assert [each["value"] for each in found] == [1.0, 1.0, 1.0]
