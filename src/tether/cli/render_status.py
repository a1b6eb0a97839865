"""How a status is shown: for scripts, in short, and at length as people know it from git."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tether.cli.format import count_text
from tether.cli.style import Style
from tether.core.names import display
from tether.core.renames import pair_renames
from tether.core.tree import EntryKind

if TYPE_CHECKING:
    from tether.api.history import Standing
    from tether.api.staging import Status
    from tether.core.treediff import TreeChange
    from tether.repo.mergestate import ConflictRow

_LETTERS = {"added": "A", "modified": "M", "removed": "D", "renamed": "R", "type": "T", "mode": "M"}
_REASONS = {
    "content": "both changed",
    "add/add": "both added",
    "file/directory": "a file and a folder",
}
_ACTIVITIES = {
    "merge": ("a merge is under way", "tether merge"),
    "cherry-pick": ("a cherry-pick is under way", "tether cherry-pick"),
    "revert": ("a revert is under way", "tether revert"),
    "rebase": ("a rebase is under way", "tether rebase"),
}

_NAMED = 5


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
    """Return a status for `--json`; paths are from the top."""
    plain = Look(Style(enabled=False), display)
    standing = status.standing
    counts = standing.counts if standing is not None else None
    staged = []
    for change, path, old in staged_changes(status):
        row = {"path": display(path), "change": change}
        staged.append(row | {"old_path": display(old)} if old is not None else row)
    return {
        "branch": status.branch,
        "id": status.commit.hex() if status.commit else None,
        "staged": staged,
        "unstaged": [{"path": display(path), "change": change} for change, path in work_changes(status)],
        "untracked": [plain.untracked(*row) for row in status.work.untracked],
        "ignored": [plain.untracked(*row) for row in status.work.ignored],
        "conflicts": [display(path) for path in status.conflicts],
        "activity": status.activity or None,
        "shown": [display(pattern) for pattern in status.shown] if status.shown is not None else None,
        "upstream": standing and standing.upstream,
        "ahead": counts and counts.ahead,
        "behind": counts and counts.behind,
        "unfinished": status.unfinished,
    }


class Look(NamedTuple):
    """How a status is painted, and how paths are written."""

    style: Style
    path: Callable[[bytes], str]

    def untracked(self, path: bytes, is_folder: bool) -> str:
        """Return a path, with a slash at the end of a folder."""
        return self.path(path) + ("/" if is_folder else "")


def short_lines(status: "Status", look: Look) -> Iterator[str]:
    """Yield two letters and a path: of the stage, then of the working copy."""
    style = look.style
    rows: dict[bytes, list[str]] = {}
    for change, path, _ in staged_changes(status):
        rows.setdefault(path, [" ", " "])[0] = style("added", _LETTERS[change])
    for change, path in work_changes(status):
        rows.setdefault(path, [" ", " "])[1] = style("removed", _LETTERS[change])
    for path in status.conflicts:
        rows[path] = [style("removed", "U"), style("removed", "U")]
    for path in sorted(rows):
        yield f"{''.join(rows[path])} {look.path(path)}"
    for path, is_folder in status.work.untracked:
        yield f"{style('removed', '??')} {look.untracked(path, is_folder)}"
    for path, is_folder in status.work.ignored:
        yield f"{style('faint', '!!')} {look.untracked(path, is_folder)}"


def long_lines(status: "Status", look: Look) -> Iterator[str]:
    """Yield a status at length, with the commands that lead on; paths in conflict are told once."""
    style = look.style
    yield _where(status, style)
    if status.standing is not None:
        yield _standing(status.standing)
    if status.shown is not None:
        yield _shown(status.shown)
    if status.unfinished:
        yield style(
            "warning", "a checkout was cut short, or is under way: not all files are as they shall be"
        )
        yield "the next command that writes files, such as 'tether switch BRANCH', finishes it"
    if status.activity:
        yield from _activity(status)
    told = {name for row in status.rows for name in row.names()}
    staged = [row for row in staged_changes(status) if row[1] not in told]
    work = [row for row in work_changes(status) if row[1] not in told]
    untracked = [row for row in status.work.untracked if row[0] not in told]
    rows = [style("removed", _conflict_row(row, look)) for row in status.rows]
    yield from _section("Conflicts ('tether resolve PATH' when settled)", rows)
    rows = [style("added", _staged_row(row, look)) for row in staged]
    yield from _section("To be committed ('tether restore --staged PATH' takes out)", rows)
    rows = [style("removed", f"{change + ':':<10} {look.path(path)}") for change, path in work]
    yield from _section("Changed, not staged ('tether add PATH' stages)", rows)
    rows = [style("removed", look.untracked(*row)) for row in untracked]
    yield from _section("Not tracked ('tether add PATH' starts to)", rows)
    rows = [style("faint", look.untracked(*row)) for row in status.work.ignored]
    yield from _section("Ignored", rows)
    if not (staged or work or status.rows or untracked):
        yield "nothing to commit, everything is as committed" if status.commit else "nothing to commit yet"


def _where(status: "Status", style: Style) -> str:
    if status.branch is None:
        at = status.commit.hex()[:12] if status.commit else "nothing"
        return f"{style('warning', 'no branch')}, at {at}"
    fresh = "" if status.commit else ", no commits yet"
    return f"on branch {style('ref', status.branch)}{fresh}"


def _standing(standing: "Standing") -> str:
    """Return how the branch stands to what it follows, with the command that joins them."""
    name, counts = standing.upstream, standing.counts
    if counts is None:
        return f"follows {name}, which is not here ('tether fetch' gets it, 'tether push' makes it)"
    ahead, behind = (count_text(count, "commit") for count in counts)
    if counts.ahead and counts.behind:
        return f"{ahead} ahead of {name} and {behind} behind ('tether pull' joins them)"
    if counts.ahead:
        return f"{ahead} ahead of {name} ('tether push' sends them)"
    if counts.behind:
        return f"{behind} behind {name} ('tether pull' brings them)"
    return f"up to date with {name}"


def _shown(patterns: tuple[bytes, ...]) -> str:
    """Say what part of the files is here."""
    if not patterns:
        return "no files are shown ('tether fetch --path PATH' brings some)"
    names = ", ".join(display(pattern) for pattern in patterns[:_NAMED])
    more = f" and {len(patterns) - _NAMED} more" if len(patterns) > _NAMED else ""
    return f"shown are {names}{more} ('tether fetch --path PATH' shows more)"


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


def _conflict_row(row: "ConflictRow", look: Look) -> str:
    """Return why a path is in conflict, and where the versions lie that are not at the path."""
    why = _REASONS.get(row.reason, row.reason)
    if row.ours is None:
        why = "removed here, changed there" if row.reason == "modify/delete" else "moved there"
    elif row.theirs is None:
        why = "changed here, removed there" if row.reason == "modify/delete" else "moved here"
    places = []
    if row.our_name and row.our_name != row.path:
        places.append(f"ours is {look.path(row.our_name)}")
    if row.their_name and row.their_name != row.path:
        places.append(f"theirs is {look.path(row.their_name)}")
    where = f"  ({', '.join(places)})" if places else ""
    return f"{why}:  {look.path(row.path)}{where}"


def _staged_row(row: tuple[str, bytes, bytes | None], look: Look) -> str:
    change, path, old = row
    names = f"{look.path(old)} -> {look.path(path)}" if old is not None else look.path(path)
    return f"{change + ':':<10} {names}"


def _change(change: "TreeChange") -> str:
    if change.old is None:
        return "added"
    if change.new is None:
        return "removed"
    if (change.old.kind == EntryKind.SYMLINK) != (change.new.kind == EntryKind.SYMLINK):
        return "type"
    return "mode" if change.old.digest == change.new.digest else "modified"
