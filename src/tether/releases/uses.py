"""Which runs and releases were trained on some contents: for takedowns, leaks and wrong labels.

What decides is the content. The trees that a run read are in its own commit, so the answer holds after a
file was renamed or deleted, and after branches were rebased or removed.
"""

import math
import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from tether.core.digest import Digest, parse_digest
from tether.core.names import RELEASES, RUNS, path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find_many
from tether.errors import InvalidInput, NotFound, TetherError
from tether.releases.contained import NOTHING, Contained, Found, joined
from tether.releases.graph import Graph, Node, node_document
from tether.releases.lineage import release_id_of, run_id, whole_graph
from tether.releases.manifest import DATA as RELEASE_DATA
from tether.releases.reading import KnownRelease, stored_release
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.observed import OBSERVED, Observed
from tether.runs.pinning import DATA, PINNED, WORK
from tether.runs.reading import KnownRun, stored_run

MOST_OBSERVED = 16 << 20


@dataclass(frozen=True, slots=True)
class RunUse:
    """A run that read some of the contents.

    Attributes:
        id: Of the run.
        run: The run; None while it is under way.
        found: Where in its tree they lie.
        undeclared: Files that it opened without having declared them, as it recorded their paths.
        where: The repositories that have it, where there are several.
    """

    id: str
    run: KnownRun | None
    found: Found
    undeclared: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseUse:
    """A release that was trained on some of the contents, or tested on them.

    Attributes:
        release: The release.
        found: Where in its data they lie.
        by_run: Whether its training, or one of its evaluations, read them.
        where: As for runs.
    """

    release: KnownRelease
    found: Found
    by_run: bool
    where: tuple[str, ...] = ()


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

    def __repr__(self) -> str:
        return f"Uses({len(self.runs)} runs, {len(self.releases)} releases)"


def find_uses(repository: Repository, wanted: Mapping[Digest, bytes]) -> Uses:
    """Return the runs and releases that read some contents.

    Args:
        repository: Where.
        wanted: The contents, or whole folders, by digest, with what they are called.
    """
    search = Search(repository, wanted)
    for ref in search.refs():
        search.look_at(ref)
    found = search.found
    if found.runs or found.releases:
        direct = {run_id(each.id) for each in found.runs}
        direct |= {release_id_of(each.release.label) for each in found.releases}
        found.further = further_down(whole_graph(repository, []), direct)
    return found


def further_down(graph: Graph, direct: AbstractSet[str]) -> list[Node]:
    """Return what came from some nodes, without these."""
    further = graph.reached(direct & graph.nodes.keys(), "down") - direct
    return [node for node in graph.nodes.values() if node.id in further]


