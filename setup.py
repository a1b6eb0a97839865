"""Build of the optional compiled modules; everything else about the project is in pyproject.toml.

A missing compiler, a missing Cython or a failing build leaves an installation that works: each compiled
module has a pure Python twin with identical results, only slower.
"""

import os
import warnings
from pathlib import Path

from setuptools import Extension, setup

# Sources by module name; a build leaves its C files in `build/`, never beside the sources.
MODULES = {
    "tether.core._gear": "src/tether/core/_gear.pyx",
    "tether.core._planes": "src/tether/core/_planes.pyx",
    "tether.core._floats": "src/tether/core/_floats.pyx",
    "tether.core._hashtree": "src/tether/core/_hashtree.pyx",
    "tether.core._rownames": "src/tether/core/_rownames.pyx",
    "tether.repo._blocks": "src/tether/repo/_blocks.pyx",
    "tether.repo._search": "src/tether/repo/_search.pyx",
    "tether.worktree._scan": "src/tether/worktree/_scan.pyx",
    "tether.worktree._transfer": "src/tether/worktree/_transfer.pyx",
}
FLAGS = [] if os.name == "nt" else ["-O3", "-fno-strict-aliasing"]


def compiled_modules() -> list[Extension]:
    """Return the extensions to build, none where Cython is missing or turned off."""
    if os.environ.get("TETHER_PURE"):
        return []
    try:
        from Cython.Build import cythonize
        from Cython.Compiler.Errors import CompileError
    except ImportError:
        return []
    extensions = [
        Extension(name, [source], extra_compile_args=FLAGS, include_dirs=["src/tether/core"])
        for name, source in MODULES.items()
        if Path(source).exists()
    ]
    directives = {"language_level": "3", "boundscheck": False, "wraparound": False, "cdivision": True}
    try:
        built = cythonize(extensions, build_dir="build/cython", compiler_directives=directives, quiet=True)
    except CompileError as error:
        warnings.warn(f"compiled modules left out: {error}", stacklevel=2)
        return []
    for extension in built:
        extension.optional = True  # set here, for cythonize does not copy it
    return built


setup(ext_modules=compiled_modules())
