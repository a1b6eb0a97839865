"""Imports of the libraries that only the generators need."""

import importlib
from typing import Any


def require(module: str, package: str) -> Any:
    """Return the imported module, or end the program saying what to install."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SystemExit(f"error: this workload needs {package}; run: pip install {package}") from None
