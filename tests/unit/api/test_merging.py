"""Merging in a working copy: what is followed, what is joined, what stops, goes on and goes back."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.desk import Desk
from tests.support.histories import Past

from tether.api import merging, replaying
from tether.api.merging import MergeOptions
from tether.api.resolving import Decision, resolve_conflicts
from tether.api.staging import CommitRequest
from tether.api.working import Change
from tether.errors import Conflict, InvalidInput, NotFound

BASE = {"t.txt": b"1\n2\n3\n", "p.jpg": b"\0base", "d": b"old\n", "keep": b"k\n"}
OURS = {"t.txt": b"1\nours\n3\n", "p.jpg": b"\0ours", "d": None, "o": b"o\n"}
THEIRS = {"t.txt": b"1\ntheirs\n3\n", "p.jpg": b"\0theirs", "d": b"new\n", "n": b"n\n"}
MARKED = b"1\n<<<<<<< main\nours\n=======\ntheirs\n>>>>>>> side\n3\n"

Files = Mapping[str, bytes | None]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an empty repository with working files."""
    return Desk(tmp_path / "desk")


def fork(desk: Desk, base: Files, ours: Files, theirs: Files) -> None:
    """Commit on `main` and on `side` on top of a common commit; `main` is checked out then."""
    desk.commit("base", base)
    desk.switch("side", new=True)
    desk.commit("theirs", theirs)
    desk.switch("main")
    desk.commit("ours", ours)


def test_following(desk: Desk) -> None:
    """Without commits of our own the branch moves; local changes elsewhere are carried along."""
    desk.commit("base", BASE)
    desk.switch("side", new=True)
    theirs = desk.commit("theirs", THEIRS)
    desk.switch("main")
    desk.write({"keep": b"mine\n", "untracked": b"u"})

    done = desk.repo.merge("side")

    assert (done.id, done.fast_forward, done.conflicts, done.branch) == (theirs, True, (), "main")
    assert desk.head == theirs
    assert desk.branch == "refs/heads/main"
    assert desk.files == {**BASE, **THEIRS, "keep": b"mine\n", "untracked": b"u"}


def test_following_into_an_empty_branch(desk: Desk) -> None:
    """A branch without commits takes over the other one."""
    theirs = Past(desk.repo.repository).commit("theirs", {"a": b"a"}, branch="side")

    done = desk.repo.merge("side")

    assert done.fast_forward
    assert (desk.branch, desk.head) == ("refs/heads/main", theirs)
    assert desk.files == {"a": b"a"}


def test_nothing_new(desk: Desk) -> None:
    """Joining what is in already changes nothing, and makes no operation."""
    desk.commit("base", BASE)
    desk.switch("side", new=True)
    desk.switch("main")
    desk.commit("ours", {"o": b"o"})
    before = desk.repo.repository.root().generation

    done = desk.repo.merge("side")

    assert done.up_to_date
    assert desk.repo.repository.root().generation == before


def test_joining(desk: Desk) -> None:
    """A merge that needs nobody makes a commit of both parents with what both did, in one operation."""
    fork(desk, BASE, {"o": b"o\n"}, {"n": b"n\n", "d": None})
    ours = desk.head
    desk.write({"keep": b"mine\n"})

    done = desk.repo.merge("side")

    expected = {**BASE, "o": b"o\n", "n": b"n\n"}
    del expected["d"]
    assert not done.fast_forward
    assert desk.parents(desk.head)[0] == ours
    assert len(desk.parents(desk.head)) == 2
    assert desk.message(desk.head) == "Merge branch 'side'\n"
    assert desk.stored(desk.head) == desk.stored() == expected
    assert desk.files == {**expected, "keep": b"mine\n"}
    desk.undo()
    assert desk.head == ours
    assert desk.files == {**BASE, "o": b"o\n", "keep": b"mine\n"}


def test_options(desk: Desk) -> None:
    """`ff_only` refuses to join, `no_ff` makes a commit anyway, and the message can be given."""
    fork(desk, BASE, {"o": b"o\n"}, {"n": b"n\n"})
    with pytest.raises(Conflict, match="cannot follow side"):
        desk.repo.merge("side", MergeOptions(ff_only=True))
    desk.switch("side")
    desk.switch("new", new=True)
    tip = desk.commit("more", {"m": b"m\n"})
    desk.switch("side")

    done = desk.repo.merge("new", MergeOptions(no_ff=True, message="why\n\nbecause"))

    assert not done.fast_forward
    assert desk.parents(desk.head)[1] == tip
    assert desk.message(desk.head) == "why\n\nbecause\n"
    assert desk.files["m"] == b"m\n"


