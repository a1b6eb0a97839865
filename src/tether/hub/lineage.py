"""Lineage across the repositories of a hub: what the one who asks may read of it, within bounds.

The graph is made of the records of runs and releases when somebody asks. What a record names and no readable
repository has is told as the record names it, whether it is somewhere on the hub or not.
"""

from contextlib import closing
from dataclasses import replace
from typing import Any, Literal

from tether.core.digest import EMPTY_FILE, Digest
from tether.errors import InvalidInput, NotFound, TetherError
from tether.hub.access import Principal
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.nearby import find_nearby
from tether.hub.queues import Queue
from tether.hub.recordreading import Reading
from tether.hub.repositories import open_repository
from tether.releases.contained import Exhausted
from tether.releases.graph import Direction, Graph, around, document_of, nearest
from tether.releases.lineage import Traced, data_id, joined_graph
from tether.releases.starting import is_digits, node_of_entry, nodes_named
from tether.releases.uses import (
    ReleaseUse,
    RunUse,
    Uses,
    users_document,
    wanted_below,
    wanted_by_digest,
)
from tether.releases.usesearch import Search, further_down
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.revision import find_entry

MOST_NODES = 20_000
"""Nodes of trees that one request reads."""
MOST_TOLD = 2000
"""Things of a graph that are told: those nearest to what was asked for."""
MOST_WANTED = 10_000
"""Files of a folder that are looked for."""
MOST_PATHS = 4 << 20
"""Bytes of paths after which no more runs and releases are told."""
_CONTENTS_TOLD = 100
_QUEUE = Queue("a lineage")
Ways = Literal["up", "down", "both"]
_WAYS: dict[Ways, tuple[Direction, ...]] = {"up": ("up",), "down": ("down",), "both": ("up", "down")}
_MIN_PART = 4


def tell_lineage(hub: Hub, principal: Principal, row: RepositoryRow, of: str, ways: Ways) -> dict[str, Any]:
    """Return what something came from, and what came from it, as JSON has it.

    Args:
        hub: Has the repositories.
        principal: Who asks, and may read `row`.
        row: Where `of` is looked for.
        of: A run, a release, a revision, `REV:PATH`, or the beginning of a digest.
        ways: `up`, `down` or `both`.

    Raises:
        NotFound: There is no such thing there.
        InvalidInput: It can be several.
        Unavailable: Too many ask for this now.
    """
    with _QUEUE.turn():
        reading = _reading_of(hub, principal, row)
        traced = joined_graph(reading.records(of))
        with closing(open_repository(hub, row)) as repository:
            starts, all_joined = _starts(repository, traced, row.full_name, of)
    part = around(traced.graph, starts, _WAYS[ways])
    told = part.part(nearest(part, starts, MOST_TOLD))
    further = len(part.nodes) - len(told.nodes)
    return {
        "of": of,
        "starts": starts[:MOST_TOLD],
        **document_of(told),
        "repositories": _repositories(told, reading),
        "looked_at": dict(reading.looked_at),
        "problems": reading.problems,
        "further_nodes": further,
        "complete": reading.complete and all_joined and not further,
    }


def tell_users(hub: Hub, principal: Principal, row: RepositoryRow, uses: str) -> dict[str, Any]:
    """Return who was trained on a file, or on the files of a folder, and who else had them, as JSON has it.

    Args:
        hub: Has the repositories.
        principal: Who asks, and may read `row`.
        row: Where `uses` is looked for.
        uses: `REV:PATH`, or a digest.

    Raises:
        NotFound: There is no such file there.
        InvalidInput: It is a folder of too many files.
        Unavailable: Too many ask for this now.
    """
    with _QUEUE.turn():
        with closing(open_repository(hub, row)) as repository:
            wanted = _wanted(repository, uses)
        looking = _Looking(_reading_of(hub, principal, row), wanted)
        looking.look()
        if looking.found.runs or looking.found.releases:
            again = _reading_of(hub, principal, row)
            looking.follow(joined_graph(again.records()))
            looking.reading.complete &= again.complete
    found, reading = looking.found, looking.reading
    document = users_document(dict(list(wanted.items())[:_CONTENTS_TOLD]), found)
    further = {"further_contents": max(0, len(wanted) - _CONTENTS_TOLD)}
    return {**document, **further, "problems": reading.problems, "complete": reading.complete}


def _reading_of(hub: Hub, principal: Principal, row: RepositoryRow) -> Reading:
    with hub.database.session(reads_only=True) as session:
        return Reading(hub, find_nearby(session, principal, row))


def _repositories(graph: Graph, reading: Reading) -> list[dict[str, Any]]:
    """Return the repositories in which something of a graph is, with what they were forked from."""
    named = {where for node in graph.nodes.values() for where in node.facts.get("repositories", ())}
    return [
        {"repository": row.full_name, "forked_from": reading.nearby.sources.get(row.id)}
        for row in reading.nearby.rows
        if row.full_name in named
    ]


