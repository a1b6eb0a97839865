"""The class of a release in the Model Openness Framework, and the licences that count."""

from typing import Any

import pytest

from tether.releases.completeness import completeness
from tether.releases.licences import is_fitting, is_open
from tether.releases.manifest import Code, Creator, Data, Document, Manifest, RunPart, Weights

RUN = "01kdvjkj00000000000000000a"
DIGEST = "1" * 64


def part(cls: type, path: str, **others: Any) -> Any:
    """Return a part that is a file."""
    return cls(path=path, kind="file", digest=DIGEST, files=1, bytes=1, **others)


THIRD: dict[str, Any] = {
    "weights": (part(Weights, "weights/m.onnx", format="onnx"),),
    "evaluations": (part(RunPart, f"runs/{RUN}", id=RUN, commit=DIGEST),),
    "documents": tuple(
        part(Document, f"documents/{role}/x", role=role)
        for role in ("model-card", "data-card", "technical-report")
    ),
}
SECOND: dict[str, Any] = THIRD | {
    "code": tuple(
        part(Code, f"code/{role}/x", role=role) for role in ("training", "inference", "evaluation")
    ),
    "data": (part(Data, "data/test/x", role="test", name="x"),),
}
FIRST: dict[str, Any] = SECOND | {
    "code": (*SECOND["code"], part(Code, "code/preprocessing/x", role="preprocessing")),
    "data": (*SECOND["data"], part(Data, "data/train/x", role="train", name="x")),
    "checkpoints": (part(Weights, "checkpoints/1"),),
    "documents": (*THIRD["documents"], part(Document, "documents/research-paper/x", role="research-paper")),
}


def release(fields: dict[str, Any], **others: Any) -> Manifest:
    """Return a release with an open licence for all."""
    plain: dict[str, Any] = {
        "name": "spam",
        "version": "1",
        "created": "2026-01-01T00:00:00.000000+00:00",
        "creator": Creator(name="Ada", email=""),
        "licences": {"release": "CC0-1.0"},
    }
    return Manifest(**(plain | fields | others))


@pytest.mark.parametrize(
    ("fields", "reached", "following", "lacks"),
    [
        ({}, None, "III", 6),
        (THIRD, "III", "II", 4),
        (SECOND, "II", "I", 4),
        (FIRST, "I", None, 0),
        (FIRST | {"weights": ()}, None, "III", 2),
        (SECOND | {"data": ()}, "III", "II", 1),
    ],
)
def test_classes_add_up(
    fields: dict[str, Any], reached: str | None, following: str | None, lacks: int
) -> None:
    """Who lacks something of a lower class has no higher one."""
    found = completeness(release(fields))

    assert (found.openness, found.next, len(found.missing)) == (reached, following, lacks)
    document = found.document()
    assert document["class"] == reached
    assert [each["component"] for each in document["missing"]] == [
        each.component.name for each in found.missing
    ]


def test_why_a_component_does_not_count() -> None:
    """Private data, no licence and a closed one are told apart."""
    private = FIRST | {
        "data": (*SECOND["data"], part(Data, "data/train/x", role="train", name="x", included=False))
    }

    [data] = completeness(release(private)).missing
    [weights, *_] = completeness(
        release(FIRST, licences={"code": "MIT", "data": "MIT", "documents": "MIT"})
    ).missing
    [closed] = completeness(
        release(SECOND, licences={"release": "MIT", "documents": "CC-BY-NC-4.0"})
    ).missing[:1]

    assert (data.component.name, data.lacks) == ("datasets", "private")
    assert (weights.component.name, weights.lacks) == ("model architecture", "without a licence")
    assert closed.lacks == "not under an open licence: CC-BY-NC-4.0"


def test_a_licence_for_code_on_data_counts_with_a_remark() -> None:
    """It is open, and was not made for data."""
    found = completeness(release(FIRST, licences={"release": "MIT"}))

    assert found.openness == "I"
    assert "MIT was not made for data" in {each.remark for each in found.found}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("MIT OR Proprietary", True),
        ("MIT AND Proprietary", False),
        ("(Proprietary OR MIT) AND CC-BY-4.0", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("Proprietary", False),
        ("CC-BY-NC-4.0", False),
        ("", False),
        ("MIT Apache-2.0", False),
        ("(MIT", False),
        ("MIT; rm", False),
    ],
)
def test_expressions(expression: str, expected: bool) -> None:
    """`OR` needs one open licence, `AND` all; what is no expression is not open."""
    assert is_open(expression) is expected


def test_fitting() -> None:
    """Licences for code are not for data, and some are for all."""
    assert is_fitting("MIT", "code")
    assert not is_fitting("MIT", "data")
    assert is_fitting("CC-BY-4.0", "data")
    assert is_fitting("CC0-1.0", "code")
