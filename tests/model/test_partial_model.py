"""Any partial clone of any history, grown to everything in any way, is what a whole clone is."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.far import NearEnd
from tests.support.repos import ADA, make_repository, read_files, ticking

from tether.api import partial, remotes
from tether.api.remotes import CloneRequest
from tether.api.repo import Repo
from tether.core.digest import Digest
from tether.core.pathfilter import PathFilter
from tether.core.progress import SILENT
from tether.errors import InvalidInput
from tether.repo.check import CheckOptions, check_repository
from tether.repo.history import History, shallow_commits
from tether.repo.partial import Partial, partial_of
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions
from tether.sync.exchange import FetchOptions
from tether.sync.places import FarPlace, FolderPlace, Place
from tether.sync.wire import MOST_DEPTH

PATHS = ("a/1", "a/2", "a/b/3", "c/4", "5")
PATTERNS = (b"a", b"a/b", b"c/4", b"5", b"*1", b"a/*", b"nothing", b"")
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Each example makes many files durable."""
STEPS = ("show", "prefetch", "prefetch all", "deepen", "commit", "fetch", "read")


Commits = list[tuple[str, dict[str, bytes | None]]]
"""For each commit the branch, and what its files become; None removes one."""

files = st.dictionaries(
    st.sampled_from(PATHS), st.one_of(st.none(), st.binary(min_size=1, max_size=3)), min_size=1
)
histories = st.lists(st.tuples(st.sampled_from(("main", "side")), files), min_size=1, max_size=6)
kinds = st.builds(
    Partial, st.booleans(), st.builds(PathFilter, st.lists(st.sampled_from(PATTERNS), max_size=2))
)
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(PATTERNS)), max_size=5)


def commit(repo: Repo, changed: dict[str, bytes | None]) -> None:
    """Change working files and commit them."""
    for name, data in changed.items():
        place = repo.root / name
        if data is None:
            place.unlink(missing_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    repo.add()
    repo.commit("changed", allow_empty=True)


def make(folder: Path, commits: Commits) -> Repo:
    """Return a repository with a history of two branches."""
    repo = Repo.init(folder, clock=ticking())
    repo.author = ADA
    commit(repo, {"5": b"first"})
    repo.create_branch("side")
    for branch, changed in commits:
        repo.switch(branch)
        commit(repo, changed)
    repo.switch("main")
    return repo


def grow(repo: Repo, source: Repo, step: str, pattern: bytes) -> None:
    """Take one step with a partial clone."""
    if step == "show":
        try:
            partial.show_more(repo, [pattern])
        except InvalidInput:
            assert partial_of(repo.repository.root()).shown.everything
    elif step.startswith("prefetch"):
        partial.prefetch(repo, [pattern], all_commits=step.endswith("all"))
    elif step == "deepen":
        remotes.fetch(repo, depth=2)
    elif step == "commit":
        commit(source, {"new": pattern or b"x", "a/new": b"y"})
    elif step == "fetch":
        remotes.fetch(repo)
        repo.merge("origin/main")
    else:
        root = repo.repository.root()
        read_files(repo.repository, root.refs["refs/heads/main"])


def everything(repository: Repository) -> dict[str, list[tuple[Digest, dict[str, bytes]]]]:
    """Return each remote branch with its commits and their files."""
    history = History.of(repository)
    return {
        name: [(digest, read_files(repository, digest)) for digest in history.ancestors([tip])]
        for name, tip in repository.root().refs.items()
        if name.startswith("refs/remotes/")
    }


@settings(max_examples=25, deadline=None)
@given(history=histories, kind=kinds, depth=st.sampled_from((None, 1, 2)), grown=steps)
def test_a_grown_clone_is_a_whole_one(
    history: Commits,
    kind: Partial,
    depth: int | None,
    grown: list[tuple[str, bytes]],
) -> None:
    """After each step all is sound and nothing counts as changed; at the end nothing is left out."""
    with tempfile.TemporaryDirectory(dir=FAST) as name:
        top = Path(name)
        source = make(top / "source", history)
        request = CloneRequest(f"file://{top}/source", top / "part", depth=depth, partial=kind)
        repo = Repo.clone_with(request, clock=ticking())[0]
        repo.author = ADA
        for step, pattern in grown:
            grow(repo, source, step, pattern)
            assert check_repository(repo.repository, CheckOptions(full=True)).problems == []
            status = repo.status()
            assert status.work.is_clean
            assert not status.staged
        remotes.fetch(repo, depth=MOST_DEPTH)
        repo.merge("origin/main")
        if not partial_of(repo.repository.root()).shown.everything:
            partial.show_more(repo, [b""])
        partial.prefetch(repo, all_commits=True)

        whole = Repo.clone_with(CloneRequest(f"file://{top}/source", top / "whole"), clock=ticking())[0]
        assert shallow_commits(repo.repository.root()) == ()
        assert check_repository(repo.repository, CheckOptions(full=True)).absent == []
        repo.repository.absent.supplier = None
        assert everything(repo.repository) == everything(whole.repository)
        assert shown(repo) == shown(whole) == shown(source)
        for each in (repo, whole, source):
            each.close()


@settings(max_examples=25, deadline=None)
@given(history=histories, kind=kinds, depth=st.sampled_from((None, 1, 2)))
def test_far_is_as_near(history: Commits, kind: Partial, depth: int | None) -> None:
    """Over the wire a partial clone has exactly what one of a folder has, and so when it is deeper."""
    with tempfile.TemporaryDirectory(dir=FAST) as name:
        top = Path(name)
        source = make(top / "source", history)
        near, far = make_repository(top / "near", bare=True), make_repository(top / "far", bare=True)
        options = CloneOptions(depth=depth, partial=kind)
        places: list[tuple[Place, Repository]] = [(FolderPlace(source.repository), near), (_far(top), far)]
        for place, target in places:
            place.fill(target, options, SILENT)
        assert _state(near) == _state(far)
        for place, target in places:
            place.fetch(target, "origin", FetchOptions(depth=MOST_DEPTH), progress=SILENT)
        assert _state(near) == _state(far)
        assert shallow_commits(far.root()) == ()


def _far(top: Path) -> FarPlace:
    return FarPlace(NearEnd(top / "source/.tether"))  # type: ignore[arg-type]


def _state(repository: Repository) -> tuple[object, ...]:
    repository.objects.reset()
    report = check_repository(repository, CheckOptions(full=True))
    assert report.problems == []
    root = repository.root()
    return dict(root.refs), set(shallow_commits(root)), set(report.absent)


def shown(repo: Repo) -> dict[str, bytes]:
    """Return the working files."""
    found = {str(path.relative_to(repo.root)): path for path in repo.root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".tether")}
