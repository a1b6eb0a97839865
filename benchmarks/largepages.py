"""Very large things on pages, in a real browser: `python -m benchmarks.largepages`.

A folder of 1,000,000 files and a Parquet file of 2 GB, on a hub in a process of its own. Each step asserts
what is shown, and says how long the browser took, what the hub read, what it took of a processor, and its
memory. It takes two or three minutes, most of them to make the table.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.chromium import browsing

from benchmarks.reading.plan import Plan, flat_path, write_parquet
from benchmarks.reading.sites import Site, tether_hub
from benchmarks.reading.stores import NAME, OWNER, commit, fill_hub
from benchmarks.report import print_table
from tether.core.identity import Time
from tether.core.tree import Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.hub.hub import Hub
from tether.hub.repositories import find, open_repository
from tether.hub.settings import load_settings
from tether.repo.history import History

if TYPE_CHECKING:
    from playwright.sync_api import Page

_ROWS = 118_000_000
"""Rows of a file of 2 GB."""
_NEW_BLOCK = "table.files tbody tr td.name a.entry span"
_BASE = f"/{OWNER}/{NAME}"


@dataclass(frozen=True, slots=True)
class Step:
    """What one page took: milliseconds in the browser, MB read, milliseconds of a processor, MB of memory."""

    name: str
    load_ms: float
    read_mb: float
    cpu_ms: float
    memory_mb: float


def main() -> None:
    """Run once and print a table; ends with 1 and a traceback where a page shows something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"), help="folder on a disk, 6 GB free")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tether-largepages-", dir=options.scratch) as folder:
        steps = run(
            Path(folder), Plan(1000, max(int(1_000_000 * options.scale), 1000), 40, 1000), options.scale
        )
    rows = [["page", "load ms", "hub read MB", "hub CPU ms", "hub memory MB"]]
    for step in steps:
        figures = (step.load_ms, step.read_mb, step.cpu_ms, step.memory_mb)
        rows.append([step.name, *(f"{figure:,.1f}" for figure in figures)])
    print_table(rows)


def run(folder: Path, plan: Plan, scale: float) -> list[Step]:
    """Make the hub, browse it, and return what each page took."""
    begun = time.monotonic()
    token, ids = fill_hub(folder / "hub", plan, int(time.time()))
    rows = max(int(_ROWS * scale), 10_000)
    size = add_table(folder, rows)
    print(
        f"filled in {time.monotonic() - begun:.0f} s, a table of {rows:,} rows in {size / 1e6:,.0f} MB",
        flush=True,
    )
    with tether_hub(folder / "hub", token, ids) as site, browsing() as browser:
        page = browser.new_context().new_page()
        walk = Walk(site, page)
        walk.step("the first page of the hub, to warm up", "/", lambda: None)
        browse_folder(walk, plan.flat)
        browse_table(walk, rows)
        return walk.steps


def add_table(folder: Path, rows: int) -> int:
    """Commit a Parquet file that lies on the disk only until then; return its size in bytes."""
    source = folder / "table.parquet"
    with source.open("wb") as out:
        write_parquet(out, rows)
    size = source.stat().st_size
    now = Time(int(time.time()) * 1_000_000, 0)
    hub = Hub.open(load_settings(folder / "hub", {}, {}), lambda: now)
    try:
        with hub.database.session() as session:
            row = find(session, OWNER, NAME)
        assert row is not None
        with closing(open_repository(hub, row)) as repository, repository.transaction("table") as transaction:
            tip = transaction.ref("refs/heads/main")
            assert tip is not None
            last = History.of(repository).commit(tip)
            with source.open("rb") as file:
                digest, _ = transaction.contents.add_stream(file.readinto, b"large.parquet")
            entry = Entry(b"large.parquet", EntryKind.FILE, size, digest)
            tree = edit_tree(transaction.objects, last.tree, {b"large.parquet": entry}).digest
            commit(transaction, tree, (tip,), int(time.time()), "A large table")
    finally:
        hub.close()
        source.unlink()
    return size


