"""Opening the hub of this machine for the commands below `tether hub`."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tether.cli.context import Context, home_of
from tether.errors import InvalidInput, Unsupported

if TYPE_CHECKING:
    from tether.hub.hub import Hub

_NEEDED = (
    "alembic",
    "argon2",
    "fastapi",
    "httptools",
    "jinja2",
    "markdown_it",
    "nh3",
    "prometheus_client",
    "pygments",
    "sqlalchemy",
    "uvicorn",
)
F = TypeVar("F", bound=Callable[..., Any])


def place_options(function: F) -> F:
    """Give a command the options that say which hub it is about."""
    root = click.option(
        "--root",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of the hub; otherwise TETHER_HUB_ROOT, or tether/hub where your programs keep data.",
    )
    database = click.option("--database", metavar="URL", help="The address of its database.")
    return root(database(function))


def storage_option(function: F) -> F:
    """Give a command the option that says where contents are."""
    text = "The bucket for contents, such as s3://BUCKET/PREFIX; else the folder."
    return click.option("--storage", metavar="URL", help=text)(function)


def settings_option(function: F) -> F:
    """Give a command the option that takes any setting; `with_told` reads it."""
    text = "Any setting, such as signup=invite; as often as you like."
    return click.option("--set", "told", multiple=True, metavar="NAME=VALUE", help=text)(function)


def with_told(flags: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
    """Return the settings from options with those that `--set` names.

    Args:
        flags: Settings from options of their own; None means that it was not given.
        told: What was given, each as in `NAME=VALUE`.

    Raises:
        InvalidInput: One has no `=`, or a setting is told twice.
    """
    found = {name: value for name, value in flags.items() if value is not None}
    for each in told:
        name, equals, value = each.partition("=")
        if not equals:
            raise InvalidInput(f"--set {each} has no value", hint="write --set NAME=VALUE")
        if name in found:
            raise InvalidInput(f"the setting {name} is told twice", hint="tell it once")
        found[name] = value
    return found


def process_name() -> str:
    """Return what this process is called in the list of jobs."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


@contextmanager
def opened_hub(
    ctx: Context, root: Path | None, flags: Mapping[str, Any], *, traced: bool = False
) -> Iterator["Hub"]:
    """Open the hub that the options, the environment and `hub.toml` describe.

    Args:
        ctx: Of the command.
        root: Its folder.
        flags: Settings from options.
        traced: Whether it sends traces if its settings say so.

    Raises:
        Unsupported: The packages of the hub, or those for its traces, are not installed.
        InvalidInput: A setting is wrong or unsafe.
    """
    require_packages()
    from tether.core.tracing import UNTRACED
    from tether.hub.hub import Hub
    from tether.hub.settings import load_settings
    from tether.hub.traces.opening import tracing

    settings = load_settings(root or default_root(ctx.environ), flags, ctx.environ)
    with tracing(settings) if traced else nullcontext(UNTRACED) as tracer:
        hub = Hub.open(settings, ctx.now, ctx.open_bucket, tracer)
        try:
            yield hub
        finally:
            hub.close()


def default_root(environ: Mapping[str, str]) -> Path:
    """Return the folder of the hub where no option names one."""
    if environ.get("TETHER_HUB_ROOT"):
        return Path(environ["TETHER_HUB_ROOT"])
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else home_of(environ) / ".local" / "share") / "tether" / "hub"


def require_packages() -> None:
    """Check that the packages of the hub are installed; errors as for `opened_hub`."""
    from importlib.util import find_spec

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise Unsupported(
            f"a hub needs packages that are not installed: {', '.join(missing)}",
            hint="run: pip install 'tether[hub]'",
        )
