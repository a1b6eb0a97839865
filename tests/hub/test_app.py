"""What every request meets: ids, headers, limits, failures, health."""

import ast
import errno
import json
import logging
import re
from contextlib import closing
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from tests.support.hub import ON_ONE_DATABASE, HubRoom, Reply

from tether import errors
from tether.hub import problems
from tether.hub.app import build_api
from tether.hub.pages import first as first_module
from tether.hub.pages.first import PagesFirst
from tether.hub.pages.routes import routes as page_routes
from tether.hub.problems import STATUSES, status_of
from tether.hub.seldom import Seldom
from tether.storage.objecterrors import translate as of_bucket
from tether.storage.oserrors import translated


def raising(folder: Path, error: Exception, *, lost: bool = False) -> Reply:
    """Return the reply of a route that fails; `lost`: as the folder of the repositories is not there."""

    def route() -> None:
        if lost:
            (folder / "hub/repositories").rmdir()
        raise error

    api = build_api()
    api.get("/-/fails/now")(route)
    with closing(HubRoom(folder / "hub", api=api)) as hub:
        return hub.call("GET", "/-/fails/now")


def test_every_error_has_a_status() -> None:
    """The table knows each class of the tree; its statuses are errors."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)} - {errors.TetherError}
    kinds = {kind for kind in kinds if issubclass(kind, errors.TetherError)}

    assert set(STATUSES) == kinds
    assert all(400 <= status_of(kind("x")) < 600 for kind in kinds)


def test_every_status_has_its_line() -> None:
    """The page of the hub names the status of each code."""
    page = (Path(__file__).parents[2] / "docs/hub.md").read_text()
    rows = re.findall(r"^\| (`.+`) \| (\d+)", page, re.M)
    told = {code: int(status) for codes, status in rows for code in re.findall(r"`([\w-]+)`", codes)}

    assert told == {kind.code: status for kind, status in STATUSES.items()} | {"internal": 500}


def test_an_error_of_ours_is_told(tmp_path: Path) -> None:
    """Code, message and hint come over, under the status of the class."""
    reply = raising(tmp_path, errors.Conflict("somebody was first", hint="try again"))

    assert reply.status == 409
    assert reply.json == {"error": {"code": "conflict", "message": "somebody was first", "hint": "try again"}}


def test_a_bug_tells_no_details(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The reply has the request id, and the log has the rest under it."""
    reply = raising(tmp_path, RuntimeError("secret detail"))

    assert (reply.status, reply.code) == (500, "internal")
    assert b"secret" not in reply.body
    assert reply.headers["x-request-id"] in reply.json["error"]["hint"]
    assert reply.headers["x-request-id"] in caplog.text
    assert "secret detail" in caplog.text


CANNOT = "the hub cannot use its storage now"


def on_disk(code: int) -> errors.TetherError:
    """Return what becomes of an error of the system."""
    try:
        with translated("/srv/hub/x"):
            raise OSError(code, "as told")
    except errors.TetherError as error:
        return error


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (on_disk(errno.ENOSPC), "the hub has no room left on its disk"),
        (on_disk(errno.ENOENT), CANNOT),
        (
            of_bucket(ValueError("<Code>NoSuchBucket</Code>"), "s3://ours", "x"),
            CANNOT,
        ),
        (on_disk(errno.EACCES), CANNOT),
        (of_bucket(ValueError("status code: 401"), "s3://ours", "x"), CANNOT),
        (of_bucket(ValueError("status code: 403"), "s3://ours", "x"), CANNOT),
    ],
    ids=["full", "not mounted", "no bucket", "closed", "keys", "refused"],
)
def test_storage_that_fails_is_no_matter_of_who_asks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: errors.TetherError, message: str
) -> None:
    """They are told to come again, and neither where it lies nor to sign in anew; the log has all of it."""
    reply = raising(tmp_path, failure, lost=str(failure) == "not found: /srv/hub/x")

    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "unavailable", "2")
    assert reply.json["error"]["message"] == message
    assert reply.headers["x-request-id"] in reply.json["error"]["hint"]
    assert f"{reply.headers['x-request-id']} failed: {failure}" in caplog.text


def test_whoever_shows_an_error_asks_what_to_tell() -> None:
    """Pages and routes that answer an error themselves would tell of storage, and log nothing."""
    pages = (Path(problems.__file__).parent / "pages").rglob("*.py")
    nodes = [node for path in pages for node in ast.walk(ast.parse(path.read_text()))]
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler) and node.name and node.type]
    shown = [each for each in map(ast.unparse, handlers) if "TetherError as" in each]

    assert len(shown) > 20
    assert [each for each in shown if "told(" not in each and "raise " not in each] == []


def test_what_storage_lacks_stays_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A pack that was merged away is asked for again in another place; the log has a line, now and then."""
    times = iter([0.0, 1.0, 9.0, 10.0])
    monkeypatch.setattr(problems, "_gone_told", Seldom(10.0, times.__next__))
    replies = [raising(tmp_path, on_disk(errno.ENOENT)) for _ in range(4)]

    assert {(reply.status, reply.code) for reply in replies} == {(404, "not-found")}
    assert b"/srv" not in replies[0].body
    lines = [each.message for each in caplog.records if "less in storage" in each.message]
    assert [re.sub("request [0-9a-f]+ ", "", line) for line in lines] == [
        "GET /-/fails/now, found less in storage than is named: not found: /srv/hub/x",
        "GET /-/fails/now, found less in storage than is named, and 2 others before: not found: /srv/hub/x",
    ]


def test_who_goes_away_in_the_middle_is_no_bug(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every push that is cut ends so; the request log has a line, without a status."""
    caplog.set_level(logging.INFO)
    reply = raising(tmp_path, ClientDisconnect())

    assert (reply.status, reply.body) == (0, b"")
    assert "bug" not in caplog.text
    entry = json.loads(next(each.message for each in caplog.records if each.name == "tether.hub.access"))
    assert (entry["path"], entry["status"]) == ("/-/fails/now", 0)


