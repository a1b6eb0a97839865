"""A crowd on two hubs over one PostgreSQL, while all of them are killed: `python -m benchmarks.replicas`.

Prints what the clients were told, what broke, and whether the hubs have just that at the end. Needs a
PostgreSQL server on this machine; everything is made in a temporary folder and removed.
"""

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.support.crowd import Client, check_crowd, run_all
from tests.support.postgres import MISSING, Cluster, find_binaries
from tests.support.replicas import Replicas


def main() -> None:
    """Run once and print one document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=4, help="commits that each client pushes")
    parser.add_argument("--branches", type=int, default=10, help="branches that the clients share")
    parser.add_argument("--faults", type=float, default=0.003, help="how likely a connection breaks")
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a file; two go with each commit")
    options = parser.parse_args()
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit(MISSING)
    cluster = Cluster(binaries)
    try:
        with tempfile.TemporaryDirectory(prefix="tether-crowd-") as folder, cluster.hub_database() as url:
            print(json.dumps(run(options, cluster, url, Path(folder)), indent=2))
    finally:
        cluster.close()


def run(options: argparse.Namespace, cluster: Cluster, url: str, folder: Path) -> dict[str, object]:
    """Let the clients work while things break, and compare."""
    replicas = Replicas(folder, 2, url, cut=options.faults, lose=options.faults)
    (folder / "clients").mkdir()
    clients = [
        Client(
            f"c{number}",
            replicas.proxy.url,
            replicas.token,
            folder / "clients",
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
    there = check_crowd(replicas, clients, folder / "copy")
    replicas.close()
    return {
        "clients": options.clients,
        "seconds": seconds,
        "told": dict(Counter(end for client in clients for end in client.told.values())),
        "clients_saw": dict(sum((client.counts for client in clients), Counter[str]())),
        "commits_there": there,
        "proxy": dict(replicas.proxy.counts),
        "broken": dict(broken),
        "lost_or_doubled": 0,
    }


def break_things(replicas: Replicas, cluster: Cluster, threads: list[threading.Thread]) -> Counter[str]:
    """Kill the hubs and the database in turn until the clients are done."""
    broken: Counter[str] = Counter()
    turn = 0
    while wait(threads, 4.0):
        if turn % 3 == 1:
            cluster.stop(crash=turn % 2 == 1)
            time.sleep(0.5)
            cluster.start()
            broken["database restarted"] += 1
        else:
            replicas.restart(0 if turn % 3 == 0 else 1, away_s=0.5)
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
