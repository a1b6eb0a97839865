"""Keras 3: an archive with the configuration of the layers; its weights are in HDF5, which is not read yet.

Source: keras/src/saving/saving_lib.py of the Keras project.
"""

from collections import Counter
from typing import Any

from tether.model.facts import Caution, ModelFacts, shortened
from tether.model.formats.zips import Archive
from tether.model.source import Source, damaged

WHAT = "Keras"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_NOT_READ = Caution("not-read", "tensors inside HDF5 are not read")
_MOST_NODES = 1_000_000


def read(source: Source, _name: str) -> ModelFacts:
    """Return the layers of a Keras model and where they come from.

    Raises:
        InvalidInput: The archive or its configuration is not sound.
    """
    archive = Archive(source, WHAT)
    config, metadata = archive.json(CONFIG), archive.json(METADATA)
    layers: list[str] = []
    foreign: set[str] = set()
    code = _walk(config, layers, foreign)
    warnings = [_NOT_READ] if WEIGHTS in archive else []
    if code:
        warnings.append(Caution("code", "it has a Lambda layer with code, which runs when it is loaded"))
    warnings += [Caution("unknown-global", f"loading it runs code of {name}") for name in sorted(foreign)]
    facts = {key: shortened(value) for key, value in metadata.items()}
    facts |= {"class": shortened(config.get("class_name")), "layers": _counted(layers)}
    version = metadata.get("keras_version")
    return ModelFacts("keras", str(version)[:100] if version else None, (), facts, warnings=tuple(warnings))


def read_hdf5(_source: Source, _name: str) -> ModelFacts:
    """Say that HDF5 is not read yet."""
    return ModelFacts("hdf5", None, warnings=(_NOT_READ,))


def _walk(config: dict[str, Any], layers: list[str], foreign: set[str]) -> bool:
    """Collect classes of layers and modules that are not Keras' own; return whether there is code."""
    waiting: list[Any] = [config]
    code, count = False, 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > _MOST_NODES:
            raise damaged(WHAT, "its configuration is too large")
        if isinstance(value, dict):
            kind, module = value.get("class_name"), value.get("module")
            code = code or kind in ("Lambda", "__lambda__")
            if isinstance(kind, str) and isinstance(module, str):
                if module.startswith("keras.") and "layers" in module:
                    layers.append(kind)
                elif module.partition(".")[0] not in ("keras", "builtins", "numpy"):
                    foreign.add(module[:200])
        below = value.values() if isinstance(value, dict) else value
        waiting += [item for item in below if isinstance(item, dict | list)]
    return code


def _counted(layers: list[str]) -> dict[str, int]:
    return {name[:100]: count for name, count in sorted(Counter(layers).items())[:200]}
