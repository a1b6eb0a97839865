"""Looks through runs and releases for those that had some contents, by what their trees and records say."""

import math
import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import NamedTuple

from tether.core.digest import Digest, parse_digest
from tether.core.names import RELEASES, RUNS, path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find_many
from tether.errors import NotFound, TetherError
from tether.releases.contained import NOTHING, Contained, Found, joined
from tether.releases.graph import Graph, Node
from tether.releases.lineage import release_id_of, run_id, whole_graph
from tether.releases.manifest import DATA as RELEASE_DATA
from tether.releases.manifest import Data, Manifest
from tether.releases.reading import stored_release
from tether.releases.uses import OPENED, WORKING_COPY, ReleaseUse, RunUse, Uses, role_of_part
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.journal import journals
from tether.runs.observed import OBSERVED, Observed
from tether.runs.pinning import DATA, PINNED, WORK
from tether.runs.purposes import purpose_of, role_of_input
from tether.runs.reading import stored_run
from tether.runs.rundoc import RunRecord

MOST_OBSERVED = 16 << 20


def find_uses(repository: Repository, wanted: Mapping[Digest, bytes]) -> Uses:
    """Return the runs and releases that had some contents.

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
    """Looks for contents in what the runs and releases of one repository had.

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
        self._observed: dict[Digest, _Seen] = {}
        self._inputs: dict[Digest, list[str]] = {}
        self._hit: dict[str, RunUse] = {}
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
        data, work = (entries.get(path_bytes(each)) for each in (DATA, WORK))
        read = self._in_entry(data) if data is not None else NOTHING
        there = self._in_entry(work) if work is not None else NOTHING
        seen = self._seen(entries.get(path_bytes(OBSERVED)))
        if not (read.total or there.total or seen.opened or seen.undeclared):
            return None
        run = name.rpartition("/")[2]
        known = stored_run(self._repository, self._history, run, commit) if name.startswith(RUNS) else None
        record = known.record if known is not None else self._told(run)
        roles = dict.fromkeys(self._roles(record, data) if data is not None and read.total else ())
        if seen.undeclared or seen.opened:
            purpose = "training" if record is None else purpose_of(record)
            roles[OPENED if purpose == "training" else purpose] = None
        if not roles:
            roles[WORKING_COPY] = None
        may_have_read = WORKING_COPY in roles and (seen.has_more or data is None)
        use = RunUse(run, known, read if read.total else there, tuple(roles), seen.undeclared, may_have_read)
        self._hit[run] = use
        self.found.add(use)
        return use

    def _told(self, run: str) -> RunRecord | None:
        """Return what the journal of a run under way says of it; None where it says nothing yet."""
        for journal in journals(self._repository.directory):
            if journal.id == run and journal.is_told:
                with suppress(NotFound):  # it was stored just now
                    return journal.record()
        return None

    def _roles(self, record: RunRecord | None, data: Entry) -> list[str]:
        """Return what the inputs of a run were for that have some of the contents."""
        if data.digest not in self._inputs:  # many runs read the same
            inside = self._walks and data.kind == EntryKind.DIRECTORY
            found = self._contained.by_entry(data.digest) if inside else ()
            self._inputs[data.digest] = [os.fsdecode(entry.name) for entry in found]
        return [role_of_input(record, name) for name in self._inputs[data.digest] or [""]]

    def _look_at_release(self, name: str, commit: Digest) -> ReleaseUse | None:
        label = name.removeprefix(RELEASES).replace("/", "@", 1)
        release = stored_release(self._repository, self._history, label, commit)
        manifest = release.manifest
        data = self._top(commit, RELEASE_DATA).get(path_bytes(RELEASE_DATA))
        whole = self._in_entry(data) if data is not None else NOTHING
        parts = [(self._in_part(part), part) for part in manifest.data if whole.total or not part.included]
        of_data = dict.fromkeys(role_of_part(part) for found, part in parts if found.total)
        if whole.total and not any(found.total and part.included for found, part in parts):
            parts, of_data = [], {**of_data, "train": None}  # no part names it: the worst that it can be
        of_runs = dict.fromkeys(self._roles_of_runs(manifest))
        if not of_data and not of_runs:
            return None
        found = joined(found for found, _ in parts) if parts else whole
        use = ReleaseUse(release, found, tuple(of_data | of_runs), bool(of_runs))
        self.found.add(use)
        return use

    def _roles_of_runs(self, manifest: Manifest) -> Iterator[str]:
        """Yield what the runs of a release had contents for; those that judged it did not train it."""
        hit = self._hit.get(manifest.run.id) if manifest.run is not None else None
        yield from hit.roles if hit is not None else ()
        for role, runs in (("evaluation", manifest.evaluations), ("bench", manifest.benches)):
            for each in runs:
                judged = self._hit.get(each.id)
                if judged is not None:
                    yield WORKING_COPY if judged.how == "there" else role

    def _top(self, commit: Digest, *names: str) -> Mapping[bytes, Entry]:
        return find_many(
            self._repository.objects, self._history.commit(commit).tree, list(map(path_bytes, names))
        )

    def _in_entry(self, entry: Entry) -> Found:
        is_folder = self._walks and entry.kind == EntryKind.DIRECTORY
        return self._contained.at(entry.name, entry.digest, is_folder=is_folder)

    def _in_part(self, part: Data) -> Found:
        """Look into data of a release; what it only names may be here all the same."""
        digest = parse_digest(part.digest)
        is_folder = self._walks and part.kind == "directory" and self._repository.objects.has(digest)
        return self._contained.at(path_bytes(part.path), digest, is_folder=is_folder)

    def _seen(self, entry: Entry | None) -> "_Seen":
        """Return which of the contents a run was seen to open beside its inputs; most runs have none."""
        if entry is None or entry.size > MOST_OBSERVED:
            return _Seen()
        if entry.digest not in self._observed:
            observed = Observed.decode(self._repository.contents.read(entry.digest))
            self._observed[entry.digest] = _Seen(
                tuple(each.path for each in observed.undeclared if each.digest in self._texts),
                not self._texts.isdisjoint(observed.work.values()),
                observed.declared.get(WORK, 0) > len(observed.work),
            )
        return self._observed[entry.digest]


class _Seen(NamedTuple):
    """What of the contents a run was seen to open beside its declared inputs."""

    undeclared: tuple[str, ...] = ()
    opened: bool = False
    """In the working copy."""
    has_more: bool = False
    """It opened files there that are not named."""
