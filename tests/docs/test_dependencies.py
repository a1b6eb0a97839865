"""Every dependency has a reason, and the lock file is one that anybody can use."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def required() -> list[str]:
    """Return the names of all packages that pyproject.toml or the build asks for."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    tools = (ROOT / "build-tools.in").read_text().splitlines()
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *(line for extra in extras for line in extra),
        *(line for line in tools if line and not line.startswith("#")),
    ]
    return sorted({re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in asked})


@pytest.mark.parametrize("package", required())
def test_every_dependency_has_a_reason(package: str) -> None:
    """The package has a row in docs/dependencies.md with what it is for and why it was taken."""
    rows = (ROOT / "docs/dependencies.md").read_text().splitlines()
    row = next((line for line in rows if line.startswith(f"| `{package}` |")), "")

    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 3
    assert all(cells)


@pytest.mark.parametrize("package", required())
def test_every_dependency_is_locked(package: str) -> None:
    """The lock file has an exact version of each."""
    assert re.search(rf"^{package.lower()}==", (ROOT / "requirements.lock").read_text(), re.M)


def test_the_lock_file_names_no_place() -> None:
    """The lock file has hashes and no address, so that any registry or folder may serve it."""
    text = (ROOT / "requirements.lock").read_text()

    assert "--hash=sha256:" in text
    assert not re.search(r"://|index-url|find-links|file:|\.whl", text)
