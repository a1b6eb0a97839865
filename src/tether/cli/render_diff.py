"""Differences as people and scripts read them; the text form is what `git apply` and `patch` take."""

from collections.abc import Iterable, Iterator, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from tether.api.diff import FileChange, Version, content_diff, digest_of, model_diff, prepared
from tether.cli.context import Context
from tether.cli.format import count_text, size_text
from tether.core.names import display
from tether.core.textdiff import count_changes, hunk_header
from tether.core.tree import EntryKind

if TYPE_CHECKING:
    from tether.core.filetype import FileType
    from tether.core.textdiff import Hunk
    from tether.repo.contentdiff import ContentDiff

_MODES = {
    EntryKind.FILE: "100644",
    EntryKind.EXECUTABLE: "100755",
    EntryKind.SYMLINK: "120000",
    EntryKind.DIRECTORY: "040000",
}
_NO_NEWLINE = "\\ No newline at end of file"
_ROLES = {"+": "added", "-": "removed"}
_WIDEST_BAR = 40


def change_document(ctx: Context, change: FileChange) -> dict[str, Any]:
    """Return one change for `--json`: digests of both sides, and lines for a text."""
    found = content_diff(ctx.repo(), change)
    document: dict[str, Any] = {
        "path": display(change.path),
        "change": change.change,
        "old_path": display(change.old.path) if change.old else None,
        **_side(ctx, "old", change.old, found.old),
        **_side(ctx, "new", change.new, found.new),
    }
    if found.hunks is not None:
        document["added"], document["removed"] = count_changes(found.hunks)
        document["lines"] = [line for hunk in found.hunks for line in _hunk_texts(hunk)]
    tensors = model_diff(ctx.repo(), change, found)
    if tensors is not None:
        from tether.model.compare import diff_document

        document["tensors"] = diff_document(tensors)
    return document


def change_documents(ctx: Context, changes: Iterable[FileChange]) -> list[dict[str, Any]]:
    """Return several changes for `--json`."""
    return [change_document(ctx, change) for change in prepared(ctx.repo(), changes)]


def name_document(change: FileChange) -> dict[str, Any]:
    """Return one change for `--json` without a look at contents."""
    return {"path": display(change.path), "change": change.change}


def _side(ctx: Context, name: str, version: Version | None, found: "FileType | None") -> dict[str, Any]:
    if version is None:
        return {name: None}
    document: dict[str, Any] = {
        name: digest_of(ctx.repo(), version).hex(),
        f"{name}_size": version.size,
        f"{name}_kind": version.kind.name.lower(),
    }
    if found is not None:
        document[f"{name}_type"] = found.kind
        if found.width is not None:
            document[f"{name}_dimensions"] = [found.width, found.height]
    return document


def _hunk_texts(hunk: "Hunk") -> list[str]:
    lines = [hunk_header(hunk)]
    for mark, line in hunk.lines:
        lines.append(mark + _text(line))
        if not line.endswith(b"\n"):
            lines.append(_NO_NEWLINE)
    return lines


def _text(line: bytes) -> str:
    return line.removesuffix(b"\n").decode("utf-8", "surrogateescape")


# -- for people -----------------------------------------------------------------------------


def patch_lines(ctx: Context, changes: Sequence[FileChange]) -> Iterator[str]:
    """Yield the changes with their lines, one file after the other."""
    for change in prepared(ctx.repo(), changes):
        yield from _patch(ctx, change)


def _patch(ctx: Context, change: FileChange) -> Iterator[str]:
    style = ctx.style
    old = display(change.old.path if change.old else change.path)
    new = display(change.path)
    for line in (f"diff --git a/{old} b/{new}", *_header(change)):
        yield style("heading", line)
    found = content_diff(ctx.repo(), change)
    if found.hunks is None:
        yield _summary(change, found)
        tensors = model_diff(ctx.repo(), change, found)
        if tensors is not None:
            from tether.cli.render_model import changed_lines

            yield from changed_lines(ctx.style, tensors)
    elif found.hunks:
        yield style("heading", f"--- a/{old}" if change.old else "--- /dev/null")
        yield style("heading", f"+++ b/{new}" if change.new else "+++ /dev/null")
        for hunk in found.hunks:
            yield from _painted(ctx, hunk)


