"""What came of merges and rebases, as people and scripts read it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tether.cli.context import Context
from tether.cli.format import count_text, short_id
from tether.core.phrases import CONFLICTS

if TYPE_CHECKING:
    from tether.api.joined import MergeResult
    from tether.api.replaying import ReplayResult
    from tether.repo.mergestate import ConflictRow

CONFLICT_EXIT = 5


def conflict_document(row: "ConflictRow") -> dict[str, Any]:
    """Return a conflict for `--json`: the path, why, and where each version lies in the working copy."""
    from tether.core.names import display

    return {
        "path": display(row.path),
        "reason": row.reason,
        "ours": display(row.our_name) if row.our_name else None,
        "theirs": display(row.their_name) if row.their_name else None,
    }


def conflict_lines(rows: "tuple[ConflictRow, ...]") -> Iterator[str]:
    """Return a line for each conflict, and where the other version is."""
    from tether.core.names import display

    for row in rows:
        yield f"conflict: {display(row.path)}: {CONFLICTS.get(row.reason, row.reason)}"
        if row.our_name and row.our_name not in (row.path, row.their_name):
            yield f"  our version is {display(row.our_name)}"
        if row.their_name and row.their_name not in (row.path, row.our_name):
            yield f"  their version is {display(row.their_name)}"


def report_merge(ctx: Context, result: "MergeResult", upstream: str) -> None:
    """Give the result of joining `upstream`; ends with 5 where conflicts are left."""
    document = {
        "id": result.id.hex() if result.id else None,
        "branch": result.branch,
        "fast_forward": result.fast_forward,
        "up_to_date": result.up_to_date,
        "conflicts": [conflict_document(row) for row in result.conflicts],
        "files": result.files,
    }
    ctx.emit(document, lambda: _merge_lines(ctx, result, upstream), essential=bool(result.conflicts))
    _end(ctx, result.conflicts, "merge")


def _merge_lines(ctx: Context, result: "MergeResult", upstream: str) -> list[str]:
    if result.conflicts:
        return list(conflict_lines(result.conflicts))
    if result.up_to_date:
        return ["already up to date"]
    commit = ctx.style("id", short_id(result.id)) if result.id else "nothing"
    files = f"{count_text(result.files, 'file')} changed"
    if result.fast_forward:
        return [f"fast-forward to {commit}, {files}"]
    return [f"merged {upstream}".rstrip() + f" as {commit}, {files}"]


def report_abort(ctx: Context, result: "MergeResult") -> None:
    """Say that everything is as it was before."""
    document: dict[str, Any] = {
        "id": result.id.hex() if result.id else None,
        "branch": result.branch,
        "fast_forward": False,
        "conflicts": [],
        "files": result.files,
    }
    ctx.emit(document, lambda: ["back to where it began"], essential=False)


def report_rebase(ctx: Context, result: "ReplayResult") -> None:
    """Give the result of a rebase; ends with 5 where conflicts are left."""
    report_replay(ctx, result, "rebase")


def report_replay(ctx: Context, result: "ReplayResult", verb: str) -> None:
    """Give the result of replaying commits; ends with 5 where conflicts are left."""
    document = {
        "id": result.id.hex() if result.id else None,
        "branch": result.branch,
        "fast_forward": result.fast_forward,
        "up_to_date": result.up_to_date,
        "commits": [
            {"id": new.hex(), "from": old.hex(), "message": subject} for old, new, subject in result.made
        ],
        "skipped": [old.hex() for old in result.skipped],
        "stopped_at": result.stopped_at.hex() if result.stopped_at else None,
        "conflicts": [conflict_document(row) for row in result.conflicts],
    }
    ctx.emit(document, lambda: _replay_lines(ctx, result), essential=bool(result.conflicts))
    _end(ctx, result.conflicts, verb)


def _replay_lines(ctx: Context, result: "ReplayResult") -> Iterator[str]:
    for _, new, subject in result.made:
        yield f"{ctx.style('id', short_id(new))} {subject}"
    for old in result.skipped:
        yield f"left out {short_id(old)}"
    if result.conflicts:
        yield from conflict_lines(result.conflicts)
    elif result.up_to_date:
        yield "already up to date"
    elif result.fast_forward and result.id:
        yield f"fast-forward to {short_id(result.id)}"


def _end(ctx: Context, conflicts: "tuple[ConflictRow, ...]", verb: str) -> None:
    if not conflicts:
        return
    ctx.out.flush()  # what to do comes after what happened
    ctx.note(f"settle the conflicts, 'tether resolve PATH', then 'tether {verb} --continue'")
    ctx.note(f"or go back with 'tether {verb} --abort'")
    ctx.exit(CONFLICT_EXIT)
