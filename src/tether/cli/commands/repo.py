"""`tether repo`: repositories on a hub."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import click

from tether.cli.commands._repo_access import access
from tether.cli.commands._repo_keeping import fork, restore, set_command
from tether.cli.commands._repo_rules import protect, rules, unprotect
from tether.cli.commands._repo_show import show
from tether.cli.context import Context, pass_context
from tether.cli.hubs import API, client_of, default_hub
from tether.cli.options import with_options


@click.group()
def command() -> None:
    """Make, list, describe, change and delete repositories on a hub, and say who may do what there."""


for each in (show, set_command, access, rules, protect, unprotect, fork, restore):
    command.add_command(each)


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """What the user asked for."""

    url: str
    private: bool
    kind: str


@command.command("create")
@click.argument("url")
@click.option(
    "--private", is_flag=True, help="Only for those who are given a role; otherwise all may read it."
)
@click.option(
    "--kind", type=click.Choice(["data", "model"]), default="data", help="What it holds; data if not given."
)
@with_options(CreateOptions)
def create(ctx: Context, options: CreateOptions) -> None:
    """Make an empty repository at URL, https://HOST/OWNER/NAME, to push to."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(options.url)
    wanted = {
        "owner": address.owner,
        "name": address.name,
        "private": options.private,
        "kind": options.kind,
    }
    with client_of(ctx, address, once=True) as client:
        made = client.json("POST", f"{API}/repos", wanted)
    ctx.emit({**made, "url": options.url}, lambda: [f"made {options.url}"], essential=False)


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What the user asked for."""

    url: str
    agree: str | None
    message: str
    withdraw: bool


@command.command("ask")
@click.argument("url")
@click.option("--agree", metavar="DIGEST", help="Ask for access; DIGEST is that of the agreement you read.")
@click.option("-m", "--message", default="", help="A word to those who decide.")
@click.option("--withdraw", is_flag=True, help="Take the request back, and the access that it gave.")
@with_options(AskOptions)
def ask(ctx: Context, options: AskOptions) -> None:
    """Show the agreement before the contents of the repository at URL, or agree and ask for access."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(options.url)
    path = f"{API}/repos/{quote(address.owner, safe='')}/{quote(address.name, safe='')}"
    with client_of(ctx, address, once=True) as client:
        if options.withdraw:
            told = client.json("DELETE", f"{path}/access")
        elif options.agree is not None:
            body = {"agreed": options.agree, "message": options.message}
            told = client.json("POST", f"{path}/access", body)
        else:
            told = client.json("GET", f"{path}/gate")
    ctx.emit({**told, "url": options.url}, lambda: _asked(told, options.url))


def _asked(told: dict[str, Any], url: str) -> list[str]:
    """Return what to say of a gate, or of a request."""
    if "agreement" not in told:
        return [f"access to {url}: {told['state']}"]
    state = told["state"] or "not asked for"
    ask_for = f"to agree and ask for access: tether repo ask {url} --agree {told['digest']}"
    return [*told["agreement"].splitlines(), "", f"access: {state}", ask_for]


@command.command("delete")
@click.argument("url")
@pass_context
def delete(ctx: Context, url: str) -> None:
    """Delete the repository at URL; for some time an administrator of it can 'tether repo restore' it."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    path = f"{API}/repos/{quote(address.owner, safe='')}/{quote(address.name, safe='')}"
    with client_of(ctx, address, once=True) as client:
        gone = client.json("DELETE", path)
    ctx.emit({**gone, "url": url}, lambda: [f"deleted {url}"], essential=False)


@command.command("list")
@click.argument("url", required=False)
@pass_context
def list_command(ctx: Context, url: str | None) -> None:
    """List the repositories that you may read on the hub at URL, or those of https://HOST/OWNER."""
    from tether.sync.address import parse_hub_address

    address = parse_hub_address(url) if url else default_hub(ctx)
    rows: list[dict[str, Any]] = []
    with client_of(ctx, address) as client:
        while True:
            query = {"owner": address.owner} if address.owner else {}
            if rows:
                query["after"] = f"{rows[-1]['owner']}/{rows[-1]['name']}"
            page = client.json("GET", f"{API}/repos?{urlencode(query)}")
            rows += [{**row, "url": f"{address.base}/{row['owner']}/{row['name']}"} for row in page]
            if not page:
                break
    ctx.emit(rows, lambda: [_line(row) for row in rows], page=True)


def _line(row: dict[str, Any]) -> str:
    marks = [
        row["kind"],
        "private" if row["private"] else "public",
        *(["archived"] if row["archived"] else []),
    ]
    return f"{row['url']}\t{', '.join(marks)}"
