"""What the style guide promises and no tool holds: sizes, and that every error is documented."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tether import errors
from tether.cli import failures

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.pyx")])
MODULES = [path for path in SOURCES if path.suffix == ".py"]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def name(path: Path) -> str:
    """Return a path as it stands in a message."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function of a module with the lines of its body, the docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            yield node.name, lines


def error_classes() -> list[type[errors.TetherError]]:
    """Return every subclass of the base error, however deep."""
    found: list[type[errors.TetherError]] = []
    queue = [errors.TetherError]
    while queue:
        children = queue.pop().__subclasses__()
        found += children
        queue += children
    return [kind for kind in found if kind.__module__.startswith("tether.")]


def test_files_are_short() -> None:
    """No source file is longer than 400 lines."""
    long = {
        name(path): lines
        for path in SOURCES
        if (lines := len(path.read_text().splitlines())) > MAX_FILE_LINES
    }

    assert long == {}


def test_functions_are_short() -> None:
    """No function body is longer than 50 lines."""
    long = {
        f"{name(path)}:{function}": lines
        for path in MODULES
        for function, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    }

    assert long == {}


def test_nothing_is_left_to_do() -> None:
    """No source file has an unfinished part that only a comment tells of."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")

    assert [name(path) for path in SOURCES if marks.search(path.read_text())] == []


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_a_line(kind: type[errors.TetherError]) -> None:
    """Each error class has its own code, or that of its parent, an exit code and its line in the docs."""
    rows = (ROOT / "docs/errors.md").read_text().splitlines()
    exit_code = failures.exit_code(kind("x"))

    assert kind.code != errors.TetherError.code
    assert 2 <= exit_code <= 9
    assert any(row.startswith(f"| `{kind.__name__}` | `{kind.code}` | {exit_code} |") for row in rows)
