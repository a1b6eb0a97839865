"""What differs between two model files, tensor by tensor and layer by layer, also of different formats."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tether.core.digest import Digest
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, Unsupported
from tether.model.distance import Distance, Side, Sums, comparable, measure
from tether.model.dtypes import byte_length
from tether.model.facts import DAMAGED, ModelFacts, Tensor, tensor_document
from tether.model.source import Source
from tether.model.tensordigest import tensor_digest
from tether.model.values import Siblings, none_beside


class Opened(NamedTuple):
    """A model file with its facts, ready to be read further."""

    source: Source
    facts: ModelFacts
    beside: Siblings = none_beside
    title: str = "the model"


class TensorChange(NamedTuple):
    """A tensor that both have under the same name, and that is not the same."""

    old: Tensor
    new: Tensor
    change: str
    """`values`, `dtype` where the type changed too, `shape`, or `bytes` that are no plain numbers."""
    distance: Distance | None

    @property
    def name(self) -> str:
        """Its name."""
        return self.new.name


class RenamedTensor(NamedTuple):
    """The same numbers under another name."""

    old: Tensor
    new: Tensor


class LayerChange(NamedTuple):
    """The tensors below one prefix, summed up; layers without a change are left out."""

    layer: str
    tensors: int
    """In the new model."""
    changed: int
    added: int
    removed: int
    distance: Distance | None
    """Over its changed tensors that can be compared."""


@dataclass(frozen=True, slots=True)
class ModelDiff:
    """What differs between two models."""

    old: ModelFacts
    new: ModelFacts
    added: tuple[Tensor, ...] = ()
    removed: tuple[Tensor, ...] = ()
    renamed: tuple[RenamedTensor, ...] = ()
    changed: tuple[TensorChange, ...] = ()
    unread: tuple[Tensor, ...] = ()
    """Tensors that look the same and whose numbers cannot be read."""
    unchanged: int = 0
    layers: tuple[LayerChange, ...] = ()

    def __repr__(self) -> str:
        changed, moved = len(self.changed), len(self.renamed)
        return (
            f"ModelDiff(+{len(self.added)}, -{len(self.removed)}, {moved} renamed, {changed} changed, "
            f"{self.unchanged} unchanged)"
        )

    @property
    def metadata(self) -> dict[str, tuple[Any, Any]]:
        """What the files say of themselves where they differ: old and new, None where a side says nothing."""
        old, new = self.old.metadata, self.new.metadata
        keys = [*old, *(key for key in new if key not in old)]
        return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}

    @property
    def is_empty(self) -> bool:
        """Whether all tensors are the same, under the same names, as far as they can be read."""
        return not (self.added or self.removed or self.renamed or self.changed)


@dataclass
class _Work:
    """What is compared, and what was found so far."""

    old: Opened
    new: Opened
    progress: Progress
    changed: list[TensorChange] = field(default_factory=list)
    unread: list[Tensor] = field(default_factory=list)
    sums: dict[str, Sums] = field(default_factory=dict)
    unchanged: int = 0

    def digest(self, side: Opened, tensor: Tensor) -> Digest | None:
        try:
            found = tensor_digest(side.source, tensor, side.beside)
        except Unsupported:
            return None
        self.progress.advance(byte_length(tensor.dtype, tensor.shape) or 0)
        return found


def compare(old: Opened, new: Opened, progress: Progress = SILENT) -> ModelDiff:
    """Return what differs between two models; numbers are read block by block.

    Raises:
        InvalidInput: A file is damaged, or its list of tensors is not whole.
    """
    for side in (old, new):
        if any(each.code == DAMAGED for each in side.facts.warnings):
            raise InvalidInput(
                f"the tensors of {side.title} are not all known", hint="see 'tether model show'"
            )
    work = _Work(old, new, progress)
    before = {tensor.name: tensor for tensor in old.facts.tensors}
    after = {tensor.name: tensor for tensor in new.facts.tensors}
    progress.start("comparing", _bytes_of(before, after), "bytes")
    try:
        for name, tensor in after.items():
            if name in before:
                _compare_pair(work, before[name], tensor)
        removed = [tensor for name, tensor in before.items() if name not in after]
        added = [tensor for name, tensor in after.items() if name not in before]
        renamed = _renamed(work, removed, added)
    finally:
        progress.finish()
    moved_from, moved_to = {each.old.name for each in renamed}, {each.new.name for each in renamed}
    removed = [tensor for tensor in removed if tensor.name not in moved_from]
    added = [tensor for tensor in added if tensor.name not in moved_to]
    return ModelDiff(
        old.facts, new.facts, tuple(added), tuple(removed), tuple(renamed), tuple(work.changed),
        tuple(work.unread), work.unchanged, _layers(work, added, removed),
    )  # fmt: skip


def _bytes_of(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> int:
    shared = [tensor for name, tensor in after.items() if name in before]
    return 2 * sum(byte_length(tensor.dtype, tensor.shape) or 0 for tensor in shared)


def _compare_pair(work: _Work, old: Tensor, new: Tensor) -> None:
    if old.shape != new.shape:
        work.changed.append(TensorChange(old, new, "shape", None))
        return
    first, second = work.digest(work.old, old), work.digest(work.new, new)
    if first is None or second is None:
        if old.dtype == new.dtype:
            work.unread.append(new)
        else:
            work.changed.append(TensorChange(old, new, "dtype", None))
    elif first == second:
        work.unchanged += 1
    else:
        word = "values" if old.dtype == new.dtype else "dtype"
        if not comparable(old, new):
            work.changed.append(TensorChange(old, new, "bytes" if word == "values" else word, None))
            return
        sums = measure(
            Side(work.old.source, old, work.old.beside), Side(work.new.source, new, work.new.beside)
        )
        work.sums[new.name] = sums
        work.changed.append(TensorChange(old, new, word, sums.distance()))


def _renamed(work: _Work, removed: Iterable[Tensor], added: Iterable[Tensor]) -> list[RenamedTensor]:
    """Pair tensors that have the same digest; only those with a type and shape on both sides are read."""
    removed, added = list(removed), list(added)
    shared = {(t.dtype, t.shape) for t in removed} & {(t.dtype, t.shape) for t in added}
    sources: dict[Digest, list[Tensor]] = {}
    for tensor in removed:
        digest = work.digest(work.old, tensor) if (tensor.dtype, tensor.shape) in shared else None
        if digest is not None:
            sources.setdefault(digest, []).append(tensor)
    found = []
    for tensor in added:
        digest = work.digest(work.new, tensor) if (tensor.dtype, tensor.shape) in shared else None
        waiting = sources.get(digest) if digest is not None else None
        if waiting:
            found.append(RenamedTensor(waiting.pop(0), tensor))
    return found


# -- layers -----------------------------------------------------------------------------------


def layer_of(name: str) -> str:
    """Return the layer that a tensor belongs to.

    It is the name up to its first number (`model.layers.3` of `model.layers.3.mlp.up.weight`), otherwise
    without its last part, or all of it where it has one part.
    """
    parts = name.replace("/", ".").strip(".").split(".")
    for at, part in enumerate(parts):
        if part.isdecimal():
            return ".".join(parts[: at + 1])
    return ".".join(parts[:-1]) or name


def _layers(work: _Work, added: list[Tensor], removed: list[Tensor]) -> tuple[LayerChange, ...]:
    counts: dict[str, dict[str, int]] = {}
    totals: dict[str, Sums] = {}
    groups: Mapping[str, Iterable[str]] = {
        "changed": (each.name for each in work.changed),
        "added": (tensor.name for tensor in added),
        "removed": (tensor.name for tensor in removed),
    }
    for word, names in groups.items():
        for name in names:
            rows = counts.setdefault(layer_of(name), {"changed": 0, "added": 0, "removed": 0})
            rows[word] += 1
    for name, sums in work.sums.items():
        totals.setdefault(layer_of(name), Sums()).add(sums)
    sizes: dict[str, int] = {}
    for tensor in work.new.facts.tensors:
        sizes[layer_of(tensor.name)] = sizes.get(layer_of(tensor.name), 0) + 1
    return tuple(
        LayerChange(
            layer,
            sizes.get(layer, 0),
            rows["changed"],
            rows["added"],
            rows["removed"],
            _total(totals.get(layer)),
        )
        for layer, rows in counts.items()
    )


def _total(sums: Sums | None) -> Distance | None:
    return sums.distance() if sums is not None else None


# -- JSON -------------------------------------------------------------------------------------


def diff_document(diff: ModelDiff) -> dict[str, Any]:
    """Return the stable form in JSON."""
    names = [{each.name for each in facts.globals} for facts in (diff.old, diff.new)]
    return {
        "old": _summary(diff.old),
        "new": _summary(diff.new),
        "same": diff.is_empty,
        "added": [tensor_document(tensor) for tensor in diff.added],
        "removed": [tensor_document(tensor) for tensor in diff.removed],
        "renamed": [{"old": each.old.name, "new": each.new.name} for each in diff.renamed],
        "changed": [_change_document(each) for each in diff.changed],
        "unchanged": diff.unchanged,
        "unread": [tensor.name for tensor in diff.unread],
        "layers": [
            {**each._asdict(), "distance": each.distance and each.distance._asdict()} for each in diff.layers
        ],
        "metadata": {key: {"old": old, "new": new} for key, (old, new) in diff.metadata.items()},
        "globals": {"added": sorted(names[1] - names[0]), "removed": sorted(names[0] - names[1])},
    }


def _summary(facts: ModelFacts) -> dict[str, Any]:
    found = {"format": facts.format, "tensors": len(facts.tensors), "parameters": facts.parameters}
    return found | {"types": facts.types, "safe": facts.safe}


def _change_document(change: TensorChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "change": change.change,
        "old_dtype": change.old.dtype,
        "new_dtype": change.new.dtype,
        "old_shape": list(change.old.shape),
        "new_shape": list(change.new.shape),
        "distance": change.distance and change.distance._asdict(),
    }
