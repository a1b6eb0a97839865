"""Names of refs and paths."""

import subprocess
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core import names
from tether.errors import InvalidInput

GOOD_REFS = ["main", "refs/heads/main", "user/new-labels", "v1.0", "a@b", "été", "x{y}", "a-b_c", "日本"]
BAD_REFS = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    ".a",
    "a/.b",
    "a.lock",
    "a.lock/b",
    "a..b",
    "a.",
    "@",
    "a@{1}",
    "a b",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[b",
    "a\\b",
    "a\nb",
    "a\x7f",
]
STRICTER_THAN_GIT = ["-a", "HEAD", 'a"b', "a\u202eb", "a\ud800", "x" * 1025]


@pytest.mark.parametrize("name", GOOD_REFS)
def test_a_good_ref_name_is_returned(name: str) -> None:
    """The name comes back as it was."""
    assert names.check_ref_name(name) == name


@pytest.mark.parametrize("name", BAD_REFS + STRICTER_THAN_GIT)
def test_a_bad_ref_name_is_refused(name: str) -> None:
    """Names that would be misread in a revision, a shell or a file system are refused with a hint."""
    with pytest.raises(InvalidInput) as failure:
        names.check_ref_name(name)
    assert failure.value.hint is not None


@pytest.mark.parametrize("name", GOOD_REFS + BAD_REFS)
def test_git_agrees_about_ref_names(name: str) -> None:
    """What Git refuses as a branch is refused here; the extra refusals are listed apart."""
    allowed = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False).returncode == 0
    if name == "@":  # Git allows refs/heads/@ but not the short name
        allowed = False
    assert allowed is (name in GOOD_REFS)


def test_full_and_short_names() -> None:
    """Each kind of ref has its prefix, and the short form drops it."""
    assert names.branch_ref("main") == "refs/heads/main"
    assert names.tag_ref("v1") == "refs/tags/v1"
    assert names.remote_ref("origin", "a/b") == "refs/remotes/origin/a/b"
    assert names.short_ref("refs/heads/a/b") == "a/b"
    assert names.short_ref("refs/tags/v1") == "v1"
    assert names.short_ref("refs/remotes/origin/main") == "origin/main"
    assert names.short_ref("refs/runs/01ABC") == "refs/runs/01ABC"
    assert names.short_ref("refs/heads/") == "refs/heads/"


def test_short_names_that_mean_something_else_are_refused() -> None:
    """A branch cannot look like a digest, and a remote's name is one component."""
    with pytest.raises(InvalidInput, match="digest"):
        names.branch_ref("ab" * 32)
    with pytest.raises(InvalidInput, match="digest"):
        names.tag_ref("AB" * 32)
    with pytest.raises(InvalidInput, match="remote"):
        names.remote_ref("a/b", "main")
    assert names.branch_ref("ab" * 31) == "refs/heads/" + "ab" * 31


@pytest.mark.parametrize(
    "path", [b"a", b"a/b", b"\xff\xfe", b"a\\b", b".tetherignore", b"tether", b".git/x", b"...", b" "]
)
def test_a_good_path_is_returned(path: bytes) -> None:
    """Any bytes are allowed that a POSIX folder can hold."""
    assert names.check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/a",
        b"a//b",
        b"a/",
        b".",
        b"a/./b",
        b"../a",
        b"a/..",
        b"a\0b",
        b"x" * 65536,
        b".tether",
        b".tether/config",
        b".TeTher/config",
        b"a/.tether/hooks/x",
        b".tether./x",
        b".tether ::$INDEX_ALLOCATION/x",
        b"TETHER~1/x",
        ".te\u200cther/x".encode(),
    ],
)
def test_a_path_that_could_leave_or_harm_the_working_copy_is_refused(path: bytes) -> None:
    """Nothing outside the working copy and nothing of the repository's own can be named."""
    with pytest.raises(InvalidInput, match="not a path"):
        names.check_path(path)


@settings(max_examples=200)
@given(st.binary(max_size=12))
def test_an_accepted_path_stays_below_its_folder(path: bytes) -> None:
    """An accepted path has only plain components."""
    try:
        names.check_path(path)
    except InvalidInput:
        return
    parts = PurePosixPath("/top" + "/" + path.decode("latin-1")).parts
    assert parts[:2] == ("/", "top")
    assert len(parts) == 2 + path.count(b"/") + 1
    assert ".." not in parts


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (b"a/aux.txt", "device"),
        (b"Com1", "device"),
        (b"nul .txt", "device"),
        (b"a:b", "':'"),
        (b"what?", "'?'"),
        (b"a\\b", "holds"),
        (b"a\tb", "holds"),
        (b"end.", "dot"),
        (b"folder /x", "space"),
        (b"\xff", "UTF-8"),
        (b"x" * 256, "255"),
    ],
)
def test_paths_that_windows_cannot_hold(path: bytes, word: str) -> None:
    """The reason is named."""
    problem = names.windows_problem(path)
    assert problem is not None
    assert word in problem


@pytest.mark.parametrize(
    "path", [b"a/b.txt", "\u00e9/日本".encode(), b"console", b"com0", b"x" * 255, b".hidden"]
)
def test_paths_that_windows_can_hold(path: bytes) -> None:
    """Ordinary names give no problem."""
    assert names.windows_problem(path) is None


def test_paths_that_differ_only_in_case_are_paired() -> None:
    """Files, folders and composed letters are found; the same folder twice is not a collision."""
    paths = [
        b"Data/a",
        b"Data/b",
        b"data/c",
        b"x",
        b"X",
        b"y",
        "\u00e9".encode(),
        "e\u0301".encode(),
        b"\xff",
        b"\xfe",
    ]
    assert names.case_collisions(paths) == [
        (b"Data", b"data"),
        (b"x", b"X"),
        ("\u00e9".encode(), "e\u0301".encode()),
    ]
    assert names.case_collisions([]) == []


def test_a_colliding_file_below_colliding_folders_is_named_too() -> None:
    """Both the folders and the files in them are reported."""
    assert names.case_collisions([b"D/a", b"d/A"]) == [(b"D", b"d"), (b"D/a", b"d/A")]


def test_display_quotes_what_a_terminal_would_obey() -> None:
    """Plain names are shown as they are, the rest in quotes."""
    assert names.display('a b/été "q" \\'.encode()) == 'a b/été "q" \\'
    assert names.display(b'a\n"\\\t\x1b[31m') == '"a\\n\\"\\\\\\t\\x1b[31m"'
    assert names.display("a\u202eb".encode()) == '"a\\u202eb"'
    assert names.display(b"\xff") == "\udcff"


@given(st.binary(max_size=20))
def test_a_displayed_path_can_be_given_back(path: bytes) -> None:
    """Whatever is shown without quotes reads back as the same bytes."""
    shown = names.display(path)
    if not shown.startswith('"'):
        assert names.path_bytes(shown) == path
    assert "\x1b" not in shown
    assert "\n" not in shown


def test_paths_come_in_any_form() -> None:
    """Text, bytes and path objects give bytes; half a surrogate pair is refused."""
    assert names.path_bytes("é") == b"\xc3\xa9"
    assert names.path_bytes(b"\xff") == b"\xff"
    assert names.path_bytes(PurePosixPath("a/b")) == b"a/b"
    with pytest.raises(InvalidInput, match="not a path"):
        names.path_bytes("\ud800")