class Walk:
    """A browser on its way over pages of a hub.

    Args:
        site: The hub.
        page: Of the browser.

    Attributes:
        refused: The last page said that it would take too much.
    """

    def __init__(self, site: Site, page: "Page") -> None:
        self.site, self.page, self.refused = site, page, False
        self.steps: list[Step] = []

    def step(self, name: str, address: str, check: Callable[[], None], *, click: str = "") -> None:
        """Go to an address, or click, and check what is there.

        Args:
            name: What people call the page.
            address: Of the page; empty where something is clicked.
            check: Asserts what is shown.
            click: The selector of a link.
        """
        read, cpu, begun = self._read(), self.site.cpu_s(), time.monotonic()
        if click:
            with self.page.expect_navigation(wait_until="load"):
                self.page.click(click)
        else:
            self.page.goto(self.site.url + address, wait_until="load")
        took = time.monotonic() - begun
        check()
        now = Path(f"/proc/{self.site.pid}/statm").read_text().split()[1]
        self.steps.append(
            Step(
                name,
                1000 * took,
                (self._read() - read) / 1e6,
                1000 * (self.site.cpu_s() - cpu),
                int(now) * 4096 / 1e6,
            )
        )

    def _read(self) -> int:
        """Return the bytes that the hub asked the system for so far."""
        for line in Path(f"/proc/{self.site.pid}/io").read_text().splitlines():
            if line.startswith("rchar:"):
                return int(line.split()[1])
        return 0


def browse_folder(walk: Walk, files: int) -> None:
    """Look at the first pages, one in the middle and the last one of the folder, and back."""

    def shows(first: int, count: int = 100) -> Callable[[], None]:
        def check() -> None:
            names = walk.page.locator(_NEW_BLOCK).all_inner_texts()
            assert names == [flat_path(first + at).rpartition("/")[2] for at in range(count)], names[:3]
            more = walk.page.locator('a[rel="next"]').count()
            assert bool(more) == (first + count < files), more

        return check

    flat = f"{_BASE}/tree/main/flat"
    walk.step(f"folder of {files:,} files: first page", flat, shows(0))
    walk.step("folder: next page", "", shows(100), click='a[rel="next"]')
    middle = files // 2
    walk.step("folder: from the middle", f"{flat}?after={middle - 1:07}.txt", shows(middle))
    last = files - 50
    walk.step("folder: last page", f"{flat}?after={last - 1:07}.txt", shows(last, 50))
    walk.step("folder: first page again", flat, shows(0))
    some = files // 3
    walk.page.fill("#from", flat_path(some).rpartition("/")[2])
    walk.step("folder: from a name that is typed", "", shows(some), click="nav.pager form button")
    path = flat_path(files - 1)

    def is_file() -> None:
        assert "text" in walk.page.locator("main").inner_text()

    walk.step("folder: its last file", f"{_BASE}/file/main/{path}", is_file)


def browse_table(walk: Walk, rows: int) -> None:
    """Look at the first page, one far away, one sorted and one filtered."""

    def cells() -> list[list[str]]:
        found: list[list[str]] = walk.page.evaluate(
            "[...document.querySelectorAll('main table tbody tr')]"
            ".map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"
        )
        return found

    def shows(first: int) -> Callable[[], None]:
        def check() -> None:
            ids = [row[1] if row[0] != str(first) or len(row) == 5 else row[0] for row in cells()]
            assert ids[:2] == [str(first), str(first + 1)], cells()[:2]
            assert len(ids) == min(100, rows - first)

        return check

    def answers(text: str) -> Callable[[], None]:
        def check() -> None:
            said = walk.page.locator("main").inner_text()
            refused = "too large for that here" in said or "more memory than a page may take" in said
            assert refused or text in said, said[:500]
            walk.refused = refused

        return check

    table = f"{_BASE}/file/main/large.parquet"
    far = rows // 10 * 9 // 100 * 100
    walk.step(f"table of {rows:,} rows: first page", table, shows(0))
    walk.step("table: a far page", f"{table}?row={far}", shows(far))
    walk.step("table: the last page", f"{table}?row={rows - 1}", shows((rows - 1) // 100 * 100))
    for name, query, text in (
        ("filtered by its key", f"?column=id&operator=eq&value={far}", str(far)),
        ("filtered by a word", "?column=word&operator=eq&value=word-7", "word-7"),
        ("sorted by a number", "?sort=score&falling=1", "word-"),
    ):
        walk.step(f"table: {name}", table + query, answers(text))
        if walk.refused:
            last = walk.steps.pop()
            walk.steps.append(
                Step(f"{last.name} (refused)", last.load_ms, last.read_mb, last.cpu_ms, last.memory_mb)
            )


if __name__ == "__main__":
    main()
