"""`tether config`: read and change settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.options import with_options
from tether.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tether.repo.config import Config
    from tether.repo.settings import Setting


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    key: str | None
    value: str | None
    user: bool
    unset: bool
    known: bool


@click.command()
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option("--global", "user", is_flag=True, help="The settings of the user, for all repositories.")
@click.option("--unset", is_flag=True, help="Remove KEY.")
@click.option("--known", is_flag=True, help="List the settings that exist, with what they mean.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Read and change settings.

    Without KEY, list what is set; with KEY, print its value; with KEY and VALUE, set it for this
    repository, or with --global for all of the user's. The repository's settings override the
    user's, and TETHER_USER_NAME and TETHER_USER_EMAIL override both.
    """
    if options.known:
        _list_known(ctx)
    elif options.key is None:
        if options.unset:
            raise InvalidInput("--unset needs a KEY")
        _list(ctx, _config(ctx, options))
    elif options.unset:
        if options.value is not None:
            raise InvalidInput("--unset takes no VALUE")
        path = _target(ctx, options)
        _config(ctx, options).unset(path, options.key)
        ctx.emit({"key": options.key, "value": None, "origin": str(path)}, list)
    elif options.value is None:
        _get(ctx, _config(ctx, options), options.key)
    else:
        path = _target(ctx, options)
        _config(ctx, options).set(path, options.key, options.value)
        ctx.emit({"key": options.key, "value": options.value, "origin": str(path)}, list)


def _config(ctx: Context, options: Options) -> "Config":
    """Return the settings in force, or with `--global` those of the user alone."""
    if not options.user:
        return ctx.config()
    from tether.repo.config import Config

    return Config.load(None, ctx.user_config_path)


def _target(ctx: Context, options: Options) -> Path:
    """Return the file to change."""
    if options.user:
        return ctx.user_config_path
    path = ctx.repo_config_path
    if path is None:
        raise NotFound(f"no repository at or above {ctx.cwd}", hint="use --global for all your repositories")
    return path


def _get(ctx: Context, config: "Config", key: str) -> None:
    """Print one value, which may be the default."""
    value = config.get(key)
    if value is None:
        raise NotFound(f"{key} is not set", hint=f'run `tether config {key} "..."`')
    origin = config.origin(key)
    ctx.emit({"key": key, "value": value, "origin": origin and str(origin)}, lambda: [value])


def _list(ctx: Context, config: "Config") -> None:
    """Print every value that is set and, with `-v`, where."""
    rows = [(key, value, str(config.origin(key))) for key, value in config.list().items()]
    ctx.emit(
        [{"key": key, "value": value, "origin": origin} for key, value, origin in rows],
        lambda: [
            f"{key}={value}" + (f"    ({origin})" if ctx.verbose else "") for key, value, origin in rows
        ],
        page=True,
    )


def _list_known(ctx: Context) -> None:
    """Print what can be set."""
    from tether.repo.settings import SETTINGS

    ctx.emit(
        [{"key": s.key, "help": s.help, "default": s.default, "choices": list(s.choices)} for s in SETTINGS],
        lambda: [f"{setting.key.replace('*', 'NAME'):24}{_describe(setting)}" for setting in SETTINGS],
    )


def _describe(setting: "Setting") -> str:
    """Return the meaning of a setting, what it may be, and what it is when nobody sets it."""
    notes = [", ".join(setting.choices)] if setting.choices else []
    notes += [f"default {setting.default}"] if setting.default else []
    return f"{setting.help} ({'; '.join(notes)})" if notes else setting.help
