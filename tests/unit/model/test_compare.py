"""Tensor digests, values and differences, against NumPy's own arithmetic."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from tests.support import modelfiles
from tests.support.modelfiles import block, everywhere, number, onnx_model, onnx_tensor

from tether.errors import InvalidInput
from tether.model.compare import ModelDiff, Opened, compare, diff_document, layer_of
from tether.model.reading import read_facts
from tether.model.source import BytesSource, Source
from tether.model.tensordigest import tensor_digests, weights_digest
from tether.model.values import as_numbers

FILES = everywhere()


def opened(data: bytes, name: str = "") -> Opened:
    """Return a file in memory with its facts."""
    source = BytesSource(data)
    return Opened(source, read_facts(source, name))


def difference(old: dict[str, Any], new: dict[str, Any]) -> ModelDiff:
    """Return what differs between two files of safetensors."""
    return compare(opened(save(old)), opened(save(new)))


def raw(dtype: str, shape: list[int], data: bytes) -> bytes:
    """Return a file of safetensors with one tensor of any type."""
    import json

    row = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    header = json.dumps({"w": row}).encode()
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize("name", FILES)
def test_digests_are_the_same_in_every_format(name: str) -> None:
    """Byte order, compression, order of axes and format do not show in a digest."""
    first, other = opened(FILES["w.safetensors"]), opened(FILES[name], name)

    digests = tensor_digests(other.source, other.facts)

    assert digests == tensor_digests(first.source, first.facts)
    assert len(set(digests.values())) == 3
    assert weights_digest(digests) == weights_digest(dict(reversed(digests.items())))
    assert compare(first, other).is_empty


def test_type_and_shape_show_in_a_digest() -> None:
    """The same bytes as another type or in another shape are another tensor."""
    found = [
        opened(raw(*each, bytes(8)))
        for each in [("F32", [2]), ("I32", [2]), ("F32", [1, 2]), ("F32", [2, 1])]
    ]

    assert len({tensor_digests(each.source, each.facts)["w"] for each in found}) == 4


def test_numbers_of_onnx_in_fields_of_their_own() -> None:
    """Numbers that ONNX keeps as lists of varints or floats have the digest of raw ones."""
    ints = b"".join(modelfiles.varint(value) for value in (1, -2, 300))
    data = onnx_model(
        [
            block(5, onnx_tensor("i", 7, [3], block(7, ints))),
            block(5, onnx_tensor("s", 6, [3], block(5, ints))),
            block(5, onnx_tensor("h", 10, [2], block(5, modelfiles.varint(0x3C00) * 2))),
            block(5, onnx_tensor("f", 1, [2], block(4, struct.pack("<ff", 1, 2)))),
        ]
    )
    expected = {"i": np.array([1, -2, 300]), "s": np.array([1, -2, 300], "<i4"),
                "h": np.ones(2, "<f2"), "f": np.array([1, 2], "<f4")}  # fmt: skip

    assert compare(opened(data), opened(save(expected))).is_empty


def test_weights_in_a_file_beside() -> None:
    """Weights outside of an ONNX model are read from there, and a missing file is not an error."""
    pairs = {"location": "w.bin", "offset": "4", "length": "8"}
    outside = [number(14, 1), *(block(13, block(1, k) + block(2, v)) for k, v in pairs.items())]
    data = onnx_model([block(5, onnx_tensor("w", 1, [2], *outside))])
    values = np.array([1, 2], "<f4")
    model, other = opened(data), opened(save({"w": values}))

    def beside(name: str) -> Source | None:
        return BytesSource(bytes(4) + values.tobytes()) if name == "w.bin" else None

    assert compare(model._replace(beside=beside), other).is_empty
    alone = compare(model, other)
    assert ([tensor.name for tensor in alone.unread], alone.unchanged) == (["w"], 0)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_distances_are_those_of_numpy(data: st.DataObject) -> None:
    """Whatever changes, the sums of blocks give what NumPy gives for whole arrays."""
    seed, size = data.draw(st.integers(0, 1 << 32)), data.draw(st.integers(1, 50))
    kind = data.draw(st.sampled_from(["<f2", "<f4", "<f8", "<i4", "|u1", "|b1"]))
    rng = np.random.default_rng(seed)
    old, other = (np.abs(rng.normal(size=(2, size))) * 9 + 1).astype(kind)
    new = np.where(rng.random(size) < 0.5, old, other).astype(kind)

    found = difference({"w": old}, {"w": new})

    if (old == new).all():
        assert found.is_empty
        return
    a, b = old.astype(float), new.astype(float)
    [change] = found.changed
    assert change.distance is not None
    far = change.distance
    assert far.relative_l2 == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a))
    assert far.max_abs == pytest.approx(np.abs(b - a).max())
    assert far.changed_share == pytest.approx((old != new).mean())
    if np.linalg.norm(b):
        assert far.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_blocks_of_a_large_tensor() -> None:
    """A tensor of many blocks is added up as one of one block."""
    rng = np.random.default_rng(1)
    old = rng.normal(size=(1500, 1000)).astype("<f4")
    new = old.copy()
    new[1000:] += 1
    turned = modelfiles.archive({"w.npy": modelfiles.npy(np.asfortranarray(new))}, compressed=False)

    [change] = compare(opened(save({"w": old})), opened(turned)).changed

    assert change.distance is not None
    assert change.distance.changed_share == pytest.approx(1 / 3)
    assert change.distance.relative_l2 == pytest.approx(np.sqrt(5e5) / np.linalg.norm(old), rel=1e-5)


def test_words_for_changes() -> None:
    """Added, removed, renamed, other shape, other type, and values are told apart; layers sum them up."""
    base = {"a.0.w": np.ones((2, 2), "<f4"), "a.0.b": np.zeros(2, "<f4"), "a.1.w": np.arange(4.0),
            "head.w": np.ones(3), "gone": np.ones(5), "old": np.arange(7.0), "same": np.ones(9)}  # fmt: skip
    new = {**base, "a.0.w": np.full((2, 2), 2, "<f4"), "a.0.b": np.zeros(3, "<f4"),
           "a.1.w": np.arange(4, dtype="<f2"), "head.w": np.array([1, np.nan, 3.0]),
           "new": base["old"], "more": np.ones(6)}  # fmt: skip
    del new["gone"], new["old"]

    found = difference(base, new)
    document = diff_document(found)

    assert [tensor.name for tensor in found.added] == ["more"]
    assert [tensor.name for tensor in found.removed] == ["gone"]
    assert document["renamed"] == [{"old": "old", "new": "new"}]
    words = {change.name: change.change for change in found.changed}
    assert words == {"a.0.w": "values", "a.0.b": "shape", "a.1.w": "dtype", "head.w": "values"}
    far = {change.name: tuple(change.distance or ()) for change in found.changed}
    assert far["a.0.w"] == pytest.approx((1, 1, 1, 1, 0))
    assert far["a.1.w"] == pytest.approx((0, 0, 0, 1, 0))
    assert far["head.w"] == pytest.approx((2 / np.sqrt(2), 2, 2 / 3, 4 / np.sqrt(20), 1))
    assert found.unchanged == 1
    assert {(each.layer, each.tensors, each.changed, each.added, each.removed) for each in found.layers} == {
        ("head", 1, 1, 0, 0), ("a.0", 2, 2, 0, 0), ("a.1", 1, 1, 0, 0),
        ("more", 1, 0, 1, 0), ("gone", 0, 0, 0, 1),
    }  # fmt: skip


def test_blocks_of_quantised_numbers_are_compared_as_bytes() -> None:
    """Of types without plain numbers only whether they differ is told."""
    old, new = (modelfiles.gguf({"q": (2, (32,), bytes([each] * 18))}) for each in (1, 2))

    [change] = compare(opened(old), opened(new)).changed

    assert (change.change, change.distance) == ("bytes", None)


def test_a_list_that_is_not_whole_is_not_compared() -> None:
    """A damaged checkpoint would look as if its tensors had been removed."""
    broken = modelfiles.torch_zip(b"\x80\x02}", {})

    with pytest.raises(InvalidInput, match="not all known"):
        compare(opened(FILES["w.pt"]), opened(broken))


@pytest.mark.parametrize(
    ("dtype", "block", "expected"),
    [
        ("BF16", b"\x80\x3f\x00\xc0", [1, -2]),
        ("F8_E4M3", b"\x38\xb8\x01\x7e\x7f", [1, -1, 2**-9, 448, np.nan]),
        ("F8_E5M2", b"\x3c\xbc\x01\x7b\x7c\x7d", [1, -1, 2**-16, 57344, np.inf, np.nan]),
        ("F8_E4M3FNUZ", b"\x40\x01\x7f\x80", [1, 2**-10, 240, np.nan]),
        ("F8_E5M2FNUZ", b"\x40\x01\x7f\x80", [1, 2**-17, 57344, np.nan]),
        ("F8_E8M0", b"\x7f\x80\x00\xff", [1, 2, 2**-127, np.nan]),
        ("C64", struct.pack("<ff", 1, -2), [1, -2]),
        ("BOOL", b"\x00\x01", [0, 1]),
    ],
)
def test_small_and_rare_types(dtype: str, block: bytes, expected: list[float]) -> None:
    """Types that NumPy does not have are read as their definitions say."""
    assert np.array_equal(as_numbers(block, dtype), expected, equal_nan=True)


def test_layers() -> None:
    """The layer of a tensor is its name up to the first number."""
    names = {
        "model.layers.3.mlp.up.weight": "model.layers.3", "blk.0.attn_q.weight": "blk.0", "0.weight": "0",
        "embeddings.word.weight": "embeddings.word", "w": "w", "/enc/layer.1/MatMul": "enc.layer.1",
    }  # fmt: skip

    assert {name: layer_of(name) for name in names} == names
