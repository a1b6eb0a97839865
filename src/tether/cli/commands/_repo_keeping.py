"""`tether repo set`, `restore` and `fork`: what becomes of a repository on a hub."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tether.cli.context import Context, pass_context
from tether.cli.hubs import API, client_of
from tether.cli.options import with_options

if TYPE_CHECKING:
    from tether.sync.address import HubAddress


@dataclass(frozen=True, slots=True)
class SetOptions:
    """What the user asked for; None means that it stays."""

    url: str
    name: str | None
    owner: str | None
    private: bool | None
    archived: bool | None


@click.command("set")
@click.argument("url")
@click.option("--name", metavar="NAME", help="Rename it; the old address leads to it.")
@click.option("--owner", metavar="OWNER", help="Give it to another owner; the old address leads to it.")
@click.option("--private/--public", default=None, help="Show it to those who have a role, or to all.")
@click.option(
    "--archive/--unarchive", "archived", default=None, help="Let nobody write to it, or not any more."
)
@with_options(SetOptions)
def set_command(ctx: Context, options: SetOptions) -> None:
    """Change the repository at URL: its name, its owner, who sees it, whether it is only read."""
    from tether.errors import InvalidInput
    from tether.sync.address import parse_repository_address

    given = {
        "name": options.name,
        "owner": options.owner,
        "private": options.private,
        "archived": options.archived,
    }
    wanted = {field: value for field, value in given.items() if value is not None}
    if not wanted:
        raise InvalidInput("nothing to change", hint="give --name, --owner, --private, --public or --archive")
    address = parse_repository_address(options.url)
    with client_of(ctx, address, once=True) as client:
        told = client.json("PATCH", _path(address), wanted)
    _tell(ctx, address, told, "is now" if {"name", "owner"} & wanted.keys() else "changed")


@click.command("restore")
@click.argument("url")
@pass_context
def restore(ctx: Context, url: str) -> None:
    """Bring back the repository at URL, which was deleted not too long ago."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    with client_of(ctx, address, once=True) as client:
        told = client.json("POST", f"{_path(address)}/restore")
    _tell(ctx, address, told, "restored")


@dataclass(frozen=True, slots=True)
class ForkOptions:
    """What the user asked for."""

    url: str
    target: str
    private: bool


@click.command("fork")
@click.argument("url")
@click.argument("target")
@click.option("--private", is_flag=True, help="Only for those who are given a role in the fork.")
@with_options(ForkOptions)
def fork(ctx: Context, options: ForkOptions) -> None:
    """Make a repository at TARGET, on the same hub, with the branches and tags of the one at URL."""
    from tether.errors import InvalidInput
    from tether.sync.address import parse_repository_address

    address, target = (parse_repository_address(each) for each in (options.url, options.target))
    if address.base != target.base:
        raise InvalidInput("a fork is on the hub of its source", hint=f"write {address.base}/OWNER/NAME")
    body: dict[str, Any] = {"owner": target.owner, "name": target.name}
    if options.private:
        body["private"] = True
    with client_of(ctx, address, once=True) as client:
        told = client.json("POST", f"{_path(address)}/forks", body)
    _tell(ctx, address, told, "made")


def _path(address: "HubAddress") -> str:
    return f"{API}/repos/{quote(address.owner, safe='')}/{quote(address.name, safe='')}"


def _tell(ctx: Context, address: "HubAddress", told: dict[str, Any], what: str) -> None:
    """Say what became of a repository, with its address as it is now."""
    url = f"{address.base}/{told['owner']}/{told['name']}"
    ctx.emit({**told, "url": url}, lambda: [f"{what} {url}"], essential=False)
