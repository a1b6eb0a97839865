"""Revisions and paths on one command line, as in `log main..new -- photos`."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from tether.cli.context import Context
from tether.cli.paths import expand_paths, head_of, tracked_paths
from tether.errors import InvalidInput, NotFound

_AFTER = "tether.after_dashes"


class RevisionCommand(click.Command):
    """A command that tells what comes after `--`: those are paths, and what comes before are revisions."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put aside what comes after `--`."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_AFTER] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


class Words(NamedTuple):
    """What was written, sorted out."""

    revs: tuple[str, ...]
    paths: tuple[bytes, ...]


def split_words(ctx: Context, words: Sequence[str], most: int | None = None) -> Words:
    """Return revisions and paths relative to the top of the repository.

    Without `--` a word is a revision if it names one, otherwise a path of the working copy; after the
    first path only paths come.

    Args:
        ctx: Gives the repository.
        words: The arguments, without those after `--`.
        most: How many revisions there may be.

    Raises:
        NotFound: A word is neither.
        InvalidInput: There are too many revisions.
    """
    after: Any = click.get_current_context().meta.get(_AFTER)
    revs: Sequence[str] = words
    paths: Sequence[str] = after or ()
    if after is None:
        count = _count_revisions(ctx, words)
        revs, paths = words[:count], words[count:]
    if most is not None and len(revs) > most:
        raise InvalidInput(
            f"too many revisions: {' '.join(revs)}", hint=f"give at most {most}, and paths after '--'"
        )
    found = (
        expand_paths(ctx, paths, missing_ok=True, candidates=lambda: tracked_paths(ctx, *head_of(ctx)))
        if paths
        else []
    )
    return Words(tuple(revs), tuple(found))


def _count_revisions(ctx: Context, words: Sequence[str]) -> int:
    """Return how many words at the start are revisions; the others exist as paths."""
    for at, word in enumerate(words):
        try:
            _check_revision(ctx, word)
        except (NotFound, InvalidInput) as error:
            for path in words[at:]:
                if not os.path.lexists(path) and not any(magic in path for magic in "*?["):
                    raise _neither(path, error if path == word else None) from None
            return at
    return len(words)


def _check_revision(ctx: Context, word: str) -> None:
    from tether.repo.revision import resolve, split_range

    repository = ctx.repo().repository
    ends = split_range(word)
    for rev in (ends.old, ends.new) if ends else (word.removeprefix("^") or word,):
        resolve(repository, rev)


def _neither(word: str, error: NotFound | InvalidInput | None) -> NotFound | InvalidInput:
    if error is not None and (isinstance(error, InvalidInput) or "no such revision" not in str(error)):
        return error
    hint = error.hint if error else None
    return NotFound(f"no such revision or file: {word}", hint=hint or "write paths that are gone after '--'")


def place_text(ctx: Context, text: str) -> str:
    """Return `REV:PATH` with a path that begins with `./` or `../` taken from the current folder."""
    from tether.repo.revision import split_place

    rev, path = split_place(text)
    if not path.startswith(("./", "../")):
        return text
    here = os.path.relpath(os.path.realpath(ctx.cwd), os.path.realpath(ctx.root))
    return f"{rev}:{os.path.normpath(f'{here}/{path}')}"
