"""Commits as people and scripts read them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import iso_time, short_id, time_text
from tether.cli.style import Style

if TYPE_CHECKING:
    from tether.core.digest import Digest
    from tether.core.objects import Commit


def commit_document(digest: "Digest", commit: "Commit") -> dict[str, Any]:
    """Return a commit for `--json`; `time` is when its author made it."""
    return {
        "id": digest.hex(),
        "parents": [parent.hex() for parent in commit.parents],
        "author": commit.author.name,
        "email": commit.author.email,
        "time": iso_time(commit.authored),
        "committer": commit.committer.name,
        "committer_email": commit.committer.email,
        "committed": iso_time(commit.committed),
        "message": commit.message.rstrip("\n"),
        "tree": commit.tree.hex(),
        "signed": commit.signature is not None,
    }


def commit_lines(style: Style, digest: "Digest", commit: "Commit", names: Sequence[str]) -> list[str]:
    """Return a commit with its whole message, as `git log` shows it."""
    lines = [style("id", f"commit {digest.hex()}") + decoration(style, names)]
    if len(commit.parents) > 1:
        lines.append("Merge:  " + " ".join(short_id(parent) for parent in commit.parents))
    lines.append(f"Author: {commit.author.name} <{commit.author.email}>")
    if commit.committer != commit.author:
        lines.append(f"Commit: {commit.committer.name} <{commit.committer.email}>")
    lines += [f"Date:   {time_text(commit.authored)}", ""]
    lines += [f"    {line}".rstrip() for line in printable(commit.message).rstrip("\n").split("\n")]
    return lines


def commit_line(style: Style, digest: "Digest", commit: "Commit", names: Sequence[str]) -> str:
    """Return a commit in one line."""
    return f"{style('id', short_id(digest))}{decoration(style, names)} {subject(commit)}"


def subject(commit: "Commit") -> str:
    """Return the first line of the message."""
    return printable(commit.message.lstrip("\n").partition("\n")[0])


def decoration(style: Style, names: Sequence[str]) -> str:
    """Return the names of branches and tags in brackets, with a space before; nothing without names."""
    return " (" + ", ".join(style("ref", name) for name in names) + ")" if names else ""


def printable(text: str) -> str:
    """Return text without control characters, which could move the cursor or hide what follows."""
    if text.isprintable():
        return text
    kept = "\n\t"
    return "".join(
        c if c in kept or c.isprintable() or ord(c) >= 0xD800 else f"\\x{ord(c):02x}" for c in text
    )
