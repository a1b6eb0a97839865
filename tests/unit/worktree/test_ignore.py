"""Ignore rules, beside `git check-ignore`."""

import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.errors import InvalidInput
from tether.worktree.ignore import MAX_TEXT, Explanation, IgnoreRules

Tree = list[str]
"""Paths; a folder ends in `/`."""


def chain(files: Mapping[str, bytes], folder: str) -> IgnoreRules:
    """Return the rules as seen in `folder`."""
    rules = IgnoreRules.empty().child(b"", files.get(""))
    parts = folder.split("/") if folder else []
    for depth in range(1, len(parts) + 1):
        place = "/".join(parts[:depth])
        rules = rules.child(place.encode(), files.get(place))
    return rules


def ours(files: Mapping[str, bytes], paths: Tree) -> set[str]:
    """Return the paths that we ignore, entering no ignored folder."""
    found: set[str] = set()
    for path in paths:
        plain = path.rstrip("/")
        folder = plain.rpartition("/")[0]
        if chain(files, folder).explain(plain.encode(), path.endswith("/")) is not None:
            found.add(path)
    return found


def make_tree(top: Path, paths: Tree) -> None:
    """Make a Git work tree with these files and folders."""
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    for path in paths:
        place = top / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def git_says(top: Path, files: Mapping[str, bytes], paths: Tree) -> set[str]:
    """Return the paths that Git ignores in a real folder with these files."""
    if not (top / ".git").exists():
        make_tree(top, paths)
    for folder, text in files.items():
        (top / folder / ".gitignore").write_bytes(text)
    asked = "\0".join(path.rstrip("/") for path in paths) + "\0"
    answer = subprocess.run(
        ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--stdin", "-z", "--no-index"],
        cwd=top,
        input=asked.encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    ignored = set(answer.stdout.decode().split("\0"))
    return {path for path in paths if path.rstrip("/") in ignored}


PLACES = (
    "a|b.pyc|foo|build/|build/x|build/keep.txt|d/|d/a|d/foo/|d/foo/x|d/e/|d/e/foo|d/e/f/|d/e/f/foo|"
    "d/e/f/g.log|d/build|name with space|trailing |#hash|!bang|back\\slash|[x]|x]|x-y|x5|xa|xA|x!|x^|"
    "star*|starlet|.hidden|d/.hidden|foobar|foobar2/|foobar2/bar|logs/|logs/debug.log|logs/monday/|"
    "logs/monday/foo.bar|logs/monday/debug.log"
)
PATHS: Tree = PLACES.split("|")

PATTERNS = (
    "*.pyc|foo|/foo|foo/|/foo/|d/foo|d/*|d/**|d/**/|**/foo|**/foo/|**/e/foo|d/**/foo|d/**/**/foo|**|"
    "**/|/**|/*|*|*/|/|//|foo//|d//foo|d/e/*/foo|*/foo|*/*/foo|d/*/f/**|build|build/|/build/|"
    "name with space|trailing|trailing |trailing\\ |trailing\\  |foo   |foo\t|#hash|\\#hash|!bang|"
    "\\!bang|back\\\\slash|back\\slash|foo\\|\\foo|[[]x]|\\[x\\]|[x]|[|foo[|x[]]|x[!]]|x[]-]|x[a-z]|"
    "x[z-a]|x[!z-a]|x[!a-z]|x[^a-z]|x[a-]|x[-a]|x[\\]-a]|x[a-\\]]|x[[:digit:]]|x[[:upper:]]|"
    "x[![:alpha:]]|x[[:alpha:][:digit:]]|x[[:punct:]]|x[[:nonsense:]]|x[[:digit:]|x[[:]|x[:digit:]|"
    "x[!^]|x[^!]|x?|x?y|star\\*|star*|st*r*|*a*|*o*b*r|?|??|.*|.hidden|d[/]a|d?a|logs/**/debug.log|"
    "**\\/a|d/**\\/foo|**\\/|d\\/**\\/foo|logs/*/debug.log|**/logs/**|**/logs/**/debug.*|***/foo|d/***/foo|foo**2|foo**2/bar|fo*b*2/bar|"
    "\r|foo\r|!foo|!|!/"
)
SINGLE = PATTERNS.split("|")


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder for Git."""
    return tmp_path_factory.mktemp("git")


@pytest.mark.parametrize("pattern", SINGLE)
def test_one_pattern_means_what_git_takes_it_for(top: Path, pattern: str) -> None:
    """Every form of pattern ignores the same files and folders as in Git."""
    files = {"": pattern.encode() + b"\n"}
    assert ours(files, PATHS) == git_says(top, files, PATHS)


FILES: list[dict[str, bytes]] = [
    {"": b"*\n!*/\n!*.log\n"},
    {"": b"build/\n!build/keep.txt\n"},
    {"": b"build/*\n!build/keep.txt\n"},
    {"": b"foo\n!d/foo/\n"},
    {"": b"*.log\n", "logs": b"!debug.log\n"},
    {"": b"*.log\n", "logs": b"!debug.log\n", "logs/monday": b"debug.log\n"},
    {"": b"logs/\n", "logs": b"!debug.log\n"},
    {"d": b"/foo\n", "": b""},
    {"d": b"e/foo\n/a\n"},
    {"d": b"*\n!e\n!.hidden\n", "d/e": b"!foo\n"},
    {"": b"\xef\xbb\xbffoo\n"},
    {"": b"foo\r\n\r\n# comment\r\n*.log\r\n"},
    {"": b"foo"},
    {"": b"!foo\nfoo\n"},
    {"": b"/*\n!/d\n/d/*\n!/d/e\n"},
    {"": b"# only\n\n   \n"},
]


@pytest.mark.parametrize("files", FILES)
def test_files_of_rules_mean_what_git_takes_them_for(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Order, negation and deeper files work as in Git."""
    assert ours(files, PATHS) == git_says(tmp_path, files, PATHS)


GLUED = re.compile(r"[^/*]\*\*+/")
PIECES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "*",
        "**",
        "***",
        "?",
        "/",
        "/",
        "[ab]",
        "[!a]",
        "a*",
        "*b",
        "!",
        "\\",
        " ",
        "[a-",
        "]",
        ".",
        "#",
    ]
)
# For "a**/b" Git compares the "a" apart and takes the rest for "**/b", against its own
# documentation, by which these asterisks are ordinary ones; we follow the documentation.
LINE = st.lists(PIECES, min_size=1, max_size=6).map("".join).filter(lambda line: not GLUED.search(line))
LINES = st.lists(LINE, min_size=1, max_size=4)
SMALL: Tree = [
    "a",
    "b",
    "ab",
    "aab",
    "a.b",
    "c/",
    "c/a",
    "c/b/",
    "c/b/a",
    "c/b/ab/",
    "c/b/ab/b",
    "c/ab",
    "b.d/",
    "b.d/a",
]


