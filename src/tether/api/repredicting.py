"""R3: the weights of a release predict again what its evaluations hold, in a repository for that alone."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from tether.api.evalrequest import SILENT, EvalRequest
from tether.api.evaluating import evaluate_model
from tether.api.repo import Repo
from tether.core.digest import parse_digest
from tether.core.identity import Person
from tether.core.names import path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, walk
from tether.errors import Corrupt, InvalidInput, NotFound, Unavailable, Unsupported
from tether.evals.data.source import DataOptions
from tether.evals.evaldoc import Evaluation
from tether.evals.intervals import Plan
from tether.evals.predictions import Predictions, read_predictions
from tether.releases.findings import Check, Problem, Untried
from tether.releases.manifest import Data, Part, RunPart, is_included
from tether.releases.reading import KnownRelease, read_part
from tether.releases.recomputing import EVALUATION, PREDICTIONS
from tether.releases.storing import orphan
from tether.repo.repository import Repository
from tether.runs.journal import RECORD
from tether.runs.rundoc import RunRecord

_LEVEL = "R3"
_RUNNERS = frozenset(["onnx", "sklearn"])
_OPTIONS = ("--label", "--key", "--input", "--classes")
_IMAGES = {"size": "--image-size", "mean": "--image-mean", "std": "--image-std"}
_CLOSE = 1e-6
"""Relative: numbers of a model may differ in their last digits from machine to machine."""


def predictions_again(environ: Mapping[str, str]) -> Check:
    """Return what makes the predictions of all evaluations again and compares them.

    Models run in processes of their own, as `tether eval` runs them; code of others is never run.

    Args:
        environ: The environment of these processes.
    """

    def check(repository: Repository, release: KnownRelease) -> list[Problem] | Untried:
        problems: list[Problem] = []
        for part in release.manifest.evaluations:
            try:
                problems += _Again(repository, release, part).compared(environ)
            except (InvalidInput, NotFound, Unsupported, Unavailable) as error:
                return Untried(_LEVEL, f"evaluation {part.id}: {error}")
        return problems

    return check


class _Again:
    """One evaluation that is made again."""

    def __init__(self, repository: Repository, release: KnownRelease, part: RunPart) -> None:
        self._repository, self._release, self._part = repository, release, part
        self._told = Evaluation.decode(self._read(EVALUATION), part.id)
        self._words = RunRecord.decode(self._read(RECORD), part.id).command

    def compared(self, environ: Mapping[str, str]) -> Iterator[Problem]:
        """Yield how the predictions differ from those that are kept.

        Raises:
            InvalidInput: They cannot be made again here, or without running code of others.
        """
        model, data = self._model(), self._data()
        entry = find(
            self._repository.objects, self._release.tree, path_bytes(f"{self._part.path}/{PREDICTIONS}")
        )
        assert entry is not None
        with cast("BinaryIO", self._repository.contents.open(entry.digest)) as file:
            before = read_predictions(file)
        with tempfile.TemporaryDirectory(prefix="tether-") as folder:
            after = self._predicted(Path(folder), (model, data), environ)
        for message in _differences(before, after):
            path = f"{self._part.path}/{PREDICTIONS}"
            yield Problem(_LEVEL, "evaluations", path, message)

    def _read(self, path: str) -> bytes:
        data = read_part(self._repository, self._release, f"{self._part.path}/{path}")
        if data is None:
            raise Corrupt(f"evaluation {self._part.id} has no {path}")
        return data

    def _model(self) -> Part:
        if self._told.predictor.kind not in _RUNNERS or self._told.model is None:
            raise InvalidInput(f"its predictions came from a {self._told.predictor.kind}")
        if "--trust" in self._words:
            raise InvalidInput("loading its model can run code of others")
        manifest = self._release.manifest
        found = [part for part in manifest.weights if part.digest == self._told.model.digest]
        if not found:
            raise InvalidInput("its model is not one file of the weights")
        return found[0]

    def _data(self) -> Data:
        found = [part for part in self._release.manifest.data if part.digest == self._told.data.digest]
        if not found or not is_included(found[0]):
            raise InvalidInput("its data is private" if found else "the release does not name its data")
        return found[0]

    def _predicted(self, folder: Path, parts: tuple[Part, Data], environ: Mapping[str, str]) -> Predictions:
        """Return predictions that are made now."""
        options = {name: self._option(name) for name in _OPTIONS}
        with Repo.init(folder / "repository", bare=True, clock=self._repository.clock) as scratch:
            scratch.author = Person("verify", "verify@localhost")
            places = [self._copied(scratch, part) for part in parts]
            asked = EvalRequest(
                places[1],
                folder,
                environ,
                model=places[0],
                task=self._told.task,
                options=DataOptions(options["--label"], options["--key"], _several(options["--input"])),
                classes=_several(options["--classes"]),
                image=self._image(),
                slices="",
                plan=Plan(replicates=0),
            )
            made = evaluate_model(scratch, asked, SILENT)
            data = scratch.at(f"runs/{made.record.id}").read_bytes(PREDICTIONS)
        place = folder / "predictions.parquet"
        place.write_bytes(data)
        return read_predictions(place)

    def _image(self) -> dict[str, Any]:
        """Return how images were fed to the model."""
        told = {name: self._option(option) for name, option in _IMAGES.items()}
        try:
            size = int(told["size"]) if told["size"] is not None else None
            mean, std = ([float(each) for each in _several(told[name])] or None for name in ("mean", "std"))
        except ValueError as error:
            raise Corrupt(f"evaluation {self._part.id} has a command that cannot be: {error}") from None
        return {"size": size, "mean": mean, "std": std}

    def _option(self, name: str) -> str | None:
        words = self._words
        return words[words.index(name) + 1] if name in words[:-1] else None

    def _copied(self, scratch: Repo, part: Part) -> str:
        """Bring a part into the other repository; return its place there."""
        contents, name = self._repository.contents, part.path.rpartition("/")[2]
        found = {name.encode(): _entry(part)}
        if part.kind == "directory":
            found = dict(walk(self._repository.objects, parse_digest(part.digest), name.encode()))
        branch = f"part-{part.digest[:12]}"
        with scratch.repository.transaction("copy") as transaction:
            entries = {}
            for path, entry in found.items():
                if entry.kind == EntryKind.DIRECTORY:
                    continue
                with contents.open(entry.digest) as file:
                    transaction.contents.add_stream(file.readinto, entry.name)
                entries[path] = entry
            commit = orphan(transaction, entries, "part", scratch.author, scratch.clock())
            transaction.set_ref(f"refs/heads/{branch}", commit)
        return f"{branch}:{name}"


def _entry(part: Part) -> Entry:
    name = path_bytes(part.path).rpartition(b"/")[2]
    return Entry(name, EntryKind[part.kind.upper()], part.bytes, parse_digest(part.digest))


def _several(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _differences(before: Predictions, after: Predictions) -> Iterator[str]:
    """Yield how predictions differ from those of the same examples before."""
    places = {each: at for at, each in enumerate(after.ids.to_pylist())}
    ids = before.ids.to_pylist()
    if set(ids) != set(places):
        yield "other examples are in the data"
        return
    after = after.take(np.array([places[each] for each in ids], np.intp))
    pairs = zip(before.predictions.to_pylist(), after.predictions.to_pylist(), strict=True)
    others = [each for each, (old, new) in zip(ids, pairs, strict=True) if not _same(old, new)]
    if others:
        yield f"{len(others):,} of {len(ids):,} predictions are others, first that of {others[0]}"
    if before.scores is not None and after.scores is not None:
        same = before.scores.shape == after.scores.shape
        if not same or not np.allclose(before.scores, after.scores, rtol=_CLOSE, atol=_CLOSE):
            yield "the scores are others"


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return bool(np.isclose(old, new, rtol=_CLOSE, atol=_CLOSE, equal_nan=True))
    return bool(old == new)
