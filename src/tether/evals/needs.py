"""Packages that only evaluations need: imported when something is evaluated, with a word where one lacks."""

from importlib import import_module
from typing import Any

from tether.errors import Unsupported

EXTRA = "evals"


def needed(module: str, extra: str = EXTRA) -> Any:
    """Return a module of a package that an extra brings.

    Raises:
        Unsupported: It is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise Unsupported(
            f"this needs a package that is not installed: {error.name}",
            hint=f"run: pip install 'tether[{extra}]'",
        ) from None


def arrow() -> Any:
    """Return `pyarrow`; errors as for `needed`."""
    return needed("pyarrow")


def compute() -> Any:
    """Return `pyarrow.compute`; errors as for `needed`."""
    return needed("pyarrow.compute")


def parquet() -> Any:
    """Return `pyarrow.parquet`; errors as for `needed`."""
    return needed("pyarrow.parquet")