@settings(max_examples=60, deadline=None)
@given(above=LINES, below=LINES)
def test_random_rules_mean_what_git_takes_them_for(top: Path, above: list[str], below: list[str]) -> None:
    """Any mix of wildcards in two files ignores what Git ignores."""
    files = {"": "\n".join(above).encode(), "c": "\n".join(below).encode()}
    place = top / "random"
    assert ours(files, SMALL) == git_says(place, files, SMALL)


def test_without_rules_only_the_built_in_ones_hold() -> None:
    """The folders of Tether and Git are ignored, nothing else."""
    rules = IgnoreRules.empty()
    assert rules.is_empty
    assert rules.ignored(b".tether", b"a/.tether", True)
    assert rules.ignored(b".TETHER", b".TETHER", True)
    assert rules.ignored(b".git", b".git", False)
    assert not rules.ignored(b".tetherignore", b".tetherignore", False)
    assert not rules.ignored(b"a", b"a", True)


def test_only_gits_folder_can_be_taken_back() -> None:
    """A rule may take back `.git` but never `.tether`."""
    rules = IgnoreRules.empty().child(b"", b"!.git\n!.tether\n")
    assert not rules.ignored(b".git", b".git", True)
    assert rules.ignored(b".tether", b".tether", True)
    assert rules.explain(b".tether/x", False) == Explanation("", 0, ".tether")


