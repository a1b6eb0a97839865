"""Texts of others stay texts in Markdown and YAML."""

from typing import Any

import pytest
import yaml as pyyaml  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tether.releases.exports.markup import code, markdown, plain, table, yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLAT = TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXTS, max_size=4, unique=True), st.lists(FLAT, max_size=4))
def test_another_reader_reads_the_yaml_as_it_was(keys: list[str], values: list[Any]) -> None:
    """PyYAML gives back what was written, whatever the texts and keys are, and however it nests."""
    flat = dict(zip(keys, values, strict=False))
    value = {"flat": flat, "list": [values, flat, {}, [], {"deep": [flat, values]}], **flat}

    assert pyyaml.safe_load(yaml(value)) == value


@pytest.mark.parametrize(
    "text", ["no", "0x10", "1e3", "2026-01-01", "~", "- a", "a: b", "#", "\x85", "\u2028"]
)
def test_texts_that_look_like_something_else_stay_texts(text: str) -> None:
    """A name that YAML would take for a word of its own comes back as that name."""
    assert pyyaml.safe_load(yaml({"name": text, text: [text]})) == {"name": text, text: [text]}


def test_bytes_that_are_not_utf8_are_shown() -> None:
    r"""They become `\xNN`, in all forms."""
    name = b"caf\xe9".decode("utf-8", "surrogateescape")

    assert plain(name) == "caf\\xe9"
    assert markdown(name) == "caf\\\\xe9"
    assert pyyaml.safe_load(yaml({"name": name})) == {"name": "caf\\xe9"}


def test_nothing_of_a_name_is_markup() -> None:
    """Marks are escaped, lines stay one line, and a code span cannot be left."""
    assert markdown("[a](javascript:b) <b>*c*\n# d") == r"\[a\](javascript:b) \<b\>\*c\*\x0a\# d".replace(
        r"\x0a", r"\\x0a"
    )
    assert code("a`b``c") == "``` a`b``c ```"
    assert code("a\nb") == r"`a\x0ab`"
    assert table(["name"], [[code("a|b")]]) == ["| name |", "| --- |", r"| `a\|b` |"]
