"""What `import tether` gives."""

import subprocess
import sys

import pytest

import tether
from tether.api.repo import Repo
from tether.errors import TetherError


def test_public_names_are_there() -> None:
    """Each public name is listed, in order, and is the thing itself."""
    assert tether.Repo is Repo
    assert tether.errors.TetherError is TetherError
    assert tether.__all__ == sorted(tether.__all__)
    assert {name for name in tether.__all__ if getattr(tether, name).__name__.split(".")[-1] != name} == set()
    assert set(tether.__all__) <= set(dir(tether))


def test_other_names_are_refused() -> None:
    """A name that does not exist is an AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="Rope"):
        _ = tether.Rope


def test_the_import_alone_loads_nothing() -> None:
    """`import tether` is free until a name is used."""
    code = "import sys, tether; print(sum(name.startswith('tether.') for name in sys.modules))"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"0"
    )


def test_errors_are_there_without_the_rest() -> None:
    """`tether.errors` needs no import of its own."""
    code = "import tether; print(tether.errors.NotFound.code)"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"not-found\n"
    )
