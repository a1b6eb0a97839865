"""HDF5: files that h5py wrote give the tensors and digests of the same numbers in safetensors."""

import contextlib
import time
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save
from tests.support import hdf5files, modelfiles
from tests.support.hdf5files import LATEST, OLDEST, flat, keras_model, keras_weights, layers, written

from tether.errors import InvalidInput, Unsupported
from tether.model.compare import Opened, compare
from tether.model.facts import ModelFacts, facts_document
from tether.model.formats.hdf5 import raw
from tether.model.reading import read_facts
from tether.model.source import BytesSource
from tether.model.tensordigest import tensor_digests

BOTH = pytest.mark.parametrize("libver", [OLDEST, LATEST])


def opened(data: bytes) -> Opened:
    """Return a file in memory with its facts."""
    source = BytesSource(data)
    return Opened(source, read_facts(source))


def facts(data: bytes) -> ModelFacts:
    """Return the facts of a file in memory."""
    return read_facts(BytesSource(data))


def assert_same(data: bytes, arrays: dict[str, NDArray[Any]]) -> None:
    """Assert that a file holds these arrays under these names, and has their digests."""
    found, expected = opened(data), opened(save(arrays))
    digests = tensor_digests(found.source, found.facts)
    assert digests == tensor_digests(expected.source, expected.facts)
    assert digests.keys() == arrays.keys()
    assert {each.name: each.shape for each in found.facts.tensors} == {k: v.shape for k, v in arrays.items()}
    assert compare(found, expected).is_empty


def codes(found: ModelFacts) -> list[str]:
    """Return the codes of the warnings."""
    return [each.code for each in found.warnings]


@BOTH
@pytest.mark.parametrize("count", [1, 40, 120])
def test_weights_of_keras_3(libver: str, count: int) -> None:
    """All layers are found, be they few in one node or many in a tree, and the groups without weights too."""
    arrays = layers(count)

    data = keras_weights(arrays, libver)

    assert_same(data, arrays)
    found = facts(data)
    assert (found.format, found.version, found.warnings) == ("hdf5", "0" if libver == OLDEST else "3", ())
    assert sum(each.parameters for each in found.tensors) == 8 * count + 2


@BOTH
def test_a_whole_model_of_keras_2(libver: str) -> None:
    """Attributes and the layers of the configuration are told, and a Lambda layer is warned of."""
    arrays = {"dense/dense/kernel:0": np.ones((4, 3), "<f4"), "dense/dense/bias:0": np.zeros(3, "<f4")}
    dense = {"class_name": "Dense", "module": "keras.layers", "config": {"units": 3, "name": "x" * 70_000}}
    config = {"class_name": "Sequential", "config": {"layers": [dense]}}

    data = keras_model(arrays, config, libver)

    found = facts(data)
    assert_same(data, {f"model_weights/dense/{name}": array for name, array in arrays.items()})
    said = found.metadata
    assert (said["keras_version"], said["backend"], said["layers"]) == ("2.15.0", "tensorflow", {"Dense": 1})
    assert said["training_config"] == '{"loss": "mse"}'
    assert said["model_config"].startswith('{"class_name": "Sequential"')
    assert len(said["model_config"]) == 2003
    assert (found.warnings, found.safe) == ((), True)
    hidden = {"class_name": "Lambda", "config": {"function": ["4wEAAAAA", None, None]}}
    with_code = facts(keras_model(arrays, {"config": {"layers": [dense, hidden]}}, libver))
    assert (codes(with_code), with_code.safe) == (["code"], False)


@BOTH
def test_a_configuration_that_cannot_be_read_is_not_safe(libver: str) -> None:
    """Whatever keeps the configuration from being looked into, such a file is never called safe."""

    def unread(file: h5py.File) -> None:
        file.attrs.create("model_config", np.void(b'{"class_name": "Lambda"}'))

    for fill in (lambda file: file.attrs.update(model_config=b"{broken"), unread):
        found = facts(written(fill, libver))
        assert (codes(found), found.safe) == (["damaged"], False)


def test_two_configurations_of_one_name() -> None:
    """A file with two attributes of one name is refused: a loader could take the other one."""
    data = written(lambda file: file.attrs.update(model_config=b"{}", model_confix=b"{}"))

    with pytest.raises(InvalidInput, match="two attributes"):
        facts(data.replace(b"model_confix", b"model_config"))
    assert facts(data).safe


