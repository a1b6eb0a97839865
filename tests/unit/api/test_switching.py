"""Switch, checkout, restore, reset and clean through `Repo`: nothing local is lost without a word."""

import os
from pathlib import Path

import pytest
from tests.support.model import Thing, read_folder, read_tree
from tests.support.repos import ADA, ticking
from tests.support.worktrees import write_files

from tether.api import operations
from tether.api.repo import Repo
from tether.api.switching import explain_ignored
from tether.api.working import Change
from tether.core.tree import Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Unavailable
from tether.repo.history import History
from tether.repo.operations import Head
from tether.repo.oplog import read_operations


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a repository with `main`, and `side` that changes, adds and removes files."""
    repo = Repo.init(tmp_path / "work", clock=ticking())
    repo.author = ADA
    write_files(repo.root, {"a": b"main", "same": b"same", "gone": b"main", "turns": b"file"})
    repo.add()
    repo.commit("one")
    repo.switch("side", create="HEAD")
    for name in ("gone", "turns"):
        (repo.root / name).unlink()
    write_files(repo.root, {"a": b"side", "new/file": b"side", "turns/into": b"side"})
    (repo.root / "link").symlink_to("nowhere")
    repo.add()
    repo.commit("two")
    repo.switch("main")
    return repo


def plain(repo: Repo) -> dict[str, bytes]:
    """Return the working files."""
    return {path: thing.data for path, thing in read_folder(repo.root).items()}


def staged(repo: Repo) -> dict[str, Thing]:
    """Return the files on the stage."""
    return read_tree(repo.repository, repo.repository.root().stage)


MAIN = {"a": b"main", "same": b"same", "gone": b"main", "turns": b"file"}
SIDE = {"a": b"side", "same": b"same", "new/file": b"side", "turns/into": b"side", "link": b"nowhere"}


def test_switch_there_and_back(repo: Repo) -> None:
    """Files, links and folders become those of the other branch, and come back."""
    assert plain(repo) == MAIN
    there = repo.switch("side")
    assert (plain(repo), there.branch, repo.status().work.is_clean) == (SIDE, "side", True)
    repo.switch("main")
    assert plain(repo) == MAIN
    assert not (repo.root / "new").exists()


@pytest.mark.parametrize(
    ("path", "content"),
    [("a", b"mine"), ("gone", b"mine"), ("new/file", b"mine"), ("turns", b"mine"), ("link", b"mine")],
)
def test_a_local_change_in_the_way_stops_the_switch(repo: Repo, path: str, content: bytes) -> None:
    """Changed and untracked files that differ from the new ones are named; nothing has moved."""
    write_files(repo.root, {path: content})
    before, root = read_folder(repo.root), repo.repository.root()

    with pytest.raises(Conflict, match=path):
        repo.switch("side")

    assert (read_folder(repo.root), repo.repository.root()) == (before, root)
    repo.switch("side", force=True)
    assert plain(repo) == SIDE
    operations.undo(repo)
    assert read_folder(repo.root) == before


def test_what_is_not_in_the_way_is_carried_along(repo: Repo) -> None:
    """Local changes, untracked files and staged ones of other paths stay, and come back."""
    write_files(repo.root, {"same": b"mine", "staged": b"mine", "untracked": b"mine"})
    repo.add("staged")

    repo.switch("side")

    assert plain(repo) == {**SIDE, "same": b"mine", "staged": b"mine", "untracked": b"mine"}
    assert [change.path for change in repo.status().staged] == [b"staged"]
    assert [change.path for change in repo.status().work.modified] == [b"same"]
    repo.switch("main")
    assert plain(repo) == {**MAIN, "same": b"mine", "staged": b"mine", "untracked": b"mine"}


def test_a_staged_change_in_the_way_stops_the_switch(repo: Repo) -> None:
    """A staged file that the other branch has differently is named."""
    write_files(repo.root, {"a": b"mine"})
    repo.add()
    with pytest.raises(Conflict, match="a"):
        repo.switch("side")
    write_files(repo.root, {"a": b"side"})
    repo.add()
    repo.switch("side")
    assert repo.status().staged == ()


def test_a_file_that_is_already_as_wanted_is_not_in_the_way(repo: Repo) -> None:
    """The same change on both sides is no conflict."""
    write_files(repo.root, {"a": b"side", "new/file": b"side"})
    (repo.root / "gone").unlink()
    repo.switch("side")
    assert (plain(repo), repo.status().work.is_clean) == (SIDE, True)


def test_a_folder_with_untracked_files_is_not_replaced_by_a_file(repo: Repo) -> None:
    """Where the other branch has a file, a folder with files of the user's stops the switch."""
    repo.switch("side")
    write_files(repo.root, {"turns/mine": b"mine"})
    with pytest.raises(Conflict, match="turns"):
        repo.switch("main")
    assert (repo.root / "turns/mine").read_bytes() == b"mine"


