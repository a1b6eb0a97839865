"""Any order of commands on a repository, beside a model of plain dictionaries.

After each step the working files, the stage, HEAD and the branches are what the model says; at the end
every commit still has its files and a full check finds nothing wrong. `TETHER_MODEL_EXAMPLES` and
`TETHER_MODEL_STEPS` make longer runs.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support import model
from tests.support.model import Files, Refused, State, Thing
from tests.support.repos import ADA, ticking

from tether.api import maintenance, merging, operations, remotes
from tether.api.repo import Repo
from tether.core.digest import Digest
from tether.core.names import BRANCHES, remote_ref
from tether.errors import Conflict
from tether.repo.check import CheckOptions, check_repository

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
        self.pushed: dict[str, Digest] = {}
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
        from tether.api.staging import CommitRequest

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

    # -- joining ------------------------------------------------------------------------------

    @rule(name=names, no_ff=st.booleans())
    def merge(self, name: str, no_ff: bool) -> None:
        """Join a branch; a merge that stops at conflicts is taken back at once."""
        if name in self.state.branches:
            self._merge(name, self.state.branches[name], no_ff=no_ff)

    def _merge(self, rev: str, theirs: Digest, *, no_ff: bool) -> None:
        head, before = self.state.head, self.state
        assert head is not None
        options = merging.MergeOptions(no_ff=no_ff)
        if theirs in self._above(head):
            self._expect(lambda: self.repo.merge(rev, options), lambda: before)
        elif head in self._above(theirs) and not no_ff:
            self._expect(
                lambda: self.repo.merge(rev, options),
                lambda: self._moved(theirs, before.branch, force=False).at(theirs),
                files="moved",
            )
        elif before.stage != self._head_files():
            self._expect(lambda: self.repo.merge(rev, options), _refused)
        else:
            self._join(rev, theirs, options)

    def _join(self, rev: str, theirs: Digest, options: merging.MergeOptions) -> None:
        head, before = self.state.head, self.state
        assert head is not None
        bases = self._bases(head, theirs)
        merged = model.merge(self.commits[bases[0]][0], self.commits[head][0], self.commits[theirs][0])
        certain = merged.certain and len(bases) == 1
        try:
            result = self.repo.merge(rev, options)
        except Conflict:
            if certain:
                _must_refuse(lambda: model.show(before, merged.files))
            return
        self.undoable = None
        if result.conflicts:
            assert not certain
            assert result.id == head
            merging.abort(self.repo)
            return
        assert result.id is not None
        files = merged.files if certain else model.read_commit(self.repo.repository, result.id)
        known = {thing.data for commit in (head, theirs) for thing in self.commits[commit][0].values()}
        assert {thing.data for thing in files.values()} <= known
        self.commits[result.id] = (files, (head, theirs))
        self.state = model.show(before, files).at(result.id)

    # -- time and space -----------------------------------------------------------------------

    @precondition(lambda self: self.undoable is not None)
    @rule()
    def undo(self) -> None:
        """Take back the last command."""
        assert self.undoable is not None
        operations.undo(self.repo)
        self.state = self.undoable()
        self.undoable = None

    @rule(prune=st.booleans())
    def collect(self, prune: bool) -> None:
        """Free what nothing needs; with `prune` nothing can be undone."""
        maintenance.collect(self.repo, prune_now=prune)
        self.undoable = None
        if prune:
            for commit in self.commits.keys() - self._kept():
                del self.commits[commit]

    @rule()
    def reopen(self) -> None:
        """Go on in what might be another process."""
        self.repo.close()
        self.repo = self._adopt(Repo.open(self.root, clock=self.clock))

    # -- the other repository -----------------------------------------------------------------

    @rule(lease=st.booleans())
    def push(self, lease: bool) -> None:
        """Send the branch; refused when the other side has more, unless nobody else moved it."""
        branch, head = self.state.branch, self.state.head
        if branch is None or head is None:
            return
        from tether.sync.exchange import PushOptions

        there = self.pushed.get(branch)
        try:
            remotes.push(self.repo, "origin", PushOptions((branch,), lease=lease))
        except Conflict:
            assert not lease
            assert there not in self._above(head)
        else:
            assert lease or there is None or there in self._above(head)
            self.pushed[branch] = head
        self.undoable = None

    @rule(name=names)
    def pull(self, name: str) -> None:
        """Fetch, and join what was pushed."""
        if name in self.pushed and self.pushed[name] in self.commits:
            remotes.fetch(self.repo, "origin")
            self.undoable = None
            self._merge(f"origin/{name}", self.pushed[name], no_ff=False)

    # -- what must hold -----------------------------------------------------------------------

    @invariant()
    def files_are_as_expected(self) -> None:
        """Working files, links and executable bits."""
        assert model.read_folder(self.root) == self.state.work

    @invariant()
    def repository_is_as_expected(self) -> None:
        """HEAD, branches, stage with its contents, and what is remembered of the remote."""
        root = self.repo.repository.root()
        branches = {
            name.removeprefix(BRANCHES): value
            for name, value in root.refs.items()
            if name.startswith(BRANCHES)
        }
        assert branches == self.state.branches
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
            _must_refuse(expected)
            return
        self.state = after = expected()
        if self._newest_operation() == newest:
            return

        def undone() -> State:
            if files == "stay" or self.state.work != after.work:
                return replace(before, work=self.state.work)
            return replace(before, work=model.after_undo(before, after, forced=files == "forced"))

        self.undoable = undone if self.state.work == after.work else None

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

    def _bases(self, one: Digest, other: Digest) -> list[Digest]:
        common = self._above(one) & self._above(other)
        return [each for each in common if not any(each in self._above(c) for c in common - {each})]

    def _choose(self, which: int) -> Digest:
        kept = self._kept()
        listed = [commit for commit in self.commits if commit in kept]
        return listed[which % len(listed)]

    def _kept(self) -> set[Digest]:
        """Return the commits that refs lead to."""
        refs = self.repo.repository.root().refs.values()
        tips = [*refs, *([self.state.head] if self.state.head else [])]
        return set().union(*(self._above(tip) for tip in tips)) if tips else set()


def _refused() -> State:
    raise Refused


def _must_refuse(expected: Callable[[], object]) -> None:
    try:
        expected()
    except Refused:
        return
    raise AssertionError("the command was refused, and nothing is in its way")


RepositoryMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("TETHER_MODEL_EXAMPLES", "25")),
    stateful_step_count=int(os.environ.get("TETHER_MODEL_STEPS", "20")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRepository = RepositoryMachine.TestCase
