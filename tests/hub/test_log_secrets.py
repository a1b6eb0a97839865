"""No token and no password appears in what a hub logs, whatever way it came."""

import base64
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.cli import Room
from tests.support.served import Served

PASSWORD = "the password of ada"
METRICS = "the token of the metrics"


def send(url: str, header: str, body: bytes | None = None) -> None:
    """Send a request, whatever comes of it."""
    headers = {"Authorization": header, "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30):
            pass
    except urllib.error.HTTPError as error:
        error.close()


def test_nothing_secret_is_logged(tmp_path: Path) -> None:
    """Sign-in with a password, tokens in each form, in queries, and where the hub fails."""
    room = Room(tmp_path)
    room.environ["TETHER_HUB_METRICS_TOKEN"] = METRICS
    room.ok(
        *("hub", "user", "add", "-q", "ada", "--root", "hub", "--password-stdin"), stdin=PASSWORD.encode()
    )
    made = room.ok("hub", "token", "create", "ada", "--root", "hub", "--scope", "admin").strip()
    served = Served(room)
    room.ok("login", served.url, "--user", "ada", "--password-stdin", stdin=PASSWORD.encode())
    [signed] = re.findall(r"tth_\w+", (room.home / ".config/tether/credentials.toml").read_text())
    room.ok("repo", "create", "-q", f"{served.url}/ada/photos")
    basic = base64.b64encode(f"ada:{made}".encode()).decode()
    [folder] = (room.work / "hub/repositories").iterdir()
    for header in (f"Bearer {made}", f"Basic {basic}", f"Bearer {METRICS}", f"Bearer {signed}x"):
        for path in (f"/api/v1/user?token={made}", "/metrics", "/api/v1/repos/ada/photos/transfer/refs"):
            send(served.url + path, header)
    send(f"{served.url}/api/v1/login", "", json.dumps({"user": "ada", "password": PASSWORD}).encode())
    send(f"{served.url}/api/v1/login", "", json.dumps({"user": "ada", "password": [PASSWORD]}).encode())
    folder.rename(folder.with_name("away"))  # what is asked now fails in the hub
    send(f"{served.url}/api/v1/repos/ada/photos/transfer/refs", f"Bearer {made}")
    log = served.stop()[1]
    assert log.count('"request"') > 10
    for secret in (PASSWORD, METRICS, made, signed, basic):
        assert secret not in log
