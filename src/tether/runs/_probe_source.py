"""Runs in the interpreter of a command, by `python -c`, and prints what it is as JSON; from Python 3.6 on.

The command runs at the same time, so this does as little as it can: it reads the first lines of what packages
say of themselves, and imports NumPy only where its linear algebra cannot be found beside it.
"""

import sys

sys.path = [place for place in sys.path if place]  # nothing of the folder that the command runs in

import json  # noqa: E402
import os  # noqa: E402
from importlib.machinery import PathFinder  # noqa: E402

_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}


def _packages() -> "dict[str, str]":
    found: dict[str, str] = {}
    for head in _heads() if _is_plain() else _told_heads():
        fields = dict(line.split(": ", 1) for line in head[::-1] if ": " in line)
        name = fields.get("Name", "").strip()
        if name and name not in found:
            found[name] = fields.get("Version", "").strip()
    return found


def _is_plain() -> bool:
    """Say whether packages lie in folders alone, and nothing but Python itself knows others."""
    finders = [each for each in sys.meta_path if hasattr(each, "find_distributions")]
    plain = all(getattr(each, "__name__", "") == "PathFinder" for each in finders)
    return plain and not any(os.path.isfile(place) for place in sys.path)  # noqa: PTH113


def _heads() -> "list[list[str]]":
    """Return the first lines of what each package says of itself."""
    found = []
    for place in sys.path:
        try:
            names = os.listdir(place)  # noqa: PTH208
        except OSError:
            continue
        if any(name.lower().endswith(".egg") for name in [*names, place]):
            return _told_heads()
        told = [name for name in names if name.lower().endswith((".dist-info", ".egg-info"))]
        found += [_head_below(os.path.join(place, name)) for name in told]  # noqa: PTH118
    return found


def _head_below(place: str) -> "list[str]":
    for name in ("/METADATA", "/PKG-INFO", ""):
        lines = []
        try:
            with open(place + name, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                for line in file:
                    if not line.strip():
                        break
                    lines.append(line)
        except OSError:
            continue
        return lines
    return []


def _told_heads() -> "list[list[str]]":
    """Return the same, asked of Python, which takes ten times as long."""
    try:
        from importlib.metadata import distributions
    except ImportError:
        return []
    return [
        ["Name: {}".format(each.metadata["Name"] or ""), f"Version: {each.version}"]
        for each in distributions()
    ]


def _blas() -> "list[dict[str, object]]":
    """Return the linear algebra that NumPy loads, with the kernel that it chose for this processor."""
    paths = _beside_numpy()
    if not paths:
        import importlib.util

        if importlib.util.find_spec("numpy") is None:
            return []
        import numpy  # noqa: F401

        with open("/proc/self/maps") as maps:  # noqa: PTH123
            paths = sorted({line.split(None, 5)[5].strip() for line in maps if line.count("/")})
    import ctypes

    found = []
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        if not any(word in name for word in ("openblas", "mkl_rt", "blis", "libblas")):
            continue
        row: dict[str, object] = {"library": name}
        library = ctypes.CDLL(path)
        for symbol in _symbols("get_config"):
            function = getattr(library, symbol, None)
            if function is not None:
                function.restype = ctypes.c_char_p
                row["config"] = function().decode()
                break
        for symbol in _symbols("get_num_threads"):
            function = getattr(library, symbol, None)
            if function is not None:
                function.restype = ctypes.c_int
                row["threads"] = function()
                break
        found.append(row)
    return found


def _beside_numpy() -> "list[str]":
    """Return the library that NumPy brings along, if it is one: loading it alone shows what it is."""
    spec = PathFinder.find_spec("numpy")
    if spec is None or not spec.origin:
        return []
    folder = os.path.dirname(os.path.dirname(spec.origin)) + "/numpy.libs/"  # noqa: PTH120
    try:
        found = [folder + name for name in os.listdir(folder) if "openblas" in name]  # noqa: PTH208
    except OSError:
        return []
    return found if len(found) == 1 else []


def _symbols(name: str) -> "list[str]":
    return [
        before + name + after for before in ("openblas_", "scipy_openblas_") for after in ("", "64_", "_64")
    ]


def _implementation() -> str:
    known = _IMPLEMENTATIONS.get(sys.implementation.name)
    if known is None:
        import platform

        known = platform.python_implementation()
    return known


def _main() -> None:
    report: dict[str, object] = {
        "version": sys.version.split()[0],
        "implementation": _implementation(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "packages": _packages(),
    }
    try:
        report["blas"] = _blas()
    except Exception as error:  # whatever is broken there, the rest is told
        report["blas"] = [{"error": type(error).__name__}]
    print(json.dumps(report))


_main()