@BOTH
def test_attributes_of_many_kinds(libver: str) -> None:
    """Texts and numbers are told, lists of a few of them too, and of others what they are."""
    values: dict[str, Any] = {
        "text": "ä", "fixed": np.bytes_(b"fixed"), "list": ["a", "b"], "many": np.arange(30),
        "float": np.float32(0.5), "big": np.array(7, ">i4"), "truth": True, "empty": "",
        "record": np.zeros(1, [("a", "<i4"), ("b", "<f4")]), "nothing": h5py.Empty("<f4"),
    }  # fmt: skip

    found = facts(written(lambda file: file.attrs.update(values), libver))

    assert found.metadata == {
        "text": "ä", "fixed": "fixed", "list": ["a", "b"], "many": "30 values",
        "float": 0.5, "big": 7, "truth": True, "empty": "", "record": "compound", "nothing": None,
    }  # fmt: skip
    assert found.warnings == ()


def test_a_keras_archive_has_its_weights() -> None:
    """The places of tensors are those in the archive; compressed weights are told of."""
    arrays = layers(3)
    inner = keras_weights(arrays)
    data = modelfiles.keras({"class_name": "Sequential", "config": {}}, inner)

    assert_same(data, arrays)
    for row in facts_document(facts(data))["tensors"]:
        assert data[row["offset"] : row["offset"] + row["bytes"]] == arrays[row["name"]].tobytes()
    members = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": inner}
    assert codes(facts(modelfiles.archive(members, compressed=True))) == ["not-read"]


@BOTH
def test_types_of_numbers(libver: str) -> None:
    """Every type of number has the digest that it has in safetensors, whichever byte comes first."""
    kinds = ["<f2", "<f4", "<f8", "|b1", "<c8"]
    kinds += [f"<{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)]
    values = np.array([[0, 1, 2], [3, 4, 100]])
    arrays: dict[str, NDArray[Any]] = {kind.strip("<|"): values.astype(kind) for kind in kinds}
    turned = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in arrays.items()}

    assert_same(flat(arrays, libver), arrays)
    assert_same(flat(turned, libver), arrays)
    assert all(
        each.big for each in facts(flat(turned, libver)).tensors if each.dtype in ("F32", "C64", "I64")
    )


@BOTH
def test_numbers_of_sixteen_bits_as_keras_keeps_them(libver: str) -> None:
    """bfloat16 is two bytes with an attribute, or a type of its own of two bytes."""
    bits = np.array([0x3F80, 0xC000, 0x7F80], "<u2")

    def fill(file: h5py.File) -> None:
        file.create_dataset("opaque", data=bits.view("V2")).attrs["dtype"] = "bfloat16"
        file.create_dataset("bytes", data=bits.view("V2"))
        kind = h5py.h5t.IEEE_F32LE.copy()
        kind.set_fields(15, 7, 8, 0, 7)
        kind.set_precision(16)
        kind.set_size(2)
        kind.set_ebias(127)
        space = h5py.h5s.create_simple((3,))
        made = h5py.h5d.create(file.id, b"own", kind, space)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, bits, kind)

    found = opened(written(fill, libver))

    assert {each.name: each.dtype for each in found.facts.tensors} == {
        "opaque": "BF16", "own": "BF16", "bytes": "opaque16"
    }  # fmt: skip
    digests = tensor_digests(found.source, found.facts)
    header = b'{"w":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}'
    other = opened(len(header).to_bytes(8, "little") + header + bits.tobytes())
    assert set(digests.values()) == set(tensor_digests(other.source, other.facts).values())
    assert digests.keys() == {"opaque", "own"}


