"""How fast pages of a large repository are under many readers: `python -m benchmarks.pagespeed`.

A hub of Tether and servers over a Git repository of the same files answer in turns, each in processes of its
own, while another process reads. Prints tables with ratios of one run and leaves a record in
`benchmarks/results/`.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.reading import sites
from benchmarks.reading.browser import load_pages
from benchmarks.reading.plan import Plan, folder_of, path_of
from benchmarks.reading.sites import Site
from benchmarks.reading.stores import fill_git, fill_hub
from benchmarks.report import print_table, save

KINDS = ("overview", "folder", "folder, signed in", "file", "raw", "history", "commit", "search", "table")
_ADDRESSES = 2000
"""Pages of one kind that the readers go through, where there are so many."""
_WORDS = ("large", "repository", "repo", "larg", "lar", "rep", "epo", "arge")
_PATIENCE_S = {"flat": 20}
_PATIENT_S = 4
"""Seconds after the end for which readers wait for their last reply."""

Sites = list[tuple[str, Callable[[], AbstractContextManager[Site]]]]


def main() -> None:
    """Run once."""
    options = _parser().parse_args()
    plan = Plan.of(options.scale)
    with tempfile.TemporaryDirectory(prefix="tether-reading-", dir=options.scratch) as folder:
        document = run(options, plan, Path(folder))
    path = Path(__file__).with_name("results") / f"pagespeed-{datetime.now():%Y%m%dT%H%M%S}.json"
    save(path, document)
    print(f"\nrecord: {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each kind of page at each server")
    parser.add_argument("--skip", default="", help="servers, with commas: cgit,gitweb,gogs")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"), help="folder on a disk")
    parser.add_argument(
        "--gogs",
        type=Path,
        default=Path("/var/tmp/tether-bench/environments/gogs/gogs"),
        help="the executable of Gogs, with `public` and `templates` beside it",
    )
    parser.add_argument("--no-browser", action="store_true", help="without Chromium")
    return parser


def run(options: argparse.Namespace, plan: Plan, folder: Path) -> dict[str, Any]:
    """Make the repositories, ask every server, print the tables and return the record."""
    machine, begun = describe(), time.monotonic()
    token, ours = fill_hub(folder / "hub", plan, int(time.time()))
    print(f"hub filled in {time.monotonic() - begun:.1f} s", flush=True)
    begun = time.monotonic()
    repository = folder / "git/large.git"
    repository.parent.mkdir()
    ids = fill_git(repository, plan)
    print(f"Git repository filled in {time.monotonic() - begun:.1f} s", flush=True)
    found: dict[str, dict[str, Any]] = {}
    for name, start in _sites(options, folder, (token, ours), ids):
        with start() as site:
            found[name] = _measure(options, plan, site)
    for kind in (*KINDS, "flat"):
        _print_kind(kind, found)
    if not options.no_browser:
        _print_browser(found)
    rows = [
        ["server", "most memory, MB"],
        *([name, f"{each['memory_kib'] / 1024:,.0f}"] for name, each in found.items()),
    ]
    print()
    print_table(rows)
    plain = {
        name: {**each, "kinds": {k: _short(v) for k, v in each["kinds"].items()}}
        for name, each in found.items()
    }
    sizes = {"files": plan.files, "flat": plan.flat, "commits": plan.commits, "rows": plan.rows}
    return {
        "machine": machine,
        "sizes": sizes,
        "readers": options.readers,
        "seconds": options.seconds,
        "servers": plain,
    }


def _sites(options: argparse.Namespace, folder: Path, ours: tuple[str, list[str]], ids: list[str]) -> Sites:
    """Return how each server is started; `ours` is a token and the commits of the hub, `ids` those of Git."""
    skipped, repository = options.skip.split(","), folder / "git/large.git"
    found: Sites = [("Tether", lambda: sites.tether_hub(folder / "hub", *ours))]
    lacking = sites.why_no_cgi()
    if lacking:
        sys.stderr.write(f"without cgit and gitweb: {lacking}\n")
    else:
        for name in ("cgit", "gitweb"):
            start = lambda name=name: sites.cgi(folder / name, repository, ids, name)  # noqa: E731
            found += [(name, start)] if name not in skipped else []
    if not options.gogs.exists():
        sys.stderr.write(f"without Gogs: {options.gogs} is not there\n")
    elif "gogs" not in skipped:
        found.append(("Gogs", lambda: sites.gogs(folder / "gogs", options.gogs, repository, ids)))
    return found


def _measure(options: argparse.Namespace, plan: Plan, site: Site) -> dict[str, Any]:
    """Let readers at one server, kind by kind; then one reader, and a browser."""
    kinds: dict[str, Any] = {}
    for kind in KINDS:
        if kind in site.addresses:
            kinds[kind] = _read(site, kind, _paths(site, kind, plan), options.readers, options.seconds)
    kinds["flat"] = _read(site, "flat", [site.addresses["flat"]("")], 1, min(options.seconds, 3.0))
    memory = site.memory_kib()
    pages = {
        kind: site.url + _paths(site, kind, plan)[0]
        for kind in ("overview", "folder", "file", "history", "commit")
    }
    loaded = {} if options.no_browser else load_pages(pages)
    print(f"{site.name} measured", flush=True)
    return {"kinds": kinds, "memory_kib": memory, "browser": loaded}


def _paths(site: Site, kind: str, plan: Plan) -> list[str]:
    """Return addresses of pages of a kind, the same in each run."""
    draw = random.Random(3)
    asked: Sequence[str]
    match kind:
        case "folder" | "folder, signed in":
            asked = [folder_of(number) for number in range(plan.folders)]
        case "file" | "raw":
            asked = [path_of(draw.randrange(plan.files)) for _ in range(_ADDRESSES)]
        case "history" | "commit":
            asked = [str(number) for number in range(plan.commits)]
        case "search":
            asked = _WORDS
        case "table":
            asked = [str(draw.randrange(max(plan.rows, 1)) // 100 * 100) for _ in range(_ADDRESSES)]
        case _:
            asked = [""]
    return [site.addresses[kind](each) for each in asked]


def _read(site: Site, kind: str, paths: list[str], readers: int, seconds: float) -> dict[str, Any]:
    """Let readers read in a process of their own, and add what the server took for it."""
    job = {
        "url": site.url,
        "paths": paths,
        "readers": readers,
        "seconds": seconds,
        "patience": _PATIENCE_S.get(kind, _PATIENT_S),
        "headers": dict(site.headers.get(kind, {})),
    }
    before = site.cpu_s()
    command = [sys.executable, "-m", "benchmarks.reading.load"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)
    met: dict[str, Any] = json.loads(done.stdout)
    return {**met, "cpu_s": site.cpu_s() - before, "readers": readers}


def _short(met: dict[str, Any]) -> dict[str, Any]:
    """Return what the record keeps of many figures."""
    points = {
        name: {str(q): _quantile(met[name], q) for q in (0.5, 0.95, 0.99)} for name in ("first", "whole")
    }
    return {**met, **points, "replies": len(met["whole"])}


def _quantile(values: list[float], share: float) -> float | None:
    return values[min(int(share * len(values)), len(values) - 1)] if values else None


def _print_kind(kind: str, found: dict[str, dict[str, Any]]) -> None:
    """Print one kind of page for all servers."""
    head = [
        "server",
        "pages/s",
        "first byte ms",
        "p95",
        "p99",
        "whole ms",
        "p95",
        "p99",
        "kB",
        "CPU ms",
        "other replies",
    ]
    rows = [[*head, "whole against Tether", "CPU against Tether"]]
    ours: dict[str, Any] = found["Tether"]["kinds"][kind]
    readers = ours["readers"]
    for name, each in found.items():
        met = each["kinds"].get(kind)
        if met is not None:
            rows.append([name, *_cells(met, ours)])
    print(f"\n## {kind}, {readers} reader{'s' if readers > 1 else ''}\n")
    print_table(rows)


def _cells(met: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    count = len(met["whole"])
    yield f"{count / met['seconds']:,.1f}"
    for name in ("first", "whole"):
        for share in (0.5, 0.95, 0.99):
            value = _quantile(met[name], share)
            yield "-" if value is None else f"{value:,.1f}"
    yield f"{met['bytes'] / 1000 / count:,.1f}" if count else "-"
    yield f"{1000 * met['cpu_s'] / count:,.1f}" if count else "-"
    other = {status: number for status, number in met["statuses"].items() if status != "200"}
    yield ", ".join(f"{number} {status}" for status, number in other.items()) or "0"
    yield _ratio(_quantile(met["whole"], 0.5), _quantile(ours["whole"], 0.5))
    yield _ratio(met["cpu_s"] / count if count else None, ours["cpu_s"] / max(len(ours["whole"]), 1))


def _ratio(value: float | None, base: float | None) -> str:
    return "-" if value is None or not base else f"{value / base:.2f}"


def _print_browser(found: dict[str, dict[str, Any]]) -> None:
    """Print what a browser with an empty cache measured, medians."""
    rows = [
        ["page", "server", "first byte ms", "DOM ms", "load ms", "kB sent", "requests", "load against Tether"]
    ]
    for kind, ours in found["Tether"]["browser"].items():
        for name, each in found.items():
            one = each["browser"][kind]
            figures = [f"{one[field]:,.0f}" for field in ("first_byte_ms", "dom_ms", "load_ms")]
            sent = [f"{one['bytes'] / 1000:,.1f}", f"{one['requests']:.0f}"]
            rows.append([kind, name, *figures, *sent, _ratio(one["load_ms"], ours["load_ms"])])
    print("\n## One reader in Chromium, nothing cached\n")
    print_table(rows)


if __name__ == "__main__":
    main()
