"""Add, rm, mv, status and commit through `Repo`: what is staged is what lies there."""

import os
from pathlib import Path

import pytest
from tests.support.model import Thing, read_commit, read_folder, read_tree
from tests.support.repos import ADA, ticking
from tests.support.worktrees import write_files

from tether.api.repo import Repo
from tether.api.staging import CommitRequest
from tether.core.identity import Person, Time
from tether.core.treeread import walk
from tether.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, TetherError
from tether.worktree.compare import Comparison


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return an empty repository."""
    repo = Repo.init(tmp_path / "work", clock=ticking())
    repo.author = ADA
    return repo


def staged(repo: Repo) -> dict[str, Thing]:
    """Return the files on the stage."""
    return read_tree(repo.repository, repo.repository.root().stage)


def committed(repo: Repo) -> dict[str, Thing]:
    """Return the files of the commit that is checked out."""
    head = repo.repository.root().head_commit()
    return read_commit(repo.repository, head) if head else {}


def save(repo: Repo, files: dict[str, bytes]) -> None:
    """Write files and commit everything."""
    write_files(repo.root, files)
    repo.add()
    repo.commit("saved")


def test_everything_that_a_folder_may_hold_is_kept(repo: Repo) -> None:
    """Bits, links of all sorts, odd names, empty files and folders, long paths, big files."""
    root = repo.root
    write_files(root, {"plain": b"x", "empty": b"", "big.bin": os.urandom(3 << 20), "a b\n'\"": b"odd"})
    write_files(root, {"/".join(["deep" * 20] * 12) + "/file": b"deep", "n" * 255: b"long"})
    (root / os.fsdecode(b"latin-\xe9")).write_bytes(b"not utf-8")
    (root / "run").write_bytes(b"#!")
    (root / "run").chmod(0o755)
    for name, target in {"to-file": "plain", "dangling": "none", "out": "/etc/passwd", "dir": ".."}.items():
        (root / name).symlink_to(target)
    (root / "void/inner").mkdir(parents=True)

    result = repo.add()
    made = repo.commit("everything")

    assert (result.added, result.modified, result.removed) == (12, 0, 0)
    assert committed(repo) == read_folder(root)
    assert made.files == 12
    tree = repo.repository.root().stage
    assert b"void/inner" in [path for path, _ in walk(repo.repository.objects, tree)]
    assert repo.status().work.is_clean


@pytest.mark.parametrize("name", ["a", os.fsdecode(b"\xff\xfe"), "tab\tnew\nline", "-f", "\N{SNOWMAN}"])
def test_a_file_is_added_removed_and_moved_by_any_name(repo: Repo, name: str) -> None:
    """What the name is made of makes no difference to any command."""
    write_files(repo.root, {name: b"one", "target/keep": b"k"})
    repo.add(["target", name])
    assert name in staged(repo)
    raw = os.fsencode(name)
    assert repo.move([raw], b"target") == [(raw, b"target/" + raw)]
    assert sorted(read_folder(repo.root)) == sorted(["target/keep", f"target/{name}"])
    repo.commit("moved")
    repo.remove([b"target/" + raw])
    assert sorted(staged(repo)) == ["target/keep"] == sorted(read_folder(repo.root))


def test_an_edit_of_the_same_size_in_the_same_instant_is_seen(repo: Repo) -> None:
    """Neither the time nor the size tells the contents apart; each edit is staged all the same."""
    path = repo.root / "a"
    path.write_bytes(b"0000")
    repo.add()
    for number in range(1, 30):
        before = path.stat()
        path.write_bytes(b"%04d" % number)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert not repo.status().work.is_clean
        repo.add("a")
        assert staged(repo)["a"].data == b"%04d" % number


def test_add_of_one_path_leaves_the_others(repo: Repo) -> None:
    """Only the named file and folder are staged, removals in the folder included."""
    save(repo, {"a": b"1", "d/x": b"1", "d/y": b"1"})
    write_files(repo.root, {"a": b"2", "d/x": b"2", "d/z": b"2"})
    (repo.root / "d/y").unlink()

    result = repo.add("d")

    assert (result.added, result.modified, result.removed) == (1, 1, 1)
    assert {path: thing.data for path, thing in staged(repo).items()} == {"a": b"1", "d/x": b"2", "d/z": b"2"}


def test_a_deleted_file_is_staged_by_its_name_and_an_unknown_one_is_not_found(repo: Repo) -> None:
    """A path may be gone from the folder or from the stage, but not from both."""
    save(repo, {"a": b"1", "b": b"1"})
    (repo.root / "a").unlink()

    assert repo.add("a").removed == 1
    with pytest.raises(NotFound, match="nowhere"):
        repo.add("nowhere")
    with pytest.raises(InvalidInput, match="outside"):
        repo.add("../b")


def test_file_and_folder_change_places(repo: Repo) -> None:
    """A folder takes the place of a file and the other way round, also through a link."""
    save(repo, {"one": b"file", "two/in": b"folder", "three": b"file"})
    (repo.root / "one").unlink()
    (repo.root / "two/in").unlink()
    (repo.root / "two").rmdir()
    (repo.root / "three").unlink()
    write_files(repo.root, {"one/in": b"folder", "two": b"file"})
    (repo.root / "three").symlink_to("one")

    repo.add()
    repo.commit("turned")

    assert committed(repo) == read_folder(repo.root)


def test_a_path_behind_a_link_is_never_followed(repo: Repo, tmp_path: Path) -> None:
    """A linked folder is a link; what it leads to cannot be added through it."""
    write_files(tmp_path / "outside", {"secret": b"s"})
    repo.root.joinpath("link").symlink_to(tmp_path / "outside")
    repo.add()

    assert staged(repo) == {"link": Thing("link", os.fsencode(tmp_path / "outside"))}
    with pytest.raises(TetherError):
        repo.add("link/secret")
    assert sorted(staged(repo)) == ["link"]


def test_a_pipe_cannot_be_added(repo: Repo) -> None:
    """A pipe by name is an error that names it, and does not hang; beside others it is passed over."""
    os.mkfifo(repo.root / "pipe")
    write_files(repo.root, {"file": b"x"})

    with pytest.raises(InvalidInput, match="pipe"):
        repo.add("pipe")
    assert repo.status().work.special == [b"pipe"]


def test_ignored_files_need_force(repo: Repo) -> None:
    """Rules keep files out; naming one is an error, with force it is taken, then it is tracked."""
    write_files(repo.root, {".tetherignore": b"*.tmp\n!keep.tmp\n", "a.tmp": b"1", "keep.tmp": b"1"})
    repo.add()
    assert sorted(staged(repo)) == [".tetherignore", "keep.tmp"]
    with pytest.raises(InvalidInput, match=r"a\.tmp"):
        repo.add("a.tmp")
    repo.stage([b"a.tmp"], force=True)
    repo.commit("forced")
    write_files(repo.root, {"a.tmp": b"2"})
    assert repo.add().modified == 1
    assert repo.explain_ignored(b"b.tmp") == (".tetherignore", 1, "*.tmp")
    assert repo.explain_ignored(b"keep.tmp") in (None, (".tetherignore", 2, "!keep.tmp"))


def test_a_dry_run_changes_nothing(repo: Repo) -> None:
    """It counts, lists and stores nothing."""
    save(repo, {"a": b"1"})
    write_files(repo.root, {"a": b"2", "b": b"2"})
    before = repo.repository.root()

    result = repo.stage([], dry_run=True, listed=True)

    assert (result.added, result.modified) == (1, 1)
    assert {(c.path, c.change) for c in result.changes} == {(b"a", "modified"), (b"b", "added")}
    assert repo.repository.root() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_error_and_nothing_is_staged(repo: Repo) -> None:
    """The file is named, and the stage is as it was."""
    write_files(repo.root, {"a": b"1", "closed": b"2"})
    (repo.root / "closed").chmod(0)
    with pytest.raises(Forbidden, match="closed"):
        repo.add()
    assert staged(repo) == {}


def test_commit_says_what_is_missing(repo: Repo) -> None:
    """Nothing staged, no message, no author: each has its own error, and none makes a commit."""
    with pytest.raises(InvalidInput, match="nothing to commit"):
        repo.commit("empty")
    write_files(repo.root, {"a": b"1"})
    with pytest.raises(InvalidInput, match="nothing to commit"):
        repo.commit("not staged")
    repo.add()
    for message in ("", " \n "):
        with pytest.raises(InvalidInput, match="no message"):
            repo.commit(message)
    repo.author = None
    with pytest.raises(InvalidInput, match="nobody to commit as"):
        repo.commit("who?")
    assert repo.repository.root().head_commit() is None
    assert sorted(staged(repo)) == ["a"]


def test_an_empty_first_commit_can_be_made_and_cloned(repo: Repo, tmp_path: Path) -> None:
    """A repository without any file is as good as another."""
    made = repo.commit("begin", allow_empty=True)
    assert (made.files, made.bytes, made.changed) == (0, 0, 0)
    for address in (repo.root, f"file://{repo.root}"):
        copy = Repo.clone(address, tmp_path / f"copy-{str(address)[0]}", clock=ticking())
        assert copy.repository.root().head_commit() == made.id
        assert copy.status().work.is_clean


def test_commit_all_takes_tracked_files_alone(repo: Repo) -> None:
    """Changes and deletions of tracked files go in, new files do not."""
    save(repo, {"a": b"1", "b": b"1"})
    write_files(repo.root, {"a": b"2", "new": b"2"})
    (repo.root / "b").unlink()

    made = repo.commit("all", all=True)

    assert committed(repo) == {"a": Thing("file", b"2")}
    assert made.changed == 2
    assert repo.status().work.untracked == [(b"new", False)]


def test_amend_replaces_the_commit_and_keeps_its_author(repo: Repo) -> None:
    """Parents, author and date stay; message and files are the new ones."""
    save(repo, {"a": b"1"})
    writer, date = Person("Grace", "grace@example.org"), Time(5_000_000, 60)
    write_files(repo.root, {"a": b"2"})
    first = repo.commit_with(CommitRequest("second", all=True, author=writer, date=date))
    write_files(repo.root, {"a": b"3"})

    repo.add()
    second = repo.commit_with(CommitRequest(None, amend=True))

    entries = list(repo.log())
    assert [entry.commit.message for entry in entries] == ["second\n", "saved\n"]
    assert (entries[0].commit.author, entries[0].commit.authored) == (writer, date)
    assert entries[0].commit.committer == ADA
    assert (first.id != second.id, committed(repo)["a"].data) == (True, b"3")


def test_rm_keeps_what_no_commit_has(repo: Repo) -> None:
    """Changed files and staged ones are refused without force; `cached` leaves the file."""
    save(repo, {"a": b"1", "b": b"1", "d/x": b"1"})
    write_files(repo.root, {"a": b"local", "b": b"staged"})
    repo.add("b")
    for path in (b"a", b"b"):
        with pytest.raises(Conflict, match=path.decode()):
            repo.remove([path])
    with pytest.raises(InvalidInput, match="folder"):
        repo.remove([b"d"])
    with pytest.raises(NotFound):
        repo.remove([b"none"])
    assert sorted(read_folder(repo.root)) == ["a", "b", "d/x"]

    assert repo.remove([b"a"], cached=True).paths == [b"a"]
    assert repo.remove([b"d"], recursive=True).paths == [b"d/x"]
    assert repo.remove([b"b"], force=True).paths == [b"b"]
    assert read_folder(repo.root) == {"a": Thing("file", b"local")}
    assert staged(repo) == {}


def test_mv_refuses_what_would_be_overwritten(repo: Repo) -> None:
    """A target that exists, tracked or not, stops the move; so does a source that is not tracked."""
    save(repo, {"a": b"1", "b": b"2", "d/x": b"3"})
    write_files(repo.root, {"untracked": b"u"})
    before = read_folder(repo.root)
    for target in (b"b", b"untracked"):
        with pytest.raises(AlreadyExists):
            repo.move([b"a"], target)
    with pytest.raises(NotFound):
        repo.move([b"untracked"], b"new")
    with pytest.raises(InvalidInput):
        repo.move([b"a", b"b"], b"new")
    with pytest.raises(TetherError):
        repo.move([b"d"], b"d/inner")
    assert (read_folder(repo.root), repo.status().staged) == (before, ())

    repo.move([b"d"], b"e")
    repo.move([b"a", b"b"], b"e")

    assert sorted(staged(repo)) == ["e/a", "e/b", "e/x"]
    assert repo.status().work.is_clean


def test_status_tells_every_kind_of_change(repo: Repo) -> None:
    """Modified, deleted, type, mode, untracked and ignored, each on its side."""
    save(repo, {"m": b"1", "gone": b"1", "type": b"1", "mode": b"1", ".tetherignore": b"*.log\n"})
    write_files(repo.root, {"m": b"2", "new/one": b"1", "x.log": b"1", "staged": b"1"})
    repo.add("staged")
    (repo.root / "gone").unlink()
    (repo.root / "type").unlink()
    (repo.root / "type").symlink_to("m")
    (repo.root / "mode").chmod(0o755)

    found = repo.status(ignored=True)

    assert [change.path for change in found.staged] == [b"staged"]
    assert [change.path for change in found.work.modified] == [b"m"]
    assert [change.path for change in found.work.deleted] == [b"gone"]
    assert [change.path for change in found.work.type_changed] == [b"type"]
    assert [change.path for change in found.work.mode_changed] == [b"mode"]
    assert found.work.untracked == [(b"new", True)]
    assert found.work.ignored == [(b"x.log", False)]
    assert repo.status(all_files=True).work.untracked == [(b"new/one", False)]
    assert repo.status([b"m"]).work.deleted == []


def test_mv_loses_nothing(repo: Repo, tmp_path: Path) -> None:
    """Two files never become one, a folder moves neither into itself nor below a file or link."""
    files = {"x/a": b"1", "y/a": b"2", "d/z": b"3", "b": b"4"}
    outside = tmp_path / "outside"
    outside.mkdir()
    (repo.root / "link").mkdir(parents=True)
    (repo.root / "link").rmdir()
    (repo.root / "link").symlink_to(outside)
    save(repo, files)
    for sources, target, why in (
        ([b"x/a", b"y/a"], b"d", "would both be d/a"),
        ([b"d"], b"d/in", "into itself"),
        ([b"d"], b"d", "into itself"),
        ([b""], b"d", "into itself"),
        ([b"d", b"d/z"], b"x", "moves too"),
        ([b"x/a"], b"b/c", "b is no folder"),
        ([b"x/a"], b"link/c", "link is no folder"),
    ):
        with pytest.raises(InvalidInput, match=why):
            repo.move(sources, target)
    with pytest.raises(AlreadyExists):
        repo.move([b"x/a"], b"link")
    assert {name: thing.data for name, thing in read_folder(repo.root).items() if name != "link"} == files
    assert repo.status().work.is_clean
    assert list(outside.iterdir()) == []


def test_mv_takes_the_folder_that_it_leaves_empty(repo: Repo) -> None:
    """A folder whose last file moved away is gone from the working copy as from the stage; undo brings it."""
    save(repo, {"x/in/a": b"1", "b": b"2"})
    repo.move([b"x/in/a"], b"a")
    assert not (repo.root / "x").exists()
    assert repo.status().work == Comparison()


def test_rm_of_everything_and_of_paths_in_one_another(repo: Repo) -> None:
    """A path that is named twice counts once; the top folder stands for all that is tracked."""
    save(repo, {"d/x": b"1", "d/y": b"2", "e": b"3"})
    assert sorted(repo.remove([b"d", b"d/x", b"d"], recursive=True).paths) == [b"d/x", b"d/y"]
    write_files(repo.root, {"new": b"mine"})
    assert repo.remove([b""], recursive=True, force=True).paths == [b"e"]
    assert (list(read_folder(repo.root)), staged(repo)) == (["new"], {})