@BOTH
def test_values_that_are_not_to_be_had(libver: str) -> None:
    """Chunks, texts and numbers never written have no place, and why is said; numbers in a header have."""
    small = np.arange(5, dtype="<i4")

    def fill(file: h5py.File) -> None:
        file.create_dataset("chunked", data=np.ones((8, 8), "<f4"), chunks=(4, 4))
        file.create_dataset("packed", data=np.ones((8, 8), "<f4"), compression="gzip")
        file.create_dataset("texts", data=["a", "b"])
        file.create_dataset("nothing", shape=(4,), dtype="<f4")
        file.create_dataset("none", shape=(0, 4), dtype="<f4")
        listed = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        listed.set_layout(h5py.h5d.COMPACT)
        kind, space = h5py.h5t.STD_I32LE, h5py.h5s.create_simple((5,))
        h5py.h5d.create(file.id, b"small", kind, space, listed).write(h5py.h5s.ALL, h5py.h5s.ALL, small)

    data = written(fill, libver)

    found = facts(data)
    assert sorted(each.name for each in found.tensors if each.place is not None) == ["none", "small"]
    assert {each.name: each.shape for each in found.tensors}["packed"] == (8, 8)
    assert sorted(each.text for each in found.warnings) == [
        "the values of 'chunked' and 1 more are not read: they are stored in chunks",
        "the values of 'nothing' are not read: they were never written",
        "the values of 'texts' are not read: they are no numbers of a known type",
    ]
    assert found.safe
    digests = tensor_digests(BytesSource(data), found)
    expected = opened(save({"small": small, "none": np.zeros((0, 4), "<f4")}))
    assert digests == tensor_digests(expected.source, expected.facts)


@BOTH
def test_files_of_others_are_not_read_and_told(libver: str) -> None:
    """A loader would open the files that these name: the file is not called safe."""

    def links(file: h5py.File) -> None:
        file["w"] = h5py.ExternalLink("/etc/secret.h5", "/w")

    def numbers(file: h5py.File) -> None:
        file.create_dataset("w", (2,), "<f4", external=[("/etc/passwd", 0, 8)])

    def views(file: h5py.File) -> None:
        layout = h5py.VirtualLayout(shape=(4,), dtype="<f4")
        layout[:] = h5py.VirtualSource("/etc/other.h5", "w", shape=(4,))
        file.create_virtual_dataset("w", layout)

    for fill in (links, numbers, views):
        found = facts(written(fill, libver))
        assert (codes(found), found.safe) == (["outside"], False), fill
        assert "'w'" in found.warnings[0].text


@BOTH
def test_links_round_in_circles(libver: str) -> None:
    """A group is entered once, however it is reached; a dataset has each of its names."""
    array = np.ones(3, "<f4")

    def fill(file: h5py.File) -> None:
        file["a/w"] = array
        file["a/v"] = file["a/w"]
        file["a/up"] = file["/"]
        file["b"] = file["a"]
        file["soft"] = h5py.SoftLink("/a/w")

    data = written(fill, libver)

    assert_same(data, {"a/w": array, "a/v": array})
    [warning] = facts(data).warnings
    assert (warning.code, warning.text.count("and 2 more")) == ("not-read", 1)


@BOTH
def test_names_in_trees_of_several_levels(libver: str) -> None:
    """A group with so many names that nodes lie under nodes under nodes has all of them."""
    names = [f"v{at}" for at in range(1500)]

    def fill(file: h5py.File) -> None:
        first = file.create_dataset("v0", data=np.ones(1, "<f4"))
        for name in names[1:]:
            file[name] = first

    data = written(fill, libver)

    if libver == LATEST:
        assert data[data.index(b"BTHD") + 12] == 2
    assert sorted(each.name for each in facts(data).tensors) == sorted(names)


@BOTH
def test_differences_to_safetensors(libver: str) -> None:
    """What differs is told across the formats, with its distance."""
    old = layers(4)
    new = dict(old)
    new["layers/dense_2/vars/1"] = old["layers/dense_2/vars/1"] + np.float32(0.5)
    new["layers/dense_9/vars/0"] = new.pop("layers/dense_3/vars/0")

    found = compare(opened(keras_weights(old, libver)), opened(save(new)))

    [change] = found.changed
    assert change.name == "layers/dense_2/vars/1"
    assert change.distance is not None
    assert change.distance.max_abs == pytest.approx(0.5)
    assert found.unchanged == len(old) - 2
    assert not found.added
    assert not found.removed


