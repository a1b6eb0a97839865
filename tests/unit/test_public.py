"""What `import tether` gives."""

import subprocess
import sys

import pytest

import tether
from tether.api.repo import Repo


def test_public_names_are_there() -> None:
    """Each public name is the thing itself."""
    assert tether.Repo is Repo


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
