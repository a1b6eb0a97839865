"""`tether op`: list operations or return to one."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, iso_time, short_id, time_text

if TYPE_CHECKING:
    from tether.api.operations import Undone
    from tether.repo.operations import Operation


@click.group()
def command() -> None:
    """List the operations of this repository, or return to one.

    Every command that changes the repository is an operation. They are kept for the days of the
    setting gc.retention.
    """


@command.command()
@click.option("-n", "--limit", type=click.IntRange(min=0), metavar="N", help="Only the newest N.")
@pass_context
def log(ctx: Context, limit: int | None) -> None:
    """List the operations, newest first."""
    from tether.api.operations import list_operations

    found = list_operations(ctx.repo(), limit)
    ctx.emit([_document(each) for each in found], lambda: _lines(found), page=True)


@command.command()
@click.argument("op")
@click.option("-f", "--force", is_flag=True, help="Overwrite local changes; 'tether undo' brings them back.")
@pass_context
def restore(ctx: Context, op: str, force: bool) -> None:
    """Make refs, HEAD, stage and files what they were right after the operation OP.

    OP is an id of 'tether op log', or its first 6 or more digits.
    """
    from tether.api.operations import restore as restore_operation

    report(ctx, restore_operation(ctx.repo(), op, force=force), "returned to")


def report(ctx: Context, undone: "Undone", verb: str) -> None:
    """Give the result of an undo or a return."""
    operation, commit = undone.operation, undone.commit

    def lines() -> Iterator[str]:
        yield f"{verb} {short_id(operation.id)} {_short(operation.command)}"
        place = undone.branch or "HEAD"
        yield f"{place} is at {short_id(commit)}" if commit else f"{place} has no commits"
        if undone.files:
            yield f"{count_text(undone.files, 'file')} changed"

    document = {
        "operation": operation.id.hex(),
        "command": operation.command,
        "branch": undone.branch,
        "id": commit.hex() if commit else None,
        "files": undone.files,
    }
    ctx.emit(document, lines, essential=False)


def _short(command: str) -> str:
    """Return a command as people want to see it: ids cut, without the mark that files moved."""
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1", command).removesuffix(" (files)")


def _document(operation: "Operation") -> dict[str, Any]:
    refs = [
        {"name": c.name, "old": c.old.hex() if c.old else None, "new": c.new.hex() if c.new else None}
        for c in operation.refs
    ]
    return {
        "id": operation.id.hex(),
        "time": iso_time(operation.time),
        "command": operation.command,
        "refs": refs,
    }


def _lines(operations: "list[Operation]") -> Iterator[str]:
    for operation in operations:
        moved = ", ".join(
            f"{change.name.removeprefix('refs/heads/')} {short_id(change.new) if change.new else 'deleted'}"
            for change in operation.refs
        )
        line = f"{short_id(operation.id)}  {time_text(operation.time)}  {_short(operation.command)}"
        yield f"{line}  ({moved})" if moved else line
