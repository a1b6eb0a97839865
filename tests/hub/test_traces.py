"""Traces of a hub: what a collector gets of requests and jobs, who decides, and what it never gets."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import Decision
from tests.support.cli import Room
from tests.support.collector import Traces
from tests.support.hub import DAY, HubRoom
from tests.support.receiver import Receiver
from tests.support.replicas import Replicas
from tests.support.served import Served

from tether.hub.jobs.scheduler import Scheduler
from tether.hub.jobs.turns import Outcome
from tether.hub.settings import load_settings
from tether.hub.traces.opening import tracing
from tether.hub.traces.sampling import Share
from tether.hub.traces.tracer import MOST_SPANS
from tether.hub.webhooks.addresses import parse_networks
from tether.hub.webhooks.postman import send_one
from tether.hub.webhooks.sending import Sender

TRANSFER = "/repos/{owner}/{name}/transfer"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OF_CLIENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
NOT_OF_CLIENT = {"traceparent": f"00-{TRACE}-{PARENT}-00"}


@pytest.fixture
def collector() -> Iterator[Receiver]:
    """Return a collector."""
    made = Receiver()
    yield made
    made.close()


class Tracing:
    """Hubs inside of the test that send to a collector; what they tell has come when the block ends."""

    def __init__(self, folder: Path, collector: Receiver) -> None:
        self._folder, self._collector, self._open = folder, collector, ExitStack()

    def hub(self, **settings: Any) -> HubRoom:
        """Return a hub."""
        told = {"traces": f"http://127.0.0.1:{self._collector.port}", **settings}
        root = self._folder / "hub"
        tracer = self._open.enter_context(tracing(load_settings(root, told, {})))
        room = HubRoom(root, tracer=tracer, **told)
        self._open.callback(room.close)
        return room

    def traces(self) -> Traces:
        """End the hubs and return what came."""
        self._open.close()
        return Traces.of(self._collector.received)

    def __enter__(self) -> "Tracing":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


@pytest.fixture
def tracing_to(tmp_path: Path, collector: Receiver) -> Iterator[Tracing]:
    """Return what makes hubs that tell the collector."""
    with Tracing(tmp_path, collector) as made:
        yield made


def test_a_push_and_a_clone(tmp_path: Path, collector: Receiver) -> None:
    """Each request is a trace or, if the client says so, a part of its own; below is what took time."""
    replicas = Replicas(tmp_path, 1, settings={"TRACES": f"http://127.0.0.1:{collector.port}/"})
    room, url = replicas.room, f"{replicas.hubs[0].url}/ada/photos"
    room.environ["TETHER_TOKEN"] = replicas.token
    room.do("init", "-q", "mine")
    room.write("mine/a.bin", os.urandom(3 << 20))
    for command in (
        ("add", "-q", "a.bin"),
        ("commit", "-q", "-m", "one"),
        ("remote", "add", "-q", "origin", url),
        ("push", "-q"),
    ):
        room.do(*command, cwd=room.work / "mine")
    room.environ["TRACEPARENT"] = OF_CLIENT["traceparent"]
    room.do("clone", "-q", url, "copy")
    replicas.proxy.close()
    code, log = replicas.hubs[0].stop()
    assert code == 0

    traces = Traces.of(collector.received)
    lines = [json.loads(line) for line in log.splitlines() if '"request"' in line]
    roots = [span for span in traces.roots() if span.kind == "server"]
    assert {span.name for span in traces.roots() if span not in roots} >= {"purge", "count"}
    assert {span.service for span in traces} == {"tether-hub"}
    assert {span.facts["tether.request_id"] for span in roots} == {line["request"] for line in lines}
    assert {span.kind for span in traces if span not in roots} == {"internal"}

    push = traces.one(f"POST {TRANSFER}/push")
    assert (
        push.facts.items()
        >= {
            "http.request.method": "POST",
            "http.route": f"{TRANSFER}/push",
            "http.response.status_code": 204,
            "http.response.body.size": 0,
        }.items()
    )
    assert (push.above, push.failed) == ("", False)
    assert traces.below(push) >= {
        "database read",
        "move refs",
        "move refs > check push",
        "move refs > check push > storage read",
        "move refs > judge push",
        "move refs > database write",
    }

    packs = traces.named(f"PUT {TRANSFER}/packs/{{pack}}")
    moved = traces.one("move refs").facts
    assert (moved["tether.refs"], moved["tether.packs"]) == (1, len(packs))
    largest = max(packs, key=lambda span: int(span.facts["http.request.body.size"]))
    size = largest.facts["http.request.body.size"]
    assert size > 3 << 20
    assert largest.facts["tether.sum.verify_pack.bytes"] == size
    assert traces.below(largest) >= {
        "receive pack > verify pack",
        "receive pack > finish pack > storage write",
    }
    written = [span for span in traces.named("storage write") if span.facts["tether.key"] == "packs"]
    assert size in {span.facts["tether.bytes"] for span in written}
    assert {span.facts["tether.storage"] for span in written} == {"folder"}

    cloned = [span for span in roots if span.trace == TRACE]
    assert {span.above for span in cloned} == {PARENT}
    assert {span.name for span in cloned} >= {f"GET {TRANSFER}/refs", f"POST {TRANSFER}/commits"}
    read = [span.facts.get("tether.sum.storage_read.bytes", 0) for span in cloned]
    assert sum(read) >= 3 << 20
    [commits] = [span for span in cloned if span.name == f"POST {TRANSFER}/commits"]
    assert "negotiate" in traces.below(commits)
    questions = {span.facts["tether.question"] for span in traces.named("negotiate")}
    assert questions >= {"refs", "have", "commits"}


def test_who_may_say_what_is_traced(tracing_to: Tracing) -> None:
    """Clients give a parent and no more; those that are believed decide. What is malformed is nothing."""
    room = tracing_to.hub()
    room.call("GET", "/api/v1/repos", headers=NOT_OF_CLIENT)
    room.call("GET", "/api/v1/repos", headers={"traceparent": f"00-{'0' * 32}-{PARENT}-01"})
    room.call("GET", "/healthz", headers=OF_CLIENT)
    room.call("GET", "/no/such/place")
    room.call("BREW", "/api/v1/repos", headers={"traceparent": "x" * 5000})
    untraced = tracing_to.hub(traces_sample=0.0)
    untraced.call("GET", "/api/v1/login", headers=OF_CLIENT)
    following = tracing_to.hub(traces_sample=0.0, traces_follow=True)
    following.call("GET", "/api/v1/me", headers=OF_CLIENT)
    following.call("GET", "/api/v1/me", headers=NOT_OF_CLIENT)
    following.call("GET", "/api/v1/me")

    traces = tracing_to.traces()
    listed = traces.named("GET /repos")
    assert sorted((span.trace == TRACE, span.above) for span in listed) == [(False, ""), (True, PARENT)]
    assert {"GET": 404, "HTTP /repos": 405}.items() <= {
        span.name: span.facts["http.response.status_code"] for span in traces.roots()
    }.items()
    assert traces.one("GET /me").trace == TRACE
    assert len(traces.roots()) == 5


def test_a_share_is_drawn() -> None:
    """By the hub itself, whatever the id of the trace is."""
    draws = iter([0.0, 0.24, 0.25, 0.9])
    share = Share(0.25, lambda: next(draws), follow=False)

    drawn = [share.should_sample(None, number, "x").decision for number in (0, 1, 2, 3)]

    taken = [decision is Decision.RECORD_AND_SAMPLE for decision in drawn]
    assert taken == [True, True, False, False]


def test_jobs(tracing_to: Tracing, collector: Receiver) -> None:
    """Garbage collection and webhooks are traces of their own; what is left of stopped writers still goes."""
    room = tracing_to.hub()
    ada = room.user("ada")
    made = room.repository(ada, "ada/photos")
    left = room.hub.settings.repositories / made["id"] / "tmp" / "left"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"of a writer that was stopped")
    os.utime(left, (0, 0))
    scheduler = Scheduler(room.hub, "worker", time.monotonic, threading.Event())
    list(scheduler.run_due())
    room.now += 30 * DAY
    assert {ran.outcome for ran in scheduler.run_due()} == {Outcome.DONE}
    assert not left.exists()
    hook = {"url": f"http://127.0.0.1:{collector.port}/hook", "secret": "s" * 20}
    id_ = room.ok("POST", "/repos/ada/photos/webhooks", ada, hook)["id"]
    room.ok("POST", f"/repos/ada/photos/webhooks/{id_}/ping", ada)
    assert send_one(room.hub, Sender(time.monotonic, 5.0, parse_networks("127.0.0.0/8")))
    assert not send_one(room.hub, Sender(time.monotonic, 5.0))
    collector.received[:] = [each for each in collector.received if each.path != "/hook"]

    traces = tracing_to.traces()
    collected, sent = traces.named("gc")[-1], traces.one("deliver webhook")
    assert (collected.above, collected.kind, sent.above) == ("", "internal", "")
    assert collected.facts.items() >= {"tether.repository": made["id"], "tether.outcome": "done"}.items()
    assert traces.below(collected) >= {"plan collection > database read", "write collection > storage list"}
    assert (sent.facts["tether.delivered"], sent.facts["tether.status"]) == (True, 200)
    assert traces.below(sent) == {"send webhook", "database write"}
    assert {"purge", "count"} <= {span.name for span in traces.roots()}


def test_much_of_the_same_is_summed_up(tracing_to: Tracing) -> None:
    """A request with very many reads is told by the first of them, and how many and how much they were."""
    tracer = tracing_to.hub().hub.tracer
    with tracer.span("told to nobody"):
        pass
    with tracer.job("job"):
        for _ in range(3 * MOST_SPANS):
            with tracer.span("read", bytes=10), tracer.span("inner"):
                pass
        with tracer.span("last"):
            pass

    traces = tracing_to.traces()
    assert (len(traces.named("read")), len(traces.named("inner"))) == (MOST_SPANS, MOST_SPANS)
    assert traces.below(traces.one("job")) == {"read", "read > inner", "last"}
    assert traces.one("job").facts == {
        "tether.sum.read.count": 3 * MOST_SPANS,
        "tether.sum.read.bytes": 30 * MOST_SPANS,
        "tether.sum.inner.count": 3 * MOST_SPANS,
        "tether.sum.last.count": 1,
    }
    assert len(traces.roots()) == 1


def test_nothing_secret_is_told(tracing_to: Tracing, collector: Receiver) -> None:
    """Neither tokens, passwords, queries, headers nor names of people, repositories, branches, paths."""
    password, private, header = "the-password-of-zelda", "unheard-of-repository", "text-of-a-client"
    room = tracing_to.hub()
    token = room.user("zelda", password=password)
    made = room.repository(token, f"zelda/{private}", private=True)
    hook = {"url": f"http://127.0.0.1:9/{header}", "secret": password}
    room.ok("POST", f"/repos/zelda/{private}/webhooks", token, hook)
    room.api("POST", "/login", None, {"user": "zelda", "password": password})
    room.api("POST", "/login", None, {"user": "zelda", "password": [password]})
    place = f"/api/v1/repos/zelda/{private}"
    more = {**OF_CLIENT, "tracestate": f"a={header}", "baggage": f"a={header}", "user-agent": header}
    for path in (f"{place}?token={token}", f"{place}/tree/{header}/{private}", f"/{private}/{token}"):
        room.call("GET", path, token, headers=more)
        room.call("GET", path, f"{token}x", headers=more)
    folder = room.hub.settings.repositories / made["id"]
    folder.rename(folder.with_name("away"))  # what is asked now fails, and the error has the name
    lost = room.call("GET", f"{place}/transfer/refs", token, headers=more)
    assert (lost.status, private in lost.body.decode()) == (500, True)
    room.lose_database()
    room.call("GET", place, token, headers=more)

    traces = tracing_to.traces()
    assert len(traces.roots()) > 10
    assert [span.failed for span in traces.named(f"GET {TRANSFER}/refs")] == [True]
    body = b"".join(each.body for each in collector.received)
    for secret in (password, private, token, header, "zelda", str(tracing_to._folder)):
        assert secret.encode() not in body
    assert b"traceback" not in body.lower()


def test_a_collector_that_hangs_holds_up_nothing(tmp_path: Path, collector: Receiver) -> None:
    """Requests are as fast as ever, and the hub ends soon; so it does where nobody listens."""
    collector.gate.clear()
    room = Room(tmp_path)
    room.environ["OTEL_BSP_SCHEDULE_DELAY"] = "50"
    room.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "600"  # who waited for the collector would show it
    room.do("hub", "user", "add", "-q", "ada", "--root", "hub")
    for port in (collector.port, 9):
        room.environ["TETHER_HUB_TRACES"] = f"http://127.0.0.1:{port}"
        served = Served(room, anew=True)
        begun = time.monotonic()
        for _ in range(50):
            assert served.get("/api/v1/repos") == []
            time.sleep(0.005)
        assert time.monotonic() - begun < 100  # each that waited for the collector would take ten seconds
        begun = time.monotonic()
        code, log = served.stop()
        assert code == 0, log
        assert time.monotonic() - begun < 30, log  # as long as the packages wait
        assert "Traceback" not in log, log
        assert log.count("traces are lost") <= 1, log
    assert collector.received
    collector.gate.set()


def test_the_log_tells_of_a_collector_that_refuses(
    tracing_to: Tracing,
    collector: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once, with the reason, and when it is good again; it cannot lead the hub to another address."""
    elsewhere = f"http://127.0.0.1:{collector.port}/elsewhere"
    collector.answers = [(307, {"Location": elsewhere}, b""), (400, {}, b""), (400, {}, b""), (200, {}, b"")]
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    room = tracing_to.hub()
    deadline = time.monotonic() + 30
    while collector.answers:
        room.call("GET", "/api/v1/repos")
        time.sleep(0.05)
        assert time.monotonic() < deadline

    tracing_to.traces()  # all that came is at the path of traces
    told = [each.getMessage() for each in caplog.records if each.name == "tether.hub"]
    assert len(told) == 2
    assert told[0].startswith("traces are lost, the collector does not take them: Failed to export")
    assert told[1] == "the collector takes traces again"


def test_without_the_packages(tmp_path: Path) -> None:
    """A hub with traces does not start and says what to install; one without does not need them."""
    room, hidden = Room(tmp_path), tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\nfor each in ('exporter', 'sdk'):\n    sys.modules[f'opentelemetry.{each}'] = None\n"
    )
    room.environ.update({"PYTHONPATH": str(hidden), "TETHER_HUB_TRACES": "http://127.0.0.1:4318"})
    command = ("hub", "serve", "--root", "hub", "--port", "0")

    assert room.run(*command)[::2] == (
        9,
        "error: traces need packages that are not installed: opentelemetry-sdk and its OTLP exporter\n"
        "hint: run: pip install 'tether[hub,telemetry]'\n",
    )
    del room.environ["TETHER_HUB_TRACES"]
    served = Served(room, anew=True)
    assert served.get("/readyz") == {"status": "ok"}
    assert served.stop()[0] == 0