def _starts(repository: Repository, traced: Traced, where: str, of: str) -> tuple[list[str], bool]:
    """Return the nodes that somebody means, and whether all that they are joined with was found.

    Raises:
        NotFound: There are none.
        InvalidInput: It can be several.
    """
    if ":" not in of and (named := _named(traced, where, of)) is not None:
        return [named], True
    if is_digits(of) and (fits := nodes_named(traced.graph, of)):
        return fits, True
    entry = find_entry(repository, of)[1]
    try:
        return [node_of_entry(repository, traced.graph, entry, of, MOST_NODES)], True
    except Exhausted:
        return [data_id(entry.digest.hex())], False


def _named(traced: Traced, where: str, text: str) -> str | None:
    """Return the node of the release or run of a repository that a text names, or None."""
    labels = {label: node for (repository, label), node in traced.releases.items() if repository == where}
    newest = next((labels[label] for label in reversed(labels) if label.partition("@")[0] == text), None)
    release = labels.get(text) or newest
    if release is not None:
        return release
    runs = {run: node for (repository, run), node in traced.runs.items() if repository == where}
    if text in runs:
        return runs[text]
    named = [node for node in reversed(runs.values()) if traced.graph.nodes[node].facts["name"] == text][:1]
    if not named and len(text) >= _MIN_PART:
        named = [node for run, node in runs.items() if run.startswith(text) or run.endswith(text)]
    if len(named) > 1:
        raise InvalidInput(f"{text} can be {len(named)} runs", hint="write more of the id")
    return named[0] if named else None


def _wanted(repository: Repository, uses: str) -> dict[Digest, bytes]:
    """Return the contents that somebody means; errors as for `tell_users`."""
    try:
        entry = find_entry(repository, uses)[1]
    except (NotFound, InvalidInput):
        if len(uses) != 64 or not is_digits(uses):
            raise
        return wanted_by_digest(uses)
    return wanted_below(repository, entry, MOST_WANTED)


class _Looking:
    """Looks for contents in what runs and releases of several repositories had.

    Attributes:
        found: What was found.
        reading: Counts what was looked at.
    """

    def __init__(self, reading: Reading, wanted: dict[Digest, bytes]) -> None:
        self.reading, self._wanted = reading, wanted
        self.found = Uses(looked_at={"repositories": 0, "runs": 0, "releases": 0, "nodes": 0})
        self._nodes = self._told = 0
        self._runs: dict[tuple[str, Digest | None], RunUse] = {}
        self._releases: dict[str, ReleaseUse] = {}

    def look(self) -> None:
        """Look into one repository after the other, as long as more may be read."""
        for where, repository in self.reading.opened():
            # A hub takes no tree without its files: who has none of the files has no tree with them.
            walks = EMPTY_FILE in self._wanted or any(repository.objects.has_many(list(self._wanted)))
            search = Search(repository, self._wanted, most_nodes=MOST_NODES - self._nodes, walks=walks)
            try:
                self._look_into(where, repository, search)
            except Exhausted:
                self.reading.complete = False
            self._take(where, search.found)
            if self._nodes >= MOST_NODES or self._told >= MOST_PATHS:
                self.reading.complete = False
                break
        uses: list[RunUse | ReleaseUse] = [*self._runs.values(), *self._releases.values()]
        for use in uses:
            self.found.add(use)
        self.found.looked_at = {**self.reading.looked_at, "nodes": self._nodes}

    def _look_into(self, where: str, repository: Repository, search: Search) -> None:
        refs, history = repository.root().refs, History.of(repository)
        for ref in search.refs():
            if self.reading.is_over:
                return
            try:
                self.reading.weigh(repository, history, ref, refs[ref])
                use = search.look_at(ref)
            except (TetherError, RecursionError) as error:
                self.reading.note(where, error)
                continue
            self._told += 0 if use is None else _weight(use)
            if self._told >= MOST_PATHS:
                return

    def _take(self, where: str, found: Uses) -> None:
        """Take over what one repository has; forks have the same runs and releases."""
        for error in found.problems:
            self.reading.note(where, error)
        self._nodes += found.looked_at["nodes"]
        for run in found.all_runs():
            run_key = run.id, None if run.run is None else run.run.commit
            known = self._runs.get(run_key)
            self._runs[run_key] = replace(known or run, where=(*(known or run).where, where))
        for release in found.all_releases():
            before = self._releases.get(release.release.id, release)
            # Which runs of a release are there differs from one repository to the other.
            roles = tuple(dict.fromkeys((*before.roles, *release.roles)))
            by_run, everywhere = before.by_run or release.by_run, (*before.where, where)
            self._releases[release.release.id] = replace(before, roles=roles, by_run=by_run, where=everywhere)

    def follow(self, traced: Traced) -> None:
        """Find out what came from these."""
        direct = {
            node
            for use in self.found.runs
            for where in use.where
            if (node := traced.runs.get((where, use.id))) is not None
        }
        direct |= {
            node
            for use in self.found.releases
            for where in use.where
            if (node := traced.releases.get((where, use.release.label))) is not None
        }
        further = further_down(traced.graph, direct)
        self.found.further = further[:MOST_TOLD]
        self.reading.complete &= len(further) <= MOST_TOLD


def _weight(use: RunUse | ReleaseUse) -> int:
    """Return about how many bytes it takes to tell of something."""
    undeclared = use.undeclared if isinstance(use, RunUse) else ()
    return 100 + sum(len(path) for path, _ in use.found.places) + sum(map(len, undeclared))
