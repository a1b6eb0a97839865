"""Pickles are followed and never loaded; what they would do is told."""

import os
import pickle
import subprocess
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest
from tests.support import modelfiles
from tests.support.modelfiles import string

from tether.model.facts import ModelFacts
from tether.model.formats.risks import risk_of
from tether.model.reading import read_facts
from tether.model.source import BytesSource


def facts(data: bytes, name: str = "m.pkl") -> ModelFacts:
    """Return the facts of a pickle in memory."""
    return read_facts(BytesSource(data), name)


class Bomb:
    """Writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bomb_is_told_and_does_not_go_off(protocol: int, tmp_path: Path) -> None:
    """In every protocol the function is named as dangerous, and nothing happens."""
    mark = tmp_path / "mark"
    data = pickle.dumps({"w": Bomb(mark)}, protocol)

    found = facts(data)

    assert not mark.exists()
    assert {each.name for each in found.globals if each.risk == "dangerous"} == {f"{os.name}.system"}
    assert [each.code for each in found.warnings] == ["unsafe-global"]
    assert not found.safe


def test_a_bomb_in_a_checkpoint() -> None:
    """A checkpoint with tensors and a bomb has both told, in both forms of PyTorch."""
    items = {
        "w": modelfiles.torch_tensor("0", "FloatStorage", (2,), (1,)),
        "x": b"cposix\nsystem\n(" + string("true") + b"tR",
    }
    new = facts(modelfiles.torch_zip(modelfiles.torch_pickle(items), {"0": bytes(8)}))
    items["w"] = modelfiles.torch_tensor("0", "FloatStorage", (2,), (1,), legacy=True)
    old = facts(modelfiles.torch_legacy(modelfiles.torch_pickle(items), {"0": (2, bytes(8))}))

    for found in (new, old):
        assert [tensor.name for tensor in found.tensors] == ["w"]
        assert ("posix.system", "dangerous") in found.globals
        assert not found.safe


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93(\x8c\x04truetR",  # breaks off after the call
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R\xff.",  # no such operation
        b"cposix\nsystem\n(S'true'\ntR.",
        b"(S'true'\niposix\nsystem\n.",
        b"(cposix\nsystem\nS'true'\no.",
        b"\x80\x02N.\x80\x02cposix\nsystem\n.",  # in a second pickle
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94h\x00h\x01\x93.",  # by way of the memo
    ],
)
def test_ways_to_hide_a_call(data: bytes) -> None:
    """However the call is written, and whatever follows it, it is told."""
    found = facts(data)

    assert ("posix.system", "dangerous") in found.globals
    assert not found.safe


def test_a_name_that_is_computed_is_dangerous() -> None:
    """A module whose name comes from a call cannot be known, so it is not safe."""
    found = facts(b"\x80\x04cbuiltins\nstr\n\x8c\x02os\x85R\x8c\x06system\x93.")

    assert [each.code for each in found.warnings] == ["unsafe-global"]


@pytest.mark.parametrize(
    ("name", "risk"),
    [
        ("collections.OrderedDict", "known"),
        ("torch._utils._rebuild_tensor_v2", "known"),
        ("torch.BFloat16Storage", "known"),
        ("numpy._core.multiarray._reconstruct", "known"),
        ("sklearn.svm._classes.SVC", "unknown"),
        ("builtins.set", "known"),
        ("builtins.eval", "dangerous"),
        ("builtins.getattr", "dangerous"),
        ("os.path.join", "dangerous"),
        ("subprocess.Popen", "dangerous"),
        ("torch.storage._load_from_bytes", "dangerous"),
        ("torch.hub.load", "dangerous"),
        ("operator.attrgetter", "dangerous"),
        ("sklearn.svm.os.system", "unknown"),
        ("numpy.ndarray.__globals__", "dangerous"),
        ("a\nb.c", "dangerous"),
    ],
)
def test_risks(name: str, risk: str) -> None:
    """Names are judged by what they can do."""
    module, _, attribute = name.rpartition(".")

    assert risk_of(module, attribute) == risk


def test_a_way_through_a_module_is_dangerous() -> None:
    """A name with dots may be a class in a class, or lead through a harmless module to another one."""
    assert risk_of("sklearn.svm", "Outer.Inner") == "unknown"
    assert risk_of("sklearn.svm", "os.system") == "dangerous"


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_in_plain_pickles(protocol: int) -> None:
    """Arrays of NumPy are found in the pickle, with the place of their bytes."""
    array = np.arange(300, dtype="<i4").reshape(3, 100)
    data = pickle.dumps({"deep": [array, {"t": array.T.copy("F")}]}, protocol)

    found = facts(data)

    assert [(t.name, t.dtype, t.shape) for t in found.tensors] == [
        ("deep.0", "I32", (3, 100)),
        ("deep.1.t", "I32", (100, 3)),
    ]
    place = found.tensors[0].place
    assert place is not None
    assert data[place.offset : place.offset + place.length] == array.tobytes()
    assert found.safe


def test_containers_in_circles_and_a_thousand_levels() -> None:
    """A list that holds itself, one nested deeply, and one that doubles at each level end."""
    circle: list[object] = []
    circle.append(circle)
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    doubled: list[object] = []
    for _ in range(60):
        doubled = [doubled, doubled]

    for value in (circle, deep, doubled):
        assert facts(pickle.dumps(value)).safe


def test_too_many_operations_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not followed to its end is not safe."""
    monkeypatch.setattr("tether.model.formats.opcodes.MOST_OPERATIONS", 100)

    found = facts(pickle.dumps(list(range(1000))))

    assert [each.code for each in found.warnings] == ["damaged"]
    assert not found.safe


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz"])
def test_compressed_pickles_are_looked_into(method: str, tmp_path: Path) -> None:
    """What joblib compresses is unpacked: names and arrays are told, numbers are not read."""
    path = tmp_path / "m.joblib"
    joblib.dump({"w": np.zeros((2, 3))}, path, compress=(method, 3))
    sound = facts(path.read_bytes(), "m.joblib")
    joblib.dump({"f": subprocess.run}, path, compress=(method, 3))
    bomb = facts(path.read_bytes(), "m.joblib")

    assert [(t.name, t.shape, t.place) for t in sound.tensors] == [("w", (2, 3), None)]
    assert (sound.safe, [each.code for each in sound.warnings]) == (True, ["not-read"])
    assert (bomb.safe, [each.code for each in bomb.warnings]) == (False, ["unsafe-global"])


def test_large_compressed_pickles_are_not_called_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not looked into may do anything."""
    monkeypatch.setattr("tether.model.formats.pickled._MOST_UNPACKED", 100)

    found = facts(zlib.compress(pickle.dumps(bytes(101))), "m.joblib")

    assert [each.code for each in found.warnings] == ["damaged"]
    assert not found.safe


def test_arrays_of_records_in_joblib(tmp_path: Path) -> None:
    """Arrays of records are stepped over, those with objects followed, and what comes behind is found."""
    path = tmp_path / "m.joblib"
    records = np.zeros(3, [("a", "f4"), ("b", "i8")])
    objects = np.array([("x", 1)], [("a", object), ("b", "i8")])
    joblib.dump({"r": records, "o": objects, "u": np.array(["ab"]), "w": np.ones(2)}, path)

    found = facts(path.read_bytes(), "m.joblib")

    assert [(t.name, t.dtype, t.place is None) for t in found.tensors] == [
        ("r", "V12", True), ("u", "U2", True), ("w", "F64", False),
    ]  # fmt: skip
    assert found.safe