def test_an_ignored_file_in_the_way_is_not_lost(repo: Repo) -> None:
    """Ignored does not mean worthless."""
    write_files(repo.root, {".tetherignore": b"new/\n", "new/file": b"mine"})
    with pytest.raises(Conflict, match="new"):
        repo.switch("side")
    assert (repo.root / "new/file").read_bytes() == b"mine"


def test_a_linked_folder_is_not_written_through(repo: Repo, tmp_path: Path) -> None:
    """A link in the place of a folder stops the switch; what it leads to is not touched."""
    (tmp_path / "outside").mkdir()
    (repo.root / "new").symlink_to(tmp_path / "outside")
    with pytest.raises(Conflict, match="new"):
        repo.switch("side")
    repo.switch("side", force=True)
    assert list((tmp_path / "outside").iterdir()) == []
    assert plain(repo) == SIDE


def test_read_only_files_are_replaced(repo: Repo) -> None:
    """A file without the right to write belongs to the folder that may be written."""
    (repo.root / "a").chmod(0o444)
    repo.switch("side")
    assert plain(repo) == SIDE


def test_executable_bit_and_big_file_follow(repo: Repo) -> None:
    """A bit alone is set and taken back; a file of several chunks is written whole."""
    big = os.urandom(5 << 20)
    write_files(repo.root, {"big": big})
    (repo.root / "same").chmod(0o755)
    repo.add()
    repo.commit("bits")
    repo.checkout("HEAD~1")
    assert (read_folder(repo.root)["same"].kind, "big" in plain(repo)) == ("file", False)
    repo.switch("main")
    assert (read_folder(repo.root)["same"].kind, plain(repo)["big"]) == ("exec", big)


def test_another_name_of_a_file_keeps_its_mode(repo: Repo, tmp_path: Path) -> None:
    """A checkout that changes only the executable bit does not reach a hard link outside."""
    repo.switch("bit", create="HEAD")
    (repo.root / "same").chmod(0o755)
    repo.add()
    repo.commit("bit")
    repo.switch("main")
    (tmp_path / "outside").hardlink_to(repo.root / "same")
    for branch, executable in (("bit", True), ("main", False)):
        repo.switch(branch)
        assert os.access(repo.root / "same", os.X_OK) is executable
        assert not os.access(tmp_path / "outside", os.X_OK)
    assert repo.status().work.is_clean


def test_checkout_takes_any_revision_without_a_branch(repo: Repo) -> None:
    """By whole id, prefix, or a step back HEAD is detached; by a branch's name it is not."""
    side = repo.repository.root().refs["refs/heads/side"]
    for rev in (side.hex(), side.hex()[:8], "side~0"):
        moved = repo.checkout(rev)
        assert (moved.branch, moved.commit) == (None, side)
    made = repo.commit("detached", allow_empty=True)
    assert (made.branch, repo.repository.root().refs["refs/heads/side"]) == (None, side)
    assert repo.checkout("main").branch == "main"


def test_names_that_are_taken_or_unknown(repo: Repo) -> None:
    """A branch is made once, and switching needs one that is there."""
    with pytest.raises(AlreadyExists):
        repo.switch("side", create="HEAD")
    with pytest.raises(NotFound, match="none"):
        repo.switch("none")
    with pytest.raises(NotFound):
        repo.checkout("none")
    with pytest.raises(InvalidInput):
        repo.switch("a..b", create="HEAD")


def test_restore_from_the_stage_and_from_a_revision(repo: Repo) -> None:
    """Working files, stage or both; what was overwritten is kept with the operation."""
    write_files(repo.root, {"a": b"staged"})
    repo.add()
    write_files(repo.root, {"a": b"local", "same": b"local"})

    repo.restore([b"a"])
    assert (plain(repo)["a"], plain(repo)["same"]) == (b"staged", b"local")
    repo.restore([b"a"], staged=True, files=False)
    assert (staged(repo)["a"].data, plain(repo)["a"]) == (b"main", b"staged")
    repo.restore([b"a", b"new"], source="side")
    assert (plain(repo)["a"], plain(repo)["new/file"]) == (b"side", b"side")
    assert "new/file" not in staged(repo)
    repo.restore([b""], staged=True)
    assert (plain(repo)["a"], plain(repo)["same"]) == (b"main", b"same")
    with pytest.raises(NotFound, match="none"):
        repo.restore([b"none"])


