"""Clone, push and fetch through `Repo`: commits arrive whole, and nobody's work is overwritten unseen."""

import os
from pathlib import Path

import pytest
from tests.support.model import read_commit, read_folder
from tests.support.repos import ADA, ticking
from tests.support.worktrees import write_files

from tether.api import remotes
from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.core.names import branch_ref, remote_ref
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Unsupported
from tether.repo.check import CheckOptions, check_repository
from tether.repo.repository import Repository
from tether.sync.exchange import PushOptions, RefState


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a repository with two commits, a tag and a remote that does not exist yet."""
    repo = Repo.init(tmp_path / "work", clock=ticking())
    repo.author = ADA
    write_files(repo.root, {"a": b"1", "big": os.urandom(2 << 20), "d/x": b"1"})
    (repo.root / "link").symlink_to("a")
    repo.add()
    repo.commit("one")
    repo.create_tag("v1", message="first")
    save(repo, "a", b"2")
    remotes.add_remote(repo, "origin", str(tmp_path / "bare"))
    return repo


def save(repo: Repo, path: str, data: bytes) -> None:
    """Commit one file."""
    write_files(repo.root, {path: data})
    repo.add()
    repo.commit(f"{path} {data!r}")


def tip(repository: Repository, branch: str = "main") -> bytes | None:
    """Return the commit of a branch."""
    return repository.root().refs.get(branch_ref(branch))


def bare(tmp_path: Path) -> Repository:
    """Open the remote."""
    return Repository.open(tmp_path / "bare", clock=ticking())


def clone(source: str | Path, path: Path) -> Repo:
    """Clone and say who works there."""
    copy = Repo.clone(source, path, clock=ticking())
    copy.author = ADA
    return copy


def test_the_first_push_makes_a_bare_repository(repo: Repo, tmp_path: Path) -> None:
    """The folder is made, holds all that the branch needs, and the branch follows it."""
    done = remotes.push(repo)

    other = bare(tmp_path)
    head = repo.repository.root().head_commit()
    assert [(u.name, u.state) for u in done.updates] == [("refs/heads/main", RefState.NEW)]
    assert (other.worktree, tip(other)) == (None, head)
    assert head is not None
    assert read_commit(other, head) == read_folder(repo.root)
    assert check_repository(other, CheckOptions(full=True)).problems == []
    assert repo.repository.config.get("branch.main.remote") == "origin"
    assert repo.repository.root().refs[remote_ref("origin", "main")] == head
    again = remotes.push(repo)
    assert ([u.state for u in again.updates], again.objects) == ([RefState.SAME], 0)


def test_a_push_sends_only_what_is_new(repo: Repo, tmp_path: Path) -> None:
    """One changed small file is a file, a tree and a commit, whatever else there is."""
    remotes.push(repo)
    save(repo, "a", b"3")
    done = remotes.push(repo)
    assert [u.state for u in done.updates] == [RefState.FORWARD]
    assert done.objects <= 4
    assert done.bytes < 5000


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_clone_has_everything(repo: Repo, tmp_path: Path, scheme: str) -> None:
    """Files, history, tags and the name of the source; it stands on its own when the source is gone."""
    copy = clone(f"{scheme}{repo.root}", tmp_path / "copy")

    assert read_folder(copy.root) == read_folder(repo.root)
    assert [entry.id for entry in copy.log()] == [entry.id for entry in repo.log()]
    assert [tag.name for tag in copy.tags()] == ["v1"]
    assert copy.repository.root().refs[remote_ref("origin", "main")] == tip(repo.repository)
    assert remotes.default_remote(copy) == "origin"
    (tmp_path / "work").rename(tmp_path / "away")
    assert check_repository(copy.repository, CheckOptions(full=True)).problems == []
    assert copy.status().work.is_clean
    save(copy, "more", b"1")


def test_a_clone_by_link_shares_packs_and_a_url_does_not(repo: Repo, tmp_path: Path) -> None:
    """On one file system the packs of a folder's clone are the same files."""
    linked = clone(repo.root, tmp_path / "linked")
    copied = clone(f"file://{repo.root}", tmp_path / "copied")
    shared = {path.stat().st_ino for path in (repo.root / ".tether/packs").iterdir()}

    assert {path.stat().st_ino for path in (linked.root / ".tether/packs").iterdir()} & shared
    assert not {path.stat().st_ino for path in (copied.root / ".tether/packs").iterdir()} & shared


