"""`tether repo rules`, `protect` and `unprotect`: who may push what to a repository on a hub."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tether.cli.context import Context, pass_context
from tether.cli.hubs import API, client_of
from tether.cli.options import with_options
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.sync.address import HubAddress

_ROLES = ("read", "triage", "write", "maintain", "admin")
_WHO = "a role from which on all may, user:NAME or team:NAME"


@click.command("rules")
@click.argument("url")
@pass_context
def rules(ctx: Context, url: str) -> None:
    """List the rules for pushes to the repository at URL."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    with client_of(ctx, address) as client:
        found = client.json("GET", _path(address))
    ctx.emit(found, lambda: [_line(rule) for rule in found], page=True)


@dataclass(frozen=True, slots=True)
class ProtectOptions:
    """What the user asked for."""

    url: str
    rule: str
    branches: str | None
    tags: str | None
    push: tuple[str, ...]
    exempt: tuple[str, ...]
    paths: tuple[str, ...]
    force: bool
    delete: bool
    review: bool
    approvals: int
    fresh: bool
    checks: tuple[str, ...]


@click.command("protect")
@click.argument("url")
@click.argument("rule")
@click.option(
    "--branches", metavar="PATTERN", help="Which branches: main, release/*, or HEAD for the default."
)
@click.option("--tags", metavar="PATTERN", help="Which tags, in place of branches: v1, v*.")
@click.option("--push", multiple=True, metavar="WHO", help=f"Who may push or make the tag: {_WHO}.")
@click.option("--exempt", multiple=True, metavar="WHO", help="For whom the rule does not hold.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH=WHO",
    help="A file or folder that only they may change; several with commas.",
)
@click.option("--allow-force", "force", is_flag=True, help="Branches may lose commits, tags be moved.")
@click.option("--allow-delete", "delete", is_flag=True, help="They may be deleted.")
@click.option("--review", is_flag=True, help="Only pull requests come in; nobody but the exempt may push.")
@click.option(
    "--approvals", type=click.IntRange(0, 20), default=1, help="So many must approve one; 1 if not given."
)
@click.option("--fresh", is_flag=True, help="Approvals count for the newest commit alone.")
@click.option("--check", "checks", multiple=True, metavar="NAME", help="A check that must have succeeded.")
@with_options(ProtectOptions)
def protect(ctx: Context, options: ProtectOptions) -> None:
    """Set a rule for pushes to the repository at URL, in place of the one named RULE if there is one.

    The branches or tags that it is about are neither rewound, moved nor deleted, unless it allows that.
    """
    from tether.sync.address import parse_repository_address

    if (options.branches is None) == (options.tags is None):
        raise InvalidInput("a rule is about branches or about tags", hint="give --branches or --tags")
    body: dict[str, Any] = {
        "branches": options.branches,
        "tags": options.tags,
        "push": _grant(options.push) if options.push else None,
        "force": options.force,
        "delete": options.delete,
        "review": options.review,
        "paths": [_protected(each) for each in options.paths],
        "exempt": _grant(options.exempt),
    }
    if options.review:  # a hub that has no reviews knows of none of these
        body |= {"approvals": options.approvals, "fresh": options.fresh, "checks": list(options.checks)}
    elif options.fresh or options.checks:
        raise InvalidInput("checks and fresh approvals are of reviewed changes", hint="give --review too")
    address = parse_repository_address(options.url)
    with client_of(ctx, address) as client:
        client.json("PUT", _path(address, options.rule), body)
    ctx.emit({"name": options.rule, **body}, lambda: [f"set rule {options.rule}"], essential=False)


@click.command("unprotect")
@click.argument("url")
@click.argument("rule")
@pass_context
def unprotect(ctx: Context, url: str, rule: str) -> None:
    """Remove a rule of the repository at URL."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    with client_of(ctx, address, once=True) as client:
        client.json("DELETE", _path(address, rule))
    ctx.emit({"name": rule}, lambda: [f"removed rule {rule}"], essential=False)


def _path(address: "HubAddress", rule: str | None = None) -> str:
    owner, name = quote(address.owner, safe=""), quote(address.name, safe="")
    return f"{API}/repos/{owner}/{name}/rules" + ("" if rule is None else f"/{quote(rule, safe='')}")


def _grant(texts: Iterable[str]) -> dict[str, Any]:
    """Return those whom `ROLE`, `user:NAME` and `team:NAME` name.

    Raises:
        InvalidInput: One is none of these, or there are two roles.
    """
    role: str | None = None
    named: dict[str, list[str]] = {"user": [], "team": []}
    for text in texts:
        kind, colon, name = text.partition(":")
        if colon and name and kind in named:
            named[kind].append(name)
        elif text in _ROLES and role is None:
            role = text
        else:
            raise InvalidInput(
                f"not somebody who can be meant: {text}", hint=f"give {_WHO}, one role at most"
            )
    return {"role": role, "users": named["user"], "teams": named["team"]}


def _protected(text: str) -> dict[str, Any]:
    path, _, who = text.rpartition("=")
    if not path:
        raise InvalidInput(f"nobody is named in {text}", hint="write PATH=WHO, as in schemas=admin")
    return {"path": path, "who": _grant(who.split(","))}


def _line(rule: dict[str, Any]) -> str:
    about = f"branches {rule['branches']}" if rule["branches"] else f"tags {rule['tags']}"
    said = [] if rule["push"] is None else [f"push by {_who(rule['push'])}"]
    said += [f"{each['path']} by {_who(each['who'])}" for each in rule["paths"]]
    said += [word for word in ("force", "delete", "review") if rule[word]]
    if rule["review"]:
        said += [f"{rule.get('approvals', 1)} approvals"] + ["fresh"] * rule.get("fresh", False)
        said += [f"check {name}" for name in rule.get("checks", ())]
    exempt = _who(rule["exempt"])
    said += [f"not for {exempt}"] if exempt != "nobody" else []
    return "\t".join([rule["name"], about, "; ".join(said)]).rstrip()


def _who(grant: dict[str, Any]) -> str:
    parts = [grant["role"]] if grant["role"] else []
    parts += [f"user:{name}" for name in grant["users"]] + [f"team:{name}" for name in grant["teams"]]
    return ", ".join(parts) or "nobody"
