"""Manifests are written in one form and read strictly: whoever may push can write any."""

from typing import Any

import msgspec
import pytest

from tether.core.jsondoc import canonical
from tether.errors import Corrupt, InvalidInput, Unsupported
from tether.releases.manifest import (
    Base,
    Code,
    Creator,
    Data,
    Manifest,
    RunPart,
    Weights,
    parse_label,
)

ONE, TWO = "1" * 64, "2" * 64
RUN = "01kdvjkj00000000000000000a"


def weights(path: str = "weights/model.onnx", **others: Any) -> Weights:
    """Return weights at a path."""
    return Weights(path=path, kind="file", digest=ONE, files=1, bytes=4, sha256=TWO, **others)


def manifest(**others: Any) -> Manifest:
    """Return a small manifest."""
    plain: dict[str, Any] = {
        "name": "spam",
        "version": "1.0",
        "created": "2026-01-01T00:00:00.000000+00:00",
        "creator": Creator(name="Ada", email="ada@example.org"),
        "weights": (weights(),),
    }
    return Manifest(**(plain | others))


def folder(cls: type, path: str, **others: Any) -> Any:
    """Return a part that is a folder."""
    return cls(path=path, kind="directory", digest=ONE, files=2, bytes=9, **others)


def test_it_is_read_as_it_was_written() -> None:
    """All that a manifest can say comes back, and its id is that of its bytes."""
    run = folder(RunPart, f"runs/{RUN}", id=RUN, commit=TWO)
    made = manifest(
        data=(folder(Data, "data/train/x", role="train", name="x", rows=3, included=False),),
        code=(folder(Code, "code/training", role="training", folder="src", patch=f"runs/{RUN}/patch"),),
        run=run,
        evaluations=(run,),
        benches=(run,),
        parameters={"lr": 0.1, "deep": True, "name": "x", "none": None},
        seeds={"seed": 17},
        licences={"release": "MIT", "data": "CC-BY-4.0"},
        bases=(Base(name="spam", version="0.9", id=ONE), Base(name="ham", version="2", id=TWO)),
        tolerance={"accuracy": 0.005},
    )

    read = Manifest.decode(made.encode(), "spam@1.0")

    assert read == made
    assert read.id == made.id
    assert read.id != msgspec.structs.replace(made, bases=made.bases[::-1]).id
    assert [name for name, _ in made.parts()] == ["weights", "code", "data", "run", "evaluations", "benches"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": (weights("weights/../../etc/passwd"),)},
        {"weights": (weights("/weights/x"),)},
        {"weights": (weights("data/x"),)},
        {"weights": (weights("weights"),)},
        {"weights": (weights("weights/.tether/x"),)},
        {"weights": (weights("weights/a"), weights("weights/a"))},
        {"weights": (weights("weights/a"), weights("weights/a.b"), weights("weights/a/b"))},
        {"weights": (Weights(path="weights/a", kind="directory", digest=ONE, files=1, bytes=1, sha256=TWO),)},
        {"run": folder(RunPart, "runs/x", id=RUN, commit=ONE)},
        {
            "run": folder(RunPart, f"runs/{RUN}", id=RUN, commit=ONE),
            "evaluations": (folder(RunPart, f"runs/{RUN}", id=RUN, commit=TWO),),
        },
        {"code": (folder(Code, "code/training", role="training", folder="../.."),)},
        {"code": (folder(Code, "code/training", role="training", patch="/etc/passwd"),)},
        {"tolerance": {"accuracy": -0.1}},
        {"tolerance": {"accuracy": float("inf")}},
        {"name": "a/b"},
        {"name": ".a"},
        {"version": "1..0"},
        {"version": ""},
        {"version": "1.lock"},
        {"bases": (Base(name="..", version="1", id=ONE),)},
    ],
)
def test_what_may_not_be_is_neither_written_nor_read(wrong: dict[str, Any]) -> None:
    """Paths stay below their folders and apart, names can be refs."""
    made = manifest(**wrong)

    with pytest.raises(InvalidInput):
        made.encode()
    if wrong.get("tolerance") != {"accuracy": float("inf")}:
        with pytest.raises(Corrupt):
            Manifest.decode(canonical(msgspec.to_builtins(made)))


def test_another_form_is_refused() -> None:
    """There is one form of a manifest: whoever could choose among several could have several ids."""
    data = manifest().encode()
    document = msgspec.json.decode(data)
    other = [
        data[:-1],
        data + b"\n",
        data.replace(b'"name"', b' "name"', 1),
        data.replace(b'"description":null,', b""),
        canonical(document | {"more": 1}),
        canonical(document | {"weights": [document["weights"][0] | {"more": 1}]}),
        canonical(document | {"weights": [document["weights"][0] | {"bytes": -1}]}),
        canonical(document | {"weights": [document["weights"][0] | {"bytes": 4.0}]}),
        canonical(document | {"weights": [document["weights"][0] | {"digest": ONE + "\n"}]}),
        canonical(document | {"weights": [document["weights"][0] | {"digest": "A" * 64}]}),
        canonical(document | {"weights": [document["weights"][0] | {"kind": "symlink"}]}),
        canonical(document | {"licences": {"all": "MIT"}}),
        data.replace(b"1.0", b"1.\\u0030", 1),
        b"[" * 100_000,
        b"\xff",
        b"",
    ]

    for each in other:
        with pytest.raises(Corrupt):
            Manifest.decode(each)
    with pytest.raises(Corrupt, match=r"says that it is spam@1\.0"):
        Manifest.decode(data, "spam@2.0")
    with pytest.raises(Unsupported):
        Manifest.decode(canonical(document | {"format": 2}))


def test_licences_go_from_the_part_to_the_release() -> None:
    """The nearest one counts."""
    made = manifest(licences={"release": "MIT", "weights": "Apache-2.0"})
    code = folder(Code, "code/training", role="training")

    assert made.licence_of(weights(licence="ISC")) == "ISC"
    assert made.licence_of(weights()) == "Apache-2.0"
    assert made.licence_of(code) == "MIT"
    assert manifest().licence_of(code) is None


@pytest.mark.parametrize("text", ["spam", "spam@", "@1", "a b@1", "spam@1@2", "spam@-1", "spam@1."])
def test_labels_that_are_none(text: str) -> None:
    """A hint says how one is written."""
    with pytest.raises(InvalidInput) as caught:
        parse_label(text)
    assert caught.value.hint is not None
    assert parse_label("spam@1.0-rc1+x") == ("spam", "1.0-rc1+x")
