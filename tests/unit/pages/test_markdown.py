"""Markdown on pages: lists of tasks, and fields that somebody writes as HTML."""

import pytest

from tether.pages import markdown
from tether.pages.words import is_id, unmarked


def boxes(text: str) -> list[bool]:
    """Return whether each box of a text is ticked; there is no other field in it."""
    html = str(markdown.render(text))
    fields = [each.partition(">")[0] for each in html.split("<input")[1:]]
    for field in fields:
        assert 'type="checkbox"' in field
        assert "disabled" in field
        assert "aria-label=" in field
    return ["checked" in field for field in fields]


def test_lists_of_tasks_have_boxes() -> None:
    """An entry that begins with `[ ]` or `[x]` has a box and keeps its words; the marks are gone."""
    text = "- [x] labels by **two** people\n- [ ] dusk\n  1. [X] nested\n\n\n- [ ] loose\n\n  more\n"
    assert boxes(text) == [True, False, True, False]
    html = str(markdown.render(text))
    assert "labels by <strong>two</strong> people" in html
    assert "[" not in html


@pytest.mark.parametrize(
    "text", ["[x] no list", "- [x]", "- [y] what", "- a [x] later", "- `[x] code`", "- \\[x] a"]
)
def test_other_brackets_stay(text: str) -> None:
    """What only looks like a task stays as it was written."""
    assert boxes(text) == []
    assert "[" in markdown.render(text)


def test_a_field_in_html_is_a_box_that_nobody_can_tick() -> None:
    """No field can ask a reader for anything, whatever somebody writes."""
    assert boxes('<input type="password" name="p" autofocus onfocus="alert(1)" value="v" form="f">') == [
        False
    ]
    html = str(markdown.render('<input type="text" name="p" value="v" onfocus="alert(1)">'))
    for word in ("name", "value", "onfocus", "text"):
        assert word not in html


def test_lines_without_marks() -> None:
    """A line of a README that stands alone in search has no marks; one of marks alone stays."""
    assert unmarked("![an owl](images/day/0003.jpg)") == "an owl"
    assert unmarked("## Pictures of **owls**, see [the `code`](a.py)") == "Pictures of owls, see the code"
    assert unmarked("- one_two * three") == "one_two * three"
    assert unmarked("**") == "**"


def test_ids_are_told_from_words() -> None:
    """Only whole ids are shortened in the record."""
    assert is_id("ab" * 32)
    assert is_id("0" * 32)
    assert not is_id("ab" * 31)
    assert not is_id("refs/heads/main")
