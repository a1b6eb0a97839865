"""Runs in the interpreter of a command, by `python -c`, and prints what it is as JSON; from Python 3.6 on."""

import sys

sys.path = [place for place in sys.path if place]  # nothing of the folder that the command runs in

import importlib.util  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402


def _packages() -> "dict[str, str]":
    try:
        from importlib.metadata import distributions
    except ImportError:
        return {}
    found = {}
    for each in distributions():
        name = each.metadata["Name"]
        if name and name not in found:
            found[name] = each.version
    return found


def _blas() -> "list[dict[str, object]]":
    """Return the linear algebra that NumPy loads, with the kernel that it chose for this processor."""
    if importlib.util.find_spec("numpy") is None:
        return []
    import ctypes

    import numpy  # noqa: F401

    with open("/proc/self/maps") as maps:  # noqa: PTH123
        paths = sorted({line.split(None, 5)[5].strip() for line in maps if line.count("/")})
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


def _symbols(name: str) -> "list[str]":
    return [
        before + name + after for before in ("openblas_", "scipy_openblas_") for after in ("", "64_", "_64")
    ]


def _main() -> None:
    report: dict[str, object] = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
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