def test_a_folder_without_rules_shares_those_above() -> None:
    """No text, an empty text and a text of comments give the same object back."""
    rules = IgnoreRules.empty().child(b"", b"*.log\n")
    assert rules.child(b"d", None) is rules
    assert rules.child(b"d", b"") is rules
    assert rules.child(b"d", b"# nothing\n\n") is rules
    assert not rules.is_empty


def test_ignored_looks_at_one_entry_of_the_folder() -> None:
    """The walk asks entry by entry; a deeper file has the last word."""
    rules = IgnoreRules.empty().child(b"", b"*.log\n/d/x\n").child(b"d", b"!keep.log\n")
    assert rules.ignored(b"a.log", b"d/a.log", False)
    assert not rules.ignored(b"keep.log", b"d/keep.log", False)
    assert rules.ignored(b"x", b"d/x", False)
    assert not rules.ignored(b"y", b"d/y", False)


def test_names_that_are_not_text_are_matched() -> None:
    """Bytes outside UTF-8 match themselves and wildcards; `?` is one character of any script."""
    rules = IgnoreRules.empty().child(b"", b"\xff*\n?.png\n")
    assert rules.ignored(b"\xff\xfe", b"\xff\xfe", False)
    assert rules.ignored("é.png".encode(), "é.png".encode(), False)
    assert not rules.ignored(b"\xfe", b"\xfe", False)
    assert rules.ignored(b"\xffa\nb", b"\xffa\nb", False)


def test_explain_names_file_line_and_pattern() -> None:
    """The line that decides is named, for a folder above as well."""
    rules = IgnoreRules.empty().child(b"", b"# data\n\n*.log\nd/e/\n").child(b"d", b"!keep.log\nfoo*\n")
    assert rules.explain(b"d/a.log", False) == Explanation(".tetherignore", 3, "*.log")
    assert rules.explain(b"d/keep.log", False) is None
    assert rules.explain(b"d/food", False) == Explanation("d/.tetherignore", 2, "foo*")
    assert rules.explain(b"d/e/keep.log", False) == Explanation(".tetherignore", 4, "d/e/")
    assert rules.explain(b"d/plain", False) is None
    assert rules.explain(b"sub/.git/config", False) == Explanation("", 0, ".git")


def test_the_fingerprint_follows_texts_and_places() -> None:
    """Caches may trust it: other rules or other folders give another value."""
    empty = IgnoreRules.empty()
    prints = [
        empty.fingerprint,
        empty.child(b"", b"a\n").fingerprint,
        empty.child(b"", b"b\n").fingerprint,
        empty.child(b"d", b"a\n").fingerprint,
        empty.child(b"", b"a\n").child(b"d", b"a\n").fingerprint,
        empty.child(b"", b"a\n").child(b"e", b"a\n").fingerprint,
    ]
    assert len(set(prints)) == len(prints)
    assert empty.child(b"", b"a\n").fingerprint == prints[1]


def test_a_huge_file_of_rules_is_refused() -> None:
    """A text over the limit is an error that names the file."""
    with pytest.raises(InvalidInput, match=r"d/\.tetherignore"):
        IgnoreRules.empty().child(b"d", b"a" * (MAX_TEXT + 1))


def test_hostile_patterns_stay_fast() -> None:
    """Many wildcards against a long name that almost matches take milliseconds."""
    text = b"*a" * 60 + b"b\n" + b"**/a*/" * 40 + b"b\n" + b"[" * 500 + b"\n"
    rules = IgnoreRules.empty().child(b"", text)
    long_name = b"a" * 255
    path = b"/".join([b"a" * 20] * 180)
    started = time.process_time()
    assert not rules.ignored(long_name, long_name, False)
    assert not rules.ignored(b"a" * 20, path, False)
    assert time.process_time() - started < 1.0
