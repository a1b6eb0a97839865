"""Fetch, push and bundles while somebody else works on the same repositories, step by step."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.core.digest import Digest
from tether.core.names import branch_ref, remote_ref
from tether.errors import Conflict
from tether.repo.check import CheckOptions, check_repository
from tether.repo.packs import pack_key
from tether.repo.quarantine import set_aside
from tether.repo.repack import MANY
from tether.repo.repository import Repository, Storage
from tether.repo.transaction import Transaction
from tether.storage.local import LocalBackend
from tether.sync.bundle import create_bundle
from tether.sync.bundlefile import open_bundle
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, fetch, push
from tether.sync.far import push_far
from tether.sync.guarding import PushView
from tether.sync.moves import choose_head
from tether.sync.serving import Serving
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove

MAIN, SIDE = branch_ref("main"), branch_ref("side")


class Meanwhile:
    """A progress that lets something happen once, when the named stage begins."""

    def __init__(self, stage: str, act: Callable[[], object]) -> None:
        self._stage, self._act = stage, act

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Act if it is the stage."""
        if label == self._stage:
            self._stage = ""
            self._act()

    def advance(self, amount: int) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


def another(repository: Repository, before_write: Callable[[str], None] | None = None) -> Repository:
    """Open a repository as another process would."""
    backend = LocalBackend(repository.directory, before_write=before_write) if before_write else None
    return Repository.open(
        repository.directory, clock=ticking(), storage=Storage.in_folder(repository.directory, backend)
    )


def merge_packs(repository: Repository) -> None:
    """Make commits until the small packs that were there are merged and deleted."""
    before = repository.root().packs()
    for number in range(2 * MANY):
        commit_files(repository, {"n": b"%d" % number}, f"{number}", branch=branch_ref("other"))
    assert not set(before) & set(repository.root().packs())
    assert not any((repository.directory / f"packs/{name.hex()}.pack").exists() for name in before)


def assert_has(repository: Repository, commit: Digest, files: dict[str, bytes]) -> None:
    """Fail unless the repository is sound and has these files."""
    assert check_repository(repository, CheckOptions(full=True)).problems == []
    assert read_files(repository, commit) == files


def test_packs_that_are_merged_away_during_a_fetch_are_found_again(tmp_path: Path) -> None:
    """The source goes on working while it is read; the fetch brings what it had."""
    source, files = make_repository(tmp_path / "source"), {"a": b"one\n", "b": b"two\n"}
    commit = commit_files(source, files, "first")
    local = make_repository(tmp_path / "local")
    act = Meanwhile("copying objects", lambda: merge_packs(another(source)))

    fetch(local, source, "origin", progress=act)

    assert local.root().refs[remote_ref("origin", "main")] == commit
    assert_has(local, commit, files)


def test_packs_that_are_merged_away_while_a_bundle_is_written_are_found_again(tmp_path: Path) -> None:
    """A bundle of a repository at work is whole."""
    source, files = make_repository(tmp_path / "source"), {"a": b"one\n", "b": b"two\n"}
    commit = commit_files(source, files, "first")
    act = Meanwhile("writing objects", lambda: merge_packs(another(source)))

    create_bundle(source, tmp_path / "bundle", {MAIN: commit}, progress=act)

    bundled = open_bundle(tmp_path / "bundle", ticking())
    local = make_repository(tmp_path / "local")
    fill_clone(bundled, local, CloneOptions())
    bundled.close()
    assert_has(local, commit, files)


def test_two_fetches_at_once_both_succeed(tmp_path: Path) -> None:
    """Both bring the same branch; the second finds it there and is no conflict."""
    source, files = make_repository(tmp_path / "source"), {"a": b"one\n"}
    first = commit_files(source, files, "first")
    local = make_repository(tmp_path / "local")
    act = Meanwhile("copying objects", lambda: fetch(another(local), another(source), "origin"))

    fetch(local, source, "origin", progress=act)

    assert local.root().refs[remote_ref("origin", "main")] == first
    assert_has(local, first, files)


