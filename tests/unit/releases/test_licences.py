"""Expressions of licences, also those that were made to be hard to read."""

import pytest

from tether.releases.licences import is_fitting, is_open


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("MIT", True),
        ("MIT AND (Proprietary OR CC-BY-4.0)", True),
        ("Proprietary OR MIT AND Other", False),
        ("(Proprietary OR MIT) AND Apache-2.0 WITH LLVM-exception", True),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT OR", True),
        ("", False),
        ("(" * 4096, False),
        ("(" * 2000 + "MIT" + ")" * 2000, False),
        ("MIT AND " * 500 + "MIT", True),
    ],
)
def test_open_licences(expression: str, wanted: bool) -> None:
    """`OR` needs one, `AND` both, and no depth of brackets stops who reads."""
    assert is_open(expression) is wanted


def test_licences_for_code() -> None:
    """A licence for texts does not fit code."""
    assert is_fitting("MIT", "code")
    assert not is_fitting("CC-BY-4.0", "code")
