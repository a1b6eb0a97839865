"""Packs that clients read from the bucket itself: a real hub, a real S3 server, and a proxy that fails."""

import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3
from tests.support.faultproxy import Call, Fault, Proxy, before
from tests.support.replicas import Replicas
from tests.support.repos import commit_files, ticking
from tests.support.s3 import s3_server

from tether.core.digest import Digest
from tether.errors import NotFound
from tether.hub.presigning import is_public
from tether.repo.check import CheckOptions, run_check
from tether.repo.repository import Repository
from tether.sync.http import HttpClient, Request
from tether.sync.upload import upload
from tether.sync.wire import ADDRESS_TYPE, PushRequest, RefMove, RemoteRefs, decode_address

MAIN = "refs/heads/main"
FILES = {f"{number:03}.jpg": random.Random(number).randbytes(6000) for number in range(300)}


class Hosted(NamedTuple):
    """A hub over a bucket that clients reach through a proxy; a large pack was pushed."""

    hub: Replicas
    bucket: Proxy
    pack: Digest
    commit: Digest

    def calls(self) -> list[Call]:
        """Return what clients asked the bucket."""
        return [call for call in self.bucket.calls if "X-Amz-Signature" in call.path]

    def ask(self, token: str | None, accept: str = ADDRESS_TYPE) -> tuple[str | None, bytes]:
        """Ask the hub for the pack; return the type of its reply and the body."""
        client = HttpClient(self.hub.hubs[0].url, token)
        path = f"/api/v1/repos/ada/photos/transfer/packs/{self.pack.hex()}/bytes"
        request = Request("GET", path, headers={"Accept": accept})
        try:
            return client.exchange(
                lambda: request, lambda reply: (reply.headers.get("Content-Type"), b"".join(reply.blocks))
            )
        finally:
            client.close()

    def address(self) -> str:
        """Return where the hub says the pack is."""
        kind, body = self.ask(self.hub.token)
        assert kind == ADDRESS_TYPE
        return decode_address([body])


def made(folder: Path, bucket: Proxy, **settings: str) -> Hosted:
    """Start a hub, and push to it."""
    server = s3_server()
    given = {
        "STORAGE": f"s3://{server.bucket}/{server.new_prefix()}",
        "PRESIGN": "on",
        "PRESIGN_ENDPOINT": bucket.url,
        **settings,
    }
    hub = Replicas(folder, 1, settings=given, environ=server.environment())
    local = Repository.init(folder / "mine", clock=ticking(), bare=True)
    commit = commit_files(local, FILES, "one")
    end = hub.end(0)
    sent = upload(end, local, [commit], RemoteRefs(None, {}))
    end.push(PushRequest(b"w" * 16, sent.packs, (RefMove(MAIN, None, commit, False),)))
    end.close()
    [pack] = local.root().data_packs
    return Hosted(hub, bucket, pack, commit)


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    """Return a hub that sends clients to the bucket."""
    with before(s3_server().url) as bucket:
        found = made(tmp_path, bucket)
        yield found
        found.hub.close()


def check_clone(hosted: Hosted, folder: Path) -> None:
    """Clone, and verify every byte."""
    copy = hosted.hub.clone(folder)
    assert copy.root().refs["refs/remotes/origin/main"] == hosted.commit
    assert run_check(copy, CheckOptions(full=True)).problems == []


def test_a_clone_takes_packs_from_the_bucket(hosted: Hosted, tmp_path: Path) -> None:
    """The bytes of the large pack come from there, once; the address names this pack alone."""
    check_clone(hosted, tmp_path / "copy")
    [call] = hosted.calls()
    assert call.method == "GET"
    assert f"packs/{hosted.pack.hex()}.pack" in call.path.partition("?")[0]


def failing(fault: Fault, _number: int, _call: Call) -> Fault:
    """Let each request fail in one way."""
    return fault


def test_a_bucket_that_fails(hosted: Hosted, tmp_path: Path) -> None:
    """Whatever is wrong between client and bucket, the pack comes from the hub then."""
    for number, fault in enumerate(fault for fault in Fault if fault not in (Fault.STALLED, Fault.LOST)):
        hosted.bucket.rule = partial(failing, fault)
        check_clone(hosted, tmp_path / fault.name)
        assert len(hosted.calls()) == number + 1, fault


def test_an_address_gives_one_pack_to_read_for_a_time(tmp_path: Path) -> None:
    """Nothing else can be read with it, nothing written, and soon nothing at all."""
    with before(s3_server().url) as bucket:
        hosted = made(tmp_path, bucket, PRESIGN_S="2")
        url = hosted.address()
        with urllib3.PoolManager(retries=False) as pool:
            other = url.replace(f"packs/{hosted.pack.hex()}.pack", "format")
            assert other != url
            assert pool.request("GET", other).status == 403
            assert pool.request("PUT", url, body=b"x").status == 403
            assert pool.request("DELETE", url).status == 403
            assert pool.request("GET", url.replace("X-Amz-Expires=2", "X-Amz-Expires=200")).status == 403
            whole = pool.request("GET", url)
            assert (whole.status, len(whole.data)) == (200, len(hosted.ask(hosted.hub.token, "*/*")[1]))
            time.sleep(3.1)  # the server has a clock of its own
            assert pool.request("GET", url).status == 403
        hosted.hub.close()


def test_only_readers_are_told_an_address(hosted: Hosted) -> None:
    """Rights are asked for first; the reply to others is as for a repository that never was."""
    for token in (None, stranger(hosted)):
        with pytest.raises(NotFound):
            hosted.ask(token)
    secret = hosted.hub.room.environ["AWS_SECRET_ACCESS_KEY"]
    assert secret not in hosted.address()
    assert hosted.hub.token not in hosted.address()


def stranger(hosted: Hosted) -> str:
    """Return a token of somebody without a role."""
    hub = hosted.hub
    hub.room.ok("hub", "user", "add", "-q", "eve", *hub.options)
    return hub.room.ok("hub", "token", "create", "eve", *hub.options).strip()


def test_who_does_not_ask_for_an_address_gets_the_pack(hosted: Hosted) -> None:
    """Older clients go on as before."""
    kind, body = hosted.ask(hosted.hub.token, "*/*")
    assert kind == "application/octet-stream"
    assert len(body) > 300 * 6000
    assert hosted.calls() == []


@pytest.mark.parametrize("settings", [{"PRESIGN": "off"}, {"PRESIGN": "auto", "PRESIGN_ENDPOINT": ""}])
def test_where_addresses_are_not_given(tmp_path: Path, settings: dict[str, str]) -> None:
    """When it is off, and by itself where the bucket is reached without TLS."""
    with before(s3_server().url) as bucket:
        hosted = made(tmp_path, bucket, **settings)
        assert hosted.ask(hosted.hub.token)[0] == "application/octet-stream"
        hosted.hub.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://data.s3.eu-west-1.amazonaws.com/x", True),
        ("http://data.s3.eu-west-1.amazonaws.com/x", False),
        ("https://127.0.0.1/x", False),
        ("https://10.0.0.7/x", False),
        ("https://[fd00::1]/x", False),
        ("https://minio:9000/x", False),
        ("https://9.9.9.9/x", True),
    ],
)
def test_what_others_can_reach(address: str, public: bool) -> None:
    """By itself the hub sends nobody to a place that is near it alone, or without TLS."""
    assert is_public(address) is public