def test_a_push_is_no_conflict_when_someone_fetches_before_it_is_noted_here(tmp_path: Path) -> None:
    """What moves only what this side remembers of the other cannot fail a push that was made."""
    local, files = make_repository(tmp_path / "local"), {"a": b"one\n"}
    commit = commit_files(local, files, "first")
    there = make_repository(tmp_path / "there", bare=True)
    waiting = [lambda: fetch(another(local), another(there), "origin")]

    def act(step: str) -> None:
        if step == "lock" and waiting:
            waiting.pop()()

    push(another(local, act), there, "origin", PushOptions(("main",)))

    assert not waiting
    assert there.root().refs == {MAIN: commit}
    assert local.root().refs[remote_ref("origin", "main")] == commit
    assert_has(there, commit, files)


def test_two_pushes_of_one_commit_at_once_are_both_sound(tmp_path: Path) -> None:
    """Two clones push what is the same to two branches; both arrive, and gc keeps them."""
    local, files = make_repository(tmp_path / "local"), {"a": b"one\n"}
    commit = commit_files(local, files, "first")
    with local.transaction("branch") as transaction:
        transaction.set_ref(branch_ref("side"), commit)
    there = make_repository(tmp_path / "there", bare=True)
    act = Meanwhile(
        "copying objects", lambda: push(another(local), another(there), "origin", PushOptions(("side",)))
    )

    push(local, there, "origin", PushOptions(("main",)), progress=act)

    assert there.root().refs == {MAIN: commit, branch_ref("side"): commit}
    assert len(set(there.root().packs())) == len(there.root().packs())
    assert_has(there, commit, files)


def test_packs_that_are_merged_away_while_a_push_is_judged_are_found_again(tmp_path: Path) -> None:
    """A hub may lose its lock with its database; what others have merged then is where they put it."""
    there = make_repository(tmp_path / "there", bare=True)
    for number in range(MANY):
        commit_files(there, {"n": b"%d" % number}, f"{number}")
    local = make_repository(tmp_path / "local")
    fetch(local, there, "origin")
    with local.transaction("branch") as transaction:
        transaction.set_ref(MAIN, there.root().refs[MAIN])
    before, commit = there.root().packs(), commit_files(local, {"n": b"mine"}, "mine")
    seen: list[bytes | None] = []

    def judge(view: PushView) -> None:
        other = another(there)
        commit_files(other, {"n": b"theirs"}, "theirs", branch=branch_ref("other"))
        gone = set(before) - set(other.root().packs())
        assert len(gone) >= MANY
        for name in gone:
            other.backend.delete(pack_key(name))
        seen.append(view.first_change(view.branch_moves[0], [b"n"]))

    class Judged(NearEnd):
        def serving(self) -> Serving:
            return Serving(another(there), judge)

    push_far(local, Judged(there.directory), "origin", PushOptions(("main",)))

    assert seen == [b"n"]
    assert_has(there, commit, {"n": b"mine"})


def test_of_two_pushes_with_the_same_packs_both_arrive(tmp_path: Path) -> None:
    """The first takes away the notes that the packs of the second arrived; the root names these then."""
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there", bare=True)
    files = {"a": b"one\n"}
    commit = commit_files(here, files, "first")
    end = NearEnd(there.directory)
    sent = upload(end, here, [commit], end.refs())
    twice = upload(end, here, [commit], end.refs())
    assert twice.packs == sent.packs
    end.push(PushRequest(bytes(16), sent.packs, (RefMove(MAIN, None, commit),)))
    packs = there.root().packs()
    assert set(packs) == set(sent.packs)

    assert all(end.has_packs(packs))
    end.push(PushRequest(bytes(range(16)), twice.packs, (RefMove(SIDE, None, commit),)))

    assert there.root().refs == {MAIN: commit, SIDE: commit}
    assert there.root().packs() == packs
    assert_has(there, commit, files)


def test_packs_of_a_push_that_others_brought_and_merged_are_not_missed(tmp_path: Path) -> None:
    """They went between the question whether they are there and the push; what is lacked then is sent."""
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there", bare=True)
    files = {"a": b"one\n"}
    commit = commit_files(here, files, "first")

    class Overtaken(NearEnd):
        def push(self, request: PushRequest) -> None:
            if not self.calls["push"]:
                super().push(PushRequest(bytes(16), request.packs, (RefMove(SIDE, None, commit),)))
                merge_packs(another(there))
            super().push(request)

    end = Overtaken(there.directory)
    push_far(here, end, "origin", PushOptions(("main",)))

    assert there.root().refs[MAIN] == there.root().refs[SIDE] == commit
    assert (end.calls["push"], end.calls["put_pack"]) == (3, 2)
    assert_has(there, commit, files)


