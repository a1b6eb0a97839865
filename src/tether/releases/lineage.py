"""What came from what in one repository: data, code, runs, models and releases as a graph.

Data and models are their digests, so runs that read the same files meet, whatever commit they came from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tether.errors import TetherError
from tether.releases.graph import Graph, Node
from tether.releases.manifest import Base, Data, Weights
from tether.releases.reading import KnownRelease, releases_of
from tether.repo.repository import Repository
from tether.runs.asked import Asked
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


def whole_graph(repository: Repository, problems: list[TetherError]) -> Graph:
    """Return all that is known.

    Args:
        repository: Where.
        problems: Takes what is wrong with runs and releases that cannot be read, which are left out.
    """
    releases = list(releases_of(repository, problems))
    runs = sorted(runs_of(repository, problems), key=lambda run: run.id)
    return graph_of(repository, releases, runs, problems)


def graph_of(
    repository: Repository,
    releases: Sequence[KnownRelease],
    runs: Sequence[KnownRun],
    problems: list[TetherError],
) -> Graph:
    """Return what is known of some releases and runs.

    Args:
        repository: Has them.
        releases: Which.
        runs: Which, the oldest first.
        problems: Takes what is wrong with runs that cannot be read, which are left out.
    """
    building = _Building(repository, releases, runs)
    for run in runs:
        try:
            building.add_run(run, asked_of(repository, run))
        except TetherError as error:
            problems.append(error)
    for release in releases:
        building.add_release(release)
    return building.graph


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

    def __init__(
        self, repository: Repository, releases: Sequence[KnownRelease], runs: Sequence[KnownRun]
    ) -> None:
        self.graph = Graph()
        self._repository = repository
        weights = [part for release in releases for part in _weights_of(release)]
        self._tensors = {part.digest: part.tensor_digest for part in weights if part.tensor_digest}
        self._models = {part.digest for part in weights}
        self._made: dict[str, Artefact] = {}
        read = {each.digest for run in runs for each in run.record.data}
        for run in runs:
            for artefact in run.record.artefacts:
                self._made.setdefault(artefact.digest, artefact)
                if artefact.path.lower().endswith(_MODELS) or artefact.digest in read:
                    self._models.add(artefact.digest)
        self._commits = {run.commit.hex(): run_id(run.id) for run in runs if run.commit is not None}
        self._commits |= {each.commit.hex(): release_id_of(each.label) for each in releases}
        self._releases = {each.label: each for each in releases}
        self._runs = {run.id: run for run in runs}
        self._places = _Places()
        self._learn_places(runs, releases)

    def _learn_places(self, runs: Iterable[KnownRun], releases: Iterable[KnownRelease]) -> None:
        for run in runs:
            for each in run.record.data:
                self._places.add(each.digest, None, each.commit, each.path)
            if run.record.work is not None:
                self._places.add(run.record.work.digest, None, run.record.work.commit, "")
        for release in releases:
            for part in release.manifest.data:
                source = part.source
                if source is not None:
                    self._places.add(part.digest, source.repo, source.commit, source.path)

    # -- runs -------------------------------------------------------------------------------

    def add_run(self, run: KnownRun, asked: Asked) -> None:
        """Add a run with what it read and made."""
        record, graph = run.record, self.graph
        facts: dict[str, Any] = {"status": str(record.status), "started": record.started, "name": record.name}
        verdict = verdict_of(self._repository, run) if asked.parent is not None else None
        if verdict is not None:
            facts["verdict"] = verdict
        node = graph.add(Node(run_id(run.id), "run", record.name or run.id, facts))
        for each in record.data:
            graph.join(self._input(each), node, "read")
            self._join_origin(each, node)
        if record.work is not None:
            graph.join(self._data("working copy", record.work), node, "read")
        if record.code is not None and record.code.commit is not None:
            graph.join(self._code(record.code.system, record.code.commit, record.code.url), node, "with")
        parent = asked.parent
        if parent is not None and parent.run is not None:
            graph.join(self._run_elsewhere(parent.run), node, parent.relation)
        if parent is not None and parent.release is not None:
            graph.join(self._release_elsewhere(parent.release), node, parent.relation)
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

    def _run_elsewhere(self, run: str) -> str:
        if run in self._runs:
            return run_id(run)
        return self.graph.add(Node(run_id(run), "run", run, {"here": False}))

    def _release_elsewhere(self, label: str, base: Base | None = None) -> str:
        """Return the node of a release, which need not be here."""
        known = self._releases.get(label)
        if known is not None and (base is None or base.id == known.id):
            return release_id_of(label)
        facts: dict[str, Any] = {"here": False}
        name = release_id_of(label)
        if base is not None:
            facts |= {"release": base.id, "repo": base.repo}
            name = f"{name}#{base.id[:_SHORT]}" if known is not None else name
        return self.graph.add(Node(name, "release", label, facts))

    # -- releases ---------------------------------------------------------------------------

    def add_release(self, release: KnownRelease) -> None:
        """Add a release with what it is made of."""
        manifest, graph = release.manifest, self.graph
        facts = {"release": release.id, "created": manifest.created}
        node = graph.add(Node(release_id_of(release.label), "release", release.label, facts))
        for part in _weights_of(release):
            graph.join(self._model(part.digest, part.path.partition("/")[2], part.bytes), node, "in")
        run = self._runs.get(manifest.run.id) if manifest.run is not None else None
        if manifest.run is not None and not self._made_here(run, manifest.weights):
            graph.join(self._run_elsewhere(manifest.run.id), node, "trained")
        read = set() if run is None else {each.digest for each in run.record.data}
        for data in manifest.data:
            if data.digest not in read:
                graph.join(self._release_data(data), node, data.role)
        for evaluation in (*manifest.evaluations, *manifest.benches):
            graph.join(self._run_elsewhere(evaluation.id), node, "evaluation")
        for base in manifest.bases:
            graph.join(self._release_elsewhere(f"{base.name}@{base.version}", base), node, "continued")
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
