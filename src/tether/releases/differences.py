"""What differs between two manifests, named so that a person knows where to look."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_LISTS = (
    "weights",
    "checkpoints",
    "code",
    "environment",
    "data",
    "evaluations",
    "benches",
    "documents",
    "profiles",
)
_MAPPINGS = ("parameters", "seeds", "licences", "tolerance")


class Difference(NamedTuple):
    """One thing that differs.

    Attributes:
        component: The field of the manifest.
        path: Of the part; None for what has none.
        message: What differs, for people.
    """

    component: str
    path: str | None
    message: str


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs from one manifest to another, both as JSON has them.

    The old one may come from anywhere; what it has is compared and not believed.
    """
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after and type(before) is type(after):
            continue
        if name in _LISTS and isinstance(before, list) and isinstance(after, list):
            yield from _parts(name, before, after)
        elif name in _MAPPINGS and isinstance(before, dict) and isinstance(after, dict):
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    message = f"{key} is {after.get(key)!r} and was {before.get(key)!r}"
                    yield Difference(name, None, message)
        elif name == "bases":
            yield Difference(name, None, _bases(before, after))
        else:
            yield from _parts(name, [before], [after])


def _parts(name: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    before, after = ({_path(each): each for each in side if each is not None} for side in (old, new))
    if list(before) != list(after) and set(before) == set(after):
        yield Difference(name, None, "they are in another order")
    for path in sorted({*before, *after}):
        one, other = before.get(path), after.get(path)
        if one != other:
            yield Difference(name, path or None, _change(one, other))


def _path(part: Any) -> str:
    path = part.get("path") if isinstance(part, Mapping) else None
    return path if isinstance(path, str) else ""


def _change(old: Any, new: Any) -> str:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return "was added" if old is None else "was taken away" if new is None else "is another one"
    if old.get("digest") != new.get("digest"):
        return "is another one"
    fields = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return f"has another {', '.join(fields)}"


def _bases(old: Any, new: Any) -> str:
    def keys(side: Any) -> list[str]:
        return sorted(map(repr, side)) if isinstance(side, list) else []

    return "they are in another order" if keys(old) == keys(new) else "they are others"
