"""Templates escape all that is no HTML, by the quick way too; what is said once is said right each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from tether.pages import rendering, words
from tether.pages.lasting import lasting
from tether.pages.viewers import text

VALUES = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.text().map(Markup))
NAMES = [
    *(
        "a.py",
        "a.b.py",
        "Makefile",
        "CMakeLists.txt",
        "x.txt",
        ".bashrc",
        "todo.txt",
        "MySpec.hs",
        ".py",
        "py",
    ),
    *("", "a.1", "Kconfig.debug", "nginx.conf", "a.conf", "x.tar.gz", "a\n.py"),
]


class Hostile(str):
    """A text that is not quite one."""

    __slots__ = ()


@given(VALUES | st.text().map(Hostile))
def test_what_a_template_puts_out_is_escaped(value: object) -> None:
    """Also inside of macros and includes; HTML stays as it is."""
    template = rendering._environment().from_string(
        "{% macro put(it) %}{{ it }}{% endmacro %}{{ value }}{{ put(value) }}{{ '' ~ value }}"
    )

    assert template.render(value=value) == str(escape(value)) * 3


def test_templates_of_the_package_go_the_quick_way() -> None:
    """So does each that is loaded: otherwise a new version of Jinja calls it by another name."""
    template = rendering._environment().get_template("parts/listing.html")

    assert template.root_render_func.__globals__["escape"] is rendering._escaped
    assert "escape(" in (rendering._environment().compile("{{ value }}", raw=True))


def test_a_time_ends_a_page_also_when_it_was_said_before() -> None:
    """The page that finds it said already ends when the first one does."""
    ends = []
    for _ in range(2):
        with lasting() as until:
            said = rendering._time(5_000_000, 65_000_000)
        ends.append(until[0])

    assert ends == [words.ago_ends(5_000_000, 65_000_000)] * 2
    assert (
        said == f'<time datetime="{words.stamp(5_000_000)}" title="1970-01-01 00:00 UTC">1 minute ago</time>'
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_language_is_found_as_by_the_whole_name(name: str) -> None:
    """Names that end the same share an answer, unless a rule is about the whole name."""
    text._lexer_for.cache_clear()
    alone = text._lexer_for(name)
    text._lexer_for("x.y")

    assert type(text._lexer(name)) is type(alone)


def test_names_of_files_do_not_fill_the_memory() -> None:
    """A thousand files with one ending are one answer, and there is a bound."""
    text._lexer_for.cache_clear()
    for number in range(1000):
        text._lexer(f"{number}.py")

    assert text._lexer_for.cache_info().currsize == 1
    assert text._lexer_for.cache_info().maxsize is not None
