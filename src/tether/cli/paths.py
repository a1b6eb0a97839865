"""What users write as paths, as paths inside the repository; globs in quotes are expanded here."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from tether.cli.context import FOLDER, Context
from tether.cli.globs import MAGIC, glob_pattern, tracked_matches, working_matches
from tether.core.names import display
from tether.errors import InvalidInput, NotFound

Globs: TypeAlias = Literal["all", "unignored", "none"]


def expand_paths(
    ctx: Context,
    arguments: Sequence[str],
    *,
    missing_ok: bool = False,
    candidates: Callable[[], Iterable[bytes]] | None = None,
    globs: Globs = "all",
) -> list[bytes]:
    """Return the arguments as paths relative to the repository, in order, each once; `.` at the top is b"".

    An argument with `*`, `?` or `[...]` that is not the name of a file is a glob as in git: `*`
    crosses `/`, and a folder that matches stands for all that is in it. It gives at least one path, so
    that no command takes a glob without a match for "everything".

    Args:
        ctx: Gives the repository and the current folder.
        arguments: As written on the command line.
        missing_ok: Accept paths that are not in the working copy, for commands that look in a commit.
        candidates: The tracked paths that a glob may mean.
        globs: Which files of the working copy a glob may mean besides: all, those that are not ignored,
            or none but the candidates.

    Raises:
        InvalidInput: A path is outside the repository or in its `.tether` folder.
        NotFound: A path does not exist, or nothing matches a glob.
    """
    top = os.fsencode(os.path.realpath(ctx.root))
    found: dict[bytes, None] = {}
    for argument in arguments:
        path = inside(top, argument)
        if os.path.lexists(os.path.join(top, path)):
            found[path] = None
        elif MAGIC.search(argument):
            found.update(dict.fromkeys(_expand(top, argument, path, candidates, globs)))
        elif missing_ok or (candidates is not None and _known(path, candidates())):
            found[path] = None
        else:
            raise NotFound(f"no such file or folder: {argument}")
    return list(found)


def expand_tracked(ctx: Context, arguments: Sequence[str], *revs: str) -> list[bytes]:
    """Return paths for a command about tracked files; a glob means those of the stage and of `revs`."""
    return expand_paths(
        ctx, arguments, missing_ok=True, candidates=lambda: tracked_paths(ctx, *revs), globs="none"
    )


def tracked_paths(ctx: Context, *revs: str) -> Iterator[bytes]:
    """Yield the paths of the stage and of some revisions, which a glob may mean."""
    from tether.core.treeread import walk
    from tether.repo.revision import resolve_tree

    repository = ctx.repo().repository
    trees = {repository.root().stage, *(resolve_tree(repository, rev).tree for rev in revs)}
    return (path for tree in trees for path, _ in walk(repository.objects, tree))


def head_of(ctx: Context) -> tuple[str, ...]:
    """Return HEAD as a revision; none before the first commit."""
    return () if ctx.repo().repository.root().head_commit() is None else ("HEAD",)


def shown_here(ctx: Context) -> Callable[[bytes], str]:
    """Return what writes a path of the repository as it is typed in the current folder."""
    here = inside(os.fsencode(os.path.realpath(ctx.root)), ".")
    if not here:
        return display
    return lambda path: display(os.path.relpath(b"/" + path, b"/" + here))


def inside(top: bytes, argument: str) -> bytes:
    """Return one argument relative to `top`, without `.` and `..`."""
    if not argument:
        raise InvalidInput("a path is empty")
    full = os.path.normpath(os.path.join(os.getcwdb(), os.fsencode(argument)))
    if not _below(full, top):
        # The way here may lead through symbolic links; the last component is the thing itself.
        folder, name = os.path.split(full)
        full = os.path.join(os.path.realpath(folder), name)
    if not _below(full, top):
        raise InvalidInput(
            f"outside the repository: {argument}", hint=f"the repository is {os.fsdecode(top)}"
        )
    path = full[len(top) :].lstrip(b"/")
    if path.split(b"/", 1)[0].lower() == FOLDER.encode():
        raise InvalidInput(f"inside the {FOLDER} folder: {argument}")
    return path


def _below(full: bytes, top: bytes) -> bool:
    """Tell whether `full` is `top` or below it."""
    return full == top or full.startswith(top.rstrip(b"/") + b"/")


def _known(path: bytes, tracked: Iterable[bytes]) -> bool:
    """Tell whether `path` is a tracked file or a folder of tracked files."""
    folder = path + b"/"
    return any(known == path or known.startswith(folder) for known in tracked)


def _expand(
    top: bytes,
    argument: str,
    pattern: bytes,
    candidates: Callable[[], Iterable[bytes]] | None,
    globs: Globs,
) -> list[bytes]:
    """Return what a glob matches, sorted."""
    matches = glob_pattern(pattern).fullmatch
    found: set[bytes] = set()
    if globs != "none":
        found.update(working_matches(top, pattern, matches, ignored=globs == "all"))
    if candidates is not None:
        found.update(tracked_matches(matches, candidates()))
    if not found:
        raise NotFound(f"nothing matches {argument}")
    return sorted(found)
