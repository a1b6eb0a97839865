"""Paths and globs of the command line become paths inside the repository."""

import os
import re
from pathlib import Path

import pytest

from tether.api.repo import Repo
from tether.cli.context import Context
from tether.cli.globs import glob_pattern
from tether.cli.paths import expand_paths, expand_tracked
from tether.errors import InvalidInput, NotFound

FILES = ("a.txt", "b.jpg", "data/c.jpg", "data/deep/d.jpg", "data/deep/e[1].txt", "other/f.txt")


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Return a context in `data` of a repository with `FILES`."""
    top = tmp_path / "repo"
    for path in FILES:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(b"x")
    Repo.init(top).close()
    monkeypatch.chdir(top / "data")
    return Context(environ={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        ("c.jpg", b"data/c.jpg"),
        ("./deep/", b"data/deep"),
        ("../a.txt", b"a.txt"),
        (".", b"data"),
        ("..", b""),
        ("deep/../../other/./f.txt", b"other/f.txt"),
        ("deep/e[1].txt", b"data/deep/e[1].txt"),
    ],
)
def test_paths_are_relative_to_the_current_folder(ctx: Context, argument: str, path: bytes) -> None:
    """A path is taken from the current folder and given from the top; an existing name is never a glob."""
    assert expand_paths(ctx, [argument]) == [path]


def test_absolute_paths_and_paths_through_links(ctx: Context, tmp_path: Path) -> None:
    """An absolute path, also one through a symbolic link to the repository, means the same file."""
    (tmp_path / "link").symlink_to(tmp_path / "repo")

    found = expand_paths(ctx, [str(tmp_path / "repo/a.txt"), str(tmp_path / "link/b.jpg")])

    assert found == [b"a.txt", b"b.jpg"]


def test_a_link_is_itself(ctx: Context) -> None:
    """A symbolic link, also a dangling one or one that leads out, is named, not followed."""
    Path("out").symlink_to("/")
    Path("dangling").symlink_to("nowhere")

    assert expand_paths(ctx, ["out", "dangling"]) == [b"data/out", b"data/dangling"]


@pytest.mark.parametrize(
    "argument", ["../..", "/", "/etc/passwd", "../../repo2", "../.tether", "../.tether/root", ""]
)
def test_what_is_no_path_of_the_repository(ctx: Context, argument: str) -> None:
    """What is outside, in our own folder, or empty is refused."""
    with pytest.raises(InvalidInput):
        expand_paths(ctx, [argument], missing_ok=True)


def test_missing_paths(ctx: Context) -> None:
    """A path that is not there is an error, unless the caller looks elsewhere or tracks it."""
    with pytest.raises(NotFound, match=r"no such file or folder: gone\.txt"):
        expand_paths(ctx, ["gone.txt"])

    assert expand_paths(ctx, ["gone.txt"], missing_ok=True) == [b"data/gone.txt"]
    assert expand_paths(ctx, ["old"], candidates=lambda: [b"data/old/x"]) == [b"data/old"]


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("*.jpg", [b"data/c.jpg", b"data/deep/d.jpg"]),
        ("../*.txt", [b"a.txt", b"data/deep/e[1].txt", b"other/f.txt"]),
        ("de*", [b"data/deep"]),
        ("?.jpg", [b"data/c.jpg"]),
        ("[a-c].jpg", [b"data/c.jpg"]),
        ("deep/[!a-c].jpg", [b"data/deep/d.jpg"]),
        ("../?ther/*", [b"other/f.txt"]),
    ],
)
def test_globs(ctx: Context, glob: str, paths: list[bytes]) -> None:
    """A star crosses folders as in git's path arguments, and a folder that matches stands for its files."""
    assert expand_paths(ctx, [glob]) == paths


def test_globs_find_tracked_paths_too(ctx: Context) -> None:
    """A glob may mean a file that is tracked and no longer there."""
    assert expand_paths(ctx, ["*.png"], candidates=lambda: [b"data/gone.png", b"x.png"]) == [b"data/gone.png"]


def test_globs_without_a_match(ctx: Context) -> None:
    """A glob that matches nothing is an error everywhere: no paths at all would mean everything."""
    for missing_ok in (False, True):
        with pytest.raises(NotFound, match=r"nothing matches \*\.flac"):
            expand_paths(ctx, ["*.flac"], missing_ok=missing_ok)
    with pytest.raises(NotFound, match=r"nothing matches \*\.jpg"):
        expand_tracked(ctx, ["*.jpg"])


def test_globs_over_tracked_paths_alone(ctx: Context) -> None:
    """For commands about tracked files a glob means no others, and a folder that matches gives its files."""
    ctx.repo().add(["a.txt", "data/deep"])
    Path("deep/d.jpg").unlink()

    assert expand_tracked(ctx, ["../*.txt"]) == [b"a.txt", b"data/deep/e[1].txt"]
    assert expand_tracked(ctx, ["dee?"]) == [b"data/deep/d.jpg", b"data/deep/e[1].txt"]


def test_globs_pass_over_ignored_files(ctx: Context) -> None:
    """Where ignored files do not count, the rules of every folder on the way hold."""
    Path("../.tetherignore").write_text("*.txt\n")
    Path("deep/.tetherignore").write_text("!*.txt\nd.jpg\n")

    found = expand_paths(ctx, ["../*.txt", "*.jpg"], globs="unignored")

    assert found == [b"data/deep/e[1].txt", b"data/c.jpg"]


def test_each_path_once(ctx: Context) -> None:
    """What is named twice is given once, in the order of the first time."""
    assert expand_paths(ctx, ["c.jpg", "deep", "./c.jpg", "*.jpg"]) == [
        b"data/c.jpg",
        b"data/deep",
        b"data/deep/d.jpg",
    ]


def test_names_that_are_not_utf8(ctx: Context) -> None:
    """The bytes of a name survive."""
    name = b"caf\xe9.txt"
    Path(os.fsdecode(name)).write_bytes(b"")

    assert expand_paths(ctx, [os.fsdecode(name)]) == [b"data/" + name]
    assert expand_paths(ctx, ["caf*"]) == [b"data/" + name]


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        (b"a]b", b"a]b", True),
        (b"[]a]", b"]", True),
        (b"[^a]", b"b", True),
        (b"[!a]", b"/", False),
        (b"[a-", b"[a-", True),
        (b"a.c", b"abc", False),
        (b"**/x", b"a/b/x", True),
        (b"[\\]", b"\\", True),
        (b"*\n", b"a\n", True),
    ],
)
def test_glob_syntax(glob: bytes, name: bytes, matches: bool) -> None:
    """Brackets, their negation, and what only looks like a glob."""
    assert (glob_pattern(glob).fullmatch(name) is not None) is matches


def test_a_range_that_runs_backwards() -> None:
    """A glob that means nothing is refused by name."""
    with pytest.raises(InvalidInput, match=re.escape("not a valid glob: [z-a]")):
        glob_pattern(b"[z-a]")
