"""What a run ran on: the machine, its accelerators, and the Python of the command with its packages.

Facts are asked for while the command runs, so that it need not wait. Variables of the environment are kept
only if they are on a list: others may hold secrets.
"""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

VERSION = 1
_PROBE = Path(__file__).with_name("_probe_source.py")
_TIMEOUT_S = 60
_MOST_SHEBANG = 256
_MOST_REPORT = 16 << 20
KEPT_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "TF_DETERMINISTIC_OPS",
    "TOKENIZERS_PARALLELISM",
)


def describe(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what is known of the machine and of the Python that a command runs in, if it is Python."""
    interpreter = python_of(command, folder, environ)
    return {
        "version": VERSION,
        "machine": machine(),
        "accelerators": accelerators(environ),
        "python": probe(interpreter, folder, environ) if interpreter is not None else None,
        "variables": {name: environ[name] for name in KEPT_VARIABLES if name in environ},
    }


def machine() -> dict[str, Any]:
    """Return what this machine is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    about: dict[str, Any] = {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "cores_allowed": cores,
        "processor": None,
        "memory_bytes": None,
    }
    with suppress(OSError, ValueError, AttributeError):
        about["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError):
        about["distribution"] = platform.freedesktop_os_release().get("PRETTY_NAME")
    with suppress(OSError):
        facts = _first_processor(Path("/proc/cpuinfo").read_text())
        about["processor"] = facts.get("model name")
        about["flags"] = facts.get("flags", "").split()
    if about["processor"] is None:  # elsewhere this starts a program
        about["processor"] = platform.processor() or None
    return about


def _first_processor(text: str) -> dict[str, str]:
    rows = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in rows}


def accelerators(environ: Mapping[str, str]) -> list[dict[str, str]]:
    """Return what `nvidia-smi` lists, nothing where it is not there."""
    tool = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if tool is None:
        return []
    query = ("name", "driver_version", "memory.total")
    said = _output([tool, f"--query-gpu={','.join(query)}", "--format=csv,noheader"], None, environ)
    rows = [line.split(", ") for line in (said or "").splitlines()]
    return [dict(zip(query, row, strict=True)) for row in rows if len(row) == len(query)]


def python_of(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> str | None:
    """Return the Python interpreter that a command runs in, or None where it seems to be no Python."""
    program = _located(command[0], folder, environ) if command else None
    if program is None:
        return None
    if Path(program).name.startswith("python"):
        return program
    try:
        with Path(program).open("rb") as file:
            first = file.read(_MOST_SHEBANG).partition(b"\n")[0]
    except OSError:
        return None
    words = os.fsdecode(first.removeprefix(b"#!")).split() if first.startswith(b"#!") else []
    if words and Path(words[0]).name == "env":
        words = words[1:]
    if not words or not Path(words[0]).name.startswith("python"):
        return None
    return _located(words[0], folder, environ)


def _located(program: str, folder: Path, environ: Mapping[str, str]) -> str | None:
    if "/" in program:
        path = folder / program
        return str(path) if path.is_file() else None
    return shutil.which(program, path=environ.get("PATH"))


def probe(interpreter: str, folder: Path, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what an interpreter says of itself, or None where it cannot."""
    said = _output([interpreter, "-c", _PROBE.read_text()], folder, environ)
    try:
        report = json.loads(said or "")
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def _output(command: Sequence[str], folder: Path | None, environ: Mapping[str, str]) -> str | None:
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
        return done.stdout[:_MOST_REPORT].decode(errors="replace")
    return None
