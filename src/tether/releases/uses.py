"""Which runs and releases were trained on some contents: for takedowns, leaks and wrong labels.

What decides is the content. The trees that a run read are in its own commit, so the answer holds after a
file was renamed or deleted, and after branches were rebased or removed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tether.core.digest import Digest, parse_digest
from tether.core.names import RELEASES, RUNS, path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import iter_directory
from tether.errors import InvalidInput, NotFound, TetherError
from tether.releases.contained import NOTHING, Contained, Found, joined
from tether.releases.graph import Graph, Node
from tether.releases.lineage import release_id_of, run_id, whole_graph
from tether.releases.manifest import DATA as RELEASE_DATA
from tether.releases.reading import KnownRelease, stored_release
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.observed import OBSERVED, Observed
from tether.runs.reading import KnownRun, stored_run
from tether.runs.sealing import DATA, PINNED, WORK

_MOST_OBSERVED = 16 << 20


@dataclass(frozen=True, slots=True)
class RunUse:
    """A run that read some of the contents.

    Attributes:
        id: Of the run.
        run: The run; None while it is under way.
        found: Where in its tree they lie.
        undeclared: Files that it opened without having declared them, as it recorded their paths.
    """

    id: str
    run: KnownRun | None
    found: Found
    undeclared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseUse:
    """A release that was trained on some of the contents, or tested on them.

    Attributes:
        release: The release.
        found: Where in its data they lie.
        by_run: Whether its training, or one of its evaluations, read them.
    """

    release: KnownRelease
    found: Found
    by_run: bool


@dataclass(slots=True)
class Uses:
    """Who read some contents.

    Attributes:
        runs: The newest first.
        releases: By name and version.
        further: What came from these: runs that went on with their models, and their releases.
        looked_at: How many `runs`, `releases` and `nodes` of trees were read.
        problems: What could not be looked into.
    """

    runs: list[RunUse] = field(default_factory=list)
    releases: list[ReleaseUse] = field(default_factory=list)
    further: list[Node] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)
    problems: list[TetherError] = field(default_factory=list)


def find_uses(repository: Repository, wanted: Mapping[Digest, bytes]) -> Uses:
    """Return the runs and releases that read some contents.

    Args:
        repository: Where.
        wanted: The contents, or whole folders, by digest, with what they are called.
    """
    return _Search(repository, wanted).run()


class _Search:
    def __init__(self, repository: Repository, wanted: Mapping[Digest, bytes]) -> None:
        self._repository, self._wanted = repository, wanted
        self._texts = {digest.hex() for digest in wanted}
        self._history = History.of(repository)
        self._contained = Contained(repository.objects, wanted)
        self._observed: dict[Digest, tuple[str, ...]] = {}
        self._found = Uses()

    def run(self) -> Uses:
        found, refs = self._found, self._repository.root().refs
        runs = {name: commit for name, commit in refs.items() if name.startswith((RUNS, PINNED))}
        releases = {name: commit for name, commit in refs.items() if name.startswith(RELEASES)}
        for name in sorted(runs, key=lambda name: name.rpartition("/")[2], reverse=True):
            self._guarded(self._look_at_run, name, runs[name])
        for name in sorted(releases):
            self._guarded(self._look_at_release, name, releases[name])
        found.looked_at = {"runs": len(runs), "releases": len(releases), "nodes": self._contained.nodes}
        if found.runs or found.releases:
            found.further = list(self._further(whole_graph(self._repository, [])))
        return found

    def _guarded(self, look: Callable[[str, Digest], None], name: str, commit: Digest) -> None:
        try:
            look(name, commit)
        except TetherError as error:
            self._found.problems.append(error)

    def _look_at_run(self, name: str, commit: Digest) -> None:
        entries = {each.name: each for each in self._top(commit)}
        read = [entries[key] for key in (path_bytes(DATA), path_bytes(WORK)) if key in entries]
        found = joined(self._in_entry(entry) for entry in read)
        undeclared = self._undeclared(entries.get(path_bytes(OBSERVED)))
        if not found.total and not undeclared:
            return
        run = name.rpartition("/")[2]
        known = stored_run(self._repository, self._history, run, commit) if name.startswith(RUNS) else None
        self._found.runs.append(RunUse(run, known, found, undeclared))

    def _look_at_release(self, name: str, commit: Digest) -> None:
        label = name.removeprefix(RELEASES).replace("/", "@", 1)
        release = stored_release(self._repository, self._history, label, commit)
        entries = {each.name: each for each in self._top(commit)}
        data = entries.get(path_bytes(RELEASE_DATA))
        found = self._in_entry(data) if data is not None else NOTHING
        found = joined((found, *self._in_private_data(release)))
        hit = {each.id for each in self._found.runs}
        manifest = release.manifest
        runs = {each.id for each in (manifest.run, *manifest.evaluations) if each is not None}
        if found.total or runs & hit:
            self._found.releases.append(ReleaseUse(release, found, bool(runs & hit)))

    def _top(self, commit: Digest) -> Iterator[Entry]:
        return iter_directory(self._repository.objects, self._history.commit(commit).tree)

    def _in_entry(self, entry: Entry) -> Found:
        return self._contained.at(entry.name, entry.digest, is_folder=entry.kind == EntryKind.DIRECTORY)

    def _in_private_data(self, release: KnownRelease) -> Iterator[Found]:
        """Look into data that a release only names, as far as this repository has it."""
        for part in release.manifest.data:
            digest = parse_digest(part.digest)
            is_folder = part.kind == "directory"
            if not part.included and not (is_folder and not self._repository.objects.has(digest)):
                yield self._contained.at(path_bytes(part.path), digest, is_folder=is_folder)

    def _undeclared(self, entry: Entry | None) -> tuple[str, ...]:
        """Return the undeclared files of a run that are among the contents; most runs have none."""
        if entry is None or entry.size > _MOST_OBSERVED:
            return ()
        if entry.digest not in self._observed:
            observed = Observed.decode(self._repository.contents.read(entry.digest))
            self._observed[entry.digest] = tuple(
                each.path for each in observed.undeclared if each.digest in self._texts
            )
        return self._observed[entry.digest]

    def _further(self, graph: Graph) -> Iterator[Node]:
        direct = {run_id(each.id) for each in self._found.runs}
        direct |= {release_id_of(each.release.label) for each in self._found.releases}
        reached = graph.reached(direct & graph.nodes.keys(), "down")
        return (node for node in graph.nodes.values() if node.id in reached - direct)


def wanted_below(repository: Repository, entry: Entry) -> dict[Digest, bytes]:
    """Return what is asked for with a file, or with a folder: all files in it.

    Raises:
        InvalidInput: The folder is empty.
    """
    from tether.core.treeread import walk

    if entry.kind != EntryKind.DIRECTORY:
        return {entry.digest: entry.name}
    found: dict[Digest, bytes] = {}
    for path, each in walk(repository.objects, entry.digest):
        if each.kind != EntryKind.DIRECTORY:
            found.setdefault(each.digest, path)
    if not found:
        raise InvalidInput("an empty folder has no content to look for")
    return found


def wanted_by_digest(text: str) -> dict[Digest, bytes]:
    """Return what is asked for with a digest.

    Raises:
        NotFound: It is none.
    """
    try:
        return {parse_digest(text): text.encode()}
    except InvalidInput:
        raise NotFound(f"no such file, revision or digest: {text}") from None
