"""Webhooks as a way into networks: what a hub refuses to send to, and how it sends to the rest."""

import contextlib
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.hub import ON_ONE_DATABASE, HubRoom
from tests.support.receiver import Receiver

from tether.errors import Forbidden, InvalidInput
from tether.hub.settings import load_settings
from tether.hub.webhooks.addresses import checked_addresses, may_reach, parse_networks
from tether.hub.webhooks.postman import sender_of
from tether.hub.webhooks.sending import Sender, parse_target

LOOPBACK = parse_networks("127.0.0.0/8, ::1/128")
REFUSED = "has no address that this hub sends to"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a server that takes requests."""
    made = Receiver()
    yield made
    made.close()


def sender(ask: Callable[[str, int], Sequence[str]] | None = None, timeout_s: float = 5.0) -> Sender:
    """Return what may send to this machine."""
    made = Sender(time.monotonic, timeout_s, LOOPBACK)
    return made if ask is None else Sender(time.monotonic, timeout_s, LOOPBACK, ask)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fec0::1",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    """Private, of this machine, of this link, of many, of clouds, reserved, and these within others."""
    assert not may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"])
def test_addresses_that_are_public(address: str) -> None:
    """They may be reached."""
    assert may_reach(ipaddress.ip_address(address))


def test_private_networks_by_name() -> None:
    """What the operator names may be reached, and no more; where clouds keep keys never."""
    allowed = parse_networks("10.1.0.0/16,fd12::/64, 169.254.0.0/16,0.0.0.0/0,::/0")
    one = allowed[:2]

    assert may_reach(ipaddress.ip_address("10.1.2.3"), one)
    assert may_reach(ipaddress.ip_address("::ffff:10.1.2.3"), one)
    assert may_reach(ipaddress.ip_address("fd12::5"), one)
    assert not may_reach(ipaddress.ip_address("10.2.0.1"), one)
    for address in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254", "fe80::1", "0.0.0.0", "224.0.0.1"):
        assert not may_reach(ipaddress.ip_address(address), allowed)


@pytest.mark.parametrize("value", ["10.0.0.1/8", "private", "10.0.0.0/33"])
def test_networks_that_are_none(tmp_path: Path, value: str) -> None:
    """The hub does not start with them."""
    with pytest.raises(InvalidInput, match="webhook_networks"):
        load_settings(tmp_path, {}, {"TETHER_HUB_WEBHOOK_NETWORKS": value})


@pytest.mark.parametrize(("name", "value"), [("timeout_s", 0), ("timeout_s", 61), ("attempts", 0)])
def test_times_that_make_no_sense(tmp_path: Path, name: str, value: int) -> None:
    """The hub does not start with them either."""
    with pytest.raises(InvalidInput, match="webhook_timeout_s"):
        load_settings(tmp_path, {f"webhook_{name}": value}, {})


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]"],
)
def test_spellings_of_this_machine(hub: HubRoom, receiver: Receiver, host: str) -> None:
    """However it is written, nothing is sent with the settings that a hub begins with."""
    made = sender_of(hub.hub, time.monotonic)

    outcome = made.send(f"http://{host}:{receiver.port}/", {}, b"{}")

    assert outcome.status is None
    assert REFUSED in str(outcome.error)
    assert receiver.received == []


def test_a_host_that_is_not_there_is_told_as_one_that_is_refused() -> None:
    """So nobody learns which names a private network has."""

    def none(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    for ask in (none, lambda host, port: ["10.0.0.1"], lambda host, port: []):
        with pytest.raises(Forbidden, match=f"^x.example {REFUSED}$"):
            checked_addresses("x.example", 80, (), ask)


def test_one_private_address_among_public_ones(receiver: Receiver) -> None:
    """It is enough to refuse the host."""
    with pytest.raises(Forbidden):
        checked_addresses("x.example", 80, (), lambda host, port: ["1.1.1.1", "10.0.0.1"])


def test_a_name_is_asked_for_once(receiver: Receiver) -> None:
    """The connection goes to the address that was checked, whatever the name leads to a moment later."""
    asked = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    outcome = sender(rebinding).send(f"http://rebinding.example:{receiver.port}/x?y=1", {}, b"{}")

    assert outcome.status == 200
    assert asked == ["rebinding.example"]
    assert receiver.received[0].path == "/x?y=1"
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """They are failures, also to where it came from."""
    receiver.answers = [(status, {"Location": receiver.url}, b"")]

    outcome = sender().send(receiver.url, {}, b"{}")

    assert (outcome.status, outcome.error) == (status, "redirects are not followed")
    assert len(receiver.received) == 1


def test_proxies_of_the_surroundings_are_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through them the check of addresses would be for nothing."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert sender().send(receiver.url, {}, b"{}").status == 200


@contextlib.contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that says what it likes to one connection; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                talk(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def drip(connection: socket.socket) -> None:
    """Send a byte from time to time, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    """Send heads for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"A: " + b"x" * 1000 + b"\r\n")


def go_on(connection: socket.socket) -> None:
    """Say for ever that there is more to come."""
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)


def pour(connection: socket.socket) -> None:
    """Send a body without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"z" * 65536)