def test_restore_of_an_unchanged_file_from_another_revision(repo: Repo) -> None:
    """The working file becomes the other one; the stage and the branch stay."""
    root = repo.repository.root()
    repo.restore([b"a"], source="side")
    assert plain(repo)["a"] == b"side"
    now = repo.repository.root()
    assert (now.stage, now.refs) == (root.stage, root.refs)


def test_restore_brings_back_deleted_files_and_folders(repo: Repo) -> None:
    """A folder that is gone comes back as a whole."""
    repo.switch("side")
    (repo.root / "new/file").unlink()
    (repo.root / "new").rmdir()
    assert repo.restore([b"new"]).files == 1
    assert plain(repo) == SIDE


def test_undo_of_a_restore_brings_back_what_it_overwrote(repo: Repo) -> None:
    """Local changes come back; a restore of the stage alone leaves the files at both."""
    write_files(repo.root, {"a": b"precious"})
    repo.restore([b"a"])
    operations.undo(repo)
    assert plain(repo)["a"] == b"precious"
    repo.add()
    write_files(repo.root, {"a": b"main"})
    repo.restore([b"a"], staged=True, files=False)
    operations.undo(repo)
    assert (staged(repo)["a"].data, plain(repo)["a"]) == (b"precious", b"main")


def test_undo_of_a_removal_from_the_stage_leaves_the_file(repo: Repo) -> None:
    """`rm --cached` never touched the file, and neither does taking it back."""
    repo.remove([b"a"], cached=True)
    write_files(repo.root, {"a": b"edited since"})
    operations.undo(repo)
    assert (staged(repo)["a"].data, plain(repo)["a"]) == (b"main", b"edited since")


def test_reset_moves_branch_stage_and_files_by_mode(repo: Repo) -> None:
    """Soft moves the branch, mixed the stage too, hard the files too and keeps what it overwrites."""
    repo.switch("side")
    write_files(repo.root, {"a": b"local", "extra": b"x"})

    repo.reset("main", "soft")
    assert (staged(repo)["a"].data, plain(repo)["a"]) == (b"side", b"local")
    repo.reset("main")
    assert (staged(repo)["a"].data, plain(repo)["a"]) == (b"main", b"local")
    assert repo.repository.root().head.ref == "refs/heads/side"
    repo.reset("main", "hard")
    assert plain(repo)["a"] == b"main"
    newest = operations.list_operations(repo)[0]
    assert newest.rescued is not None
    assert read_tree(repo.repository, newest.rescued)["a"].data == b"local"
    with pytest.raises(InvalidInput):
        repo.reset("main", "other")


def test_clean_removes_untracked_files_and_undo_brings_them_back(repo: Repo) -> None:
    """Ignored files stay unless asked for; a dry run lists; folders left empty go too."""
    write_files(repo.root, {".tetherignore": b"*.log\n"})
    repo.add()
    repo.commit("rules")
    write_files(repo.root, {"junk/a": b"1", "b": b"2", "x.log": b"3"})

    assert repo.clean(dry_run=True) == [b"b", b"junk/a"]
    assert repo.clean() == [b"b", b"junk/a"]
    assert not (repo.root / "junk").exists()
    assert (repo.root / "x.log").exists()
    operations.undo(repo)
    assert (plain(repo)["junk/a"], plain(repo)["b"]) == (b"1", b"2")
    assert repo.clean([b"junk"], ignored=False) == [b"junk/a"]
    assert repo.clean(ignored=True) == [b"b", b"x.log"]


def unwritable(repo: Repo) -> None:
    """Commit on a branch `bad`, beside a change, a link that no system can hold."""
    repo.switch("bad", create="HEAD")
    (repo.root / "a").write_bytes(b"bad")
    (repo.root / "gone").unlink()
    repo.add()
    with repo.repository.transaction("plant") as transaction:
        [digest] = transaction.contents.add_files([b"x" * 5000], [b"zlink"])
        link = Entry(b"zlink", EntryKind.SYMLINK, 5000, digest)
        stage = edit_tree(transaction.objects, transaction.root.stage, {b"zlink": link})
        transaction.set_stage(stage.digest)
    repo.commit("bad")
    (repo.root / "gone").write_bytes(b"main")
    (repo.root / "a").write_bytes(b"main")
    with repo.repository.transaction("go back") as transaction:
        transaction.set_head(Head("refs/heads/main"))
        transaction.set_stage(
            History.of(repo.repository).commit(transaction.root.refs["refs/heads/main"]).tree
        )