def test_order_of_making_and_other_writers() -> None:
    """Groups that keep the order of their links and attributes, and narrow addresses, are read as well."""
    arrays = layers(12)
    made = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    made.set_sizes(4, 4)

    def fill(file: h5py.File) -> None:
        file.attrs.update({f"note{at}": at for at in range(20)})
        for name, array in arrays.items():
            file[name] = array

    for libver in (OLDEST, LATEST):
        data = written(fill, libver, track_order=True)
        assert_same(data, arrays)
        assert facts(data).metadata == {f"note{at}": at for at in range(20)}
    file = h5py.h5f.create(b"narrow", fcpl=made, fapl=_in_memory())
    with h5py.File(file) as narrow:
        for name, array in arrays.items():
            narrow[name] = array
        narrow.flush()
        image = narrow.id.get_file_image()
    assert b"\x04\x04" in (image[9:11], image[13:15])
    assert_same(image, arrays)


def _in_memory() -> Any:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    return access


# -- hostile files ----------------------------------------------------------------------------


def test_files_that_were_cut() -> None:
    """Whatever part of the end is missing, the file is refused at once."""
    data = keras_weights(layers(5))
    for length in (0, 8, 40, 90, 600, len(data) - 1):
        with pytest.raises((InvalidInput, Unsupported)):
            facts(data[:length])


@BOTH
def test_trees_that_go_round_in_circles(libver: str) -> None:
    """A tree or a header that points to itself is refused."""
    data = flat(layers(12), libver)
    mark = b"TREE" if libver == OLDEST else b"BTHD"
    at, hits = data.find(mark), 0
    while at >= 0:
        changed = bytearray(data)
        if libver == OLDEST:
            changed[at + 5] = 1  # a level up, whose first child is
            changed[at + 32 : at + 40] = at.to_bytes(8, "little")  # the node itself
        else:
            changed[at + 12] = 3  # deeper, with the header as its root
            changed[at + 16 : at + 24] = at.to_bytes(8, "little")
        with pytest.raises(InvalidInput):
            facts(bytes(changed))
        hits += 1
        at = data.find(mark, at + 1)
    assert hits


def test_a_small_file_that_describes_a_large_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each link, message and node is counted, so that no file is walked through without end."""
    data = keras_weights(layers(40))
    assert len(facts(data).tensors) == 82
    for name, limit in [("_MOST_STEPS", 500), ("_MOST_BYTES", 20_000)]:
        with monkeypatch.context() as patched:
            patched.setattr(raw, name, limit)
            with pytest.raises(InvalidInput):
                facts(data)


def test_many_names_of_one_large_object_end_soon() -> None:
    """Many names of one large header are refused before it has been read for each of them."""

    def fill(file: h5py.File) -> None:
        first = file.create_dataset("w", data=np.ones(2, "<f4"))
        for at in range(8):
            first.attrs[f"a{at}"] = np.zeros(60_000, "u1")
        for at in range(200):
            file[f"v{at}"] = first

    data = written(fill)
    begun = time.process_time()
    with pytest.raises(InvalidInput, match="are no numbers"):
        facts(data)
    assert time.process_time() - begun < 2


FILES = [
    keras_weights(layers(12), OLDEST),
    keras_weights(layers(12), LATEST),
    keras_model({"dense/kernel:0": np.ones((2, 2))}, {"config": {}}, OLDEST),
    keras_model({"dense/kernel:0": np.ones((2, 2))}, {"config": {}}, LATEST),
    flat({"b": np.array([True]), "c": np.zeros(2, "<c8")}, OLDEST),
    hdf5files.written(lambda file: file.attrs.update({f"note{at}": at for at in range(30)}), LATEST),
]


@settings(max_examples=100, deadline=None)
@given(data=st.data(), content=st.sampled_from(FILES))
def test_changed_files(data: st.DataObject, content: bytes) -> None:
    """Bytes that were changed, also where the structure is, give facts or an error of ours, and soon."""
    changed = bytearray(content)
    used = [at for at, byte in enumerate(content) if byte]
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.sampled_from(used))
        width = data.draw(st.sampled_from([1, 1, 2, 4, 8]))
        value = data.draw(
            st.one_of(st.integers(0, 255), st.integers(0, len(content)), st.just((1 << 64) - 1))
        )
        changed[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    begun = time.process_time()
    with contextlib.suppress(InvalidInput, Unsupported):
        source = BytesSource(bytes(changed))
        tensor_digests(source, read_facts(source, "w.h5"))
    assert time.process_time() - begun < 5
