"""Webhooks: who may make them, what they are told, how that is sent, tried again and written down."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import DAY, SECOND, HubRoom
from tests.support.hubpush import Desk
from tests.support.receiver import Receiver

from tether.hub.hub import Hub
from tether.hub.webhooks.addresses import parse_networks
from tether.hub.webhooks.deliveries import claim, finish, forget_old, next_due, pause_after
from tether.hub.webhooks.outbox import EVENTS
from tether.hub.webhooks.postman import postman, send_one
from tether.hub.webhooks.sending import Outcome, Sender

SECRET = "a secret of a webhook".replace(" ", "-")
HOOKS = "/repos/ada/x/webhooks"
LOCAL = Sender(time.monotonic, 5.0, parse_networks("127.0.0.0/8"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a server that takes requests."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def ada(hub: HubRoom) -> str:
    """Return the token of Ada, who has the repository `ada/x`."""
    token = hub.user("ada")
    hub.repository(token, "ada/x", private=True)
    return token


def make(hub: HubRoom, token: str, url: str, where: str = HOOKS, **more: Any) -> str:
    """Make a webhook and return its id."""
    made: str = hub.ok("POST", where, token, {"url": url, "secret": SECRET, **more})["id"]
    return made


def send_all(hub: HubRoom) -> None:
    """Send what is due."""
    while send_one(hub.hub, LOCAL):
        pass


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something, for half a minute at most."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def told(receiver: Receiver) -> list[Any]:
    """Return what came, as events and actions."""
    bodies = [json.loads(each.body) for each in receiver.received]
    return [(each["event"], each.get("action")) for each in bodies]


def test_a_webhook_is_made_changed_and_removed(hub: HubRoom, ada: str) -> None:
    """By administrators of the repository; the secret is in no reply and in no record."""
    made = hub.ok("POST", HOOKS, ada, {"url": "https://example.org/token-in-path", "secret": SECRET})
    path = f"{HOOKS}/{made['id']}"

    assert made["events"] == list(EVENTS)
    assert hub.ok("GET", HOOKS, ada) == [made]
    assert hub.ok("GET", path, ada) == made
    changed = hub.ok("PATCH", path, ada, {"events": ["tag"], "active": False, "secret": SECRET + "2"})
    assert changed == {**made, "events": ["tag"], "active": False}
    everything = json.dumps(
        [made, changed, hub.ok("GET", HOOKS, ada), audit := hub.ok("GET", "/repos/ada/x/audit", ada)]
    )
    assert SECRET not in everything
    assert "token-in-path" not in json.dumps(audit)
    hub.ok("DELETE", path, ada)
    assert hub.api("GET", path, ada).code == "not-found"
    assert [each["action"] for each in hub.ok("GET", "/repos/ada/x/audit", ada)][:3] == [
        "webhook.delete",
        "webhook.change",
        "webhook.create",
    ]


def test_only_administrators(hub: HubRoom, ada: str) -> None:
    """A maintainer, a narrow token and a stranger get nothing; ids of other repositories are not there."""
    bob, eve = hub.user("bob"), hub.user("eve")
    hub.ok("PUT", "/repos/ada/x/collaborators/bob", ada, {"role": "maintain"})
    hub.repository(ada, "ada/y")
    hook = make(hub, ada, "https://example.org/")

    for token, code in ((bob, "forbidden"), (hub.token("ada", "write"), "forbidden"), (eve, "not-found")):
        for method, path in (("GET", HOOKS), ("GET", f"{HOOKS}/{hook}"), ("POST", f"{HOOKS}/{hook}/ping")):
            assert hub.api(method, path, token).code == code
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/ping"), ("GET", "/deliveries")):
        assert hub.api(method, f"/repos/ada/y/webhooks/{hook}{rest}", ada).code == "not-found"


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://example.org/"},
        {"url": "https://ada:pass@example.org/"},
        {"url": "https://example.org:0x/"},
        {"url": "https:///path"},
        {"url": "https://example.org/a b"},
        {"url": "https://example.org/\r\nHost: x"},
        {"url": "https://ex\u00e4mple.org/"},
        {"url": "https://example.org\\@127.0.0.1/"},
        {"secret": "short"},
        {"secret": "with a line\nand another"},
        {"events": []},
        {"events": ["ping"]},
    ],
)
def test_webhooks_that_are_none(hub: HubRoom, ada: str, body: dict[str, Any]) -> None:
    """They are refused, when made and when changed."""
    whole = {"url": "https://example.org/", "secret": SECRET}
    hook = make(hub, ada, whole["url"])

    assert hub.api("POST", HOOKS, ada, {**whole, **body}).code == "invalid-input"
    assert hub.api("PATCH", f"{HOOKS}/{hook}", ada, body).code == "invalid-input"


def test_there_are_not_too_many(hub: HubRoom, ada: str) -> None:
    """One repository has 20 at most."""
    for _ in range(20):
        make(hub, ada, "https://example.org/")
    body = {"url": "https://example.org/", "secret": SECRET}
    assert hub.api("POST", HOOKS, ada, body).code == "conflict"


def test_a_push_is_told(hub: HubRoom, ada: str, receiver: Receiver, tmp_path: Path) -> None:
    """With the ids before and after, signed; one that is refused is not told."""
    make(hub, ada, receiver.url, events=["push"])
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    first = desk.commit({"a.txt": b"1"})
    desk.push(ada)
    second = desk.commit({"a.txt": b"2"})
    desk.push(ada)

    send_all(hub)

    bodies = [json.loads(each.body) for each in receiver.received]
    assert [each["details"] for each in bodies] == [
        {"ref": "refs/heads/main", "old": None, "new": first.hex()},
        {"ref": "refs/heads/main", "old": first.hex(), "new": second.hex()},
    ]
    got = receiver.received[0]
    assert got.is_signed_with(SECRET)
    assert not got.is_signed_with(SECRET + "2")
    assert got.headers["tether-event"] == "push"
    assert got.headers["tether-timestamp"] == str(hub.now // SECOND)
    assert got.headers["tether-delivery"] == bodies[0]["delivery"]
    assert (bodies[0]["repository"], bodies[0]["actor"]) == ("ada/x", "ada")


def test_changes_of_the_repository_and_of_rights_are_told(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """Each in the words of the audit log; a change that fails is not told."""
    hub.user("bob")
    make(hub, ada, receiver.url)
    hub.repository(ada, "ada/taken")

    def change(method: str, path: str, body: object = None) -> None:
        hub.ok(method, path, ada, body)
        send_all(hub)

    change("PUT", "/repos/ada/x/collaborators/bob", {"role": "write"})
    change("PUT", "/repos/ada/x/rules/r", {"branches": "**", "exempt": {"users": ["bob"]}})
    change("PATCH", "/repos/ada/x", {"archived": True})
    change("PATCH", "/repos/ada/x", {"archived": False})
    change("PATCH", "/repos/ada/x", {"private": False})
    assert hub.api("PATCH", "/repos/ada/x", ada, {"name": "taken"}).code == "already-exists"
    change("PATCH", "/repos/ada/x", {"name": "z"})
    change("DELETE", "/repos/ada/z")
    change("POST", "/repos/ada/z/restore")

    assert told(receiver) == [
        ("rights", "repository.role"),
        ("rights", "rule.set"),
        ("repository", "repository.change"),
        ("repository", "repository.change"),
        ("rights", "repository.change"),
        ("repository", "repository.move"),
        ("repository", "repository.delete"),
        ("repository", "repository.restore"),
    ]
    assert json.loads(receiver.received[0].body)["details"] == {"user": "bob", "role": "write"}
    assert json.loads(receiver.received[1].body)["details"] == {"branches": "**"}
    assert json.loads(receiver.received[5].body)["details"] == {"before": "ada/x"}


def test_an_organisation_is_told_of_all_that_it_owns(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """Also of members and teams; only its owners make webhooks of it."""
    bob = hub.user("bob")
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    hooks = "/organisations/lab/webhooks"
    make(hub, ada, receiver.url, hooks)
    hub.ok("PUT", "/organisations/lab/members/bob", ada, {"role": "member"})
    assert hub.api("GET", hooks, bob).code == "forbidden"
    hub.repository(ada, "lab/y")
    hub.ok("POST", "/organisations/lab/teams", ada, {"name": "data"})
    hub.ok("PUT", "/organisations/lab/teams/data/members/bob", ada)
    hub.ok("DELETE", "/organisations/lab/teams/data", ada)
    hub.ok("PATCH", "/repos/ada/x", ada, {"owner": "lab"})
    hub.ok("PATCH", "/repos/lab/x", ada, {"owner": "ada"})
    hub.ok("PATCH", "/repos/ada/x", ada, {"archived": True})

    send_all(hub)

    assert sorted(told(receiver)) == sorted(
        [
            ("rights", "organisation.member"),
            ("repository", "repository.create"),
            ("rights", "team.member"),
            ("rights", "team.delete"),
            ("repository", "repository.move"),
            ("repository", "repository.move"),
        ]
    )


def test_webhooks_rest_with_a_new_owner(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """Who gets a repository chooses anew who is told of it; the transfer itself is told."""
    hook = make(hub, ada, receiver.url)
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    hub.ok("PATCH", "/repos/ada/x", ada, {"owner": "lab"})
    hub.ok("PATCH", "/repos/lab/x", ada, {"archived": True})

    send_all(hub)

    assert told(receiver) == [("repository", "repository.move")]
    assert hub.ok("GET", f"/repos/lab/x/webhooks/{hook}", ada)["active"] is False


def test_failures_are_tried_again_and_written_down(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """After ever longer pauses, with the same id and body; then it is given up, and sent again on wish."""
    hook = make(hub, ada, receiver.url)
    receiver.answers = [(500, {}, b"\x00no\xff" + b"x" * 5000)] * 8
    sent = hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)
    path = f"{HOOKS}/{hook}/deliveries/{sent['id']}"

    for attempt in range(1, 9):
        assert send_one(hub.hub, LOCAL)
        found = hub.ok("GET", path, ada)
        assert (found["attempts"], found["status"], found["state"]) == (
            attempt,
            500,
            "waiting" if attempt < 8 else "failed",
        )
        assert not send_one(hub.hub, LOCAL)
        if attempt < 8:
            hub.now = found["due"] - 1
            assert not send_one(hub.hub, LOCAL)
            hub.now += 1

    assert found["reply"].startswith("\ufffdno\ufffdxxx")
    assert len(found["reply"]) == 1024
    assert found["error"] == "the receiver answered 500"
    hub.now += 30 * DAY
    assert not send_one(hub.hub, LOCAL)
    again = hub.ok("POST", f"{path}/redeliver", ada)
    assert (again["id"], again["state"]) == (sent["id"], "waiting")
    assert hub.api("POST", f"{path}/redeliver", ada).code == "conflict"
    assert send_one(hub.hub, LOCAL)
    found = hub.ok("GET", path, ada)
    assert (found["attempts"], found["status"], found["state"], found["reply"], found["error"]) == (
        9,
        200,
        "delivered",
        "thanks",
        None,
    )
    assert len({(each.headers["tether-delivery"], each.body) for each in receiver.received}) == 1
    assert json.loads(found["body"])["event"] == "ping"


def test_pauses() -> None:
    """They grow from ten seconds to six hours."""
    assert [pause_after(number) // SECOND for number in (1, 2, 3, 4, 7, 20)] == [
        10,
        40,
        160,
        640,
        21600,
        21600,
    ]


def test_many_hubs_send_each_once(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """Whoever claims a delivery has it alone, also when all try at the same time."""
    for _ in range(5):
        hook = make(hub, ada, receiver.url, events=["tag"])
        for _ in range(3):
            hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)

    def work(_: int) -> None:
        idle = 0
        while idle < 20:
            idle = 0 if send_one(hub.hub, LOCAL) else idle + 1
            time.sleep(0.005)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    ids = [each.headers["tether-delivery"] for each in receiver.received]
    assert len(ids) == 15
    assert len(set(ids)) == 15


def test_a_stop_between_claim_and_sending(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """The delivery is another's once the lease is over; what a late end says then does not count."""
    hook = make(hub, ada, receiver.url)
    sent = hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)
    lost = claim(hub.hub)
    assert lost is not None

    assert claim(hub.hub) is None
    hub.now += 24 * SECOND
    assert not send_one(hub.hub, LOCAL)
    hub.now += 2 * SECOND
    mine = claim(hub.hub)
    assert mine is not None
    assert mine.id == lost.id == sent["id"]
    finish(hub.hub, lost, Outcome(None, None, "late"), 1)
    finish(hub.hub, mine, Outcome(200, "", None), 1)
    finish(hub.hub, lost, Outcome(None, None, "late"), 1)
    found = hub.ok("GET", f"{HOOKS}/{hook}/deliveries/{sent['id']}", ada)
    assert (found["state"], found["error"], found["attempts"]) == ("delivered", None, 2)