@pytest.mark.parametrize("first", [("main",), ("main", "side")], ids=["one", "both"])
def test_a_push_that_was_killed_and_arrives_late_is_no_conflict(
    tmp_path: Path, first: tuple[str, ...]
) -> None:
    """Its request was still at work there when the next push asked for the refs; what it moved is ours."""
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there", bare=True)
    commits = {name: commit_files(here, {"a": name.encode()}, name, branch=name) for name in (MAIN, SIDE)}

    class Late(NearEnd):
        def push(self, request: PushRequest) -> None:
            if not self.calls["push"]:
                push_far(another(here), NearEnd(there.directory), "origin", PushOptions(first))
            super().push(request)

    end = Late(there.directory)
    push_far(here, end, "origin", PushOptions(("main", "side")))

    assert there.root().refs == commits
    assert end.calls["push"] == 3 - len(first)
    assert here.root().refs[remote_ref("origin", "main")] == commits[MAIN]
    assert_has(there, commits[SIDE], {"a": SIDE.encode()})


def test_a_branch_that_others_moved_beside_a_late_push_is_a_conflict(tmp_path: Path) -> None:
    """Of two branches one is at what is pushed and one at somebody else's: nothing is moved over it."""
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there", bare=True)
    commits = {name: commit_files(here, {"a": name.encode()}, name, branch=name) for name in (MAIN, SIDE)}

    class Late(NearEnd):
        def push(self, request: PushRequest) -> None:
            if not self.calls["push"]:
                push_far(another(here), NearEnd(there.directory), "origin", PushOptions(("main",)))
                commit_files(another(there), {"b": b"theirs"}, "theirs", branch=SIDE)
            super().push(request)

    with pytest.raises(Conflict, match="moved by someone else"):
        push_far(here, Late(there.directory), "origin", PushOptions(("main", "side")))

    assert there.root().refs[MAIN] == commits[MAIN]
    assert read_files(there, there.root().refs[SIDE]) == {"b": b"theirs"}


def test_a_pack_that_the_root_names_and_that_is_gone_has_not_arrived(tmp_path: Path) -> None:
    """A name in the root proves nothing of a file that was set aside, nor do other repositories."""
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there", bare=True)
    commit = commit_files(here, {"a": b"one\n"}, "first")
    end, other = NearEnd(there.directory), NearEnd(make_repository(tmp_path / "other", bare=True).directory)
    push_far(here, end, "origin", PushOptions(("main",)))
    packs = there.root().packs()
    request = PushRequest(bytes(16), packs, (RefMove(SIDE, None, commit),))

    assert not any(other.has_packs(packs))
    with pytest.raises(Conflict, match="not there any more"):
        other.push(request)
    set_aside(there.backend, pack_key(packs[0]), 0)
    assert end.has_packs(packs) == [False] + [True] * (len(packs) - 1)
    with pytest.raises(Conflict, match="not there any more"):
        end.push(request)
    assert there.root().refs == {MAIN: commit}


@pytest.mark.parametrize("runs", [False, True], ids=["empty", "runs"])
def test_of_first_pushes_of_two_branches_to_a_hub_both_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, runs: bool
) -> None:
    """The second finds a HEAD that was chosen meanwhile, also beside runs; that is no conflict."""
    here, there = make_repository(tmp_path / "here"), make_repository(tmp_path / "there", bare=True)
    commits = {
        name: commit_files(here, {name: name.encode()}, name, branch=branch_ref(name))
        for name in ("one", "two")
    }
    if runs:
        commit_files(there, {"run.json": b"{}"}, "run", branch="refs/runs/01kdvjkj00000000000000000a")

    def overtaken(transaction: Transaction, request: PushRequest) -> None:
        monkeypatch.undo()
        push_far(here, NearEnd(tmp_path / "there"), "origin", PushOptions(("one",)))
        choose_head(transaction, request)

    monkeypatch.setattr("tether.sync.serving.choose_head", overtaken)
    push_far(here, NearEnd(tmp_path / "there"), "origin", PushOptions(("two",)))

    arrived = another(there)
    assert arrived.root().head.ref == branch_ref("one")
    assert check_repository(arrived, CheckOptions(full=True)).problems == []
    for name, commit in commits.items():
        assert arrived.root().refs[branch_ref(name)] == commit
        assert read_files(arrived, commit) == {name: name.encode()}
