"""Merges with their conflicts, and a remote to push to and to pull from."""

import os
from collections.abc import Callable
from typing import Literal

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.model.machine import RepositoryMachine, must_refuse, names, paths
from tests.support import model
from tests.support.model import Refused, State

from tether.api import merging, remotes, resolving
from tether.core.digest import Digest
from tether.errors import Conflict, InvalidInput, TetherError
from tether.repo.mergestate import ConflictRow
from tether.sync.exchange import PushOptions

Settlement = Literal["abort", "ours", "theirs", "mark"]
settlements: st.SearchStrategy[Settlement] = st.sampled_from(("abort", "ours", "theirs", "mark"))

Change = Literal["file", "exec", "link", "delete", "turn"]
changes: st.SearchStrategy[Change] = st.sampled_from(("file", "file", "exec", "link", "delete", "turn"))


class JoiningMachine(RepositoryMachine):
    """Adds what brings two lines of work together."""

    # -- joining ------------------------------------------------------------------------------

    @rule(name=names, no_ff=st.booleans(), settle=settlements)
    def merge(self, name: str, no_ff: bool, settle: Settlement) -> None:
        """Join a branch; a merge that stops at conflicts is settled or taken back at once."""
        if name in self.state.branches:
            self._merge(name, self.state.branches[name], no_ff=no_ff, settle=settle)

    def _merge(self, rev: str, theirs: Digest, *, no_ff: bool, settle: Settlement) -> None:
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
            self._join(rev, theirs, options, settle)

    def _join(self, rev: str, theirs: Digest, options: merging.MergeOptions, settle: Settlement) -> None:
        head, before = self.state.head, self.state
        assert head is not None
        bases = self._bases(head, theirs)
        if not bases:  # the first commit was amended
            _must_raise(InvalidInput, lambda: self.repo.merge(rev, options))
            return
        merged = model.merge(self.commits[bases[0]][0], self.commits[head][0], self.commits[theirs][0])
        certain = merged.certain and len(bases) == 1
        try:
            result = self.repo.merge(rev, options)
        except Conflict:
            if certain:
                must_refuse(lambda: model.show(before, merged.files))
            return
        self.undoable = None
        if result.conflicts:
            assert not certain
            assert result.id == head
            self._settle(result.conflicts, merged.clashes, theirs, settle)
            return
        assert result.id is not None
        files = merged.files if certain else model.read_commit(self.repo.repository, result.id)
        known = {thing.data for commit in (head, theirs) for thing in self.commits[commit][0].values()}
        assert {thing.data for thing in files.values()} <= known
        self.commits[result.id] = (files, (head, theirs))
        self.state = model.show(before, files).at(result.id)

    def _settle(
        self, rows: tuple[ConflictRow, ...], clashes: frozenset[str], theirs: Digest, settle: Settlement
    ) -> None:
        """Look at what a merge left to decide, and decide it."""
        before, head = self.state, self.state.head
        assert head is not None
        on_disk = model.read_folder(self.root)
        for row in rows:
            model.check_both_sides(on_disk, row, self.commits[head][0], self.commits[theirs][0])
        assert self.repo.status().conflicts == tuple(row.path for row in rows)
        for refused in (lambda: self.repo.commit("too early"), lambda: merging.finish(self.repo)):
            _must_raise(Conflict, refused)
        if settle == "abort":
            merging.abort(self.repo)
            return
        resolving.resolve_conflicts(self.repo, [b""], settle)
        done = merging.finish(self.repo).id
        assert done is not None
        files = model.read_commit(self.repo.repository, done)
        side = self.commits[head if settle == "ours" else theirs][0]
        for row in rows if settle != "mark" else ():
            path = os.fsdecode(row.path)
            if path in clashes:
                assert files.get(path) == side.get(path)
        self.commits[done] = (files, (head, theirs))
        self.state = model.show(before, files).at(done)

    @rule(path=paths, mine=changes, theirs=changes, settle=settlements)
    def quarrel(self, path: str, mine: Change, theirs: Change, settle: Settlement) -> None:
        """Change a path here and on a new branch from here, and join the two."""
        here, name = self.state.branch, f"quarrel-{len(self.commits)}"
        if here is None or name in self.state.branches or not self._is_clean():
            return
        self.create_branch(name)
        self._change(path, theirs)
        self.switch(here, force=False)
        self._change(path, mine)
        self._merge(name, self.state.branches[name], no_ff=False, settle=settle)

    def _is_clean(self) -> bool:
        return self.state.work == self.state.stage == self._head_files()

    def _change(self, path: str, change: Change) -> None:
        if change == "delete":
            self.delete(path)
        elif change == "turn":
            self.turn_executable_bit(path)
        else:
            self.write(path, change)
        self.add()
        self.commit(amend=False)

    # -- the other repository -----------------------------------------------------------------

    @rule(lease=st.booleans())
    def push(self, lease: bool) -> None:
        """Send the branch; refused when the other side has more, unless nobody else moved it."""
        branch, head = self.state.branch, self.state.head
        if branch is None or head is None:
            return
        there = self.there.get(branch)
        forward = there is None or there in self._above(head)
        try:
            remotes.push(self.repo, "origin", PushOptions((branch,), lease=lease))
        except Conflict:
            assert not forward
            assert not lease or there != self.pushed.get(branch)
        else:
            assert forward or (lease and there == self.pushed.get(branch))
            self.there[branch] = self.pushed[branch] = head
        self.undoable = None

    @rule()
    def fetch(self) -> None:
        """See what the remote has now; nothing else changes here."""
        if self.there:
            remotes.fetch(self.repo, "origin")
            self.pushed = dict(self.there)
            self.undoable = None

    @rule(name=names, settle=settlements)
    def pull(self, name: str, settle: Settlement) -> None:
        """Fetch, and join what was pushed."""
        if name in self.there:
            self.fetch()
            self._merge(f"origin/{name}", self.pushed[name], no_ff=False, settle=settle)

    def _bases(self, one: Digest, other: Digest) -> list[Digest]:
        common = self._above(one) & self._above(other)
        return [each for each in common if not any(each in self._above(c) for c in common - {each})]


def _must_raise(error: type[TetherError], run: Callable[[], object]) -> None:
    try:
        run()
    except error:
        return
    raise AssertionError(f"this goes through without {error.__name__}")


def _refused() -> State:
    raise Refused