@ON_ONE_DATABASE
def test_request_ids(hub: HubRoom) -> None:
    """Each request has its own; one that a proxy gave is kept, unless it is none."""
    first, second = hub.call("GET", "/healthz"), hub.call("GET", "/healthz")
    given = hub.call("GET", "/healthz", headers={"x-request-id": "abc-1"})
    wrong = hub.call("GET", "/healthz", headers={"x-request-id": "a b\\nc"})

    ids = [reply.headers["x-request-id"] for reply in (first, second, given, wrong)]
    assert len(set(ids)) == 4
    assert ids[2] == "abc-1"
    assert "b" not in wrong.headers["x-request-id"] or " " not in wrong.headers["x-request-id"]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v1/nothing", 404), ("PUT", "/healthz", 405)]
)
def test_wrong_addresses(hub: HubRoom, method: str, path: str, status: int) -> None:
    """What no route answers is answered in our form too."""
    reply = hub.call(method, path)

    assert reply.status == status
    assert reply.json["error"]["message"]


@ON_ONE_DATABASE
def test_wrong_bodies_are_named_and_not_repeated(hub: HubRoom) -> None:
    """The field is named; its value may be a secret and does not come back."""
    reply = hub.api("POST", "/login", None, {"user": "ada", "password": ["s3cret"]})

    assert (reply.status, reply.code) == (400, "invalid-input")
    assert "password" in reply.json["error"]["message"]
    assert b"s3cret" not in reply.body
    assert hub.call("POST", "/api/v1/login", parts=[b"{"]).status == 400
    assert hub.call("POST", "/api/v1/login", parts=[b"\xff\xfe"]).status == 400


def test_large_bodies_are_refused(tmp_path: Path) -> None:
    """By what was declared, and by what comes; transfers are not counted here."""
    hub = HubRoom(tmp_path, max_body=1000)
    body = json.dumps({"user": "ada", "password": "x" * 900, "label": "y" * 200}).encode()
    kind = {"content-type": "application/json"}

    declared = hub.call("POST", "/api/v1/login", headers={**kind, "content-length": "1001"}, parts=[b"{}"])
    streamed = hub.call("POST", "/api/v1/login", headers=kind, parts=[body[:600], body[600:]])

    for reply in (declared, streamed):
        assert (reply.status, reply.code) == (413, "too-large")
    path = "/api/v1/repos/ada/x/transfer/nothing"
    assert hub.call("PUT", path, headers={"content-length": "5000"}, parts=[b"x" * 5000]).status == 404
    hub.close()


@ON_ONE_DATABASE
def test_headers(hub: HubRoom) -> None:
    """Caches keep nothing and browsers guess nothing, on failures too."""
    for path in ("/", "/healthz", "/api/v1/me"):
        headers = hub.call("GET", path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_health_and_readiness(hub: HubRoom, caplog: pytest.LogCaptureFixture) -> None:
    """A hub without its database lives and is not ready; the log says why."""
    assert hub.call("GET", "/healthz").status == hub.call("GET", "/readyz").status == 200
    hub.lose_database()

    assert hub.call("GET", "/healthz").status == 200
    with caplog.at_level(logging.ERROR, "tether.hub"):
        reply = hub.call("GET", "/readyz")
    assert (reply.status, reply.code) == (503, "unavailable")
    assert reply.headers["x-request-id"] in caplog.text
    assert reply.headers["retry-after"] == "2"
    assert re.search("unable to open database file|database .* does not exist", caplog.text)
    assert b"unable to open" not in reply.body
    assert b"not exist" not in reply.body


def test_requests_are_logged_without_secrets(hub: HubRoom, caplog: pytest.LogCaptureFixture) -> None:
    """One line of JSON a request, with its id; neither the query nor the token is in it."""
    token = hub.user("ada")
    with caplog.at_level(logging.INFO, "tether.hub.access"):
        reply = hub.api("GET", "/repos?owner=hidden", token)

    entry = json.loads(caplog.records[-1].message)
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/api/v1/repos", 200)
    assert entry["request"] == reply.headers["x-request-id"]
    assert token not in caplog.text
    assert "hidden" not in caplog.text


def test_pages_are_found_as_if_all_routes_were_asked() -> None:
    """Routes that a word rules out are passed over, and nothing else is."""
    shown = page_routes()
    first, plain = PagesFirst(shown), [route for route in shown if isinstance(route, Route)]
    words = {part for route in plain for part in route.path.split("/") if part.isalpha()}
    filled = [re.sub(r"\{[^}]*\}", value, route.path) for route in plain for value in ("x", "new", "-")]
    mixed = [
        f"/ada/x/{one}/{other}" for one in words for other in ("", "new", "settings", "1/files", "a/b/c")
    ]
    for path in [
        "/",
        "",
        "//",
        "/-/",
        "/-/nothing",
        "/ada",
        "/ada/x\n/y",
        "/ada//tree/main",
        *filled,
        *mixed,
    ]:
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "root_path": ""}
        wanted = next((each for each in shown if each.matches(scope)[0] is Match.FULL), None)

        assert first.matches(scope)[1].get("tether.page") is wanted, path
    assert len(first._candidates("/ada/x/file/main/a")) < len(shown) / 4
    for number in range(3 * first_module._MOST_KNOWN):
        some = sorted(words)
        first._candidates("/" + "/".join(some[number // len(some) ** at % len(some)] for at in range(3)))
    assert len(first._fitting) <= first_module._MOST_KNOWN