def test_refusals_change_nothing(desk: Desk) -> None:
    """Local changes in the way, staged changes, unknown revisions: an error, and all is as before."""
    fork(desk, BASE, {"o": b"o\n"}, {"keep": b"theirs\n", "n": b"n\n"})
    desk.write({"keep": b"mine\n"})
    before = desk.repo.repository.root()
    with pytest.raises(Conflict, match="keep"):
        desk.repo.merge("side")
    desk.write({"keep": b"k\n", "n": b"untracked\n"})
    with pytest.raises(Conflict, match="n"):
        desk.repo.merge("side")
    with pytest.raises(NotFound):
        desk.repo.merge("nowhere")
    assert desk.repo.repository.root() == before
    assert desk.files == {**BASE, "o": b"o\n", "n": b"untracked\n"}
    desk.repo.stage([b"n"])
    with pytest.raises(Conflict, match="staged"):
        desk.repo.merge("side")


@pytest.mark.parametrize(
    ("local", "reason"),
    [
        ({"t.txt": None}, "t.txt (deleted)"),
        ({"p.jpg": b"\0theirs"}, "p.jpg (changed)"),
        ({"keep": b"new\n"}, "keep (changed)"),
        ({"keep": None}, "keep (deleted)"),
        ({"n": b"n\n"}, "n (untracked)"),
    ],
)
def test_a_stop_finds_nothing_local_at_its_paths(desk: Desk, local: Files, reason: str) -> None:
    """What `abort` could not bring back is in the way: deletions too, and changes to just what theirs has.

    A change in a file of a conflict is, even where the file would not be written: ours would not be shown.
    """
    fork(desk, BASE, OURS, {**THEIRS, "keep": b"new\n"})
    desk.write(local)
    files, before = desk.files, desk.repo.repository.root()

    with pytest.raises(Conflict, match=re.escape(reason)):
        desk.repo.merge("side")
    with pytest.raises(Conflict, match=re.escape(reason)):
        replaying.cherry_pick(desk.repo, ["side"])

    assert desk.files == files
    assert desk.repo.repository.root() == before


def test_unrelated_histories(desk: Desk) -> None:
    """They are joined on request only."""
    desk.commit("ours", {"a": b"a"})
    Past(desk.repo.repository).commit("theirs", {"b": b"b"}, branch="other", parents=[])

    with pytest.raises(InvalidInput, match="no history in common"):
        desk.repo.merge("other")
    desk.repo.merge("other", MergeOptions(allow_unrelated=True))

    assert desk.files == {"a": b"a", "b": b"b"}


def test_stopping_keeps_every_version(desk: Desk) -> None:
    """In a conflict HEAD stays, and both versions of everything are in the working copy."""
    fork(desk, BASE, OURS, THEIRS)
    ours = desk.head

    done = desk.repo.merge("side")

    assert [row.path for row in done.conflicts] == [b"d", b"p.jpg", b"t.txt"]
    assert desk.head == ours
    assert desk.files == {
        "t.txt": MARKED,
        "p.jpg": b"\0ours",
        "p.theirs-side.jpg": b"\0theirs",
        "d": b"new\n",
        "keep": b"k\n",
        "o": b"o\n",
        "n": b"n\n",
    }
    assert desk.repo.status().conflicts == (b"d", b"p.jpg", b"t.txt")


def test_nothing_else_begins_while_stopped(desk: Desk) -> None:
    """Neither a commit, nor another merge, nor a switch."""
    fork(desk, BASE, OURS, THEIRS)
    desk.repo.merge("side")

    for forbidden in (
        lambda: desk.repo.commit("x"),
        lambda: desk.repo.commit_with(CommitRequest("x", amend=True)),
        lambda: desk.repo.merge("side"),
        lambda: desk.repo.rebase("side"),
        lambda: desk.switch("side"),
        lambda: merging.finish(desk.repo),
    ):
        with pytest.raises(Conflict):
            forbidden()


