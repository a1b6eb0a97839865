"""What Prometheus reads: only with the token, by templates of routes, never with names of repositories."""

import random
import re
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.hub import HubRoom
from tests.support.replicas import Replicas
from tests.support.repos import commit_files, ticking

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.errors import InvalidInput
from tether.hub.settings import load_settings
from tether.repo.repository import Repository
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove, RemoteRefs

TOKEN = "a token for the metrics"


def read(replicas: Replicas, token: str | None) -> str:
    """Return what the hub says of itself."""
    request = urllib.request.Request(f"{replicas.hubs[0].url}/metrics")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        return str(reply.read().decode())


def is_chunk(local: Repository, digest: Digest) -> bool:
    """Say whether an object is a part of a content."""
    return local.objects.kinds_of([digest]) == [ObjectKind.CHUNK]


def refused(replicas: Replicas, token: str | None) -> int:
    """Return the status of a refusal."""
    with pytest.raises(urllib.error.HTTPError) as failure:
        read(replicas, token)
    failure.value.close()
    return failure.value.code


def test_what_a_hub_tells_of_itself(tmp_path: Path) -> None:
    """Requests by template and status, bytes, pushes, memory."""
    with closing(Replicas(tmp_path, 1, settings={"METRICS_TOKEN": TOKEN})) as replicas:
        received: list[int] = []
        local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
        commit = commit_files(local, {"a.bin": random.Random(1).randbytes(256_000)}, "one")
        end = replicas.end(0)
        sent = upload(end, local, [commit], RemoteRefs(None, {}))
        end.push(PushRequest(b"w" * 16, sent.packs, (RefMove("refs/heads/main", None, commit, False),)))
        chunks = [digest for digest in local.objects.lookup.starting(b"") if is_chunk(local, digest)]
        [share] = end.shares(chunks)
        end.pack(share.name, lambda blocks: received.extend(map(len, blocks)))
        end.close()
        local.close()

        text = read(replicas, TOKEN)
        assert "photos" not in text
        found = {
            (sample.name, sample.labels.get("route", ""), sample.labels.get("status", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        push = "/repos/{owner}/{name}/transfer/push"
        assert found["tether_requests_total", push, "204"] == 1
        assert found["tether_request_seconds_count", push, ""] == 1
        assert found["tether_pushes_total", "", ""] == 1
        assert found["tether_received_bytes_total", "", ""] > 1000
        assert sum(received) == share.size > 256_000
        assert found["tether_sent_bytes_total", "", ""] > share.size
        assert found["tether_open_transfers", "", ""] == 0
        assert found["process_resident_memory_bytes", "", ""] > 1 << 20
        assert [refused(replicas, token) for token in (None, "wrong", replicas.token)] == [404, 404, 404]


def test_routes_below_several_owners_have_their_whole_template(tmp_path: Path) -> None:
    """The webhooks of a repository are told apart from those of an organisation."""
    with closing(HubRoom(tmp_path / "hub", metrics_token=TOKEN)) as hub:
        ada = hub.user("ada")
        hub.repository(ada, "ada/photos")
        hub.call("POST", "/api/v1/organisations", ada, {"name": "lab"})
        for place in ("repos/ada/photos", "organisations/lab"):
            assert hub.call("GET", f"/api/v1/{place}/webhooks", ada).json == []
        text = hub.call("GET", "/metrics", TOKEN).body.decode()

    routes = re.findall(r'^tether_requests_total\{.*route="(.*)",status="200"\} 1.0$', text, re.M)
    assert {"/repos/{owner}/{name}/webhooks", "/organisations/{organisation}/webhooks"} <= {*routes}


def test_no_token_no_metrics(tmp_path: Path) -> None:
    """Without the setting there is nothing to read; a token that is guessed soon is refused."""
    with closing(Replicas(tmp_path, 1)) as replicas:
        assert [refused(replicas, token) for token in (None, "")] == [404, 404]
    with pytest.raises(InvalidInput, match="less than 16"):
        load_settings(tmp_path, {"metrics_token": "short"}, {})
