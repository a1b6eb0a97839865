"""skops: an archive with a schema of the objects in it, and arrays beside.

Source: the persistence page of the skops project. Loading it builds the types that the schema names, after
asking the user for those that skops does not trust.
"""

from collections.abc import Iterator
from typing import Any

from tether.errors import InvalidInput
from tether.model.facts import Caution, GlobalName, ModelFacts, Tensor, shortened
from tether.model.formats import npy
from tether.model.formats.machine import Name
from tether.model.formats.pickled import names_found
from tether.model.formats.zips import Archive
from tether.model.source import Source

WHAT = "skops"
SCHEMA = "schema.json"
_TRUSTED = frozenset(["sklearn", "numpy", "scipy", "builtins"])
_MOST_NODES = 1_000_000
_OWN = frozenset(["content", "attrs"])


def read(source: Source, _name: str) -> ModelFacts:
    """Return what a skops file holds.

    Raises:
        InvalidInput: The archive or its schema is not sound.
    """
    archive = Archive(source, WHAT)
    schema = archive.json(SCHEMA)
    names: dict[Name, None] = {}
    tensors: list[Tensor] = []
    for path, node in _nodes(schema):
        module, kind = node.get("__module__"), node.get("__class__")
        if isinstance(module, str) and isinstance(kind, str):
            names[Name(module, kind)] = None
        file = node.get("file")
        if isinstance(file, str) and file.endswith(".npy"):
            tensors.append(npy.in_archive(archive, archive.member(file), path or "array"))
    found, warnings = _judged(names)
    version = schema.get("_skops_version")
    metadata = {"protocol": shortened(schema.get("protocol"))}
    return ModelFacts(
        WHAT, str(version)[:100] if version else None, tuple(tensors), metadata, found, warnings
    )


def _judged(names: dict[Name, None]) -> tuple[tuple[GlobalName, ...], tuple[Caution, ...]]:
    """Return the types in a schema; those of scikit-learn, NumPy and SciPy are known to skops."""
    found, _ = names_found(names)
    known = {
        each
        for each in found
        if each.risk == "unknown" and each.name.partition(".")[0] in _TRUSTED - {"builtins"}
    }
    judged = tuple(each._replace(risk="known") if each in known else each for each in found)
    others = [each for each in judged if each.risk != "known"]
    return judged, tuple(
        Caution(
            "unsafe-global" if each.risk == "dangerous" else "unknown-global",
            f"loading it needs trust in {each.name}",
        )
        for each in others
    )


def _nodes(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of the schema with the way to it."""
    waiting: list[tuple[str, Any]] = [("", schema)]
    count = 0
    while waiting:
        path, value = waiting.pop()
        count += 1
        if count > _MOST_NODES:
            raise InvalidInput("not a sound skops file: its schema is too large")
        if isinstance(value, dict):
            yield path, value
            items = [(key, item) for key, item in value.items() if key != "key_types"]
        else:
            items = [(str(at), item) for at, item in enumerate(value)]
        for key, item in reversed(items):
            if isinstance(item, dict | list):
                below = path if key in _OWN else f"{path}.{key}" if path else key
                waiting.append((below, item))