def test_going_back(desk: Desk) -> None:
    """`abort` restores files, stage and HEAD; changes in other files stay."""
    fork(desk, BASE, OURS, THEIRS)
    desk.write({"keep": b"mine\n", "untracked": b"u"})
    before, files = desk.repo.repository.root(), desk.files
    desk.repo.merge("side")
    desk.write({"t.txt": b"half done\n", "p.theirs-side.jpg": b"edited", "o": b"later\n"})

    merging.abort(desk.repo)

    after = desk.repo.repository.root()
    assert desk.files == {**files, "o": b"later\n"}
    assert (after.head, after.refs, after.stage, after.state) == (
        before.head,
        before.refs,
        before.stage,
        None,
    )
    with pytest.raises(NotFound):
        merging.abort(desk.repo)


@pytest.mark.parametrize("decision", ["ours", "theirs"])
def test_taking_a_side(desk: Desk, decision: Decision) -> None:
    """The path has that side's version, the other version beside it goes, and the merge can be committed."""
    fork(desk, BASE, OURS, THEIRS)
    desk.repo.merge("side")

    done = resolve_conflicts(desk.repo, [b"t.txt", b"p.theirs-side.jpg", b"d"], decision)
    merging.finish(desk.repo)

    side = OURS if decision == "ours" else THEIRS
    expected = {**BASE, **OURS, **THEIRS, "t.txt": side["t.txt"], "p.jpg": side["p.jpg"], "d": side["d"]}
    expected = {name: data for name, data in expected.items() if data is not None}
    assert done.resolved == [b"d", b"p.jpg", b"t.txt"]
    assert desk.files == desk.stored(desk.head) == expected
    assert len(desk.parents(desk.head)) == 2


def test_taking_what_the_files_are(desk: Desk) -> None:
    """`mark` stages the edited file; a version beside it goes unless it was edited too."""
    fork(desk, BASE, OURS, THEIRS)
    desk.repo.merge("side")
    desk.write({"t.txt": b"settled\n", "d": None, "p.jpg": b"\0both", "p.theirs-side.jpg": b"\0edited"})

    assert resolve_conflicts(desk.repo, [b"t.txt"], "mark").left == [b"d", b"p.jpg"]
    resolve_conflicts(desk.repo, [b""], "mark")
    desk.repo.commit_with(CommitRequest(None))

    assert desk.message(desk.head) == "Merge branch 'side'\n"
    assert len(desk.parents(desk.head)) == 2
    assert desk.stored(desk.head) == {
        "t.txt": b"settled\n",
        "p.jpg": b"\0both",
        "keep": b"k\n",
        "o": b"o\n",
        "n": b"n\n",
    }
    assert desk.files["p.theirs-side.jpg"] == b"\0edited"


def test_adding_settles(desk: Desk) -> None:
    """`add` of a path in conflict is the decision, as in git."""
    fork(desk, BASE, {"t.txt": OURS["t.txt"]}, {"t.txt": THEIRS["t.txt"]})
    desk.repo.merge("side")
    desk.write({"t.txt": b"settled\n"})

    desk.repo.stage([b"t.txt"])
    merging.finish(desk.repo, "joined")

    assert desk.stored(desk.head)["t.txt"] == b"settled\n"
    assert desk.message(desk.head) == "joined\n"
    desk.undo()
    assert desk.files["t.txt"] == b"settled\n"


def test_what_is_not_in_conflict_cannot_be_settled(desk: Desk) -> None:
    """A path without a conflict, and a repository without a merge, are errors."""
    fork(desk, BASE, OURS, THEIRS)
    with pytest.raises(NotFound):
        resolve_conflicts(desk.repo, [b"t.txt"], "ours")
    desk.repo.merge("side")
    with pytest.raises(NotFound, match="keep"):
        resolve_conflicts(desk.repo, [b"keep"], "ours")


def test_a_folder_against_a_file(desk: Desk) -> None:
    """Taking the file removes the folder, taking the folder removes the file beside it."""
    fork(desk, {"d/x": b"x", "k": b"k"}, {"d/x": None, "d": b"file"}, {"d/x": b"new", "d/y": b"y"})
    desk.repo.merge("side")
    assert desk.files == {"d.ours-main": b"file", "d/x": b"new", "d/y": b"y", "k": b"k"}

    resolve_conflicts(desk.repo, [b"d"], "ours")
    assert desk.files == {"d": b"file", "k": b"k"}
    desk.undo()
    assert desk.files == {"d.ours-main": b"file", "d/x": b"new", "d/y": b"y", "k": b"k"}
    resolve_conflicts(desk.repo, [b"d"], "theirs")

    assert desk.files == desk.stored() == {"d/x": b"new", "d/y": b"y", "k": b"k"}


