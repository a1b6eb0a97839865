"""Readers of model files: what they find in sound files of each format."""

import io
import json
import struct

import joblib
import numpy as np
import pytest
from safetensors.numpy import save
from tests.support import hdf5files, modelfiles
from tests.support.modelfiles import WEIGHTS, block, everywhere, number, onnx_model, onnx_tensor, onnx_value

from tether.errors import Unsupported
from tether.model.facts import ModelFacts, facts_document
from tether.model.reading import read_facts
from tether.model.source import BytesSource

FILES = everywhere()


def facts(data: bytes, name: str = "") -> ModelFacts:
    """Return the facts of a file in memory."""
    return read_facts(BytesSource(data), name)


@pytest.mark.parametrize("name", FILES)
def test_all_formats_tell_the_same_tensors(name: str) -> None:
    """Names, types and shapes are the same in every format, and nothing is warned of."""
    found = facts(FILES[name], name)

    kinds = {"<f4": "F32", "<i8": "I64"}
    expected = {name: (kinds[array.dtype.str], array.shape) for name, array in WEIGHTS.items()}
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in found.tensors} == expected
    assert (found.parameters, found.types) == (19, {"F32": 15, "I64": 4})
    assert (found.warnings, found.safe) == ((), True)


@pytest.mark.parametrize(
    "name", [each for each in FILES if each not in ("big.gguf", "compressed.npz", "turned.npz")]
)
def test_the_place_of_a_tensor_has_its_bytes(name: str) -> None:
    """`offset` and `bytes` say where the numbers are."""
    rows = facts_document(facts(FILES[name], name))["tensors"]

    for each in rows:
        stored = FILES[name][each["offset"] : each["offset"] + each["bytes"]]
        assert stored == WEIGHTS[each["name"]].tobytes(), each


@pytest.mark.parametrize("name", ["w.safetensors", "w.gguf", "w.pt", "w.npz", "w.h5"])
def test_only_the_header_is_read(name: str) -> None:
    """Of a file with large tensors a small part is read."""
    large = {"w": np.zeros((2048, 1024), "<f4")}
    raw = large["w"].tobytes()
    pickle = modelfiles.torch_pickle(
        {"w": modelfiles.torch_tensor("0", "FloatStorage", (2048, 1024), (1024, 1))}
    )
    data = {
        "w.safetensors": lambda: save(large),
        "w.gguf": lambda: modelfiles.gguf({"w": (0, (2048, 1024), raw)}),
        "w.pt": lambda: modelfiles.torch_zip(pickle, {"0": raw}),
        "w.npz": lambda: modelfiles.archive({"w.npy": modelfiles.npy(large["w"])}),
        "w.h5": lambda: hdf5files.flat(large),
    }[name]()
    source = Counting(data)

    found = read_facts(source, name)

    assert found.parameters == 2048 * 1024
    assert source.count < 500_000


class Counting(BytesSource):
    """Counts the bytes that are read."""

    count = 0

    def read(self, offset: int, length: int) -> bytes:
        data = super().read(offset, length)
        self.count += len(data)
        return data


def test_the_json_form_of_safetensors() -> None:
    """The document is plain JSON with what the header says."""
    data = save({"w": np.zeros((2, 3), "<f2")}, metadata={"licence": "MIT"})

    document = json.loads(json.dumps(facts_document(facts(data))))

    start = 8 + int.from_bytes(data[:8], "little")
    assert document == {
        "format": "safetensors",
        "version": None,
        "parameters": 6,
        "types": {"F16": 6},
        "safe": True,
        "warnings": [],
        "globals": [],
        "metadata": {"licence": "MIT"},
        "tensors": [
            {
                "name": "w",
                "dtype": "F16",
                "shape": [2, 3],
                "parameters": 6,
                "offset": start,
                "bytes": 12,
                "file": None,
            }
        ],
    }


