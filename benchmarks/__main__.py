"""Run the benchmarks: `python -m benchmarks --help`."""

import argparse
import shlex
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.adapters import ABSENT, ADAPTERS, LIMITS, ORDER, OURS, usual
from benchmarks.adapters.base import Adapter
from benchmarks.figures import combine
from benchmarks.flow import run_job
from benchmarks.machine import describe
from benchmarks.pages import Filler
from benchmarks.report import print_versions, print_workload, results_document, save
from benchmarks.scratch import MAKERS, room, warn
from benchmarks.session import Result, Session, Settings
from benchmarks.workloads import NAMES, Workload, prepare

RESULTS = Path(__file__).parent / "results"
Results = dict[tuple[str, str], list[Result]]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size (default 1)")
    parser.add_argument("--work", default=",".join(NAMES), help=f"workloads (default {','.join(NAMES)})")
    parser.add_argument("--transfer", action="store_true", help="measure push, clone and pull instead")
    parser.add_argument("--peers", help="other systems, or 'none' (default: all)")
    parser.add_argument("--skip", default="tether-smallest", help="of limits and ours")
    parser.add_argument("--tether", default=default_tether(), help="the command to measure")
    parser.add_argument(
        "--scratch", type=Path, default=Path("/var/tmp/tether-bench"), help="folder on a disk"
    )
    parser.add_argument("--data", type=Path, help="where workloads are kept (default SCRATCH/data)")
    parser.add_argument(
        "--environments", type=Path, help="peers' environments (default SCRATCH/environments)"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of what can be repeated (default 3)")
    parser.add_argument("--rounds", type=int, default=1, help="runs of whole jobs (default 1)")
    parser.add_argument("--until", help="stop each job after this operation, such as add_commit_v1")
    parser.add_argument("--filesystem", choices=MAKERS, default="ext4", help="of the rooms (default ext4)")
    parser.add_argument("--plain", action="store_true", help="use a plain folder, not a fresh file system")
    parser.add_argument("--jobs", type=int, default=2, help="processes that generate workloads (default 2)")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds one command may take")
    return parser.parse_args()


def default_tether() -> str:
    """Return the command beside this Python, or the one in PATH."""
    beside = Path(sys.executable).parent / "tether"
    return str(beside) if beside.exists() else shutil.which("tether") or "tether"


def chosen_systems(options: argparse.Namespace, settings: Settings) -> list[type[Adapter]]:
    """Return the systems to run, saying which are not there."""
    names = usual(transfer=options.transfer)
    own = {name for name in names if name in LIMITS + OURS} - set(options.skip.split(","))
    peers = set(names).difference(LIMITS + OURS)
    if options.peers is not None:
        peers = set() if options.peers == "none" else set(options.peers.split(","))
    if unknown := peers - ADAPTERS.keys():
        raise SystemExit(f"error: no such peer: {', '.join(unknown)}; there are {', '.join(ADAPTERS)}")
    if options.transfer and options.peers is None:
        for name, why in ABSENT.items():
            warn(f"{name} left out: {why}")
    found = []
    for adapter in ORDER:
        if adapter.name not in own | peers:
            continue
        reason = adapter.missing(settings)
        if reason:
            warn(f"{adapter.name} left out: {reason}")
        else:
            found.append(adapter)
    return found


def run_workload(
    workload: Workload, systems: list[type[Adapter]], options: argparse.Namespace, settings: Settings
) -> Results:
    """Run every system that takes the workload, each time in a fresh room."""
    results: Results = {}
    for _ in range(options.rounds):
        for system in systems:
            if workload.name not in system.workloads:
                continue
            print(f"{workload.name} {system.name}", file=sys.stderr, flush=True)
            with room(options.scratch, None if options.plain else options.filesystem) as folder:
                session = Session(folder, workload, settings)
                run_job(system(session))
            results.setdefault((workload.name, system.name), []).extend(session.results)
    return results


def main() -> None:
    """Run what was asked for, print it, and keep it as JSON."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that rooms are cleared
    options = arguments()
    options.scratch = options.scratch.resolve()
    data = options.data or options.scratch / "data"
    settings = Settings(
        filler=Filler(options.scratch),
        tether=tuple(shlex.split(options.tether)),
        environments=options.environments or options.scratch / "environments",
        repeat=options.repeat,
        until=options.until,
        timeout_s=options.timeout,
    )
    systems = chosen_systems(options, settings)
    began = datetime.now(UTC)
    machine = describe()
    versions = {system.name: system.version(settings) for system in systems}
    print_versions(versions)
    results: Results = {}
    about = {}
    names = options.work.split(",")
    if unknown := set(names) - set(NAMES):
        raise SystemExit(f"error: no such workload: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in names:
        workload = prepare(data, name, options.scale, options.jobs)
        about[name] = workload.about
        done = run_workload(workload, systems, options, settings)
        results |= done
        print_workload(workload, {system: combine(group) for (_, system), group in done.items()})
        document = {
            "began": began.isoformat(timespec="seconds"),
            "machine": machine,
            "command": sys.argv[1:],
            "versions": versions,
            "workloads": about,
            "results": results_document(results),
        }
        path = RESULTS / f"{began:%Y%m%dT%H%M%S}.json"
        save(path, document)
    print(f"\nkept in {path}")


if __name__ == "__main__":
    main()
