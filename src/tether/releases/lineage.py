"""What came from what in one repository or several: data, code, runs, models and releases as a graph.

Data and models are their digests, so runs that read the same files meet, whatever commit they came from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tether.errors import TetherError
from tether.releases.graph import BESIDE, Graph, Node
from tether.releases.manifest import Base, Data, Weights
from tether.releases.reading import KnownRelease, releases_of
from tether.repo.repository import Repository
from tether.runs.asked import Asked
from tether.runs.purposes import role_of_input
from tether.runs.reading import KnownRun, asked_of, runs_of, verdict_of
from tether.runs.rundoc import Artefact, DataInput, Work

_MODELS = (
    ".safetensors", ".onnx", ".gguf", ".pt", ".pth", ".ckpt", ".bin", ".keras", ".h5", ".hdf5", ".pkl",
    ".pickle", ".joblib", ".skops", ".npy", ".npz",
)  # fmt: skip
"""How files end that are taken for models where nothing else says so."""
_SHORT = 12


def run_id(run: str) -> str:
    """Return the id of a run's node."""
    return f"run:{run}"


def release_id_of(label: str) -> str:
    """Return the id of a release's node."""
    return f"release:{label}"


def data_id(digest: str) -> str:
    """Return the id of the node of a file or folder."""
    return f"data:{digest}"


class TracedRun(NamedTuple):
    """A run, and what of the files beside its record is part of a lineage."""

    run: KnownRun
    asked: Asked
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Records:
    """The runs and releases of one repository.

    Attributes:
        where: What the repository is called, `OWNER/NAME` on a hub; None where there is only one.
        runs: In any order that is always the same.
        releases: As for runs.
    """

    where: str | None = None
    runs: Sequence[TracedRun] = ()
    releases: Sequence[KnownRelease] = ()


@dataclass(frozen=True, slots=True)
class Traced:
    """What is known of some repositories.

    Attributes:
        graph: All of it.
        runs: The nodes of runs by repository and id.
        releases: The nodes of releases by repository and label.
    """

    graph: Graph
    runs: Mapping[tuple[str | None, str], str]
    releases: Mapping[tuple[str | None, str], str]


def whole_graph(repository: Repository, problems: list[TetherError]) -> Graph:
    """Return all that is known in one repository.

    Args:
        repository: Where.
        problems: Takes what is wrong with runs and releases that cannot be read, which are left out.
    """
    releases = list(releases_of(repository, problems))
    runs = []
    for run in sorted(runs_of(repository, problems), key=lambda run: run.id):
        try:
            runs.append(traced_run(repository, run))
        except TetherError as error:
            problems.append(error)
    return joined_graph([Records(None, runs, releases)]).graph


def traced_run(repository: Repository, run: KnownRun) -> TracedRun:
    """Return a run with what lies beside its record.

    Raises:
        Corrupt: That is damaged.
    """
    asked = asked_of(repository, run)
    return TracedRun(run, asked, None if asked.parent is None else verdict_of(repository, run))


def joined_graph(records: Sequence[Records]) -> Traced:
    """Return what several repositories know together.

    Data and models meet by their digests, a run that several have by its commit, a release by its id. Where
    two repositories have something else under one name, the name alone is that of the first of them.
    """
    building = _Building(records)
    for each in records:
        for run in each.runs:
            building.add_run(each.where, run)
    for each in records:
        for release in each.releases:
            building.add_release(each.where, release)
    return Traced(building.graph, building.runs, building.releases)


@dataclass(slots=True)
class _Places:
    """Where some data was found."""

    known: dict[str, dict[tuple[Any, ...], None]] = field(default_factory=dict)

    def add(self, digest: str, repo: str | None, commit: str | None, path: str) -> None:
        self.known.setdefault(digest, {})[repo, commit, path] = None

    def of(self, digest: str) -> list[dict[str, Any]]:
        rows = self.known.get(digest, ())
        return [{"repo": repo, "commit": commit, "path": path} for repo, commit, path in rows]