def test_onnx_tells_its_graph() -> None:
    """Inputs without weights, outputs, operators, operator sets, constants and weights in other files."""
    constant = block(1, "value") + block(
        5, onnx_tensor("", 7, [2], block(7, modelfiles.varint(-1) + b"\x05"))
    )
    outside = [
        number(14, 1),
        *(
            block(13, block(1, key) + block(2, value))
            for key, value in [("location", "w.bin"), ("offset", "4")]
        ),
    ]
    escaping = [number(14, 1), block(13, block(1, "location") + block(2, "../secret"))]
    branch = block(5, onnx_tensor("inner", 1, [1], block(4, struct.pack("<f", 2.0))))
    graph = [
        block(1, block(2, "axes") + block(4, "Constant") + block(5, constant)),
        block(
            1, block(1, "x") + block(2, "y") + block(3, "if") + block(4, "If") + block(5, block(6, branch))
        ),
        block(1, block(1, "y") + block(2, "z") + block(4, "Odd") + block(7, "my.domain")),
        block(5, onnx_tensor("w", 1, [2, 2], *outside)),
        block(5, onnx_tensor("s", 1, [1], *escaping)),
        block(11, onnx_value("x", 1, ["batch", 4])),
        block(11, onnx_value("w", 1, [2, 2])),
        block(12, onnx_value("z", 10, [1])),
    ]

    found = facts(onnx_model(graph), "m.onnx")

    assert found.version == "8"
    assert found.metadata == {
        "producer": "maker",
        "opsets": {"ai.onnx": 17},
        "inputs": [{"name": "x", "dtype": "F32", "shape": ["batch", 4]}],
        "outputs": [{"name": "z", "dtype": "F16", "shape": [1]}],
        "operators": {"Constant": 1, "If": 1, "my.domain.Odd": 1},
        "properties": {"author": "Ada"},
    }
    assert [(tensor.name, tensor.shape) for tensor in found.tensors] == [
        ("axes", (2,)), ("if/inner", (1,)), ("w", (2, 2)), ("s", (1,)),
    ]  # fmt: skip
    assert found.tensors[2].place is not None
    assert (found.tensors[2].place.file, found.tensors[2].place.offset) == ("w.bin", 4)
    assert found.tensors[3].place is None
    assert [each.code for each in found.warnings] == ["external", "outside"]
    assert not found.safe


def test_gguf_tells_its_pairs_and_blocks() -> None:
    """Keys of every type, long lists as their length, types of blocks by their name."""
    pairs = (
        modelfiles.text("general.architecture") + struct.pack("<I", 8) + modelfiles.text("llama")
        + modelfiles.text("llama.context_length") + struct.pack("<II", 4, 4096)
        + modelfiles.text("scale") + struct.pack("<If", 6, 0.5)
        + modelfiles.text("tokens") + struct.pack("<IIQ", 9, 8, 100) + modelfiles.text("ab") * 100
        + modelfiles.text("few") + struct.pack("<IIQ", 9, 4, 2) + struct.pack("<II", 7, 8)
    )  # fmt: skip
    data = modelfiles.gguf({"q": (2, (4, 64), bytes(range(144))), "new": (99, (7,), b"")}, pairs, 5)

    found = facts(data)

    assert (found.format, found.version) == ("gguf", "3")
    assert found.metadata == {
        "general.architecture": "llama",
        "llama.context_length": 4096,
        "scale": 0.5,
        "tokens": "100 values",
        "few": [7, 8],
    }
    assert [(t.name, t.dtype, t.shape, t.place is None) for t in found.tensors] == [
        ("q", "Q4_0", (4, 64), False),
        ("new", "type 99", (7,), True),
    ]


def test_pytorch_views_nested_names_and_plain_values() -> None:
    """Tensors that share a storage, that are turned, and that lie below other keys are found."""
    parts = {
        "model": modelfiles.torch_pickle(
            {
                "w": modelfiles.torch_tensor("0", "HalfStorage", (2, 3), (1, 2)),
                "v": modelfiles.torch_tensor("0", "HalfStorage", (3,), (2,), 1),
            }
        )[2:-1],
        "epoch": modelfiles.integer(7),
    }
    found = facts(modelfiles.torch_zip(modelfiles.torch_pickle(parts), {"0": bytes(12)}))

    assert [(t.name, t.dtype, t.shape, t.strides) for t in found.tensors] == [
        ("model.w", "F16", (2, 3), (1, 2)),
        ("model.v", "F16", (3,), (2,)),
    ]
    assert (found.version, found.metadata) == ("3", {"epoch": 7, "model": "tensors"})
    assert {each.risk for each in found.globals} == {"known"}


