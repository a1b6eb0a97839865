"""What pickles name, and the arrays in them: plain pickles and those of joblib.

Pickles can run any code when they are loaded, so they are followed by `machine` and never loaded. A pickle
that breaks off has run all that came before, so a damaged one is told of, with what it named up to there.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from tether.errors import InvalidInput, Unsupported
from tether.model.dtypes import byte_length, elements
from tether.model.facts import DAMAGED, Caution, GlobalName, ModelFacts, Place, Tensor
from tether.model.formats.machine import Machine, Made, Name, Pairs
from tether.model.formats.opcodes import Operations, Span, TooMany
from tether.model.formats.packed import compression_of, unpacked
from tether.model.formats.risks import risk_of
from tether.model.source import BytesSource, Cursor, Source

WHAT = "pickle"
MOST_TENSORS = 200_000
_DEEPEST = 200
_MOST_UNPACKED = 64 << 20
_NUMPY_TYPES = {
    "b1": "BOOL", "u1": "U8", "i1": "I8", "u2": "U16", "i2": "I16", "f2": "F16", "u4": "U32", "i4": "I32",
    "f4": "F32", "u8": "U64", "i8": "I64", "f8": "F64", "c8": "C64", "c16": "C128",
}  # fmt: skip
_SIZED = re.compile("[a-zA-Z][0-9]{1,9}")
_HAS_OBJECTS = 1
"""A flag of NumPy's types."""
_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_ARRAYS = {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"}
_BUFFERS = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"}
_INNER = frozenset(["_parameters", "_buffers", "_modules"])
"""What a module of PyTorch that was pickled whole keeps its parts in; the names of parts go without."""


class NumpyType(NamedTuple):
    """A type of numbers of NumPy."""

    name: str
    """Ours, or NumPy's where we have none."""
    big: bool
    objects: bool
    size: int | None
    """Bytes of an element, where the type says it."""


def numpy_type(text: str) -> NumpyType:
    """Return the type that NumPy writes as `<f4`."""
    order, code = (text[0], text[1:]) if text[:1] in "<>|=" else ("<", text)
    size = int(code[1:]) * (4 if code[0] == "U" else 1) if _SIZED.fullmatch(code) else None
    return NumpyType(_NUMPY_TYPES.get(code, code[:100]), order == ">", code.startswith("O"), size)


def names_found(names: Iterable[Name]) -> tuple[tuple[GlobalName, ...], list[Caution]]:
    """Return what pickles name, by its risk, and the warnings about it."""
    found = {GlobalName(name.text[:200], risk_of(*name)) for name in names}
    warnings = [
        Caution("unsafe-global", f"loading it would use {each.name}, which can do anything")
        for each in sorted(found)
        if each.risk == "dangerous"
    ]
    unknown = sorted({each.name.partition(".")[0] for each in found if each.risk == "unknown"})
    if unknown:
        text = f"loading it runs code of {', '.join(unknown[:20])}"
        warnings.append(Caution("unknown-global", text + (" and others" if len(unknown) > 20 else "")))
    return tuple(sorted(found)), warnings


def follow(machine: Machine, warnings: list[Caution]) -> Any:
    """Return what a pickle stands for; None and a warning where it is damaged."""
    try:
        return machine.run()
    except TooMany:
        warnings.append(Caution(DAMAGED, "the pickle is too long; not all that it names was read"))
    except InvalidInput as error:
        warnings.append(Caution(DAMAGED, str(error)))
    return None


def read(source: Source, name: str) -> ModelFacts:
    """Return what a pickle names and the arrays in it; a compressed one is unpacked up to 64 MiB.

    Raises:
        InvalidInput: It is compressed and cannot be unpacked.
        Unsupported: It is no pickle.
    """
    title = compression_of(source.read(0, 4))
    if title is None:
        return _read(source, name)
    data = unpacked(source, WHAT, _MOST_UNPACKED)
    if data is None:
        text = f"compressed by {title}: what it names was not read, so it may do anything when loaded"
        return ModelFacts("joblib", None, warnings=(Caution(DAMAGED, text),))
    found = _read(BytesSource(data), name)
    if not found.tensors:
        return found
    caution = Caution("not-read", f"compressed by {title}: the numbers of its arrays are not read")
    tensors = tuple(replace(tensor, place=None) for tensor in found.tensors)
    return replace(found, tensors=tensors, warnings=(*found.warnings, caution))


def _read(source: Source, name: str) -> ModelFacts:
    cursor = Cursor(source, WHAT)
    machine = Machine(Operations(cursor), _between)
    warnings: list[Caution] = []
    value = follow(machine, warnings)
    if value is None and not machine.names and not name.endswith((".pkl", ".pickle", ".joblib")):
        raise Unsupported("not a model file of a known format")
    tensors = tuple(arrays_in(value, warnings))
    warnings += [] if warnings else _rest(machine, cursor)
    found, cautions = names_found(machine.names)
    kind = "joblib" if any(each.name == _WRAPPER for each in found) else WHAT
    return ModelFacts(kind, None, tensors, {}, found, (*cautions, *warnings))


def _rest(machine: Machine, cursor: Cursor) -> list[Caution]:
    """Follow what comes behind the pickle, where that is one too."""
    warnings: list[Caution] = []
    while cursor.left and not warnings:
        before = cursor.at
        if cursor.take(1) != b"\x80":
            return [Caution("not-read", f"{cursor.left + 1:,} bytes behind the pickle were not read")]
        cursor.at = before
        follow(machine, warnings)
    return warnings


def _between(made: Made, machine: Machine) -> None:
    """Leave out the array that joblib writes behind the object that describes it."""
    if not isinstance(made.by, Name) or made.by.text != _WRAPPER:
        return
    cursor = machine.operations.cursor
    words = as_words(made.state)
    kind = type_of(words.get("dtype"))
    shape = shape_of(words.get("shape"))
    if kind is None or shape is None:
        raise cursor.damaged("an array of joblib has no type or shape")
    if kind.objects:
        made.extra = machine.nested()
        return
    if isinstance(words.get("numpy_array_alignment_bytes"), int):
        cursor.skip(cursor.number("B"))
    if kind.size is None:
        raise cursor.damaged(f"an array of joblib is of the unknown type {kind.name}")
    place = Place(cursor.at, kind.size * (elements(shape) or 0))
    known = place if byte_length(kind.name, shape) == place.length else None
    made.extra = Tensor("", kind.name, shape, known, _strides(words, shape), kind.big)
    cursor.skip(place.length)


def _strides(words: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return column_strides(shape) if words.get("order") == "F" else None


def column_strides(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the strides of an array that lies column by column; None where that makes no difference."""
    if sum(size > 1 for size in shape) < 2:
        return None
    found, step = [], 1
    for size in shape:
        found.append(step)
        step *= size
    return tuple(found)


# -- values -----------------------------------------------------------------------------------


def as_words(value: Any) -> dict[str, Any]:
    """Return the items of a dictionary whose keys are texts."""
    return (
        {key: item for key, item in value.items if isinstance(key, str)} if isinstance(value, Pairs) else {}
    )


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return a tuple of sizes, or None where it is none."""
    if not isinstance(value, tuple) or not all(type(size) is int for size in value):
        return None
    return value if elements(value) is not None else None


def type_of(value: Any) -> NumpyType | None:
    """Return the type that a pickle makes with `numpy.dtype`, or None where it is none."""
    if not isinstance(value, Made) or not isinstance(value.by, Name):
        return None
    arguments, state = value.arguments, value.state
    if value.by.text != "numpy.dtype" or not isinstance(arguments, tuple) or not arguments:
        return None
    code = arguments[0]
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
    if not isinstance(code, str) or order not in ("<", ">", "|", "="):
        return None
    found = numpy_type(f"{order}{code}")
    flags = state[7] if isinstance(state, tuple) and len(state) > 7 and isinstance(state[7], int) else 0
    return found._replace(objects=found.objects or bool(flags & _HAS_OBJECTS))


def leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the objects in a value with the way to each, every container once."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    seen: set[int] = set()
    while waiting:
        path, each, depth = waiting.pop()
        if isinstance(each, Made):
            yield path, each
        below = list(_below(each)) if depth < _DEEPEST else []
        if below and id(each) in seen:
            continue
        seen.add(id(each))
        for key, item in reversed(below):
            if isinstance(item, Pairs | Made | list | tuple):
                inner = key is None or key in _INNER
                waiting.append((path if inner else f"{path}.{key}" if path else f"{key}", item, depth + 1))


def _below(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what is directly in a value, with its key; None for what has no key of its own."""
    if isinstance(value, Pairs):
        for key, item in value.items:
            if isinstance(key, str | int):
                yield (key if isinstance(key, str) else str(key)), item
    elif isinstance(value, list | tuple):
        yield from ((str(at), item) for at, item in enumerate(value))
    elif isinstance(value, Made):
        yield None, value.state
        yield from ((str(at), item) for at, item in enumerate(value.items))
        if not isinstance(value.extra, Tensor):
            yield None, value.extra


def arrays_in(value: Any, warnings: list[Caution]) -> Iterator[Tensor]:
    """Yield the arrays of NumPy in a value."""
    count = 0
    for path, made in leaves(value):
        tensor = made.extra if isinstance(made.extra, Tensor) else _array(made)
        if tensor is None:
            continue
        count += 1
        if count > MOST_TENSORS:
            warnings.append(Caution(DAMAGED, f"only the first {MOST_TENSORS:,} arrays were read"))
            return
        yield Tensor(
            path or "array", tensor.dtype, tensor.shape, tensor.place, tensor.strides, big=tensor.big
        )


def _array(made: Made) -> Tensor | None:
    """Return the array that a call makes, where its bytes stand in the pickle."""
    text = made.by.text if isinstance(made.by, Name) else ""
    if text in _ARRAYS and isinstance(made.state, tuple) and len(made.state) == 5:
        _, shape, dtype, columns, data = made.state
    elif text in _BUFFERS and isinstance(made.arguments, tuple) and len(made.arguments) == 4:
        data, dtype, shape, order = made.arguments
        columns = order == "F"
    else:
        return None
    kind, sizes = type_of(dtype), shape_of(shape)
    if kind is None or sizes is None or kind.objects:
        return None
    length = byte_length(kind.name, sizes)
    inner = data.arguments[0] if isinstance(data, Made) and _is_bytes(data) else data
    fits = isinstance(inner, Span) and length == inner.length
    place = Place(inner.offset, inner.length) if fits else None
    return Tensor("", kind.name, sizes, place, column_strides(sizes) if columns else None, kind.big)


def _is_bytes(made: Made) -> bool:
    known = isinstance(made.by, Name) and made.by.text in ("builtins.bytearray", "builtins.bytes")
    return known and isinstance(made.arguments, tuple) and len(made.arguments) == 1