class _Building:
    """Makes the graph of some runs and releases."""

    def __init__(self, records: Sequence[Records]) -> None:
        self.graph = Graph()
        self.runs: dict[tuple[str | None, str], str] = {}
        self.releases: dict[tuple[str | None, str], str] = {}
        self._holders: dict[str, str] = {}
        self._where: dict[str, list[str]] = {}
        self._known: dict[str, KnownRun] = {}
        self._labels: dict[str, str] = {}
        self._commits: dict[str, str] = {}
        self._places = _Places()
        weights = [part for each in records for release in each.releases for part in _weights_of(release)]
        self._tensors = {part.digest: part.tensor_digest for part in weights if part.tensor_digest}
        self._models = {part.digest for part in weights}
        self._made: dict[str, Artefact] = {}
        runs = [run.run for each in records for run in each.runs]
        read = {each.digest for run in runs for each in run.record.data}
        for run in runs:
            for artefact in run.record.artefacts:
                self._made.setdefault(artefact.digest, artefact)
                if artefact.path.lower().endswith(_MODELS) or artefact.digest in read:
                    self._models.add(artefact.digest)
        for known in records:
            self._learn_names(known)
            self._learn_places(known)

    def _learn_names(self, records: Records) -> None:
        """Name the nodes of what is here, before anything else asks for a name."""
        for run, *_ in records.runs:
            commit = "" if run.commit is None else run.commit.hex()
            node = self._named(run_id(run.id), commit)
            self.runs[records.where, run.id] = node
            self._known.setdefault(node, run)
            if commit:
                self._commits.setdefault(commit, node)
            self._note_where(node, records.where)
        for release in records.releases:
            node = self._named(release_id_of(release.label), release.id)
            self.releases[records.where, release.label] = node
            self._labels.setdefault(release.id, node)
            self._commits.setdefault(release.commit.hex(), node)
            self._note_where(node, records.where)

    def _named(self, name: str, key: str) -> str:
        """Return the id of a node: its name, with more of it where something else has that name."""
        return name if self._holders.setdefault(name, key) == key else f"{name}#{key[:_SHORT]}"

    def _note_where(self, node: str, where: str | None) -> None:
        if where is not None and where not in self._where.setdefault(node, []):
            self._where[node].append(where)

    def _learn_places(self, records: Records) -> None:
        for run, *_ in records.runs:
            for each in run.record.data:
                self._places.add(each.digest, records.where, each.commit, each.path)
            if run.record.work is not None:
                self._places.add(run.record.work.digest, records.where, run.record.work.commit, "")
        for release in records.releases:
            for part in release.manifest.data:
                source = part.source
                if source is not None:
                    self._places.add(part.digest, source.repo or records.where, source.commit, source.path)

    def _found(self, node: str) -> dict[str, Any]:
        """Return in which repositories something is, where there can be several."""
        return {"repositories": self._where[node]} if node in self._where else {}

    # -- runs -------------------------------------------------------------------------------

    def add_run(self, where: str | None, traced: TracedRun) -> None:
        """Add a run with what it read and made."""
        run, asked, verdict = traced
        record, graph, node = run.record, self.graph, self.runs[where, run.id]
        facts: dict[str, Any] = {"status": str(record.status), "started": record.started, "name": record.name}
        if verdict is not None:
            facts["verdict"] = verdict
        graph.add(Node(node, "run", record.name or run.id, {**facts, **self._found(node)}))
        for each in record.data:
            role = role_of_input(record, each.name)
            is_read = role == "train" or each.digest in self._models
            graph.join(self._input(each), node, "read" if is_read else role)
            self._join_origin(each, node)
        if record.work is not None:
            graph.join(self._data("working copy", record.work), node, BESIDE)
        if record.code is not None and record.code.commit is not None:
            graph.join(self._code(record.code.system, record.code.commit, record.code.url), node, "with")
        parent = asked.parent
        if parent is not None and parent.run is not None:
            graph.join(self._run(where, parent.run), node, parent.relation)
        if parent is not None and parent.release is not None:
            graph.join(self._release(where, parent.release), node, parent.relation)
        for artefact in record.artefacts:
            if artefact.digest in self._models:
                graph.join(node, self._model(artefact.digest, artefact.path, artefact.bytes), "made")

    def _input(self, each: DataInput) -> str:
        """Return the node of an input: the model that it is, or the data."""
        if each.digest in self._models:
            return self._model(each.digest, each.path or each.name, each.bytes)
        return self._data(each.name, each)

    def _join_origin(self, each: DataInput, node: str) -> None:
        """Join the run or release in whose tree an input lies with it, where no model says so."""
        origin = self._commits.get(each.commit or "")
        if origin is None or each.digest in self._models or origin == node:
            return
        # The data that another run read is known by what it is; only what that one made came from it.
        if origin.startswith("release:") or each.path.startswith("artefacts"):
            self.graph.join(origin, self._data(each.name, each), "has")

    def _run(self, where: str | None, run: str, commit: str | None = None) -> str:
        """Return the node of a run that something names, which need not be here.

        Who pushes may take the id of any run, so the commit decides where it is known, else the repository.
        """
        found = self._commits.get(commit or "") or self.runs.get((where, run))
        if found is not None:
            return found
        name = run_id(run)
        if commit is not None:
            name = self._named(name, commit)
        elif name in self._holders:
            return name
        return self.graph.add(Node(name, "run", run, {"here": False}))

    def _release(self, where: str | None, label: str, base: Base | None = None) -> str:
        """Return the node of a release that something names, which need not be here."""
        known = self.releases.get((where, label)) if base is None else self._labels.get(base.id)
        if known is not None:
            return known
        name, facts = release_id_of(label), dict[str, Any](here=False)
        if base is not None:
            name = self._named(name, base.id)
            facts |= {"release": base.id, "repo": base.repo}
        return self.graph.add(Node(name, "release", label, facts))

    # -- releases ---------------------------------------------------------------------------

    def add_release(self, where: str | None, release: KnownRelease) -> None:
        """Add a release with what it is made of."""
        manifest, graph, node = release.manifest, self.graph, self.releases[where, release.label]
        facts = {"release": release.id, "created": manifest.created}
        graph.add(Node(node, "release", release.label, {**facts, **self._found(node)}))
        for part in _weights_of(release):
            graph.join(self._model(part.digest, part.path.partition("/")[2], part.bytes), node, "in")
        training = None if manifest.run is None else self._run(where, manifest.run.id, manifest.run.commit)
        run = self._known.get(training or "")
        if training is not None and not self._made_here(run, manifest.weights):
            graph.join(training, node, "trained")
        read = set() if run is None else {each.digest for each in run.record.data}
        for data in manifest.data:
            if data.digest not in read:
                graph.join(self._release_data(data), node, data.role)
        for relation, runs in (("evaluation", manifest.evaluations), ("bench", manifest.benches)):
            for each in runs:
                graph.join(self._run(where, each.id, each.commit), node, relation)
        for base in manifest.bases:
            graph.join(self._release(where, f"{base.name}@{base.version}", base), node, "continued")
        if run is None:
            self._add_code(release, node)

    def _made_here(self, run: KnownRun | None, weights: Iterable[Weights]) -> bool:
        made = {each.digest for each in run.record.artefacts} if run is not None else set()
        return any(part.digest in made for part in weights)

    def _add_code(self, release: KnownRelease, node: str) -> None:
        for part in release.manifest.code:
            source = part.source
            if source is not None and source.commit is not None:
                self.graph.join(self._code(source.system, source.commit, source.repo), node, "with")

    def _release_data(self, data: Data) -> str:
        return self._data(data.name, data, {"included": data.included})

    # -- what both have ---------------------------------------------------------------------

    def _data(self, name: str, part: DataInput | Data | Work, facts: Mapping[str, Any] | None = None) -> str:
        kind = "directory" if isinstance(part, Work) else part.kind
        about = {"digest": part.digest, "kind_of_file": kind, "files": part.files, "bytes": part.bytes}
        places = {"places": self._places.of(part.digest)}
        return self.graph.add(Node(data_id(part.digest), "data", name, {**about, **places, **(facts or {})}))

    def _model(self, digest: str, path: str, size: int) -> str:
        tensors = self._tensors.get(digest)
        facts = {"digest": digest, "tensor_digest": tensors, "bytes": size}
        made = self._made.get(digest)
        label = made.path if made is not None else path
        return self.graph.add(Node(f"model:{tensors or digest}", "model", label, facts))

    def _code(self, system: str, commit: str, url: str | None) -> str:
        facts = {"system": system, "commit": commit, "repo": url}
        return self.graph.add(Node(f"code:{commit}", "code", f"{system} {commit[:_SHORT]}", facts))


def _weights_of(release: KnownRelease) -> tuple[Weights, ...]:
    return (*release.manifest.weights, *release.manifest.checkpoints)
