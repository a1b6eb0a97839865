"""The model of a bench: where it is, what it takes, how large it is, and what runs it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from blake3 import blake3

from tether.api.models import Model, model_at
from tether.api.opened import Opened
from tether.api.snapshot import at
from tether.bench.inputs import Wanted
from tether.bench.macs import COUNTER, count_macs
from tether.bench.record import ModelPart
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.errors import InvalidInput, NotFound, TetherError, Unsupported
from tether.model.facts import ModelFacts
from tether.model.formats.onnxgraph import read_graph
from tether.model.source import FileSource
from tether.repo.revision import find_entry, split_place
from tether.runs.journal import files_below
from tether.runs.rundoc import RunRecord

if TYPE_CHECKING:
    from tether.api.benching import BenchRequest

_PICKLES = ("pickle", "joblib")


class ModelPlace(NamedTuple):
    """Where a model is.

    Attributes:
        rev: What of a revision is pinned: the file, or its folder where weights lie beside it; None for one
            of the disk that no revision has.
        below: The file in that folder; empty where the file itself is pinned.
        name: Of the model, for people.
    """

    rev: str | None
    below: str
    name: str


def place_of_file(repo: Opened, model: str, folder: Path) -> ModelPlace:
    """Return where a model is that a user named.

    Raises:
        NotFound: There is nothing.
    """
    if ":" in model and not (folder / model).exists():
        return _in_revision(repo, model)
    path = folder / model
    if not path.exists():
        raise NotFound(f"no such file: {model}", hint="a model of a revision is REV:PATH")
    committed = _committed(repo, path) if path.is_file() else None
    return _in_revision(repo, committed) if committed is not None else ModelPlace(None, "", path.name)


def _committed(repo: Opened, path: Path) -> str | None:
    """Return what of HEAD has the content of a file of the working copy, at its path."""
    if repo.repository.worktree is None:
        return None
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(repo.root))
    if inside.startswith(".."):
        return None
    place = f"HEAD:{inside}"
    try:
        _, entry = find_entry(repo.repository, place)
    except (NotFound, InvalidInput):
        return None
    if entry.size != path.stat().st_size:
        return None
    return place if entry.digest.hex() == file_digest(path) else None


def _in_revision(repo: Opened, model: str) -> ModelPlace:
    place, entry = find_entry(repo.repository, model)
    path = display(place.path)
    rev, _ = split_place(model)
    if entry.kind == EntryKind.DIRECTORY:
        return ModelPlace(model, "", path or rev)
    try:
        with model_at(at(repo, rev), os.fsdecode(place.path)) as found:
            beside = any(tensor.place and tensor.place.file for tensor in found.facts.tensors)
    except (InvalidInput, Unsupported):
        beside = False
    folder, _, name = os.fsdecode(place.path).rpartition("/")
    return ModelPlace(f"{rev}:{folder}", name, path) if beside else ModelPlace(model, "", path)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that lies on the disk.

    Attributes:
        path: Where.
        facts: What its file says; None for one that we do not read.
        wanted: What it takes, where it says so.
        is_command: Whether a command answers for it.
    """

    path: Path
    facts: ModelFacts | None
    wanted: tuple[Wanted, ...] | None
    is_command: bool
    _plan: Mapping[str, Any]
    _known: Mapping[str, Any]

    @property
    def fixed_batch(self) -> int | None:
        """How many inputs each query has, where the model takes no other number."""
        sizes = {each.shape[0] for each in self.wanted or () if each.shape}
        fixed = {size for size in sizes if isinstance(size, int) and size > 0}
        return fixed.pop() if len(fixed) == 1 else None

    def runner(self, threads: int, columns: Sequence[str]) -> dict[str, Any]:
        """Return the plan of the runner, which may want to know what the columns of the inputs are called."""
        return {**self._plan, "threads": threads, "columns": list(columns)}

    def part(self, query: Mapping[str, tuple[int, ...]]) -> ModelPart:
        """Return what is kept of the model.

        Args:
            query: The shapes of a query, for counting.
        """
        facts = self.facts
        return ModelPart(
            **self._known,
            bytes=_size(self.path, facts),
            format=facts.format if facts is not None else None,
            weights=_weights(self.path),
            parameters=facts.parameters if facts is not None else None,
            types=facts.types if facts is not None else {},
            macs=self._macs(query),
        )

    def _macs(self, query: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
        if self.facts is None or self.facts.format != "onnx" or not query:
            return None
        with self.path.open("rb") as file:
            graph = read_graph(FileSource(file))
        shapes = dict(query)
        if len(graph.inputs) == 1 and len(shapes) == 1:
            shapes = {graph.inputs[0]["name"]: next(iter(shapes.values()))}
        found = count_macs(graph, shapes, self.fixed_batch or 1)
        return {
            "counter": COUNTER,
            "per_input": found.per_input,
            "complete": found.complete,
            "by_operator": found.by_operator,
            "unknown": found.unknown,
        }


def load_model(place: ModelPlace, path: Path, request: "BenchRequest", record: RunRecord) -> LoadedModel:
    """Look at a model and choose what runs it; nothing of it is loaded.

    Raises:
        Unsupported: Nothing here runs such a model.
        InvalidInput: It is damaged.
    """
    pinned = next((each for each in record.data if each.name == "model"), None)
    known: dict[str, Any] = {
        "name": place.name,
        "rev": place.rev,
        "commit": pinned.commit if pinned is not None else None,
        "digest": file_digest(path) if path.is_file() else pinned.digest if pinned is not None else None,
    }
    facts = _facts(path)
    if request.command:
        command = {"kind": "command", "command": list(request.command), "folder": str(request.folder)}
        return LoadedModel(path, facts, None, True, command, known)
    base = {"path": str(path), "trust": request.trust}
    kind = facts.format if facts is not None else ""
    if facts is not None and kind == "onnx":
        _check_outside(facts)
        plan = {**base, "kind": "onnx", "providers": list(request.providers)}
        return LoadedModel(path, facts, _wanted(facts), False, plan, known)
    if kind in _PICKLES and not request.trust:
        raise InvalidInput(f"loading {place.name} runs what its author wrote", hint="--trust allows it")
    if kind == "skops" or (kind in _PICKLES and path.suffix in (".joblib", ".pkl", ".pickle")):
        return LoadedModel(path, facts, None, False, {**base, "kind": "sklearn"}, known)
    raise Unsupported(
        f"nothing here runs {place.name}" + (f", which is {kind}" if kind else ""),
        hint="ONNX and skops are run; for others give a command that answers, behind '--'",
    )


def _check_outside(facts: ModelFacts) -> None:
    for each in facts.warnings:
        if each.code == "outside":
            raise InvalidInput(each.text, hint="such a model is not loaded")


def _facts(path: Path) -> ModelFacts | None:
    if not path.is_file():
        return None
    try:
        with Model.open(path) as model:
            return model.facts
    except Unsupported:
        return None


def _wanted(facts: ModelFacts) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(str(row["name"]), str(row["dtype"]), tuple(row["shape"])) for row in facts.metadata["inputs"]
    )


def _weights(path: Path) -> str | None:
    """Return the digest of all tensors, where they can be read."""
    if not path.is_file():
        return None
    try:
        with Model.open(path) as model:
            return model.digest().hex() if model.facts.tensors else None
    except TetherError:
        return None


def _size(path: Path, facts: ModelFacts | None) -> int:
    """Return how much a model takes on the disk, with the files that have its weights."""
    if path.is_dir():
        return sum(file.stat().st_size for _, file in files_below(path, ""))
    tensors = facts.tensors if facts is not None else ()
    beside = {tensor.place.file for tensor in tensors if tensor.place is not None and tensor.place.file}
    others = [path.parent / name for name in beside]
    return path.stat().st_size + sum(each.stat().st_size for each in others if each.is_file())


def file_digest(path: Path) -> str:
    """Return the digest of a file, as `b3sum` prints it."""
    return blake3(max_threads=blake3.AUTO).update_mmap(os.fspath(path)).hexdigest()
