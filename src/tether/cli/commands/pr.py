"""`tether pr`: pull requests of a repository on a hub."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from tether.cli.context import Context, pass_context
from tether.cli.hubs import API, client_of
from tether.cli.options import with_options

if TYPE_CHECKING:
    from tether.sync.address import HubAddress

_METHODS = ("merge", "squash", "fast-forward")
_STATES = ("success", "failure", "pending", "error")
_NUMBER = click.IntRange(1, (1 << 31) - 1)


@click.group()
def command() -> None:
    """List, open, check, merge and close pull requests of a repository on a hub."""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What the user asked for."""

    url: str
    state: str
    limit: int


@command.command("list")
@click.argument("url")
@click.option(
    "--state",
    type=click.Choice(["open", "closed", "merged", "all"]),
    default="open",
    help="Those in one state; open if not given.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=100, help="So many at most; 100 if not given.")
@with_options(ListOptions)
def list_command(ctx: Context, options: ListOptions) -> None:
    """List pull requests of the repository at URL, the newest first."""
    from tether.sync.address import parse_repository_address

    query: dict[str, Any] = {"limit": options.limit}
    if options.state != "all":
        query["state"] = options.state
    address = parse_repository_address(options.url)
    with client_of(ctx, address) as client:
        found = client.json("GET", f"{_path(address)}?{urlencode(query)}")
    ctx.emit(found, lambda: [_line(pull) for pull in found], page=True)


@command.command("show")
@click.argument("url")
@click.argument("number", type=_NUMBER)
@pass_context
def show(ctx: Context, url: str, number: int) -> None:
    """Show pull request NUMBER of the repository at URL: what it brings, and what it lacks to be merged."""
    from tether.api.checks import list_checks
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    with client_of(ctx, address) as client:
        pull = client.json("GET", _path(address, number))
        checks = list_checks(client, address, pull["head"])
        merge = client.json("GET", f"{_path(address, number)}/mergeability")
        changes = client.json("GET", f"{_path(address, number)}/changes")
    told = {**pull, "checks": checks, "mergeability": merge, "changes": changes}
    ctx.emit(told, lambda: _told(told), page=True)


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """What the user asked for."""

    url: str
    source: str
    into: str | None
    fork: str | None
    title: str
    message: str
    draft: bool
    reviewers: tuple[str, ...]


@command.command("create")
@click.argument("url")
@click.argument("source", metavar="BRANCH")
@click.option("--into", metavar="BRANCH", help="Where it goes; the default branch if not given.")
@click.option("--fork", metavar="OWNER/NAME", help="The fork that has the branch.")
@click.option("-t", "--title", required=True, help="In one line, what it brings.")
@click.option("-m", "--message", default="", help="Why, in Markdown.")
@click.option("--draft", is_flag=True, help="It is not to be merged yet.")
@click.option("--reviewer", "reviewers", multiple=True, metavar="USER", help="Ask USER to review it.")
@with_options(CreateOptions)
def create(ctx: Context, options: CreateOptions) -> None:
    """Ask that BRANCH, which was pushed, be merged in the repository at URL."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(options.url)
    wanted = {
        "title": options.title,
        "body": options.message,
        "source": options.source,
        "repository": options.fork,
        "target": options.into,
        "draft": options.draft,
        "reviewers": list(options.reviewers),
    }
    with client_of(ctx, address, once=True) as client:
        made = client.json("POST", _path(address), wanted)
    ctx.emit(made, lambda: [f"opened pull request {made['number']} into {made['target']}"])


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What the user asked for."""

    url: str
    number: int
    method: str
    message: str | None
    head: str | None
    delete_branch: bool


@command.command("merge")
@click.argument("url")
@click.argument("number", type=_NUMBER)
@click.option("--method", type=click.Choice(_METHODS), default="merge", help="How; merge if not given.")
@click.option("-m", "--message", help="Of the commit; one that names the pull request if not given.")
@click.option("--head", metavar="COMMIT", help="Only if this is still its newest commit, in full.")
@click.option("--delete-branch", is_flag=True, help="Delete the branch that was merged.")
@with_options(MergeOptions)
def merge(ctx: Context, options: MergeOptions) -> None:
    """Merge pull request NUMBER of the repository at URL; asked again, it answers with the same commit."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(options.url)
    place = _path(address, options.number)
    with client_of(ctx, address) as client:
        head = options.head or client.json("GET", place)["head"]
        wanted = {"head": head, "method": options.method, "message": options.message}
        merged = client.json("POST", f"{place}/merge", {**wanted, "delete_branch": options.delete_branch})
    ctx.emit(merged, lambda: [f"merged as {merged['commit'][:12]}"], essential=False)


@command.command("close")
@click.argument("url")
@click.argument("number", type=_NUMBER)
@pass_context
def close(ctx: Context, url: str, number: int) -> None:
    """Close pull request NUMBER of the repository at URL without merging it."""
    from tether.sync.address import parse_repository_address

    address = parse_repository_address(url)
    with client_of(ctx, address) as client:
        closed = client.json("PATCH", _path(address, number), {"state": "closed"})
    ctx.emit(closed, lambda: [f"closed pull request {number}"], essential=False)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What the user asked for."""

    name: str
    state: str
    commit: str
    summary: str
    address: str
    remote: str | None


@command.command("check")
@click.argument("name")
@click.option("--state", type=click.Choice(_STATES), required=True, help="What was found.")
@click.option("--commit", metavar="REV", default="HEAD", help="Which was pushed; HEAD if not given.")
@click.option("--summary", metavar="TEXT", default="", help="More of it, in Markdown.")
@click.option("--url", "address", metavar="URL", default="", help="Where there is more to read.")
@click.option("--remote", metavar="REMOTE", help="A remote or an address; that of the branch if not given.")
@with_options(CheckOptions)
def check(ctx: Context, options: CheckOptions) -> None:
    """Tell the hub what the check NAME found of a commit, in the place of what it was told before.

    The rule of a branch can ask for the success of checks before a pull request is merged: see
    'tether repo protect --check'. 'tether compare --check' compares and tells.
    """
    from tether.api.checks import Check, checked, report

    of = checked(ctx.repo(), options.commit, options.remote)
    wanted = Check(options.name, options.state, options.summary, options.address)
    with client_of(ctx, of.address) as client:
        made = report(client, of, wanted)
    document = {"commit": of.commit.hex(), **made}
    told = f"check {wanted.name} of {of.commit.hex()[:12]} is {wanted.state}"
    ctx.emit(document, lambda: [told], essential=False)


def _path(address: "HubAddress", number: int | None = None) -> str:
    owner, name = quote(address.owner, safe=""), quote(address.name, safe="")
    return f"{API}/repos/{owner}/{name}/pulls" + ("" if number is None else f"/{number}")


def _line(pull: dict[str, Any]) -> str:
    state = "draft" if pull["draft"] and pull["state"] == "open" else pull["state"]
    return "\t".join([str(pull["number"]), state, pull["author"], _from(pull), _counted(pull), pull["title"]])


def _counted(pull: dict[str, Any]) -> str:
    """Return how many checks of the head are in each state."""
    states = [each["state"] for each in pull["checks"]]
    return ", ".join(f"{states.count(state)} {state}" for state in _STATES if state in states) or "no checks"


def _from(pull: dict[str, Any]) -> str:
    return f"{pull['repository']}:{pull['source']} -> {pull['target']}"


def _told(pull: dict[str, Any]) -> list[str]:
    """Return what there is to say of one pull request."""
    merge, counts = pull["mergeability"], pull["changes"]["counts"]
    lines = [
        f"{pull['number']}  {pull['title']}",
        f"state: {pull['state']}{', a draft' if pull['draft'] else ''}",
        f"by {pull['author']}: {_from(pull)}",
        f"head: {pull['head']}",
        f"files: {counts['added']} added, {counts['removed']} removed, {counts['changed']} changed",
    ]
    if pull["merged"] is not None:
        lines.append(f"merged: {pull['merged']}")
    if merge["relation"] is not None:
        lines.append(f"merge: {merge['relation']}")
    lines += [f"conflict: {each['path']}" for each in merge["conflicts"]]
    lines += [_of_check(each) for each in pull["checks"]]
    lines += [f"lacks: {each['message']}" for each in merge["lacks"]]
    return [*lines, "", *pull["body"].splitlines()] if pull["body"] else lines


def _of_check(check: dict[str, Any]) -> str:
    """Return a line of a check; of its summary only that there is one, since it is Markdown of many lines."""
    told = f"check: {check['name']} is {check['state']}, by {check['user']}"
    return f"{told}, see {check['url']}" if check["url"] else told
