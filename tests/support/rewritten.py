"""The compiled form of all tests, made once before the processes of tests need it.

pytest rewrites the asserts of every module and compiles it, which takes ten seconds of a processor. It keeps
the result, but processes that begin together each find nothing kept, and write nothing where the environment
says so. `python -m tests.support.rewritten` does it for all of them, on every core.
"""

import multiprocessing
import os
from pathlib import Path
from typing import Any

from _pytest.assertion import rewrite

_NO_CONFIG: Any = None
"""Only who has a hook for asserts that pass needs one."""
_TESTS = Path(__file__).parents[1]


def rewrite_one(file: Path) -> None:
    """Keep the compiled form of one module where pytest looks for it, unless it is there."""
    kept = rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
    if rewrite._read_pyc(file, kept) is not None:
        return
    digest, code = rewrite._rewrite_test(file, _NO_CONFIG)
    kept.parent.mkdir(exist_ok=True)
    part = kept.with_name(f"{kept.name}.{os.getpid()}")
    with part.open("wb") as file_of_code:
        rewrite._write_pyc_fp(file_of_code, digest, code)
    part.replace(kept)


def main() -> None:
    """Do it for all modules of tests."""
    files = [*_TESTS.rglob("test_*.py"), *_TESTS.rglob("conftest.py")]
    with multiprocessing.Pool() as pool:
        pool.map(rewrite_one, files, chunksize=4)


if __name__ == "__main__":
    main()
