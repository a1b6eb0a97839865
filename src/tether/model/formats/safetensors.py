"""safetensors: eight bytes of length, a JSON header, the tensors.

Source: the format page of the safetensors project.
"""

from typing import Any

import msgspec

from tether.errors import InvalidInput
from tether.model.dtypes import byte_length, elements
from tether.model.facts import ModelFacts, Place, Tensor, shortened
from tether.model.source import Cursor, Source, damaged

WHAT = "safetensors"
LARGEST_HEADER = 100_000_000
"""What the format itself allows."""


class _Row(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def read(source: Source, _name: str) -> ModelFacts:
    """Return what a safetensors file holds.

    Raises:
        InvalidInput: The header does not fit the file.
    """
    cursor = Cursor(source, WHAT)
    length = cursor.number("<Q")
    if length > LARGEST_HEADER:
        raise damaged(WHAT, f"its header would have {length:,} bytes")
    rows, metadata = _header(cursor.take(length))
    tensors = [_tensor(name, row, cursor.at) for name, row in rows.items()]
    tensors.sort(key=lambda tensor: tensor.place.offset if tensor.place else 0)
    _check_places(tensors, source.size)
    return ModelFacts(WHAT, None, tuple(tensors), metadata)


def _header(data: bytes) -> tuple[dict[str, _Row], dict[str, Any]]:
    try:
        header = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        own = header.pop("__metadata__", None)
        metadata = msgspec.json.decode(own, type=dict[str, str]) if own is not None else {}
        rows = {name: msgspec.json.decode(row, type=_Row) for name, row in header.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(WHAT, f"its header is not as it must be ({error})") from None
    return rows, {key: shortened(value) for key, value in metadata.items()}


def _tensor(name: str, row: _Row, start: int) -> Tensor:
    begin, end = row.data_offsets
    shape = tuple(row.shape)
    expected = byte_length(row.dtype, shape)
    if elements(shape) is None or not 0 <= begin <= end or expected not in (None, end - begin):
        raise damaged(WHAT, f"type, shape and place of {name[:100]!r} do not fit")
    return Tensor(name, row.dtype, shape, Place(start + begin, end - begin))


def _check_places(tensors: list[Tensor], size: int) -> None:
    """Refuse tensors that overlap or leave the file: no writer makes such a file."""
    end = 0
    for tensor in tensors:
        assert tensor.place is not None
        if tensor.place.length and tensor.place.offset < end:
            raise damaged(WHAT, f"{tensor.name[:100]!r} lies where another tensor is")
        end = max(end, tensor.place.offset + tensor.place.length)
    if end > size:
        raise InvalidInput("not a whole safetensors file: it ends before its tensors do")
