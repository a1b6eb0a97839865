"""The memory of a hub while many clients push to it: `python -m benchmarks.hubmemory`.

Prints what the hub had before, at its peak and afterwards, and how many pushes were done. Everything is made
in a temporary folder and removed; the disk needs room for what the hub keeps and for one client more.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from tests.support.pushers import INTERVAL_S, MIB, Pushers


def main() -> None:
    """Run once and print one document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--size", type=int, default=256, help="MiB of random bytes that each client pushes")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--keep-free", type=int, default=20, help="GiB of the disk that stay free")
    options = parser.parse_args()
    needed = (options.clients + 2) * options.size * MIB + (options.keep_free << 30)
    if shutil.disk_usage(options.scratch).free < needed:
        raise SystemExit(f"{options.scratch} lacks the room for that: {needed >> 30} GiB")
    with tempfile.TemporaryDirectory(prefix="tether-pushers-", dir=options.scratch) as folder:
        print(json.dumps(run(Path(folder) / "all", options.clients, options.size * MIB), indent=2))


def run(folder: Path, clients: int, size: int) -> dict[str, object]:
    """Push once from every client."""
    pushers = Pushers(folder, clients, size)
    try:
        pushed = pushers.push()
    finally:
        pushers.close()
    begin, *_, end = pushed.memory
    return {
        "clients": clients,
        "mib_each": size // MIB,
        "seconds": round(pushed.seconds, 1),
        "exit_codes": dict(pushed.ends),
        "repositories_with_the_commit": pushed.sound,
        "sampled_every_s": INTERVAL_S,
        "hub_mib": {
            "begin": round(begin / MIB),
            "peak": round(max(pushed.memory) / MIB),
            "end": round(end / MIB),
        },
    }


if __name__ == "__main__":
    main()
