"""Damaged and hostile files end in an error of ours, or in facts that say so; never in anything else."""

import contextlib
import struct
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import modelfiles
from tests.support.modelfiles import block, everywhere, number, onnx_model, onnx_tensor

from tether.errors import InvalidInput, Unsupported
from tether.model.reading import read_facts
from tether.model.source import BytesSource
from tether.model.tensordigest import tensor_digests
from tether.model.values import blocks, reading_cost

FILES = everywhere() | {
    "k.keras": modelfiles.keras({"class_name": "Sequential", "config": {}}),
    "s.skops": modelfiles.skops({"__class__": "x", "__module__": "y"}, {}),
    "a.npy": modelfiles.npy(np.zeros((2, 2))),
    "p.pkl": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01K\x02eu.",
}


def read_all(data: bytes, name: str) -> None:
    """Read facts and every number; nothing but our errors may come out."""
    source = BytesSource(data)
    with contextlib.suppress(InvalidInput, Unsupported):
        tensor_digests(source, read_facts(source, name))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(FILES)))
def test_changed_files(data: st.DataObject, name: str) -> None:
    """A file with changed bytes, cut or with bytes in between gives facts or an error of ours."""
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        how = data.draw(st.sampled_from(["flip", "cut", "insert", "large"]))
        if how == "flip" and content:
            content[at] ^= data.draw(st.integers(1, 255))
        elif how == "cut":
            del content[at : at + data.draw(st.integers(1, 64))]
        elif how == "large":
            content[at : at + 8] = b"\xff" * 8
        else:
            content[at:at] = data.draw(st.binary(max_size=8))
    read_all(bytes(content), name)


@settings(max_examples=60, deadline=None)
@given(tail=st.binary(max_size=200), name=st.sampled_from(sorted(FILES)))
def test_bytes_of_any_kind(tail: bytes, name: str) -> None:
    """Nonsense behind the mark of a format, or without one, is refused."""
    for head in (b"", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0", b"\x80\x02", b"\x08\x07", b"PK\x03\x04"):
        read_all(head + tail, name)


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    """Return a file of safetensors with any header."""
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (struct.pack("<Q", 1 << 62) + b"{}", "m.safetensors"),
        (safetensors(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', bytes(8)), ""),
        (safetensors(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(4)), ""),
        (safetensors(b'{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', bytes(4)), ""),
        (safetensors(b'{"w":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}}'), ""),
        (
            safetensors(
                b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
                b'"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
                bytes(3),
            ),
            "",
        ),
        (safetensors(b'{"w":' + b"[" * 100_000), ""),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), ""),
        (
            b"GGUF"
            + struct.pack("<IQQ", 3, 0, 1)
            + modelfiles.text("k")
            + struct.pack("<IIQ", 9, 0, 1 << 60),
            "",
        ),
        (modelfiles.gguf({"w": (0, (1 << 40,), bytes(4))}), ""),
        (onnx_model([block(5, onnx_tensor("w", 1, [1 << 40], block(9, bytes(4))))]), "m.onnx"),
        (onnx_model([]) + onnx_model([]), "m.onnx"),
        (number(1, 8) + b"\x3a\xff\xff\xff\xff\x7f", "m.onnx"),
        (
            b"\x93NUMPY\x01\x00\x60\x00"
            + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99,), }".ljust(96),
            "",
        ),
        (modelfiles.archive({"a.npy": b"x"}), ""),
    ],
)
def test_lies_about_lengths(data: bytes, name: str) -> None:
    """Lengths, shapes and places that cannot be are refused at once, and without memory for them."""
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(InvalidInput):
            read_facts(BytesSource(data), name)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((2, 2), (2, 1), 1), ((1 << 40,), (1 << 40,), 0), ((2,), (1, 1), 0), ((2,), (-1,), 1)],
)
def test_tensors_that_leave_their_storage(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    """A tensor of a checkpoint never reads what is not in its storage; the file is called damaged."""
    pickle = modelfiles.torch_pickle(
        {"w": modelfiles.torch_tensor("0", "ByteStorage", shape, strides, offset)}
    )

    found = read_facts(BytesSource(modelfiles.torch_zip(pickle, {"0": bytes(4)})), "m.pt")

    assert [each.code for each in found.warnings] == ["damaged"]
    assert found.tensors == ()


def test_a_small_file_that_unpacks_to_a_large_one() -> None:
    """The pickle of a checkpoint is unpacked up to a limit only."""
    data = modelfiles.archive({"a/data.pkl": bytes(65 << 20)}, compressed=True)

    with pytest.raises(InvalidInput, match="larger than"):
        read_facts(BytesSource(data), "m.pt")


def test_what_reading_costs() -> None:
    """Of tensors in one packed storage all that lies before each counts, and of strides what they span."""
    size = 1 << 18
    packed = BytesSource(modelfiles.torch_shared(size))
    wide = modelfiles.torch_tensor("0", "FloatStorage", (2,), (size - 1,))
    strided = modelfiles.torch_zip(modelfiles.torch_pickle({"w": wide}), {"0": bytes(4 * size)})

    assert packed.size < 10_000
    shared, spread = (read_facts(source, "m.pt").tensors for source in (packed, BytesSource(strided)))
    assert reading_cost(shared) == 10 * 4 * size
    assert reading_cost(spread) == 4 * size
    for name in ("w.safetensors", "w.npz", "w.pt", "w.h5"):
        tensors = read_facts(BytesSource(FILES[name]), name).tensors
        assert reading_cost(tensors) == 12 * 4 + 3 * 4 + 4 * 8, name


def test_no_more_is_unpacked_than_is_asked_for() -> None:
    """Two numbers at the start of a packed storage do not cost a block each."""
    first = modelfiles.torch_tensor("0", "FloatStorage", (2,), (1,))
    data = modelfiles.torch_zip(modelfiles.torch_pickle({"w": first}), {"0": bytes(1 << 20)}, compressed=True)
    source = BytesSource(data)
    [tensor] = read_facts(source, "m.pt").tensors

    tracemalloc.start()
    found = b"".join(blocks(source, tensor))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == bytes(8)
    assert peak < 1 << 19


def test_a_repeated_number_is_not_read_without_end() -> None:
    """A tensor that repeats one number a million million times is listed, and has no digest."""
    pickle = modelfiles.torch_pickle({"w": modelfiles.torch_tensor("0", "ByteStorage", (1 << 40,), (0,))})
    source = BytesSource(modelfiles.torch_zip(pickle, {"0": bytes(4)}))

    found = read_facts(source, "m.pt")

    assert found.parameters == 1 << 40
    assert tensor_digests(source, found) == {}


def test_names_that_cannot_be_told_apart() -> None:
    """A name that comes twice is numbered."""
    raw = block(9, bytes(4))
    data = onnx_model([block(5, onnx_tensor("w", 1, [1], raw)), block(5, onnx_tensor("w", 1, [1], raw))])

    assert [tensor.name for tensor in read_facts(BytesSource(data)).tensors] == ["w", "w#2"]