def test_pytorch_parameters_and_tensors_of_other_types() -> None:
    """A tensor that is made a parameter, or one of a class of its own, is the tensor inside."""
    inner = modelfiles.torch_tensor("0", "FloatStorage", (2,), (1,))
    ordered = b"ccollections\nOrderedDict\n)R"
    call, arguments = inner.removesuffix(b"R").split(b"\n(", 1)
    items = {
        "p": b"ctorch._utils\n_rebuild_parameter\n(" + inner + b"\x88" + ordered + b"tR",
        "t": b"ctorch._tensor\n_rebuild_from_type_v2\n(" + call + b"\nctorch\nTensor\n(" + arguments + b"}tR",
    }

    found = facts(modelfiles.torch_zip(modelfiles.torch_pickle(items), {"0": bytes(8)}))

    assert [(t.name, t.dtype, t.shape) for t in found.tensors] == [("p", "F32", (2,)), ("t", "F32", (2,))]
    assert found.warnings == ()


def test_joblib_arrays_lie_between_the_operations() -> None:
    """Arrays that joblib writes behind their descriptions are found; those of objects are followed too."""
    out = io.BytesIO()
    arrays = {"a": np.arange(6.0).reshape(2, 3), "f": np.asfortranarray(np.ones((2, 3), "f4"))}
    joblib.dump({**arrays, "names": np.array(["x", None], object)}, out)
    data = out.getvalue()

    found = facts(data, "m.joblib")

    assert found.format == "joblib"
    assert [(t.name, t.dtype, t.shape, t.strides) for t in found.tensors] == [
        ("a", "F64", (2, 3), None),
        ("f", "F32", (2, 3), (1, 2)),
    ]
    place = found.tensors[0].place
    assert place is not None
    assert data[place.offset : place.offset + place.length] == arrays["a"].tobytes()
    assert found.safe


def test_a_model_of_scikit_learn() -> None:
    """A real estimator names its library, which is unknown and not dangerous; its weights are there."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0, 1], [1, 0], [1, 1]], [0, 1, 1])
    out = io.BytesIO()
    joblib.dump(model, out)

    found = facts(out.getvalue())

    assert {tensor.name for tensor in found.tensors} >= {"coef_", "intercept_"}
    assert {each.name for each in found.globals if each.risk == "unknown"} == {
        "sklearn.linear_model._logistic.LogisticRegression"
    }
    assert [each.code for each in found.warnings] == ["unknown-global"]


def test_skops_lists_types() -> None:
    """Types of the schema are listed, foreign ones flagged, and arrays named by the way to them."""
    node = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "file": "1.npy"}
    schema = {
        "__class__": "LogisticRegression", "__module__": "sklearn.linear_model._logistic",
        "__loader__": "ObjectNode", "content": {"__class__": "dict", "__module__": "builtins", "content": {
            "coef_": node,
            "hook": {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}}},
        "protocol": 2, "_skops_version": "0.13",
    }  # fmt: skip

    found = facts(modelfiles.skops(schema, {"1.npy": modelfiles.npy(np.zeros((1, 2)))}))

    assert (found.format, found.version) == ("skops", "0.13")
    assert [(tensor.name, tensor.shape) for tensor in found.tensors] == [("coef_", (1, 2))]
    assert ("os.system", "dangerous") in found.globals
    assert [each.code for each in found.warnings] == ["unsafe-global"]
    assert not found.safe


def test_keras_tells_layers_and_code() -> None:
    """Layers are counted, code in a Lambda layer is flagged."""
    layers = [
        {"class_name": "Dense", "module": "keras.layers", "config": {"units": 4}},
        {
            "class_name": "Lambda",
            "module": "keras.layers",
            "config": {"function": {"class_name": "__lambda__"}},
        },
        {"class_name": "Mine", "module": "my_layers", "config": {}},
    ]
    config = {"class_name": "Sequential", "module": "keras", "config": {"layers": layers}}

    found = facts(modelfiles.keras(config))

    assert (found.format, found.version, found.tensors) == ("keras", "3.8.0", ())
    assert found.metadata["layers"] == {"Dense": 1, "Lambda": 1}
    assert [each.code for each in found.warnings] == ["code", "unknown-global"]
    assert not found.safe


def test_other_files_are_refused() -> None:
    """What is no model file is told so, with the formats that are read."""
    for name, data in [
        ("a.txt", b"hello\n"),
        ("a.bin", b"\xff" * 99),
        ("a.zip", modelfiles.archive({"a": b"x"})),
    ]:
        with pytest.raises(Unsupported, match="known format"):
            facts(data, name)
