"""How the commands reach other machines: proxy, certificates, requests at once and the limit of bytes.

An option of the command wins over a setting, and that over what the environment says to all programs.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from tether.cli.context import Context
from tether.core.rates import parse_rate

if TYPE_CHECKING:
    from tether.sync.address import HubAddress
    from tether.sync.http import HttpOptions
    from tether.sync.rate import RateLimit

F = TypeVar("F", bound=Callable[..., Any])

MOST_JOBS = 64
_TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_PROXIES = {
    "http": ("http_proxy", "ALL_PROXY", "all_proxy"),  # HTTP_PROXY is what a server makes of a header
    "https": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
}


def jobs_option(function: F) -> F:
    """Let a command take `--jobs`."""
    option = click.option(
        "--jobs",
        type=click.IntRange(1, MOST_JOBS),
        metavar="N",
        expose_value=False,
        callback=_noted("jobs"),
        help="Have N requests to a hub under way at once.",
    )
    return option(function)


def rate_option(function: F) -> F:
    """Let a command take `--limit-rate`."""
    option = click.option(
        "--limit-rate",
        metavar="RATE",
        expose_value=False,
        callback=_noted("limit_rate", parse_rate),
        help="Send and receive at most RATE bytes a second, such as 5MB.",
    )
    return option(function)


def _noted(
    field: str, read: Callable[[str], int] | None = None
) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return the callback that puts the value of an option into the context of the command."""

    def note(context: click.Context, _: click.Parameter, value: Any) -> None:
        found = context.find_object(Context)
        if value is not None and found is not None:
            setattr(found, field, read(value) if read is not None else value)

    return note


def http_options(ctx: Context, address: "HubAddress", *, once: bool = False) -> "HttpOptions":
    """Return how connections to a hub are made.

    Args:
        ctx: Of the command.
        address: The hub.
        once: Send no request again.
    """
    from tether.sync.http import HttpOptions

    config = ctx.config()
    jobs = ctx.jobs or int(config.get("transfer.jobs") or 0) or None
    ca_file = config.get("http.ca") or ctx.environ.get("SSL_CERT_FILE") or None
    options = HttpOptions(
        proxy=_proxy(ctx, address.base),
        ca_file=ca_file,
        jobs=None if jobs is None else min(jobs, MOST_JOBS),
        rate=ctx.rate,
        traceparent=_traceparent(ctx),
    )
    return replace(options, tries=1) if once else options


def _traceparent(ctx: Context) -> str | None:
    """Return what the command is a part of, as who started it says; None where that is not well formed."""
    said = ctx.environ.get("TRACEPARENT", "")
    return said if _TRACEPARENT.fullmatch(said) else None


def rate_limit(ctx: Context) -> "RateLimit | None":
    """Return the limit of bytes that holds for this command, or None."""
    said = ctx.config().get("transfer.rate")
    rate = ctx.limit_rate or (parse_rate(said) if said else None)
    if rate is None:
        return None
    from tether.sync.rate import RateLimit

    return RateLimit(rate)


def _proxy(ctx: Context, base: str) -> str | None:
    """Return the proxy on the way to an address, or None."""
    parts, environ = urlsplit(base), ctx.environ
    said = ctx.config().get("http.proxy")
    if said is None:
        said = next((environ[name] for name in _PROXIES[parts.scheme] if environ.get(name)), None)
    spared = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not said or _is_spared(parts.hostname or "", parts.port, spared):
        return None
    return said if "://" in said else f"http://{said}"


def _is_spared(host: str, port: int | None, spared: str) -> bool:
    """Say whether `NO_PROXY` names a host: itself, a domain that it is in, with a port or without, or `*`."""
    for each in (part.strip().lower() for part in spared.split(",")):
        name, _, asked = each.rpartition(":") if each.count(":") == 1 else (each, "", "")
        name = name.lstrip(".").strip("[]")
        if each == "*" or (name and asked in ("", str(port)) and (host == name or host.endswith(f".{name}"))):
            return True
    return False