def test_a_clone_of_a_branch_and_into_a_bare_folder(repo: Repo, tmp_path: Path) -> None:
    """`branch` is checked out; with `bare` there are no working files, and it can be pushed to."""
    repo.switch("side", create="HEAD~1")
    repo.switch("main")
    request = CloneRequest(str(repo.root), tmp_path / "b", branch="side")
    copy, moved = Repo.clone_with(request, clock=ticking())
    assert (moved.branch, (copy.root / "a").read_bytes()) == ("side", b"1")
    Repo.clone_with(CloneRequest(str(repo.root), tmp_path / "bare", bare=True), clock=ticking())
    save(repo, "a", b"3")
    remotes.push(repo)
    assert tip(bare(tmp_path)) == tip(repo.repository)


def test_a_clone_that_fails_leaves_nothing(repo: Repo, tmp_path: Path) -> None:
    """No repository, no such branch, a folder in use, an address of another kind."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound):
        clone(tmp_path / "nowhere", tmp_path / "copy")
    with pytest.raises(NotFound, match="none"):
        Repo.clone(repo.root, tmp_path / "copy", branch="none", clock=ticking())
    with pytest.raises(NotFound, match="none"):
        Repo.clone(repo.root, tmp_path / "empty", branch="none", clock=ticking())
    with pytest.raises(AlreadyExists):
        clone(repo.root, tmp_path / "full")
    with pytest.raises(Unsupported):
        clone("gopher://host/x", tmp_path / "copy")
    with pytest.raises(InvalidInput):
        clone("file://host/x", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert list((tmp_path / "empty").iterdir()) == []
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


def test_a_clone_of_an_empty_repository(tmp_path: Path) -> None:
    """There is nothing to check out, and the first commit can be pushed back to a bare one."""
    Repo.init(tmp_path / "bare", bare=True, clock=ticking())
    copy = clone(tmp_path / "bare", tmp_path / "copy")
    save(copy, "a", b"1")
    remotes.push(copy)
    assert tip(bare(tmp_path)) == copy.repository.root().head_commit()


def test_a_push_from_behind_is_refused(repo: Repo, tmp_path: Path) -> None:
    """Commits of others are not lost: the push names the branch, and the remote is as it was."""
    remotes.push(repo)
    other = clone(tmp_path / "bare", tmp_path / "other")
    save(other, "theirs", b"1")
    remotes.push(other)
    save(repo, "ours", b"1")

    with pytest.raises(Conflict, match="main"):
        remotes.push(repo)
    with pytest.raises(Conflict, match="main"):
        remotes.push(repo, options=PushOptions(("main",), lease=True))
    assert tip(bare(tmp_path)) == tip(other.repository)

    found = remotes.fetch_upstream(repo)
    repo.merge("origin/main")
    remotes.push(repo)
    assert found.upstream == "refs/remotes/origin/main"
    assert sorted(read_folder(repo.root)) == ["a", "big", "d/x", "link", "ours", "theirs"]
    remotes.fetch(repo, "origin")
    remotes.push(repo, options=PushOptions(("main",), lease=True))


def test_a_lease_overwrites_what_was_seen(repo: Repo, tmp_path: Path) -> None:
    """After an amend the branch is replaced with a lease, and refused without."""
    remotes.push(repo)
    repo.reset("HEAD~1", "hard")
    save(repo, "a", b"other")
    with pytest.raises(Conflict):
        remotes.push(repo)
    done = remotes.push(repo, options=PushOptions(("main",), lease=True))
    assert [u.state for u in done.updates] == [RefState.FORCED]
    assert tip(bare(tmp_path)) == tip(repo.repository)


def test_a_branch_that_is_checked_out_is_not_moved(repo: Repo, tmp_path: Path) -> None:
    """A push into a working copy leaves its branch alone; other branches may be sent."""
    copy = clone(repo.root, tmp_path / "copy")
    save(copy, "a", b"3")
    with pytest.raises(Conflict, match="checked out"):
        remotes.push(copy)
    copy.switch("side", create="HEAD")
    remotes.push(copy, options=PushOptions(("side",)))
    assert tip(repo.repository, "side") == tip(copy.repository)
    assert repo.status().work.is_clean


def test_tags_travel_and_are_not_replaced(repo: Repo, tmp_path: Path) -> None:
    """`tags` sends them; another tag of the same name is refused on both ways."""
    remotes.push(repo, options=PushOptions(("main",), tags=True))
    other = clone(tmp_path / "bare", tmp_path / "other")
    assert [tag.name for tag in other.tags()] == ["v1"]
    from tether.api.history import delete_tag

    delete_tag(other, "v1")
    other.create_tag("v1", "HEAD")
    with pytest.raises(Conflict, match="v1"):
        remotes.push(other, options=PushOptions(("main",), tags=True))
    rejected = remotes.fetch(other).rejected
    assert [update.name for update in rejected] == ["refs/tags/v1"]


def test_delete_and_prune(repo: Repo, tmp_path: Path) -> None:
    """A branch is removed from the remote; others forget it with prune and not without."""
    repo.switch("side", create="HEAD")
    remotes.push(repo, "origin", PushOptions(("side", "main")))
    other = clone(tmp_path / "bare", tmp_path / "other")
    remotes.push(repo, "origin", PushOptions(("side",), delete=True))
    with pytest.raises(NotFound):
        remotes.push(repo, "origin", PushOptions(("side",), delete=True))

    name = remote_ref("origin", "side")
    remotes.fetch(other)
    assert name in other.repository.root().refs
    done = remotes.fetch(other, prune=True)
    assert name not in other.repository.root().refs
    assert [u.state for u in done.updates if u.name == name] == [RefState.DELETED]
    assert tip(bare(tmp_path), "side") is None
    assert tip(repo.repository, "side") is not None


def test_switch_to_a_branch_that_only_the_remote_has(repo: Repo, tmp_path: Path) -> None:
    """It is made here and follows the remote's."""
    repo.switch("side", create="HEAD")
    save(repo, "side", b"1")
    repo.switch("main")
    copy = clone(repo.root, tmp_path / "copy")

    moved = copy.switch("side")

    assert (moved.branch, moved.commit) == ("side", tip(repo.repository, "side"))
    assert copy.repository.config.get("branch.side.remote") == "origin"
    assert (copy.root / "side").read_bytes() == b"1"


