"""An environment of Python as it was recorded: a fresh one, filled by a lock or by the list of packages."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tether.errors import InvalidInput, Unavailable

LOCKS = ("uv.lock", "pylock.toml", "requirements.lock")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*\Z")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}\Z")
_LEFT_OUT = frozenset({"pip"})
"""Not installed by the list: it comes with an environment, and nothing that runs needs it."""
_MOST_LOCK = 64 << 20
_TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True)
class Packages:
    """What is installed.

    Attributes:
        source: A lock by its name, or `recorded`.
        lines: As a requirements file has them; none where `file` says it all.
        file: A lock that is taken as it is.
        notes: What is not as it was recorded.
    """

    source: str
    lines: tuple[str, ...] = ()
    file: Path | None = None
    notes: tuple[str, ...] = ()


def find_lock(folder: Path, top: Path) -> Path | None:
    """Return the lock that is nearest to a folder, up to the top of the code."""
    for place in (folder, *folder.parents):
        for name in LOCKS:
            if (place / name).is_file():
                return place / name
        if place == top:
            break
    return None


def plan_packages(lock: Path | None, recorded: Mapping[str, str]) -> Packages:
    """Return what has to be installed.

    Args:
        lock: A lock of the code.
        recorded: The packages that the run had, with their versions.

    Raises:
        InvalidInput: The lock cannot be read.
    """
    if lock is None:
        lines = tuple(_plain(recorded))
        return Packages("recorded", lines, notes=tuple(_unwritable(recorded)))
    if lock.name == "requirements.lock":
        return Packages(lock.name, file=lock)
    document = _read(lock)
    rows = document.get("package" if lock.name == "uv.lock" else "packages")
    if not isinstance(rows, list):
        raise InvalidInput(f"{lock.name} has no packages")
    known = {_normal(name): version for name, version in recorded.items()}
    chosen = [row for row in rows if isinstance(row, dict) and _is_wanted(row, known)]
    notes = [
        f"{row['name']} was {known[_normal(row['name'])]}, {lock.name} has {row['version']}"
        for row in chosen
        if known.get(_normal(row["name"]), row["version"]) != row["version"]
    ]
    return Packages(lock.name, tuple(map(_locked_line, chosen)), notes=tuple(notes))


def _plain(recorded: Mapping[str, str]) -> Iterator[str]:
    for name, version in sorted(recorded.items()):
        if _normal(name) not in _LEFT_OUT and _NAME.match(name) and _VERSION.match(version):
            yield f"{name}=={version}"


def _unwritable(recorded: Mapping[str, str]) -> Iterator[str]:
    for name, version in sorted(recorded.items()):
        if not (_NAME.match(name) and _VERSION.match(version)):
            yield f"not a package: {name!r} {version!r}"


def _read(lock: Path) -> dict[str, Any]:
    try:
        with lock.open("rb") as file:
            return tomllib.loads(file.read(_MOST_LOCK).decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{lock.name} cannot be read: {error}") from None


def _is_wanted(row: Mapping[str, Any], recorded: Mapping[str, str]) -> bool:
    """Say whether a package of a lock is one that was there: locks have those of other systems too."""
    name, version = row.get("name"), row.get("version")
    if not (
        isinstance(name, str) and isinstance(version, str) and _NAME.match(name) and _VERSION.match(version)
    ):
        return False
    source = row.get("source")
    if isinstance(source, dict) and "registry" not in source:  # the project itself, or a folder beside it
        return False
    return _normal(name) in recorded or not recorded


def _locked_line(row: Mapping[str, Any]) -> str:
    line = f"{row['name']}=={row['version']}"
    marker = row.get("marker")
    if isinstance(marker, str) and marker.isprintable():
        line += f" ; {marker}"
    return line + "".join(f" --hash={each}" for each in sorted(set(_hashes(row))))


def _hashes(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the hashes of the files of a package, as `uv.lock` and `pylock.toml` have them."""
    files: list[Any] = [row.get("sdist"), *(row.get("wheels") or ())]
    for file in files:
        if not isinstance(file, dict):
            continue
        hashes = file.get("hashes")
        found = file.get("hash") or (f"sha256:{hashes.get('sha256')}" if isinstance(hashes, dict) else "")
        if isinstance(found, str) and _SHA256.match(found):
            yield found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- making it ------------------------------------------------------------------------------


