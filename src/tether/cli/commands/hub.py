"""`tether hub`: run a hub, and administer it on its own machine."""

import time
from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.commands import _hub_audit, _hub_backup, _hub_jobs, _hub_upkeep
from tether.cli.context import Context, pass_context
from tether.cli.hosting import (
    opened_hub,
    place_options,
    process_name,
    settings_option,
    storage_option,
    with_told,
)
from tether.cli.options import with_options


@click.group()
def command() -> None:
    """Run a hub, and administer it on its own machine.

    A hub keeps repositories in a folder and serves them over HTTP. Its settings come from these
    options, from variables TETHER_HUB_..., and from hub.toml in its folder, in this order.
    """


command.add_command(_hub_upkeep.fsck)
command.add_command(_hub_upkeep.gc)
command.add_command(_hub_backup.backup)
command.add_command(_hub_backup.restore)
command.add_command(_hub_jobs.work)
command.add_command(_hub_jobs.jobs)
command.add_command(_hub_audit.audit)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the user asked for."""

    root: Path | None
    database: str | None
    storage: str | None
    host: str | None
    port: int | None
    allow_unsafe: bool
    told: tuple[str, ...]


@command.command("serve")
@place_options
@storage_option
@click.option(
    "--host", metavar="ADDRESS", help="The address to listen on; 127.0.0.1 if nothing says another."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port; 8000 if nothing says another, 0 for a free one."
)
@click.option("--allow-unsafe", is_flag=True, help="Start although a setting is unsafe.")
@settings_option
@with_options(ServeOptions)
def serve(ctx: Context, options: ServeOptions) -> None:
    """Serve the hub until it is told to stop.

    The folder and the database are made, or brought up to date, at the start. Ctrl-C or SIGTERM lets
    running requests finish first.
    """
    flags = {
        "database": options.database,
        "storage": options.storage,
        "host": options.host,
        "port": options.port,
        "allow_unsafe": options.allow_unsafe or None,
    }
    with opened_hub(ctx, options.root, with_told(flags, options.told), traced=True) as hub:
        from tether.hub.presigning import require_addresses
        from tether.hub.serving import listen, serve

        hub.require_bucket()
        require_addresses(hub)
        if hub.settings.is_in_the_clear:
            ctx.warn(
                f"others reach {hub.settings.host}, and public_url is not https: without a proxy with TLS "
                "passwords and tokens can be read on their way"
            )
        with listen(hub.settings.host, hub.settings.port) as (listener, url):
            ctx.emit(
                {"url": url, "root": str(hub.settings.root)},
                lambda: [f"serving {hub.settings.root} at {url}"],
            )
            ctx.out.flush()
            serve(hub, listener, time.monotonic, worker=process_name(), log=ctx.err)


@command.group("user")
def user() -> None:
    """Administer the users of the hub."""


@user.command("add")
@click.argument("name")
@place_options
@click.option("--admin", is_flag=True, help="Let the user administer the hub.")
@click.option(
    "--password-stdin", is_flag=True, help="Read a password from the input; without, tokens alone sign in."
)
@pass_context
def user_add(
    ctx: Context, name: str, root: Path | None, database: str | None, admin: bool, password_stdin: bool
) -> None:
    """Make a user."""
    from tether.cli.asking import read_secret

    password = read_secret("password") if password_stdin else None
    with opened_hub(ctx, root, {"database": database}) as hub:
        from tether.hub.access import OPERATOR
        from tether.hub.accounts import create_user
        from tether.hub.acting import acting

        with acting(hub, OPERATOR) as act:
            made = create_user(act, name, password=password, admin=admin)
    ctx.emit({"name": made.name, "admin": admin}, lambda: [f"added user {made.name}"], essential=False)


@dataclass(frozen=True, slots=True)
class UserSetOptions:
    """What the user asked for."""

    name: str
    root: Path | None
    database: str | None
    admin: bool | None
    disabled: bool | None
    password_stdin: bool


@user.command("set")
@click.argument("name")
@place_options
@click.option("--admin/--no-admin", default=None, help="Let the user administer the hub, or not any more.")
@click.option(
    "--disable/--enable", "disabled", default=None, help="Refuse the user and all tokens, or not any more."
)
@click.option("--password-stdin", is_flag=True, help="Read a new password from the input.")
@with_options(UserSetOptions)
def user_set(ctx: Context, options: UserSetOptions) -> None:
    """Change a user: rights, password, whether they may come in at all."""
    from tether.cli.asking import read_secret

    password = read_secret("password") if options.password_stdin else None
    with opened_hub(ctx, options.root, {"database": options.database}) as hub:
        from tether.hub.access import OPERATOR
        from tether.hub.accounts import UserChanges, change_user
        from tether.hub.acting import acting

        with acting(hub, OPERATOR) as act:
            changes = UserChanges(options.admin, options.disabled, password)
            changed = change_user(act, options.name, changes)
    ctx.emit(
        {"name": changed.name, "admin": changed.admin, "disabled": changed.disabled},
        lambda: [f"changed user {changed.name}"],
        essential=False,
    )


@user.command("invite")
@place_options
@pass_context
def user_invite(ctx: Context, root: Path | None, database: str | None) -> None:
    """Print a code with which one person may make an account within two weeks.

    It is for hubs whose setting 'signup' is 'invite'.
    """
    with opened_hub(ctx, root, {"database": database}) as hub:
        from tether.hub.access import OPERATOR
        from tether.hub.acting import acting
        from tether.hub.signin import invite

        with acting(hub, OPERATOR) as act:
            code = invite(act)
    ctx.emit({"invitation": code}, lambda: [code])


@command.group("token")
def token() -> None:
    """Administer the tokens of the users."""


@token.command("create")
@click.argument("name", metavar="USER")
@place_options
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="write",
    help="What it allows; write if not given.",
)
@click.option(
    "--expires", metavar="TIME", help="How long it is good: 12h, 30d, 8w; otherwise until it is revoked."
)
@click.option("--label", default="", help="What it is for.")
@pass_context
def token_create(
    ctx: Context,
    name: str,
    root: Path | None,
    database: str | None,
    scope: str,
    expires: str | None,
    label: str,
) -> None:
    """Make a token for USER and print it; it cannot be shown again."""
    with opened_hub(ctx, root, {"database": database}) as hub:
        from tether.hub.access import OPERATOR, Scope
        from tether.hub.accounts import find_user
        from tether.hub.acting import acting
        from tether.hub.tokens import create_token, parse_lifetime

        with acting(hub, OPERATOR) as act:
            until = None if expires is None else act.now + parse_lifetime(expires)
            account = find_user(act.session, name)
            made, secret = create_token(act, account, Scope(scope), label=label, expires=until)
    ctx.emit(
        {"token": secret, "id": made.id, "user": account.name, "scope": scope, "expires": until},
        lambda: [secret],
    )