class Search:
    """Looks for contents in what the runs and releases of one repository read.

    Args:
        repository: Where.
        wanted: As for `find_uses`.
        most_nodes: Nodes of trees that may be read.
        walks: Whether to look into folders; needless where the repository has none of the contents.

    Attributes:
        found: What was found so far.
    """

    def __init__(
        self,
        repository: Repository,
        wanted: Mapping[Digest, bytes],
        *,
        most_nodes: float = math.inf,
        walks: bool = True,
    ) -> None:
        self._repository, self._walks = repository, walks
        self._texts = {digest.hex() for digest in wanted}
        self._history = History.of(repository)
        self._contained = Contained(repository.objects, wanted, most_nodes=most_nodes)
        self._observed: dict[Digest, tuple[str, ...]] = {}
        self._refs = repository.root().refs
        self.found = Uses(looked_at={"runs": 0, "releases": 0, "nodes": 0})

    def refs(self) -> list[str]:
        """Return the refs of runs, the newest first, and then those of releases."""
        refs = self._refs
        runs = (name for name in refs if name.startswith((RUNS, PINNED)))
        releases = (name for name in refs if name.startswith(RELEASES))
        return [*sorted(runs, key=lambda name: name.rpartition("/")[2], reverse=True), *sorted(releases)]

    def look_at(self, ref: str) -> RunUse | ReleaseUse | None:
        """Look at one run or release, and return it if it read some; runs come before releases.

        Raises:
            Exhausted: More nodes would have to be read than may be.
        """
        is_release = ref.startswith(RELEASES)
        looked = self.found.looked_at
        looked["releases" if is_release else "runs"] += 1
        try:
            return (self._look_at_release if is_release else self._look_at_run)(ref, self._refs[ref])
        except TetherError as error:
            self.found.problems.append(error)
            return None
        finally:
            looked["nodes"] = self._contained.nodes

    def _look_at_run(self, name: str, commit: Digest) -> RunUse | None:
        entries = self._top(commit, DATA, WORK, OBSERVED)
        read = [entries[key] for key in (path_bytes(DATA), path_bytes(WORK)) if key in entries]
        found = joined(self._in_entry(entry) for entry in read)
        undeclared = self._undeclared(entries.get(path_bytes(OBSERVED)))
        if not found.total and not undeclared:
            return None
        run = name.rpartition("/")[2]
        known = stored_run(self._repository, self._history, run, commit) if name.startswith(RUNS) else None
        use = RunUse(run, known, found, undeclared)
        self.found.runs.append(use)
        return use

    def _look_at_release(self, name: str, commit: Digest) -> ReleaseUse | None:
        label = name.removeprefix(RELEASES).replace("/", "@", 1)
        release = stored_release(self._repository, self._history, label, commit)
        data = self._top(commit, RELEASE_DATA).get(path_bytes(RELEASE_DATA))
        found = self._in_entry(data) if data is not None else NOTHING
        found = joined((found, *self._in_private_data(release)))
        hit = {each.id for each in self.found.runs}
        manifest = release.manifest
        runs = {each.id for each in (manifest.run, *manifest.evaluations) if each is not None}
        if not found.total and not runs & hit:
            return None
        use = ReleaseUse(release, found, bool(runs & hit))
        self.found.releases.append(use)
        return use

    def _top(self, commit: Digest, *names: str) -> Mapping[bytes, Entry]:
        return find_many(
            self._repository.objects, self._history.commit(commit).tree, list(map(path_bytes, names))
        )

    def _in_entry(self, entry: Entry) -> Found:
        is_folder = self._walks and entry.kind == EntryKind.DIRECTORY
        return self._contained.at(entry.name, entry.digest, is_folder=is_folder)

    def _in_private_data(self, release: KnownRelease) -> Iterator[Found]:
        """Look into data that a release only names, as far as this repository has it."""
        for part in release.manifest.data:
            digest = parse_digest(part.digest)
            is_folder = self._walks and part.kind == "directory"
            if not part.included and not (is_folder and not self._repository.objects.has(digest)):
                yield self._contained.at(path_bytes(part.path), digest, is_folder=is_folder)

    def _undeclared(self, entry: Entry | None) -> tuple[str, ...]:
        """Return the undeclared files of a run that are among the contents; most runs have none."""
        if entry is None or entry.size > MOST_OBSERVED:
            return ()
        if entry.digest not in self._observed:
            observed = Observed.decode(self._repository.contents.read(entry.digest))
            self._observed[entry.digest] = tuple(
                each.path for each in observed.undeclared if each.digest in self._texts
            )
        return self._observed[entry.digest]


def wanted_below(repository: Repository, entry: Entry, most: float = math.inf) -> dict[Digest, bytes]:
    """Return what is asked for with a file, or with a folder: all files in it.

    Raises:
        InvalidInput: The folder is empty, or has more than so many names.
    """
    from tether.core.treeread import walk

    if entry.kind != EntryKind.DIRECTORY:
        return {entry.digest: entry.name}
    found: dict[Digest, bytes] = {}
    for number, (path, each) in enumerate(walk(repository.objects, entry.digest)):
        if number >= most:
            raise InvalidInput(
                f"the folder has more than {most:,} names", hint="name a folder in it, or a file"
            )
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


def users_document(wanted: Mapping[Digest, bytes], found: Uses) -> dict[str, Any]:
    """Return which runs and releases read some contents, as JSON has it."""
    return {
        "contents": [{"digest": digest.hex(), "path": os.fsdecode(name)} for digest, name in wanted.items()],
        "runs": [_run_document(use) for use in found.runs],
        "releases": [_release_document(use) for use in found.releases],
        "further": [node_document(node) for node in found.further],
        "looked_at": found.looked_at,
        "problems": [str(problem) for problem in found.problems],
    }


def _run_document(use: RunUse) -> dict[str, Any]:
    record = use.run.record if use.run is not None else None
    return {
        "id": use.id,
        "name": record.name if record is not None else None,
        "status": str(record.status) if record is not None else "running",
        "count": use.found.total,
        "paths": [os.fsdecode(path) for path, _ in use.found.places],
        "undeclared": list(use.undeclared),
        **_where(use),
    }


def _release_document(use: ReleaseUse) -> dict[str, Any]:
    return {
        "release": use.release.label,
        "id": use.release.id,
        "count": use.found.total,
        "paths": [os.fsdecode(path) for path, _ in use.found.places],
        "by_run": use.by_run,
        **_where(use),
    }


def _where(use: RunUse | ReleaseUse) -> dict[str, list[str]]:
    return {"repositories": list(use.where)} if use.where else {}
