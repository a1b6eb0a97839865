"""What 100,000 metric points cost the endpoint of `tether run`: `python -m benchmarks.mlflow_points`.

The requests are those that MLflow's client sends, with its headers, by a process of its own over one
connection.
The time is that of the processor, user and system, in the process that answers: other work on the machine
does not count.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tether.api.endpoint import Endpoint
from tether.api.opened import Opened
from tether.core.identity import Person
from tether.core.ulid import make_ulid
from tether.runs.journal import FOLDER, Journal
from tether.runs.rundoc import RunRecord, Status

POINTS = 100_000
_HEADERS = (
    "Host: 127.0.0.1:5000\r\nUser-Agent: mlflow-python-client/3.17.2\r\nAccept-Encoding: gzip, deflate\r\n"
    "Accept: */*\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
)


def send(address: str, run: str, together: int) -> None:
    """Log all points, so many in each request."""
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port)) as connection:
        for start in range(0, POINTS, together):
            points = [
                {"key": "loss", "value": 1 / (step + 1), "timestamp": 1_800_000_000_000 + step, "step": step}
                for step in range(start, start + together)
            ]
            route = "log-metric" if together == 1 else "log-batch"
            body = {"run_uuid": run, "run_id": run} | (points[0] if together == 1 else {"metrics": points})
            data = json.dumps(body).encode()
            head = f"POST {url.path}/api/2.0/mlflow/runs/{route} HTTP/1.1\r\n{_HEADERS}"
            connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def measure(together: int) -> tuple[float, float]:
    """Return the seconds of the processor that logging took, and then reading the run."""
    with tempfile.TemporaryDirectory() as folder, Opened.init(folder) as repo:
        repo.author = Person("Ada", "ada@example.org")
        run = make_ulid(time.time_ns() // 1000, 0)
        with Journal.begin(repo.repository.directory / FOLDER / run) as (journal, _):
            journal.tell(
                RunRecord(id=run, status=Status.RUNNING, command=("x",), started="2026-01-01T00:00:00Z")
            )
            endpoint = Endpoint(repo, journal, {})
            with endpoint.serving():
                address = endpoint.variables["MLFLOW_TRACKING_URI"]
                begin = time.process_time()
                command = [sys.executable, "-m", "benchmarks.mlflow_points", address, run, str(together)]
                subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
                logged = time.process_time() - begin
            assert len(journal.metrics().series["loss"].steps) == POINTS
    return logged, time.process_time() - begin - logged


if __name__ == "__main__":
    if len(sys.argv) == 4:
        send(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        for each in (1000, 100, 1):
            logged, read = measure(each)
            print(f"{each} in a request: {logged:.2f} s of the processor, read once more {read:.2f} s")
