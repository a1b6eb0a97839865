"""Tells a run which files the Python of its command opens; 'tether run' puts this folder first on PYTHONPATH.

It runs in the interpreter of the command, from Python 3.6 on, before anything of the command: it imports
nothing that is not there already, raises nothing, and then gives way to the `sitecustomize` that would have
been found without it. From Python 3.8 on, an audit hook writes a record for each file once.

A record is a letter, a path and a NUL: `r` read, `w` made or emptied, `p` a place of this interpreter's code.
Records go to the file that TETHER_OPENED names. The first ones are written at once, as are those of
forked processes, which may end without notice; later ones go in batches.
"""

import os
import sys

_CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".pyd", ".dll", ".egg-link")
_EVENTS = frozenset({"open", "os.exec", "sqlite3.connect"})
_TRUNCATES = os.O_TRUNC | os.O_EXCL
_NO_DATA = ("/proc/", "/sys/", "/dev/")
_AT_ONCE = 256
_BATCH = 64
_MOST = 100_000
"""Files that one process tells of."""


class _Observer:
    """Takes what the interpreter tells of its doings, and writes down the files."""

    def __init__(self, log: str) -> None:
        places = _places()
        self._log, self._skipped = log, _NO_DATA + tuple(place + "/" for place in places)
        self._seen: "set[str]" = set()
        self._waiting = ["p" + place for place in places]
        self._batch, self._forked = 1, False

    def flush(self) -> None:
        """Write what waits. The log is opened anew: a command may close files that it does not know."""
        records, self._waiting = self._waiting, []
        if not records:
            return
        data = b"".join(os.fsencode(record) + b"\0" for record in records)
        try:
            descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return
        try:
            os.write(descriptor, data)
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def in_child(self) -> None:
        """Go on in a forked process: what waits is the parent's to write."""
        self._forked, self._waiting, self._batch = True, [], 1

    def hook(self, event: str, args: "tuple[object, ...]") -> None:
        """Look at an event of the interpreter; the command never notices."""
        if event not in _EVENTS:
            return
        try:
            if event == "os.exec":
                self.flush()
                return
            path, flags = args[0], args[2] if event == "open" else 0
            # The way of most: a file that is known.
            if type(path) is str and not flags & 3 and "r" + path in self._seen:  # type: ignore[operator]
                return
            if type(path) is not int:
                self._note(os.fsdecode(path), flags)  # type: ignore[arg-type]
        except Exception:
            return

    def _note(self, path: str, flags: int) -> None:
        if path.endswith(_CODE) or path == self._log:
            return
        if path[:1] != "/":
            path = os.getcwd() + "/" + path
        if path.startswith(self._skipped):
            return
        record = ("w" if flags & 3 == os.O_WRONLY or flags & _TRUNCATES else "r") + path
        if record in self._seen or len(self._seen) >= _MOST:
            return
        self._seen.add(record)
        self._waiting.append(record)
        if len(self._waiting) >= self._batch:
            if len(self._seen) > _AT_ONCE and not self._forked:
                self._batch = _BATCH
            self.flush()


def _observe(log: str) -> None:
    import atexit

    observer = _Observer(log)
    observer.flush()
    atexit.register(observer.flush)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=observer.in_child)
    sys.addaudithook(observer.hook)


def _places() -> "list[str]":
    """Return where this interpreter and its packages lie."""
    found = [os.path.dirname(os.__file__)]
    for prefix in (sys.prefix, sys.base_prefix):
        plain = prefix.rstrip("/")
        # The whole of an environment, but not the whole of a system.
        found.append(plain if plain not in ("", "/usr", "/usr/local", "/opt") else plain + "/lib")
    return sorted(set(found))


def _give_way() -> None:
    """Run the `sitecustomize` that stands behind this one; without one, be as if this was not there.

    Raises:
        ImportError: There is none; `site` passes over that.
    """
    import importlib.util

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != here]
    sys.path_importer_cache.pop(here, None)
    # While a module is being imported, its name stands for itself; so the finders are asked one by one.
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        spec = find("sitecustomize", None) if find is not None else None
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            sys.modules["sitecustomize"] = module
            spec.loader.exec_module(module)
            return
    raise ImportError("no other sitecustomize", name="sitecustomize")


_log = os.environ.get("TETHER_OPENED")
if _log and hasattr(sys, "addaudithook"):
    try:
        _observe(_log)
    except Exception:  # it is not observed then
        _log = None
_give_way()
