"""`tether repo show`."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import age_text, count_text, short_id, size_text, time_text
from tether.cli.hubs import API, client_of
from tether.core.identity import Time
from tether.core.names import display, path_bytes


@click.command("show")
@click.argument("url")
@pass_context
def show(ctx: Context, url: str) -> None:
    """Describe the repository at URL: who sees it, and what its default branch holds.

    The hub counts after a push, which takes a moment; it is told for which commit the numbers are.
    """
    from tether.errors import Forbidden, NotFound
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    path = f"{API}/repos/{quote(address.owner, safe='')}/{quote(address.name, safe='')}"
    with client_of(ctx, address) as client:
        told = client.json("GET", path)
        try:
            facts = client.json("GET", f"{path}/facts")
        except (Forbidden, NotFound):  # before its gate, and hubs that do not count
            facts = None
    if facts is not None and facts["largest"] is not None:
        facts["largest"] = [{**each, "path": _shown(each["path"])} for each in facts["largest"]]
    ctx.emit({**told, "url": url, "facts": facts}, lambda: _lines(ctx, url, told, facts))


def _lines(ctx: Context, url: str, told: dict[str, Any], facts: dict[str, Any] | None) -> Iterator[str]:
    now = ctx.now()
    yield url
    marks = [told["kind"], "private" if told["private"] else "public"]
    marks += ["archived"] if told["archived"] else []
    rows = [("kind", ", ".join(marks)), ("created", _moment(told["created"], now))]
    rows += _rows(facts, now) if facts is not None else [("contents", "not told to you")]
    for name, value in rows:
        yield f"  {name:<11}{value}".rstrip()
    for each in facts["largest"] or () if facts is not None else ():
        yield f"  {size_text(each['size']):>10}  {each['path']}"


def _rows(facts: dict[str, Any], now: Time) -> Iterator[tuple[str, str]]:
    """Return what to say of the contents; the largest files come behind the last row."""
    if facts["head"] is None:
        yield "contents", "nothing yet"
        return
    if facts["commit"] is None:
        yield "contents", "not counted yet; ask again in a moment"
        return
    behind = "" if facts["commit"] == facts["head"] else ", and newer commits that are not counted yet"
    yield "commit", short_id(bytes.fromhex(facts["commit"])) + behind
    yield "committed", _moment(facts["committed"], now)
    yield "commits", f"{facts['commits']:,}"
    folders = "" if facts["folders"] is None else f" in {count_text(facts['folders'], 'folder')}"
    yield "files", f"{facts['files']:,}{folders}"
    yield (
        "size",
        size_text(facts["bytes"]) + (f" ({facts['bytes']:,} bytes)" if facts["bytes"] >= 1000 else ""),
    )
    if facts["kinds"] is None:
        yield "kinds", "too many files to look at each"
        return
    for kind, each in sorted(facts["kinds"].items(), key=lambda row: (-row[1]["bytes"], row[0])):
        yield _shown(kind), f"{size_text(each['bytes'])} in {count_text(each['files'], 'file')}"
    if facts["largest"]:
        yield "largest", ""


def _moment(micros: int, now: Time) -> str:
    then = Time(micros, 0)
    return f"{time_text(then)} ({age_text(then, now)})"


def _shown(path: str) -> str:
    return display(path_bytes(path))