def test_checkout_that_cannot_be_written_goes_back(repo: Repo) -> None:
    """Where a file cannot be written, branch, stage and files are as before, and the next command works."""
    unwritable(repo)
    with pytest.raises(InvalidInput, match="zlink"):
        repo.switch("bad")
    assert (plain(repo), repo.status().branch, repo.status().work.is_clean) == (MAIN, "main", True)
    repo.switch("side")
    assert plain(repo) == SIDE


def test_forced_checkout_that_cannot_be_written_goes_back(repo: Repo) -> None:
    """What it had overwritten is back, local changes of files that it would not have changed included."""
    unwritable(repo)
    write_files(repo.root, {"a": b"mine", "same": b"mine too"})
    with pytest.raises(InvalidInput, match="zlink"):
        repo.switch("bad", force=True)
    assert plain(repo) == {**MAIN, "a": b"mine", "same": b"mine too"}
    assert (repo.status().branch, staged(repo)["a"].data) == ("main", b"main")


def cut_short(repo: Repo, branch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a switch after the root has moved and one file is written."""

    def stop(_: Change) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Change, "carry_out", stop)
        with pytest.raises(KeyboardInterrupt):
            repo.switch(branch)
    write_files(repo.root, {"a": branch.encode()})


@pytest.mark.parametrize("local", [b"bad", b"mine"])
def test_what_was_cut_short_and_cannot_be_finished_is_taken_back(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, local: bytes
) -> None:
    """The next command says so and changes nothing else; the one after it works, and no content is lost."""
    unwritable(repo)
    cut_short(repo, "bad", monkeypatch)
    write_files(repo.root, {"a": local})
    repo.create_branch("meanwhile")

    with pytest.raises(Unavailable, match=r"'switch bad' was cut short, .* taken back: .*zlink"):
        repo.switch("side")

    assert (plain(repo), repo.status().branch, repo.status().work.is_clean) == (MAIN, "main", True)
    rescued = [
        op.rescued for op in read_operations(repo.repository) if op.command == "recover" and op.rescued
    ]
    found = [read_tree(repo.repository, tree)["a"].data for tree in rescued]
    assert set(found) == {local} - {b"bad"}
    repo.switch("side")
    assert plain(repo) == SIDE


def test_status_tells_of_a_checkout_that_was_cut_short(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a command that writes files has finished it; a damaged journal does not hide it."""
    cut_short(repo, "side", monkeypatch)
    assert repo.status().unfinished
    journal = repo.repository.directory / "worktree" / "checkout.journal"
    whole = journal.read_bytes()
    journal.write_bytes(b"damaged")
    assert repo.status().unfinished
    journal.write_bytes(whole)
    repo.switch("side")
    assert not repo.status().unfinished
    assert plain(repo) == SIDE


def test_nested_repository_is_not_overwritten(repo: Repo) -> None:
    """Files of a repository inside this one are in the way, whether this one tracks others there or not."""
    for folder in ("new", "turns2"):
        write_files(repo.root, {f"{folder}/.tether/format": b"", f"{folder}/file": b"theirs"})
    with pytest.raises(Conflict, match="new/file"):
        repo.switch("side")
    assert plain(repo)["new/file"] == b"theirs"
    assert repo.status().branch == "main"


def test_changes_inside_a_nested_repository_are_not_lost(repo: Repo) -> None:
    """A tracked file that was changed is in the way, although its folder became a repository of its own."""
    repo.switch("side")
    write_files(repo.root, {"new/.tether/format": b"", "new/file": b"mine"})
    with pytest.raises(Conflict, match="new/file"):
        repo.switch("main")
    assert (repo.root / "new/file").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["gone", "new"])
def test_pipe_in_the_way_is_refused(repo: Repo, name: str) -> None:
    """A pipe where a file or a folder goes is named, with `force` too, and nothing has changed."""
    repo.switch("side" if name == "gone" else "main")
    os.mkfifo(repo.root / name)
    for force in (False, True):
        with pytest.raises(Conflict, match=name):
            repo.switch("main" if name == "gone" else "side", force=force)
    assert (repo.root / name).is_fifo()
    assert repo.status().branch == ("side" if name == "gone" else "main")


def test_rule_for_folders_does_not_ignore_a_link_to_one(repo: Repo) -> None:
    """What explains ignored paths agrees with what lists them."""
    write_files(repo.root, {".tetherignore": b"build/\n", "real/x": b""})
    (repo.root / "build").symlink_to("real")
    assert explain_ignored(repo, b"build") is None
    assert (b"build", False) in repo.status().work.untracked
