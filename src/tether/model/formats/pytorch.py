"""Checkpoints of PyTorch, of which nothing is imported or called.

They are zip archives with a pickle and the numbers beside it; older ones are pickles with the numbers behind.

Source: torch/serialization.py and torch/_utils.py of the PyTorch project.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tether.errors import InvalidInput
from tether.model.dtypes import LARGEST, LAYOUTS, elements
from tether.model.facts import DAMAGED, Caution, ModelFacts, Place, Tensor, shortened
from tether.model.formats.machine import Machine, Made, Name, Pairs, Stored
from tether.model.formats.opcodes import Operations
from tether.model.formats.pickled import MOST_TENSORS, WHAT, as_words, follow, leaves, names_found, shape_of
from tether.model.formats.zips import Archive
from tether.model.source import BytesSource, Cursor, Source

_TITLE = "PyTorch"
MAGIC = 0x1950A86A20F9469CFC6C
_LARGEST_PICKLE = 64 << 20
_WRAPPINGS = 4
_REBUILD = {f"torch._utils._rebuild_tensor{end}" for end in ("", "_v2", "_v3")}
_OF_TYPE = "torch._tensor._rebuild_from_type_v2"
"""Calls the function that is its first argument, with the third; that function is named too."""
_PARAMETER = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128",
    "UntypedStorage": "U8",
}  # fmt: skip
_TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "bool": "BOOL", "complex64": "C64", "complex128": "C128", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}  # fmt: skip


class _Area(NamedTuple):
    """The bytes of one storage; several tensors may lie in it."""

    place: Place | None
    size: int
    """Bytes when unpacked."""


_Areas = Callable[[str], _Area]


def read(source: Source, _name: str) -> ModelFacts:
    """Return what a checkpoint in a zip archive holds.

    Raises:
        InvalidInput: The archive is not sound.
    """
    archive = Archive(source, _TITLE)
    [pickle] = [name for name in archive.names if name == "data.pkl" or name.endswith("/data.pkl")][:1]
    prefix = pickle.removesuffix("data.pkl")
    machine = Machine(Operations(Cursor(BytesSource(archive.small(pickle, _LARGEST_PICKLE)), WHAT)))
    warnings: list[Caution] = []
    value = follow(machine, warnings)
    big = f"{prefix}byteorder" in archive and archive.head(f"{prefix}byteorder", 8).strip() == b"big"

    def area(key: str) -> _Area:
        member = archive.member(f"{prefix}data/{key}")
        return _Area(member.place, member.size)

    version = archive.head(f"{prefix}version", 16) if f"{prefix}version" in archive else b""
    if any(name.startswith(f"{prefix}code/") for name in archive.names):
        warnings.append(Caution("code", "it has a program of TorchScript, which runs when the model is used"))
    return _facts(version.decode("latin-1").strip() or None, value, machine, warnings, (area, big))


def read_legacy(source: Source, _name: str) -> ModelFacts:
    """Return what a checkpoint of the older form holds; errors as for `read`."""
    cursor = Cursor(source, WHAT)
    machine = Machine(Operations(cursor))
    warnings: list[Caution] = []
    parts = []
    for _ in range(5):  # magic, version, system, object, keys
        parts.append(follow(machine, warnings))
        if warnings:
            break
    areas = _areas_behind(cursor, parts, warnings) if len(parts) == 5 else {}
    little = as_words(parts[2]).get("little_endian", True) if len(parts) > 2 else True
    empty = _Area(None, 0)
    value = parts[3] if len(parts) > 3 else None
    return _facts("legacy", value, machine, warnings, (lambda key: areas.get(key, empty), little is False))


def is_legacy(source: Source) -> bool:
    """Return whether a pickle is the first of a checkpoint of the older form."""
    head = source.read(0, 32)
    number = MAGIC.to_bytes(10, "little")
    return head[:1] == b"\x80" and head[2:4] == b"\x8a\x0a" and head[4:14] == number


def _areas_behind(cursor: Cursor, parts: list[Any], warnings: list[Caution]) -> dict[str, _Area]:
    """Return the storages that lie behind the pickles, in the order of the keys in the last one."""
    widths = {key: LAYOUTS[dtype].bytes for key, dtype in _storages_in(parts[3])}
    areas: dict[str, _Area] = {}
    try:
        for key in parts[4] if isinstance(parts[4], list) else []:
            length = cursor.number("<Q") * widths.get(key, 1)
            areas[key] = _Area(Place(cursor.at, length), length)
            cursor.skip(length)
    except InvalidInput as error:
        warnings.append(Caution(DAMAGED, str(error)))
    return areas


def _storages_in(value: Any) -> Iterator[tuple[str, str]]:
    for _, made in leaves(value):
        storage = _storage(made)
        if storage is not None:
            yield storage


def _storage(made: Made) -> tuple[str, str] | None:
    """Return the key and the type of the storage that a tensor lies in."""
    inner = _unwrapped(made)
    stored = inner.arguments[0] if inner is not None else None
    key = stored.key if isinstance(stored, Stored) else None
    if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage" or not isinstance(key[2], str):
        return None
    kind = key[1].name if isinstance(key[1], Name) else ""
    return (key[2], _STORAGES[kind]) if kind in _STORAGES else None


def _unwrapped(made: Made) -> Made | None:
    """Return the call that makes the tensor, without what makes a parameter of it."""
    for _ in range(_WRAPPINGS):
        text, arguments = made.by.text if isinstance(made.by, Name) else "", made.arguments
        if not isinstance(arguments, tuple) or not arguments:
            return None
        if text in _REBUILD and len(arguments) >= 4:
            return made
        if text == _OF_TYPE and len(arguments) >= 3:
            made = Made(arguments[0], arguments[2])
        elif text in _PARAMETER and isinstance(arguments[0], Made):
            made = arguments[0]
        else:
            return None
    return None


def _facts(
    version: str | None,
    value: Any,
    machine: Machine,
    warnings: list[Caution],
    numbers: tuple[_Areas, bool],
) -> ModelFacts:
    tensors: list[Tensor] = []
    for path, made in leaves(value):
        inner = _unwrapped(made)
        if inner is None:
            continue
        if len(tensors) == MOST_TENSORS:
            warnings.append(Caution(DAMAGED, f"only the first {MOST_TENSORS:,} tensors were read"))
            break
        try:
            tensors.append(_tensor(path or "tensor", inner, *numbers))
        except InvalidInput as error:
            warnings.append(Caution(DAMAGED, str(error)))
            break
    found, cautions = names_found(machine.names)
    return ModelFacts("pytorch", version, tuple(tensors), _metadata(value), found, (*cautions, *warnings))


def _tensor(path: str, made: Made, areas: _Areas, big: bool) -> Tensor:
    storage = _storage(made)
    offset, shape, strides = made.arguments[1], shape_of(made.arguments[2]), made.arguments[3]
    if storage is None or shape is None or type(offset) is not int or offset < 0:
        raise InvalidInput(f"not a sound PyTorch file: the tensor {path[:100]!r} is not made as tensors are")
    key, dtype = storage
    named = made.arguments[6] if len(made.arguments) > 6 else None
    if isinstance(named, Name):
        dtype = _TYPES.get(named.name, named.name[:100])
    area, layout = areas(key), LAYOUTS.get(dtype)
    if area.place is None or layout is None:
        return Tensor(path, dtype, shape, None)
    steps = _checked(strides, shape)
    last = offset + sum((size - 1) * step for size, step in zip(shape, steps or (), strict=False))
    if steps is None or (elements(shape) and (last + 1) * layout.bytes > area.size):
        raise InvalidInput(f"not a sound PyTorch file: the tensor {path[:100]!r} leaves its storage")
    count = last + 1 - offset if elements(shape) else 0
    place = _part(area.place, offset * layout.bytes, count * layout.bytes)
    return Tensor(path, dtype, shape, place, None if _is_by_rows(steps, shape) else steps, big)


def _checked(strides: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if not isinstance(strides, tuple) or len(strides) != len(shape):
        return None
    return strides if all(type(step) is int and 0 <= step < LARGEST for step in strides) else None


def _is_by_rows(strides: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != step:
            return False
        step *= size
    return True


def _part(place: Place, offset: int, length: int) -> Place:
    if place.packing == "raw":
        return Place(place.offset + offset, length)
    return place._replace(skip=offset)


def _metadata(value: Any) -> dict[str, Any]:
    """Return the plain values at the top of a checkpoint, such as the epoch."""
    plain = {key: item for key, item in as_words(value).items() if isinstance(item, str | int | float)}
    kinds = {key: "tensors" for key, item in as_words(value).items() if isinstance(item, Pairs)}
    return {key: shortened(item) for key, item in [*plain.items(), *kinds.items()][:200]}
