"""A crowd on two hubs over one PostgreSQL, while all of them are killed: `python -m benchmarks.replicas`.

Prints what the clients were told, what broke, and whether the hubs have just that at the end; it exits with
1 where they have not. With `--storage s3` the packs lie on a SeaweedFS that is reached through a proxy which
makes it slow and failing, and each hub has a folder of its own. Needs a PostgreSQL server on this machine;
everything is made in a temporary folder and removed.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.crowd import Client, Outcome, compare, run_all
from tests.support.faultproxy import Call, Fault, Proxy, before
from tests.support.postgres import MISSING, Cluster, find_binaries
from tests.support.replicas import Replicas
from tests.support.s3 import S3Server, serving, why_not

_PAUSE_S = 4.0
_AWAY_S = 0.5


@dataclass(frozen=True)
class Bucket:
    """The S3 server of a run and the proxy before it."""

    server: S3Server
    proxy: Proxy


def main() -> None:
    """Run once and print one document."""
    options = _parser().parse_args()
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit(MISSING)
    cluster = Cluster(binaries)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tether-crowd-") as folder,
            cluster.hub_database() as url,
            bucket(options, Path(folder)) as behind,
        ):
            document = run(options, cluster, Replicated(url, Path(folder), behind))
    finally:
        cluster.close()
    print(json.dumps(document, indent=2))
    sys.exit(0 if document["good"] else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", choices=["folder", "s3"], default="folder", help="where the packs lie")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=4, help="commits that each client pushes")
    parser.add_argument("--branches", type=int, default=10, help="branches that the clients share")
    parser.add_argument("--faults", type=float, default=0.003, help="how likely a connection breaks")
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a file; two go with each commit")
    parser.add_argument("--bucket-faults", type=float, default=0.03, help="how likely the bucket fails")
    parser.add_argument("--bucket-slow", type=float, default=0.02, help="seconds that it waits each time")
    parser.add_argument("--bucket-stall", type=float, default=2.0, help="seconds for which some replies stop")
    return parser


@dataclass(frozen=True)
class Replicated:
    """What two hubs of a run have in common."""

    url: str
    folder: Path
    bucket: Bucket | None

    def start(self, faults: float) -> Replicas:
        """Start the hubs and the proxy before them."""
        if self.bucket is None:
            return Replicas(self.folder, 2, self.url, cut=faults, lose=faults)
        server, proxy = self.bucket.server, self.bucket.proxy
        return Replicas(
            self.folder,
            2,
            self.url,
            cut=faults,
            lose=faults,
            settings={"STORAGE": f"s3://{server.bucket}/{server.new_prefix()}"},
            environ=server.environment(url=proxy.url),
            apart=True,
        )


@contextmanager
def bucket(options: argparse.Namespace, folder: Path) -> Iterator[Bucket | None]:
    """Run the S3 server of a run, if it has one, and the proxy before it."""
    if options.storage == "folder":
        yield None
        return
    if reason := why_not():
        raise SystemExit(reason)
    (folder / "s3").mkdir()
    with serving(folder / "s3") as server, before(server.url, options.bucket_stall) as proxy:
        yield Bucket(server, proxy)


def run(options: argparse.Namespace, cluster: Cluster, common: Replicated) -> dict[str, object]:
    """Let the clients work while things break, and compare."""
    replicas = common.start(options.faults)
    break_bucket(options, common.bucket)
    (common.folder / "clients").mkdir()
    clients = [
        Client(
            f"c{number}",
            replicas.proxy.url,
            replicas.token,
            common.folder / "clients",
            f"b{number % options.branches}",
            options.size,
        )
        for number in range(options.clients)
    ]
    begun = time.monotonic()
    threads = run_all(clients, options.rounds)
    broken = break_things(replicas, cluster, threads)
    for thread in threads:
        thread.join()
    seconds = round(time.monotonic() - begun, 1)
    replicas.proxy.calm = True
    calm(common.bucket)
    outcome = compare(replicas, clients, common.folder / "copy")
    replicas.close()
    return {
        "options": vars(options),
        "seconds": seconds,
        "pushes_told": dict(Counter(end for client in clients for end in client.told.values())),
        "clients_saw": dict(sum((client.counts for client in clients), Counter[str]())),
        "errors": dict(sum((client.said for client in clients), Counter[str]())),
        "restarts": dict(broken),
        "proxy": dict(replicas.proxy.counts),
        **({} if common.bucket is None else {"bucket": faults_of(common.bucket.proxy)}),
        "outcome": asdict(outcome),
        "good": good(outcome, clients, options.rounds),
    }


def good(outcome: Outcome, clients: list[Client], rounds: int) -> bool:
    """Say whether the hubs have what was told, and every client was told something of each commit."""
    return outcome.good and all(len(client.told) == rounds for client in clients)


def break_bucket(options: argparse.Namespace, behind: Bucket | None) -> None:
    """Let the bucket be slow, and fail in each way in turn, by chance."""
    if behind is None:
        return
    chance, faults = random.Random(5), list(Fault)

    def rule(_number: int, _call: Call) -> Fault | None:
        return chance.choice(faults) if chance.random() < options.bucket_faults else None

    behind.proxy.slow_s, behind.proxy.rule = options.bucket_slow, rule


def calm(behind: Bucket | None) -> None:
    """Let the bucket be well."""
    if behind is not None:
        behind.proxy.slow_s, behind.proxy.rule = 0.0, lambda _number, _call: None


def faults_of(proxy: Proxy) -> dict[str, object]:
    """Return how many requests the bucket had, and how many of them went wrong in which way."""
    faults = {fault.value: count for fault, count in proxy.faults.items()}
    return {"requests": len(proxy.calls), "failed": proxy.faults.total(), "faults": faults}


def break_things(replicas: Replicas, cluster: Cluster, threads: list[threading.Thread]) -> Counter[str]:
    """Kill a hub, the database and the other hub in turn until the clients are done."""
    broken: Counter[str] = Counter()
    turn = 0
    while wait(threads, _PAUSE_S):
        if turn % 3 == 1:
            crash = turn % 2 == 1
            cluster.stop(crash=crash)
            time.sleep(_AWAY_S)
            cluster.start()
            broken["database crashed" if crash else "database restarted"] += 1
        else:
            replicas.restart(0 if turn % 3 == 0 else 1, away_s=_AWAY_S)
            broken["hub killed"] += 1
        turn += 1
    return broken


def wait(threads: list[threading.Thread], seconds: float) -> bool:
    """Wait for a while; say whether anybody is still at work."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(thread.is_alive() for thread in threads):
        time.sleep(0.05)
    return any(thread.is_alive() for thread in threads)


if __name__ == "__main__":
    main()