def _painted(ctx: Context, hunk: "Hunk") -> Iterator[str]:
    header, *lines = _hunk_texts(hunk)
    yield ctx.style("hunk", header)
    for line in lines:
        role = _ROLES.get(line[0])
        yield ctx.style(role, line) if role else line


def _header(change: FileChange) -> list[str]:
    old, new = change.old, change.new
    if old is None and new is not None:
        return [f"new file mode {_MODES[new.kind]}"]
    if old is not None and new is None:
        return [f"deleted file mode {_MODES[old.kind]}"]
    assert old is not None
    assert new is not None
    lines = [f"old mode {_MODES[old.kind]}", f"new mode {_MODES[new.kind]}"] if old.kind != new.kind else []
    if old.path != new.path:
        names = [f"rename from {display(old.path)}", f"rename to {display(new.path)}"]
        lines += ["similarity index 100%", *names]
    return lines


def _summary(change: FileChange, found: "ContentDiff") -> str:
    """Return one line for a content that is no text: `PNG image 640x480, 12.3 kB -> 800x600, 20.1 kB`."""
    before, after = _described(change.old, found.old), _described(change.new, found.new)
    if change.old is None:
        return f"new: {after}"
    if change.new is None:
        return f"removed: {before}"
    if change.change in ("renamed", "mode"):
        return f"same content: {after}"
    return f"changed: {before} -> {after}"


def _described(version: Version | None, found: "FileType | None") -> str:
    if version is None or found is None:
        return "nothing"
    return f"{found.description}, {size_text(version.size)}"


def name_lines(ctx: Context, changes: Sequence[FileChange], *, status: bool) -> Iterator[str]:
    """Yield the paths alone, with `status` a letter before each as in `git diff --name-status`."""
    for change in changes:
        letter = {"type": "T", "removed": "D"}.get(change.change, change.change[0].upper())
        old = f"{display(change.old.path)}\t" if change.change == "renamed" and change.old else ""
        yield f"{letter}\t{old}{display(change.path)}" if status else display(change.path)


def stat_lines(ctx: Context, changes: Sequence[FileChange]) -> Iterator[str]:
    """Yield a line a file with how much of it changed, and the sum."""
    rows: list[tuple[str, tuple[int, int] | None, str]] = []
    for change in prepared(ctx.repo(), changes):
        found = content_diff(ctx.repo(), change, 0)
        counts = None if found.hunks is None else count_changes(found.hunks)
        rows.append((_stat_name(change), counts, _sizes(change)))
    if not rows:
        return
    names = max(len(name) for name, _, _ in rows)
    most = max((sum(counts) for _, counts, _ in rows if counts), default=0)
    digits = len(str(most))
    room = max(10, min(_WIDEST_BAR, get_terminal_size().columns - names - digits - 5))
    for name, counts, sizes in rows:
        if counts is None:
            yield f" {name:<{names}} | {sizes}"
        else:
            yield f" {name:<{names}} | {sum(counts):>{digits}} {_bar(ctx, counts, most, room)}".rstrip()
    added = sum(counts[0] for _, counts, _ in rows if counts)
    removed = sum(counts[1] for _, counts, _ in rows if counts)
    total = f" {count_text(len(rows), 'file')} changed"
    total += f", {count_text(added, 'line')} added" if added else ""
    yield total + (f", {count_text(removed, 'line')} removed" if removed else "")


def _stat_name(change: FileChange) -> str:
    if change.change == "renamed" and change.old is not None:
        return f"{display(change.old.path)} => {display(change.path)}"
    return display(change.path)


def _sizes(change: FileChange) -> str:
    old = size_text(change.old.size) if change.old else "nothing"
    new = size_text(change.new.size) if change.new else "nothing"
    return old if change.change in ("renamed", "mode") else f"{old} -> {new}"


def _bar(ctx: Context, counts: tuple[int, int], most: int, room: int) -> str:
    scale = min(1.0, room / most) if most else 1.0
    added, removed = (max(1, round(count * scale)) if count else 0 for count in counts)
    return ctx.style("added", "+" * added) + ctx.style("removed", "-" * removed)
