"""How a status is shown: for scripts, in short, and at length as people know it from git."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tether.core.names import display
from tether.core.renames import pair_renames
from tether.core.tree import EntryKind

if TYPE_CHECKING:
    from tether.api.staging import Status
    from tether.cli.style import Style
    from tether.core.treediff import TreeChange

_LETTERS = {"added": "A", "modified": "M", "removed": "D", "renamed": "R", "type": "T", "mode": "M"}
_ACTIVITIES = {
    "merge": ("a merge is under way", "tether merge"),
    "cherry-pick": ("a cherry-pick is under way", "tether cherry-pick"),
    "revert": ("a revert is under way", "tether revert"),
    "rebase": ("a rebase is under way", "tether rebase"),
}


def staged_changes(status: "Status") -> list[tuple[str, bytes, bytes | None]]:
    """Return (change, path, old path of a rename) of what is staged, in order."""
    rest, renames = pair_renames(status.staged)
    found: list[tuple[str, bytes, bytes | None]] = [(_change(change), change.path, None) for change in rest]
    found += [("renamed", rename.new_path, rename.old_path) for rename in renames]
    return sorted(found, key=lambda row: row[1])


def work_changes(status: "Status") -> list[tuple[str, bytes]]:
    """Return (change, path) of the working files that differ from the stage, in order."""
    work = status.work
    found = [("modified", change.path) for change in work.modified]
    found += [("removed", change.path) for change in work.deleted]
    found += [("type", change.path) for change in work.type_changed]
    found += [("mode", change.path) for change in work.mode_changed]
    return sorted(found, key=lambda row: row[1])


def status_document(status: "Status") -> dict[str, Any]:
    """Return a status for `--json`."""
    staged = []
    for change, path, old in staged_changes(status):
        row = {"path": display(path), "change": change}
        staged.append(row | {"old_path": display(old)} if old is not None else row)
    return {
        "branch": status.branch,
        "id": status.commit.hex() if status.commit else None,
        "staged": staged,
        "unstaged": [{"path": display(path), "change": change} for change, path in work_changes(status)],
        "untracked": [_untracked(path, is_folder) for path, is_folder in status.work.untracked],
        "ignored": [_untracked(path, is_folder) for path, is_folder in status.work.ignored],
        "conflicts": [display(path) for path in status.conflicts],
        "activity": status.activity or None,
    }


def short_lines(status: "Status", style: "Style") -> Iterator[str]:
    """Yield two letters and a path: of the stage, then of the working copy."""
    rows: dict[bytes, list[str]] = {}
    for change, path, _ in staged_changes(status):
        rows.setdefault(path, [" ", " "])[0] = style("added", _LETTERS[change])
    for change, path in work_changes(status):
        rows.setdefault(path, [" ", " "])[1] = style("removed", _LETTERS[change])
    for path in status.conflicts:
        rows[path] = [style("removed", "U"), style("removed", "U")]
    for path in sorted(rows):
        yield f"{''.join(rows[path])} {display(path)}"
    for path, is_folder in status.work.untracked:
        yield f"{style('removed', '??')} {_untracked(path, is_folder)}"
    for path, is_folder in status.work.ignored:
        yield f"{style('faint', '!!')} {_untracked(path, is_folder)}"


def long_lines(status: "Status", style: "Style") -> Iterator[str]:
    """Yield a status at length, with the commands that lead on."""
    yield _where(status, style)
    if status.activity:
        yield from _activity(status)
    staged, work = staged_changes(status), work_changes(status)
    conflicts = set(status.conflicts)
    yield from _section(
        "Conflicts ('tether resolve PATH' when settled)",
        [style("removed", f"both changed:  {display(path)}") for path in status.conflicts],
    )
    rows = [style("added", _staged_row(*row)) for row in staged if row[1] not in conflicts]
    yield from _section("To be committed ('tether restore --staged PATH' takes out)", rows)
    rows = [style("removed", f"{change + ':':<10} {display(path)}") for change, path in work]
    yield from _section("Changed, not staged ('tether add PATH' stages)", rows)
    rows = [style("removed", _untracked(path, folder)) for path, folder in status.work.untracked]
    yield from _section("Not tracked ('tether add PATH' starts to)", rows)
    rows = [style("faint", _untracked(path, folder)) for path, folder in status.work.ignored]
    yield from _section("Ignored", rows)
    if not (staged or work or conflicts or status.work.untracked):
        yield "nothing to commit, everything is as committed" if status.commit else "nothing to commit yet"


def _where(status: "Status", style: "Style") -> str:
    if status.branch is None:
        at = status.commit.hex()[:12] if status.commit else "nothing"
        return f"{style('warning', 'no branch')}, at {at}"
    fresh = "" if status.commit else ", no commits yet"
    return f"on branch {style('ref', status.branch)}{fresh}"


def _activity(status: "Status") -> Iterator[str]:
    if status.activity == "stash":
        yield "changes from the stash are in conflict: settle them; 'tether merge --abort' goes back"
        return
    text, command = _ACTIVITIES.get(status.activity, (f"{status.activity} is under way", "tether merge"))
    then = "settle the conflicts, then" if status.conflicts else "all conflicts are settled:"
    yield f"{text}: {then} '{command} --continue'; '{command} --abort' goes back"


def _section(title: str, rows: list[str]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"{title}:"
        yield from (f"  {row}" for row in rows)


def _staged_row(change: str, path: bytes, old: bytes | None) -> str:
    names = f"{display(old)} -> {display(path)}" if old is not None else display(path)
    return f"{change + ':':<10} {names}"


def _change(change: "TreeChange") -> str:
    if change.old is None:
        return "added"
    if change.new is None:
        return "removed"
    if (change.old.kind == EntryKind.SYMLINK) != (change.new.kind == EntryKind.SYMLINK):
        return "type"
    return "mode" if change.old.digest == change.new.digest else "modified"


def _untracked(path: bytes, is_folder: bool) -> str:
    return display(path) + ("/" if is_folder else "")