def test_a_delivery_that_stops_every_hub_is_given_up(hub: HubRoom, ada: str) -> None:
    """Attempts are counted when they begin."""
    hook = make(hub, ada, "https://example.org/")
    sent = hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)
    for _ in range(8):
        assert claim(hub.hub) is not None
        hub.now += 60 * SECOND

    assert claim(hub.hub) is None
    found = hub.ok("GET", f"{HOOKS}/{hook}/deliveries/{sent['id']}", ada)
    assert (found["state"], found["error"]) == ("failed", "the hub was stopped while it sent this")


def test_a_slow_receiver_holds_up_no_other(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """Deliveries to one webhook go one after the other, beside those to others."""
    slow = Receiver()
    slow.gate.clear()
    hook = make(hub, ada, slow.url, events=["tag"])
    for _ in range(10):
        hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(send_one, hub.hub, LOCAL)
        assert slow.came.wait(10)
        quick = make(hub, ada, receiver.url)
        hub.ok("POST", f"{HOOKS}/{quick}/ping", ada)
        send_all(hub)
        assert [each.headers["tether-event"] for each in receiver.received] == ["ping"]
        assert len(slow.received) == 1
        slow.gate.set()
        assert hanging.result()
    slow.close()


def test_the_log_is_read_in_pages_and_forgotten(hub: HubRoom, ada: str, receiver: Receiver) -> None:
    """The newest come first; what ended goes after some days, and all with the webhook."""
    hook = make(hub, ada, receiver.url)
    ids = [hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)["id"] for _ in range(5)]
    log = f"{HOOKS}/{hook}/deliveries"
    first = hub.ok("GET", f"{log}?limit=2", ada)
    rest = hub.ok("GET", f"{log}?before={first[-1]['id']}", ada)
    assert {each["id"] for each in first + rest} == set(ids)
    assert len(first + rest) == 5
    assert hub.api("GET", f"{log}?before=abc", ada).code == "not-found"
    send_all(hub)
    hub.now += 31 * DAY
    waiting = hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)["id"]
    forget_old(hub.hub)
    assert [each["id"] for each in hub.ok("GET", log, ada)] == [waiting]
    hub.ok("DELETE", f"{HOOKS}/{hook}", ada)
    assert claim(hub.hub) is None


