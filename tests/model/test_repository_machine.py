"""Any order of commands on a repository, beside a model of plain dictionaries.

After each step the working files, the stage, HEAD, branches, tags, remote branches, status, log and diff
are what the model says; at the end every commit still has its files and a full check finds nothing
wrong. `TETHER_MODEL_EXAMPLES` and `TETHER_MODEL_STEPS` make longer runs.
"""

import os
import shutil
from dataclasses import replace
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.model.joining import JoiningMachine
from tests.model.machine import kinds, names, paths
from tests.support import model
from tests.support.model import Files, State, Thing

from tether.api import operations, remotes, stashing
from tether.api.repo import Repo
from tether.core.names import branch_ref
from tether.errors import AlreadyExists, Conflict


class Aside(NamedTuple):
    """What was put aside."""

    base: Files
    stage: Files
    files: Files


class CompanyMachine(JoiningMachine):
    """Adds tags, the stash, the log of operations, and a colleague with a clone of the same remote."""

    def __init__(self) -> None:
        super().__init__()
        self.aside: list[Aside] = []
        self.seen: dict[str, State] = {}

    # -- tags and the log of operations -------------------------------------------------------

    @rule(name=st.sampled_from(("v1", "v2")))
    def tag(self, name: str) -> None:
        """Name the newest commit for good."""
        head = self.state.head
        assert head is not None
        if name in self.state.tags:
            try:
                self.repo.create_tag(name)
            except AlreadyExists:
                return
            raise AssertionError("a tag was moved")
        tags = {**self.state.tags, name: head}
        self._expect(lambda: self.repo.create_tag(name), lambda: replace(self.state, tags=tags))

    @rule()
    def look_at_the_clock(self) -> None:
        """Remember a moment to come back to."""
        newest = self._newest_operation()
        if newest is not None:
            self.seen[newest.hex()] = self.state

    @precondition(lambda self: self.seen and not self.aside)
    @rule(which=st.integers(0, 20))
    def come_back(self, which: int) -> None:
        """Return to a remembered moment: refs, HEAD and stage; no local change is lost on the way."""
        identity = list(self.seen)[which % len(self.seen)]
        then, before = self.seen[identity], self.state
        try:
            operations.restore(self.repo, identity)
        except Conflict:
            assert model.differing(before.stage, before.work)
            return
        work = model.read_folder(self.root)
        for path in model.differing(before.work, before.stage):
            if path in before.work:
                assert before.work[path] in (work.get(path), then.stage.get(path))
        self.state = replace(then, work=work)
        self.undoable = None

    @rule(prune=st.booleans())
    def collect(self, prune: bool) -> None:
        """Free what nothing needs."""
        self.undoable = None
        if prune:
            self.seen.clear()
        self._collect(prune=prune)

    # -- the stash ----------------------------------------------------------------------------

    @rule(untracked=st.booleans())
    def put_aside(self, untracked: bool) -> None:
        """Put local changes aside; the files are those of HEAD then."""
        state, base = self.state, self._head_files()
        taken = {p: t for p, t in state.work.items() if untracked or p in state.stage}
        if taken == state.stage == base:
            assert stashing.push(self.repo, untracked=untracked) is None
            return

        def expected() -> State:
            clean = model.show(replace(state, stage=taken), base)
            self.aside.append(Aside(base, state.stage, taken))
            return clean

        self._expect(lambda: stashing.push(self.repo, untracked=untracked), expected)
        self.undoable = None

    @precondition(lambda self: self.aside and self.state.stage == self.aside[-1].base)
    @rule()
    def take_back(self) -> None:
        """Take back what was put aside last, on the files that it was made on."""
        aside = self.aside[-1]
        new = {p: t for p, t in aside.stage.items() if p not in aside.base}

        def expected() -> State:
            shown = model.show(self.state, aside.files)
            self.aside.pop()
            return replace(shown, stage={**self.state.stage, **new})

        self._expect(lambda: stashing.apply(self.repo, drop=True), expected)
        self.undoable = None

    # -- other people -------------------------------------------------------------------------

    @precondition(lambda self: self.there)
    @rule(name=names, path=paths, kind=kinds)
    def colleague_pushes(self, name: str, path: str, kind: model.Kind) -> None:
        """Somebody else commits on top of what the remote has."""
        if name not in self.there:
            return
        with_theirs = self._colleague(name)
        old = self.there[name]
        assert with_theirs.repository.root().head_commit() == old
        assert model.read_folder(with_theirs.root) == self.commits[old][0]
        self.written += 1
        thing = Thing(kind, b"%06d\n" % self.written if kind != "link" else b"%07d" % self.written)
        model.place(with_theirs.root, path, thing)
        with_theirs.add()
        new = with_theirs.commit(f"of a colleague {self.written}").id
        remotes.push(with_theirs, "origin")
        with_theirs.close()
        self.commits[new] = ({**self.commits[old][0], path: thing}, (old,))
        self.there[name] = new

    def _colleague(self, name: str) -> Repo:
        """Return the clone of somebody else, with a branch of the remote checked out as it is there."""
        place = self.folder / "colleague"
        if not place.exists():
            Repo.clone(self.folder / "bare", place, branch=name, clock=self.clock).close()
        repo = self._adopt(Repo.open(place, clock=self.clock))
        remotes.fetch(repo, "origin")
        repo.switch(name)
        repo.reset(f"origin/{name}", "hard")
        return repo

    @precondition(lambda self: self.there)
    @rule(name=names, share=st.booleans())
    def clone(self, name: str, share: bool) -> None:
        """A new clone has the branches of the remote and the files of the one that is checked out."""
        if name not in self.there:
            return
        bare, place = self.folder / "bare", self.folder / "clone"
        with_url = Repo.clone(bare if share else bare.as_uri(), place, branch=name, clock=self.clock)
        refs = with_url.repository.root().refs
        assert refs[branch_ref(name)] == self.there[name]
        assert {each: refs[f"refs/remotes/origin/{each}"] for each in self.there} == self.there
        assert model.read_folder(place) == self.commits[self.there[name]][0]
        assert with_url.status().work.is_clean
        with_url.close()
        shutil.rmtree(place)


CompanyMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("TETHER_MODEL_EXAMPLES", "25")),
    stateful_step_count=int(os.environ.get("TETHER_MODEL_STEPS", "20")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRepository = CompanyMachine.TestCase