def interpreter_for(version: str, environ: Mapping[str, str]) -> str:
    """Return a Python of a version such as 3.11.2, by its first two numbers; this one where there is none."""
    short = ".".join(version.split(".")[:2])
    if short == ".".join(map(str, sys.version_info[:2])) or not re.fullmatch(r"\d+\.\d+", short):
        return sys.executable
    return shutil.which(f"python{short}", path=environ.get("PATH")) or sys.executable


def build(packages: Packages, interpreter: str, target: Path, environ: Mapping[str, str]) -> list[str]:
    """Make an environment; return in words which packages could not be installed.

    Args:
        packages: What is installed.
        interpreter: The Python that it is of.
        target: A folder that does not exist.
        environ: The environment of `pip`.

    Raises:
        Unavailable: It could not be made at all.
    """
    made = _run([interpreter, "-m", "venv", "--without-pip", str(target)], environ)
    if made is not None:
        raise Unavailable(f"no environment could be made: {made}", hint="use --env current")
    python = target / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    if find_spec("pip") is None:
        failed = _run([str(python), "-m", "ensurepip"], environ)
        if failed is not None:
            raise Unavailable(f"there is no pip: {failed}", hint="use --env current")
        pip = [str(python), "-m", "pip"]
    install = [*pip, "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
    if packages.file is not None:
        problem = _run([*install, "-r", str(packages.file)], environ)
        return [f"{packages.source} could not be installed: {problem}"] if problem is not None else []
    return _install(install, packages.lines, target / "requirements.txt", environ)


def _install(
    install: Sequence[str], lines: Sequence[str], file: Path, environ: Mapping[str, str]
) -> list[str]:
    """Install all at once; where that fails, in halves, to have all that can be had."""
    if not lines or _install_lines(install, lines, file, environ) is None:
        return []
    if len(lines) == 1:
        return [f"not installed: {lines[0].partition(' ')[0]}"]
    middle = len(lines) // 2
    parts = (lines[:middle], lines[middle:])
    return [problem for part in parts for problem in _install(install, part, file, environ)]


def _install_lines(
    install: Sequence[str], lines: Iterable[str], file: Path, environ: Mapping[str, str]
) -> str | None:
    file.write_text("".join(f"{line}\n" for line in lines))
    return _run([*install, "-r", str(file)], environ)


def _run(command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Run a command; return the last line that it said where it failed, None where it did not."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}"


def inside(
    command: Sequence[str], environ: Mapping[str, str], target: Path | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return a command and its environment so that it runs in an environment of Python.

    Args:
        command: As it was recorded.
        environ: The environment.
        target: The environment of Python; None for the one that is found now.
    """
    own = {name: value for name, value in environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    program = command[0]
    name = Path(program).name
    if target is not None:
        own |= {"PATH": f"{target / 'bin'}{os.pathsep}{own.get('PATH', '')}", "VIRTUAL_ENV": str(target)}
        known = (target / "bin" / name).exists()
        program = name if "/" in program and (known or name.startswith("python")) else program
        if name.startswith("python") and not known:
            program = "python"
    elif "/" in program and name.startswith("python") and not Path(program).exists():
        found = shutil.which(name, path=own.get("PATH")) or shutil.which("python3", path=own.get("PATH"))
        program = found or sys.executable
    return (program, *command[1:]), own


def versions_of(environment: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the version of Python and the packages that were recorded; empty where it was no Python."""
    python = environment.get("python")
    if not isinstance(python, dict):
        return "", {}
    packages = python.get("packages")
    rows = packages.items() if isinstance(packages, dict) else ()
    found: dict[str, str] = {}
    with suppress(TypeError):
        found = {str(name): str(version) for name, version in rows}
    return str(python.get("version") or ""), found
