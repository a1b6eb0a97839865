"""What is installed for a run that is repeated: by locks, or by the list that was recorded."""

import os
from pathlib import Path

import pytest

from tether.errors import InvalidInput
from tether.runs.rebuilding import find_lock, inside, interpreter_for, plan_packages

HASH = "sha256:" + "a" * 64

UV = f"""
version = 1
[[package]]
name = "mine"
version = "0.1"
source = {{ editable = "." }}
[[package]]
name = "NumPy"
version = "2.0"
source = {{ registry = "https://example.org/simple" }}
sdist = {{ url = "https://example.org/x", hash = "{HASH}" }}
wheels = [{{ url = "https://example.org/y", hash = "sha256:nonsense" }}]
[[package]]
name = "pywin32"
version = "300"
source = {{ registry = "https://example.org/simple" }}
[[package]]
name = "evil\\n--index-url=https://example.org"
version = "1"
source = {{ registry = "https://example.org/simple" }}
"""

PYLOCK = f"""
lock-version = "1.0"
[[packages]]
name = "numpy"
version = "2.0"
marker = "python_version >= '3.9'"
wheels = [{{ url = "https://example.org/y", hashes = {{ sha256 = "{"a" * 64}" }} }}]
"""


def test_a_lock_gives_versions_and_hashes_of_what_was_there(tmp_path: Path) -> None:
    """Packages of other systems, the project itself, and what is no package are left out."""
    lock = tmp_path / "uv.lock"
    lock.write_text(UV)

    found = plan_packages(lock, {"numpy": "1.0", "mine": "0.1"})

    assert found.lines == (f"NumPy==2.0 --hash={HASH}",)
    assert found.notes == ("NumPy was 1.0, uv.lock has 2.0",)
    assert [line.partition("=")[0] for line in plan_packages(lock, {}).lines] == ["NumPy", "pywin32"]


def test_markers_stay(tmp_path: Path) -> None:
    """`pylock.toml` says for which systems a package is."""
    lock = tmp_path / "pylock.toml"
    lock.write_text(PYLOCK)

    assert plan_packages(lock, {"numpy": "2.0"}).lines == (
        f"numpy==2.0 ; python_version >= '3.9' --hash={HASH}",
    )


def test_the_recorded_list_is_the_fall_back(tmp_path: Path) -> None:
    """Without a lock; what cannot be written on a line is told."""
    found = plan_packages(None, {"numpy": "2.0", "pip": "23", "x\n-e .": "1"})

    assert (found.source, found.lines) == ("recorded", ("numpy==2.0",))
    assert found.notes == ("not a package: 'x\\n-e .' '1'",)
    with pytest.raises(InvalidInput, match="cannot be read"):
        (tmp_path / "uv.lock").write_text("[")
        plan_packages(tmp_path / "uv.lock", {})


def test_the_nearest_lock_counts(tmp_path: Path) -> None:
    """Up to the top of the code and no further."""
    below = tmp_path / "top" / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "uv.lock").write_text("")
    assert find_lock(below, tmp_path / "top") is None

    (tmp_path / "top" / "requirements.lock").write_text("")
    assert find_lock(below, tmp_path / "top") == tmp_path / "top" / "requirements.lock"


def test_a_command_is_led_into_its_environment(tmp_path: Path) -> None:
    """Pythons and scripts of the old one become those of the new one; PYTHONPATH does not go along."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "train").touch()
    environ = {"PATH": "/bin", "PYTHONPATH": "/x"}

    for given, expected in (
        (("/old/bin/python3.11", "t.py"), "python"),
        (("python", "t.py"), "python"),
        (("/old/bin/train",), "train"),
        (("/bin/sh", "t.sh"), "/bin/sh"),
    ):
        command, found = inside(given, environ, tmp_path)
        assert command == (expected, *given[1:])
        assert found == {"PATH": f"{tmp_path}/bin{os.pathsep}/bin", "VIRTUAL_ENV": str(tmp_path)}
    command, found = inside(("sh", "-c", "x"), environ, None)
    assert (command, found) == (("sh", "-c", "x"), {"PATH": "/bin"})


def test_an_interpreter_is_looked_for_by_its_version(tmp_path: Path) -> None:
    """The first two numbers count; strange versions do not become names of programs."""
    other = tmp_path / "python3.99"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)

    assert interpreter_for("3.99.1", {"PATH": str(tmp_path)}) == str(other)
    assert Path(interpreter_for("3.98", {"PATH": str(tmp_path)})).name.startswith("python")
    assert Path(interpreter_for("../x", {"PATH": str(tmp_path)})).name.startswith("python")