names = st.sampled_from(["a", "b", "c/a", "c/b"])
contents = st.sampled_from([b"1\n2\n", b"1\n3\n", b"\0one", b"\0two", None])
changes = st.dictionaries(names, contents, max_size=4)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=changes, ours=changes, theirs=changes, local=changes)
def test_going_back_is_exact(
    tmp_path_factory: pytest.TempPathFactory, base: Files, ours: Files, theirs: Files, local: Files
) -> None:
    """Whatever the sides and local changes are: a merge is refused, or done, or `abort` takes it all back."""
    desk = Desk(tmp_path_factory.mktemp("desk") / "d")

    def changed(files: Files) -> Files:
        there = set(desk.files)
        return {name: data for name, data in files.items() if data is not None or name in there}

    desk.commit("base", {"k": b"k", **{name: data for name, data in base.items() if data is not None}})
    desk.switch("side", new=True)
    desk.commit("theirs", {"t": b"t", **changed(theirs)})
    desk.switch("main")
    desk.commit("ours", {"o": b"o", **changed(ours)})
    desk.write(changed(local))
    files, before = desk.files, desk.repo.repository.root()
    try:
        done = desk.repo.merge("side")
    except Conflict:
        assert desk.files == files
        return
    if not done.conflicts:
        assert desk.stored() == desk.stored(desk.head)
        return
    shown = set(desk.files.values())
    for row in done.conflicts:
        for entry, name in ((row.ours, row.our_name), (row.theirs, row.their_name)):
            if entry is not None and row.our_name != row.their_name:
                assert desk.repo.repository.contents.read(entry.digest) in shown, name
    merging.abort(desk.repo)
    after = desk.repo.repository.root()
    assert desk.files == files
    assert (after.refs, after.stage, after.head) == (before.refs, before.stage, before.head)


def test_a_stop_before_the_files_are_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process ends after the root moved, the next command writes the files of the merge first."""
    fork(desk, BASE, OURS, THEIRS)
    files = desk.files

    with monkeypatch.context() as patch:
        patch.setattr(Change, "carry_out", stop_here)
        with pytest.raises(Stopped):
            desk.repo.merge("side")
    assert desk.files == files
    resolve_conflicts(desk.repo, [b"p.jpg"], "mark")

    assert desk.files["t.txt"] == MARKED
    assert desk.files["n"] == b"n\n"
    with monkeypatch.context() as patch:
        patch.setattr(Change, "carry_out", stop_here)
        with pytest.raises(Stopped):
            merging.abort(desk.repo)
    desk.repo.stage([])

    assert desk.files == desk.stored() == files


class Stopped(Exception):
    """Stands for the end of the process."""


def stop_here(_: Change) -> None:
    """End the process, so to say."""
    raise Stopped


@pytest.mark.parametrize("decision", ["ours", "theirs"])
def test_links_in_conflict(desk: Desk, decision: Decision) -> None:
    """Both targets are kept, and a side can be taken."""
    for branch, target in (("main", "base"), ("side", "theirs"), ("main", "ours")):
        if target == "theirs":
            desk.switch("side", new=True)
        elif target == "ours":
            desk.switch("main")
        (desk.root / "link").unlink(missing_ok=True)
        (desk.root / "link").symlink_to(target)
        desk.commit(f"{target} on {branch}", {})

    desk.repo.merge("side")

    assert (desk.root / "link").readlink() == Path("ours")
    assert (desk.root / "link.theirs-side").readlink() == Path("theirs")
    resolve_conflicts(desk.repo, [b"link"], decision)
    assert (desk.root / "link").readlink() == Path(decision)
    assert not (desk.root / "link.theirs-side").is_symlink()


@pytest.mark.parametrize("decision", ["ours", "theirs", "mark"])
def test_a_name_that_is_no_text_can_be_settled(desk: Desk, decision: Decision) -> None:
    """A conflict at a name of bytes that are not UTF-8 is settled like any other, and logged."""
    name = os.fsdecode(b"latin-\xe9")
    fork(desk, {name: b"1\n"}, {name: b"2\n"}, {name: b"3\n"})
    merging.merge(desk.repo, "side")
    assert resolve_conflicts(desk.repo, [os.fsencode(name)], decision).left == []
    assert merging.finish(desk.repo).id == desk.head
