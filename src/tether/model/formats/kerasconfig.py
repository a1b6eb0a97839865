"""The configuration of a Keras model: which layers it has, and whether it has code.

Source: keras/src/saving/serialization_lib.py of the Keras project.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tether.model.facts import Caution
from tether.model.source import damaged

WHAT = "Keras"
_MOST_NODES = 1_000_000


def inspect(config: Mapping[str, Any]) -> tuple[dict[str, int], tuple[Caution, ...]]:
    """Return how many layers of each class there are, and what loading the model would run.

    Raises:
        InvalidInput: The configuration is larger than any is.
    """
    layers: list[str] = []
    foreign: set[str] = set()
    code = _walk(config, layers, foreign)
    warnings = []
    if code:
        warnings.append(Caution("code", "it has a Lambda layer with code, which runs when it is loaded"))
    warnings += [Caution("unknown-global", f"loading it runs code of {name}") for name in sorted(foreign)]
    counted = {name[:100]: count for name, count in sorted(Counter(layers).items())[:200]}
    return counted, tuple(warnings)


def _walk(config: Mapping[str, Any], layers: list[str], foreign: set[str]) -> bool:
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
