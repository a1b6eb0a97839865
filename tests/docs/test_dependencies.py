"""Every dependency has a reason, and the lock file is one that anybody can use."""

import importlib.metadata
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


RUNS = {"MIT", "BSD", "Apache", "CC0", "0BSD", "Zlib", "MIT-CMU", "PSF"}
DEVELOPS = RUNS | {"MPL"}
BESIDE = {"psycopg": {"LGPL"}}
"""What an extra alone brings, as a library beside ours that anybody can replace."""
UNTOLD = {"skops": {"MIT"}}
"""What is in the file LICENSE of a package and not in what it declares."""

UNTOLD = {"skops": {"MIT"}}
"""What is in the file LICENSE of a package and not in what it declares."""


def licences(package: str) -> set[str]:
    """Return the short names of the licences that an installed package declares."""
    metadata = importlib.metadata.metadata(package)
    classifiers = [row for row in metadata.get_all("Classifier") or [] if row.startswith("License ::")]
    declared = metadata.get_all("License-Expression") or classifiers or metadata.get_all("License") or []
    text = " ".join(declared)
    text = text.replace("Mozilla Public", "MPL").replace("Python Software Foundation", "PSF")
    known = re.findall(r"\b(?:MIT-CMU|MIT|0BSD|BSD|Apache|CC0|Zlib|MPL|PSF|[AL]?GPL|EUPL|CDDL|SSPL)", text)
    return set(known) or UNTOLD.get(package, set())


def needed(package: str) -> set[str]:
    """Return a package with all that it needs, without extras, as far as it is installed."""
    found, queue = set[str](), [package]
    while queue:
        name = queue.pop().lower().replace("_", "-")
        if name in found or name not in INSTALLED:
            continue
        found.add(name)
        rows = importlib.metadata.requires(name) or []
        queue += [re.split(r"[^\w.-]", row, maxsplit=1)[0] for row in rows if "extra ==" not in row]
    return found


INSTALLED = {str(each.name).lower().replace("_", "-") for each in importlib.metadata.distributions()}


def test_licences_allow_what_we_do() -> None:
    """What the package needs is permissive; licences of tools bind at most the tools themselves."""
    runs = needed("tether") - {"tether"}
    tools = {name for package in required() for name in needed(package)} - runs - BESIDE.keys()

    assert {name: licences(name) for name in runs if not licences(name) or licences(name) - RUNS} == {}
    assert {name: licences(name) for name in BESIDE} == BESIDE
    assert {name: licences(name) for name in tools if not licences(name) or licences(name) - DEVELOPS} == {}