def test_replies_have_a_time() -> None:
    """For the whole, not for each byte; silence counts too."""
    for talk in (drip, lambda connection: connection.recv(1)):
        with speaking(talk) as url:
            began = time.monotonic()
            outcome = sender(timeout_s=0.5).send(url, {}, b"{}")
            assert outcome.error == "no answer within 0.5 seconds"
            assert time.monotonic() - began < 5


@pytest.mark.parametrize("talk", [flood, go_on])
def test_heads_have_an_end(talk: Callable[[socket.socket], None]) -> None:
    """What goes on for ever is no reply."""
    with speaking(talk) as url:
        assert sender().send(url, {}, b"{}").error == "the reply is no HTTP"


def test_of_a_body_the_beginning_is_read() -> None:
    """One kilobyte is kept, and the rest is never asked for."""
    with speaking(pour) as url:
        outcome = sender().send(url, {}, b"{}")
    assert (outcome.status, outcome.reply, outcome.error) == (200, "z" * 1024, None)


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 99999 no\r\n\r\n", b"\x00\xff" * 9])
def test_what_is_no_reply(said: bytes) -> None:
    """Other services tell nothing of themselves through a webhook."""
    with speaking(lambda connection: connection.sendall(said)) as url:
        outcome = sender().send(url, {}, b"{}")
    assert (outcome.status, outcome.reply) == (None, None)
    assert outcome.error is not None
    assert "SSH" not in outcome.error


def test_nobody_listens() -> None:
    """That is told as such."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert sender().send(f"http://127.0.0.1:{port}/", {}, b"").error == "cannot connect: connection refused"


@pytest.mark.parametrize(("name", "status"), [("good.example", 200), ("other.example", None)])
def test_certificates_are_of_the_name(
    tmp_path: Path, receiver: Receiver, name: str, status: int | None
) -> None:
    """Not of the address that the name leads to, and not of anybody."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=good.example", "-addext", "subjectAltName=DNS:good.example"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-keyout", str(key), "-out", str(certificate), *subject]
    subprocess.run(command, check=True, capture_output=True)
    receiver.serve_tls(certificate, key)
    trusted = ssl.create_default_context(cafile=str(certificate))
    here = Sender(time.monotonic, 5.0, LOOPBACK, lambda host, port: ["127.0.0.1"], trusted)
    unknown = Sender(time.monotonic, 5.0, LOOPBACK, lambda host, port: ["127.0.0.1"])

    outcome = here.send(f"https://{name}:{receiver.port}/", {}, b"{}")

    assert outcome.status == status
    assert (outcome.error is None) == (status == 200)
    assert "TLS failed" in str(unknown.send(f"https://{name}:{receiver.port}/", {}, b"{}").error)


@pytest.mark.parametrize(
    ("url", "host", "authority", "path"),
    [
        ("https://Example.org", "example.org", "example.org", "/"),
        ("http://example.org:80/a?b", "example.org", "example.org", "/a?b"),
        ("https://[2606:4700::1]:8443/a#c", "2606:4700::1", "[2606:4700::1]:8443", "/a"),
    ],
)
def test_addresses_of_webhooks(url: str, host: str, authority: str, path: str) -> None:
    """What is asked for, and of whom."""
    target = parse_target(url)
    assert (target.host, target.authority, target.path) == (host, authority, path)