def test_remotes_are_named_changed_and_forgotten(repo: Repo, tmp_path: Path) -> None:
    """Names are taken once; forgetting one takes its branches along."""
    remotes.push(repo)
    with pytest.raises(AlreadyExists):
        remotes.add_remote(repo, "origin", "x")
    for name in ("a/b", "a.b", "-x", ""):
        with pytest.raises(InvalidInput):
            remotes.add_remote(repo, name, "x")
    remotes.add_remote(repo, "other", "../other")
    assert dict(remotes.remotes(repo)) == {"origin": str(tmp_path / "bare"), "other": "../other"}
    with pytest.raises(NotFound):
        remotes.fetch(repo, "other")
    remotes.push(repo, "other")
    assert Repository.open(tmp_path / "other", clock=ticking()).worktree is None
    remotes.remove_remote(repo, "origin")
    refs = repo.repository.root().refs
    assert (remote_ref("origin", "main") in refs, remote_ref("other", "main") in refs) == (False, True)
    assert repo.repository.config.get("branch.main.remote") is None
    with pytest.raises(NotFound):
        remotes.remove_remote(repo, "origin")
    with pytest.raises(NotFound):
        remotes.push(repo, "origin")


def test_a_damaged_source_is_not_fetched(repo: Repo, tmp_path: Path) -> None:
    """What does not verify never arrives: the error is told, and nothing has moved here."""
    from tether.errors import Corrupt

    remotes.push(repo)
    other = clone(tmp_path / "bare", tmp_path / "other")
    save(repo, "fresh", os.urandom(300_000))
    remotes.push(repo)
    newest = max((tmp_path / "bare/packs").iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))
    packs = [p for p in (tmp_path / "bare/packs").iterdir() if p.stat().st_size > 290_000]
    newest = max(packs, key=lambda path: path.stat().st_mtime_ns)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.chmod(0o644)
    newest.write_bytes(data)
    before = other.repository.root()

    with pytest.raises(Corrupt):
        remotes.fetch(other)
    assert other.repository.root() == before
