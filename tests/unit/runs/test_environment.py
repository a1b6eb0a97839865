"""What an interpreter says of itself is what Python's own libraries say, which take ten times as long."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tether.runs.environment import probe

ORACLE = """
import json, sys
sys.path = [place for place in sys.path if place]
from importlib.metadata import distributions
found = {}
for each in distributions():
    found.setdefault(each.metadata["Name"], each.version)
found.pop(None, None)
print(json.dumps(found))
"""


def asked(folder: Path, code: str, environ: dict[str, str]) -> Any:
    """Return what a program in this Python prints as JSON."""
    command = [sys.executable, "-c", code]
    return json.loads(
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True).stdout
    )


def packages(folder: Path, *places: Path) -> tuple[Any, Any]:
    """Return the packages that are found with places before all others, and those that Python finds."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    found = probe(sys.executable, folder, environ)
    assert found is not None
    return found["packages"], asked(folder, ORACLE, environ)


def test_packages_of_every_form(tmp_path: Path) -> None:
    """Folders and files of metadata, a broken one, and one that is there twice; only headers count."""
    first, second = tmp_path / "one", tmp_path / "two"
    for place, name, text in (
        (first, "a-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: A.b\nVersion: 1\n\nName: wrong\n"),
        (first, "c.egg-info/PKG-INFO", "Name: c\nSummary: x: y\nVersion: 2.0\n"),
        (first, "d-3.egg-info", "Name: d\nVersion: 3\n"),
        (first, "e-1.dist-info/RECORD", ""),
        (second, "a-9.dist-info/METADATA", "Name: A.b\nVersion: 9\n"),
    ):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)

    found, known = packages(tmp_path, first, second, tmp_path / "none")

    assert {name: found.get(name) for name in ("A.b", "c", "d")} == {"A.b": "1", "c": "2.0", "d": "3"}
    assert found == known


def test_packages_in_an_archive(tmp_path: Path) -> None:
    """What is no folder is asked of Python."""
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("z-1.dist-info/METADATA", "Name: z\nVersion: 1\n")

    found, known = packages(tmp_path, tmp_path / "z.zip")

    assert found["z"] == "1"
    assert found == known


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
def test_the_linear_algebra_is_what_numpy_loads(tmp_path: Path) -> None:
    """Its library is in the memory of who imported NumPy, and says what it is."""
    found = probe(sys.executable, tmp_path, os.environ)
    maps = asked(tmp_path, "import json, numpy; print(json.dumps(open('/proc/self/maps').read()))", {})

    assert found is not None
    (row,) = found["blas"]
    assert f"/{row['library']}\n" in maps
    assert row["config"].startswith("OpenBLAS")