def test_what_is_told_here_leaves_at_once(hub: HubRoom, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the hub would look for what others left an hour later: a transaction that holds wakes it."""
    looked = threading.Event()

    def noted(hub: Hub) -> int | None:
        looked.set()
        return next_due(hub)

    monkeypatch.setattr("tether.hub.webhooks.postman.next_due", noted)
    monkeypatch.setattr("tether.hub.webhooks.postman.LOOK_S", 3600.0)
    hook = make(hub, ada, "http://127.0.0.1:9/")
    with postman(hub.hub, time.monotonic):
        assert looked.wait(30)
        for _ in range(2):
            sent = [hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)["id"] for _ in range(3)]
            for each in sent:
                path = f"{HOOKS}/{hook}/deliveries/{each}"
                wait_until(partial(lambda path: hub.ok("GET", path, ada)["error"] is not None, path))


def test_the_threads_of_a_hub_send(hub: HubRoom, ada: str, caplog: pytest.LogCaptureFixture) -> None:
    """They do so while the hub serves; the settings refuse this machine, and no log has secrets or paths."""
    hook = make(hub, ada, "http://127.0.0.1:9/path-is-secret")
    sent = hub.ok("POST", f"{HOOKS}/{hook}/ping", ada)
    path = f"{HOOKS}/{hook}/deliveries/{sent['id']}"

    with caplog.at_level("INFO", "tether.hub"), postman(hub.hub, time.monotonic):
        wait_until(lambda: hub.ok("GET", path, ada)["error"] is not None)

    assert hub.ok("GET", path, ada)["error"] == "127.0.0.1 has no address that this hub sends to"
    assert f"delivery {sent['id']} of a webhook failed" in caplog.text
    assert "path-is-secret" not in caplog.text
    assert SECRET not in caplog.text
    assert not [each for each in threading.enumerate() if each.name.startswith("postman")]
