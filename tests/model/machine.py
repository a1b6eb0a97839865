"""The commands of one person on one working copy, each beside what the model says that it does.

`joining` adds merges and a remote, `test_repository_machine` other people, the stash and going back.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support import model
from tests.support.model import Files, Refused, State, Thing
from tests.support.repos import ADA, ticking

from tether.api import maintenance, operations, remotes, stashing
from tether.api.diff import FileChange
from tether.api.repo import Repo
from tether.api.staging import CommitRequest
from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS, remote_ref
from tether.errors import Conflict
from tether.repo.check import CheckOptions, check_repository
from tether.repo.oplog import is_idle

PATHS = ("a", "b.bin", "d/x", "d/y", "d/e/z", "names/\N{SNOWMAN} \udcff")
BRANCH_NAMES = ("main", "side", "topic/one")
paths = st.sampled_from(PATHS)
kinds = st.sampled_from(("file", "file", "file", "exec", "link"))
names = st.sampled_from(BRANCH_NAMES)


class RepositoryMachine(RuleBasedStateMachine):
    """Commands of users on one working copy, with a bare repository to push to."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tether-model-"))
        self.root = self.folder / "work"
        self.clock = ticking()
        self.repo = self._adopt(Repo.init(self.root, clock=self.clock))
        self.state = State()
        self.commits: dict[Digest, tuple[Files, tuple[Digest, ...]]] = {}
        self.there: dict[str, Digest] = {}
        """The branches of the remote, which others may have moved."""
        self.pushed: dict[str, Digest] = {}
        """What was last seen of them here."""
        self.undoable: Callable[[], State] | None = None
        self.written = 0

    def teardown(self) -> None:
        try:
            for commit, (files, _) in self.commits.items():
                if commit in self._kept():
                    assert model.read_commit(self.repo.repository, commit) == files
            report = check_repository(self.repo.repository, CheckOptions(full=True))
            assert report.problems == []
        finally:
            self.repo.close()
            shutil.rmtree(self.folder)

    # -- what is done to files ----------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """Start with a commit, so that all histories have something in common."""
        self.write("a", "file")
        self.write("d/x", "file")
        self.add()
        self.commit(amend=False)
        remotes.add_remote(self.repo, "origin", str(self.folder / "bare"))
        self.undoable = None

    @rule(path=paths, kind=kinds)
    def write(self, path: str, kind: model.Kind) -> None:
        """Give a path a content that never was, always of the same size."""
        self.written += 1
        self._place(path, Thing(kind, b"%06d\n" % self.written if kind != "link" else b"%07d" % self.written))

    @rule(path=paths)
    def edit_behind_the_back(self, path: str) -> None:
        """Change a file and set its time and size back to what they were."""
        thing = self.state.work.get(path)
        if thing is None or thing.kind == "link":
            return
        before = (self.root / path).stat()
        self.write(path, thing.kind)
        os.utime(self.root / path, ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(path=paths)
    def delete(self, path: str) -> None:
        """Delete a file."""
        if path in self.state.work:
            self.state = replace(self.state, work=model.put(self.state.work, {}, [path]))
            model.take_away(self.root, path)

    @rule(path=paths, new=paths)
    def rename(self, path: str, new: str) -> None:
        """Move a file over another one or to a free path, behind the back of the stage."""
        if path in self.state.work and path != new:
            thing = self.state.work[path]
            self.delete(path)
            self._place(new, thing)

    @rule(path=paths)
    def turn_executable_bit(self, path: str) -> None:
        """Make a file executable, or no longer."""
        thing = self.state.work.get(path)
        if thing is not None and thing.kind != "link":
            self._place(path, Thing("file" if thing.kind == "exec" else "exec", thing.data))

    def _place(self, path: str, thing: Thing) -> None:
        self.state = replace(self.state, work={**self.state.work, path: thing})
        model.place(self.root, path, thing)

    # -- stage and commits --------------------------------------------------------------------

    @rule()
    def add(self) -> None:
        """Stage everything."""
        self._expect(self.repo.add, lambda: replace(self.state, stage=dict(self.state.work)))

    @rule(path=paths)
    def add_one(self, path: str) -> None:
        """Stage one path, also when it is gone."""
        if path in self.state.work or path in self.state.stage:
            stage = model.put(self.state.stage, self.state.work, [path])
            self._expect(lambda: self.repo.add(path), lambda: replace(self.state, stage=stage))

    @rule(amend=st.booleans())
    def commit(self, amend: bool) -> None:
        """Commit the stage, also when nothing differs, or replace the newest commit by it."""
        old = self.state.head
        parents = self.commits[old][1] if amend and old else (old,) if old else ()
        done: list[Digest] = []

        def run() -> None:
            request = CommitRequest(f"number {len(self.commits)}", amend=amend, allow_empty=True)
            done.append(self.repo.commit_with(request).id)

        def expected() -> State:
            self.commits[done[0]] = (dict(self.state.stage), parents)
            return self.state.at(done[0])

        self._expect(run, expected)

    # -- moving about -------------------------------------------------------------------------

    @rule(name=names)
    def create_branch(self, name: str) -> None:
        """Make a branch here and go to it, unless there is one."""
        head = self.state.head
        if name not in self.state.branches and head is not None:
            branches = {**self.state.branches, name: head}
            self._expect(
                lambda: self.repo.switch(name, create="HEAD"),
                lambda: replace(self.state, branches=branches, branch=name, detached=None),
            )

    @rule(name=names, force=st.booleans())
    def switch(self, name: str, force: bool) -> None:
        """Go to another branch; local changes stay, or the command is refused."""
        if name in self.state.branches:
            self._expect(
                lambda: self.repo.switch(name, force=force),
                lambda: self._moved(self.state.branches[name], name, force=force),
                files="forced" if force else "moved",
            )

    @rule(which=st.integers(0, 20), force=st.booleans())
    def checkout(self, which: int, force: bool) -> None:
        """Go to any commit that a branch still has."""
        commit = self._choose(which)
        self._expect(
            lambda: self.repo.checkout(commit.hex(), force=force),
            lambda: self._moved(commit, None, force=force),
            files="forced" if force else "moved",
        )

    def _moved(self, commit: Digest, branch: str | None, *, force: bool) -> State:
        new = self.commits[commit][0]
        if force:
            shown = model.show_by_force(self.state, new)
        else:
            shown = model.show(self.state, model.carry(self.state, self._head_files(), new))
        return replace(shown, branch=branch, detached=commit if branch is None else None)

    @rule(which=st.integers(0, 20), mode=st.sampled_from(("soft", "mixed", "hard")))
    def reset(self, which: int, mode: str) -> None:
        """Move the branch to any commit that a branch still has."""
        commit = self._choose(which)

        def expected() -> State:
            files = self.commits[commit][0]
            if mode == "hard":
                return model.show_by_force(self.state, files).at(commit)
            return replace(self.state, stage=files if mode == "mixed" else self.state.stage).at(commit)

        files = "forced" if mode == "hard" else "stay"
        self._expect(lambda: self.repo.reset(commit.hex(), mode), expected, files=files)

    @rule(path=paths)
    def restore(self, path: str) -> None:
        """Bring one file back from the stage."""
        if path in self.state.stage:
            work = model.put(self.state.work, self.state.stage, [path])
            self._expect(
                lambda: self.repo.restore([os.fsencode(path)]), lambda: replace(self.state, work=work)
            )
            self.undoable = None

    @rule()
    def clean(self) -> None:
        """Remove what is not tracked."""
        tracked = {path: thing for path, thing in self.state.work.items() if path in self.state.stage}
        self._expect(self.repo.clean, lambda: replace(self.state, work=tracked))
        self.undoable = None

    # -- time and space -----------------------------------------------------------------------

    @precondition(lambda self: self.undoable is not None)
    @rule()
    def undo(self) -> None:
        """Take back the last command."""
        assert self.undoable is not None
        with suppress(Refused):
            expected = self.undoable()
            operations.undo(self.repo)
            self.state = expected
        self.undoable = None

    def _collect(self, *, prune: bool) -> None:
        """Free what nothing needs; with `prune` nothing can be undone."""
        maintenance.collect(self.repo, prune_now=prune)
        if prune:
            elsewhere = set[Digest]().union(*(self._above(tip) for tip in self.there.values()))
            for commit in self.commits.keys() - self._kept() - elsewhere:
                del self.commits[commit]

    @rule()
    def reopen(self) -> None:
        """Go on in what might be another process."""
        self.repo.close()
        self.repo = self._adopt(Repo.open(self.root, clock=self.clock))

    # -- what must hold -----------------------------------------------------------------------

    @invariant()
    def files_are_as_expected(self) -> None:
        """Working files, links and executable bits."""
        assert model.read_folder(self.root) == self.state.work

    @invariant()
    def repository_is_as_expected(self) -> None:
        """HEAD, branches, stage with its contents, and what is remembered of the remote."""
        root = self.repo.repository.root()
        assert _below(root.refs, BRANCHES) == self.state.branches
        assert _below(root.refs, TAGS) == self.state.tags
        assert root.head_commit() == self.state.head
        assert model.read_tree(self.repo.repository, root.stage) == self.state.stage
        assert {name: root.refs.get(remote_ref("origin", name)) for name in self.pushed} == self.pushed

    @invariant()
    def status_tells_the_differences(self) -> None:
        """Each path that differs is reported on the right side, and no other."""
        state, status = self.state, self.repo.status(all_files=True)
        staged = {os.fsdecode(change.path) for change in status.staged}
        changed = {os.fsdecode(change.path) for change in status.work.changes()}
        untracked = {os.fsdecode(path) for path, _ in status.work.untracked}
        assert staged == model.differing(self._head_files(), state.stage)
        assert changed == {path for path in state.stage if state.work.get(path) != state.stage[path]}
        assert untracked == state.work.keys() - state.stage.keys()

    @invariant()
    def log_and_diff_tell_the_same(self) -> None:
        """The log has all commits below HEAD once; the diffs name the paths that differ."""
        state = self.state
        listed = [entry.id for entry in self.repo.log()] if state.head is not None else []
        assert sorted(listed) == sorted(self._above(state.head) if state.head is not None else ())
        tracked = {path: thing for path, thing in state.work.items() if path in state.stage}
        assert _named(self.repo.diff(staged=True)) == model.differing(self._head_files(), state.stage)
        assert _named(self.repo.diff()) == model.differing(state.stage, tracked)

    # -- helpers ------------------------------------------------------------------------------

    def _adopt(self, repo: Repo) -> Repo:
        repo.author = ADA
        return repo

    def _expect(
        self, run: Callable[[], object], expected: Callable[[], State], *, files: str = "stay"
    ) -> None:
        """Run a command and the model's idea of it; both are refused, or both go through."""
        before, newest = self.state, self._newest_operation()
        try:
            run()
        except Conflict:
            must_refuse(expected)
            return
        self.state = after = expected()
        model.take_away_folders(self.root, after.stage.keys() - after.work.keys())
        if self._newest_operation() == newest:
            return

        def undone() -> State:
            if files == "stay":
                return replace(before, work=self.state.work)
            if self.state.work != after.work:
                raise Refused  # it depends on where the files were changed since
            return replace(before, work=model.after_undo(before, after, forced=files == "forced"))

        # What only brought back files that had been deleted has nothing to take back; undo goes further.
        idle = is_idle(self.repo.repository.root().operations[-1])
        self.undoable = undone if self.state.work == after.work and not idle else None

    def _newest_operation(self) -> bytes | None:
        done = self.repo.repository.root().operations
        return bytes(done[-1].id) if done else None

    def _head_files(self) -> Files:
        return self.commits[self.state.head][0] if self.state.head is not None else {}

    def _above(self, commit: Digest) -> set[Digest]:
        """Return a commit and all that it stands on."""
        found, waiting = set[Digest](), [commit]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self.commits[one][1])
        return found

    def _choose(self, which: int) -> Digest:
        kept = self._kept()
        listed = [commit for commit in self.commits if commit in kept]
        return listed[which % len(listed)]

    def _kept(self) -> set[Digest]:
        """Return the commits that refs lead to."""
        refs = self.repo.repository.root().refs.items()
        tips = [tip for name, tip in refs if not name.startswith(stashing.PREFIX)]
        tips += [self.state.head] if self.state.head else []
        return set().union(*(self._above(tip) for tip in tips)) if tips else set()


def _below(refs: Mapping[str, Digest], prefix: str) -> dict[str, Digest]:
    return {name.removeprefix(prefix): value for name, value in refs.items() if name.startswith(prefix)}


def _named(changes: Iterable[FileChange]) -> set[str]:
    """Return all paths of a diff; of a renamed file both."""
    versions = (version for change in changes for version in (change.old, change.new))
    return {os.fsdecode(version.path) for version in versions if version is not None}


def must_refuse(expected: Callable[[], object]) -> None:
    """Fail unless the model refuses too."""
    try:
        expected()
    except Refused:
        return
    raise AssertionError("the command was refused, and nothing is in its way")
