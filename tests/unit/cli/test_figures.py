"""Figures as people read them."""

import pytest

from tether.cli.render_eval import p_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "<0.0001"),
        (9.9e-5, "<0.0001"),
        (1e-4, "0.0001"),
        (0.04996, "0.0500"),
        (1.0, "1.0000"),
    ],
)
def test_a_p_value_is_never_nothing(value: float | None, text: str) -> None:
    """A very small one is told to be smaller than what four digits show."""
    assert p_text(value) == text
