"""The socket and what runs beside the server."""

import logging
import shutil
import socket
from pathlib import Path

import pytest
from tests.support.hub import DAY, HubRoom

from tether.errors import Unavailable
from tether.hub.janitor import janitor
from tether.hub.serving import listen
from tether.hub.settings import load_settings


@pytest.mark.parametrize(("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_socket_queues_before_anything_is_served(tmp_path: Path, host: str, start: str) -> None:
    """Whoever reads the address can connect at once; connections do not collect small replies.

    The server turns that collecting off only on a socket that names its protocol: 40 ms a request.
    """
    with listen(load_settings(tmp_path, {"host": host, "port": 0}, {})) as (listener, url):
        assert url.startswith(start)
        with socket.create_connection((host, int(url.rpartition(":")[2]))):
            accepted, _ = listener.accept()
            assert accepted.proto == socket.IPPROTO_TCP
            accepted.close()


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    """It is told before anything is served."""
    settings = load_settings(tmp_path, {"host": "192.0.2.1", "port": 0}, {})

    with pytest.raises(Unavailable, match=r"192\.0\.2\.1"), listen(settings):
        pass


def test_the_janitor_purges(hub: HubRoom) -> None:
    """What was deleted long ago goes when a hub starts."""
    ada = hub.user("ada")
    made = hub.repository(ada, "ada/a")
    hub.ok("DELETE", "/repos/ada/a", ada)
    hub.now += 31 * DAY

    with janitor(hub.hub):
        pass

    assert not (hub.hub.settings.repositories / made["id"]).exists()


def test_the_janitor_counts(hub: HubRoom, caplog: pytest.LogCaptureFixture) -> None:
    """What repositories take is counted when a hub starts, whatever became of the files of one."""
    ada = hub.user("ada")
    lost, made = hub.repository(ada, "ada/lost"), hub.repository(ada, "ada/made")
    folder = hub.hub.settings.repositories
    shutil.rmtree(folder / lost["id"])
    (folder / made["id"] / "packs").mkdir(exist_ok=True)
    (folder / made["id"] / "packs" / f"{'a' * 64}.pack").write_bytes(bytes(1000))

    with caplog.at_level(logging.INFO, "tether.hub"), janitor(hub.hub):
        pass

    assert hub.ok("GET", "/quotas/ada", ada)["bytes"] == 1000
    assert "cannot count what ada/lost takes" in caplog.text


def test_the_janitor_survives_failures(hub: HubRoom, caplog: pytest.LogCaptureFixture) -> None:
    """A database that does not answer is logged, and the hub goes on."""
    hub.lose_database()

    with caplog.at_level(logging.INFO, "tether.hub"), janitor(hub.hub):
        pass

    assert "purge" in caplog.text
