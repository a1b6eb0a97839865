"""What answers queries in the process that is measured: ONNX Runtime, scikit-learn, or a command.

A runner gets its inputs ready outside of the times (`feed`), and answers inside of them (`run`).
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from tether.bench.wire import WireError, read_message, write_message

Arrays = dict[str, NDArray[Any]]
_PICKLES = (".pkl", ".pickle", ".joblib")


class RunnerError(Exception):
    """The model cannot be brought to answer; the text is for the user."""


class Runner(Protocol):
    """Answers queries."""

    def bring(self) -> None:
        """Import what runs models of this kind."""

    def load(self) -> None:
        """Load the model."""

    def about(self) -> dict[str, Any]:
        """Return name, version and choices of what runs."""

    def feed(self, ids: Sequence[str], arrays: Arrays) -> Any:
        """Return a query that is ready to be given."""

    def run(self, feed: Any) -> Any:
        """Answer a query."""

    def outputs(self, answer: Any) -> Arrays:
        """Return an answer as arrays by name."""

    def peak_bytes(self) -> int:
        """Return the most memory that answering took."""

    def close(self) -> None:
        """End what was started."""


def memory_bytes(key: str = "VmHWM", pid: int | str = "self") -> int:
    """Return the most memory that a process had, 0 where the system does not tell.

    `ru_maxrss` will not do: a process inherits it from the one that started it, through `exec`.
    """
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return 0


class _InProcess:
    """What runners in this process share."""

    def peak_bytes(self) -> int:
        return memory_bytes()

    def close(self) -> None:
        pass


class EmptyRunner(_InProcess):
    """Answers nothing: what is left of memory and time is not the model's."""

    def bring(self) -> None:
        pass

    def load(self) -> None:
        pass

    def about(self) -> dict[str, Any]:
        return {"name": "empty", "version": ""}

    def feed(self, ids: Sequence[str], arrays: Arrays) -> Any:
        return arrays

    def run(self, feed: Any) -> Any:
        return feed

    def outputs(self, answer: Any) -> Arrays:
        return {}


class OnnxRunner(_InProcess):
    """ONNX Runtime."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._plan = plan
        self._module: Any = None
        self._session: Any = None
        self._names: list[str] = []

    def bring(self) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise RunnerError("onnxruntime is not installed: pip install 'tether[onnx]'") from None
        self._module = onnxruntime

    def load(self) -> None:
        options = session_options(self._module, self._plan["threads"])
        providers = self._plan["providers"]
        missing = set(providers) - set(self._module.get_available_providers())
        if missing:
            raise RunnerError(f"this onnxruntime has no {', '.join(sorted(missing))}")
        self._session = self._module.InferenceSession(self._plan["path"], options, providers=providers)
        self._names = [each.name for each in self._session.get_outputs()]

    def about(self) -> dict[str, Any]:
        providers = self._session.get_providers()
        return {"name": "onnxruntime", "version": self._module.__version__, "providers": providers}

    def feed(self, ids: Sequence[str], arrays: Arrays) -> Any:
        return {
            name: each.astype(object) if each.dtype.kind == "U" else each for name, each in arrays.items()
        }

    def run(self, feed: Any) -> Any:
        return self._session.run(None, feed)

    def outputs(self, answer: Any) -> Arrays:
        return {name: _plain(value) for name, value in zip(self._names, answer, strict=True)}


def session_options(module: Any, threads: int) -> Any:
    """Return the options of a session of ONNX Runtime that are not its defaults: threads, and silence."""
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return options


def _plain(value: Any) -> NDArray[Any]:
    """Return an output as an array; classifiers of scikit-learn give a probability by name for each input."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        names = list(value[0])
        return np.array([[row[name] for name in names] for row in value], np.float64)
    return np.asarray(value)


class SklearnRunner(_InProcess):
    """A model of scikit-learn in a file of skops, or of joblib or pickle where the user trusts it."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._plan = plan
        self._model: Any = None
        self._frame: Any = None

    def bring(self) -> None:
        try:
            import sklearn  # noqa: F401

            if self._plan["path"].endswith(_PICKLES):
                import joblib  # noqa: F401
            else:
                import skops.io  # noqa: F401
        except ImportError as error:
            raise RunnerError(f"{error.name} is not installed: pip install 'tether[sklearn]'") from None

    def load(self) -> None:
        path, trust = self._plan["path"], self._plan["trust"]
        if path.endswith(_PICKLES):
            if not trust:
                raise RunnerError(
                    f"loading {Path(path).name} runs what its author wrote: --trust allows that"
                )
            import joblib

            self._model = joblib.load(path)
        else:
            self._model = _load_skops(path, trust=trust)
        if not hasattr(self._model, "predict"):
            raise RunnerError(f"a {type(self._model).__name__} does not predict anything")
        columns, given = getattr(self._model, "feature_names_in_", None), self._plan["columns"]
        if columns is not None and given and len(columns) == len(given):
            with suppress(ImportError):
                import pandas

                self._frame = (pandas.DataFrame, list(columns))

    def about(self) -> dict[str, Any]:
        import sklearn

        return {"name": "scikit-learn", "version": sklearn.__version__, "model": type(self._model).__name__}

    def feed(self, ids: Sequence[str], arrays: Arrays) -> Any:
        (rows,) = arrays.values()
        if self._frame is not None and rows.ndim == 2:
            return self._frame[0](rows, columns=self._frame[1])
        return rows

    def run(self, feed: Any) -> Any:
        return self._model.predict(feed)

    def outputs(self, answer: Any) -> Arrays:
        return {"prediction": np.asarray(answer)}


def _load_skops(path: str, *, trust: bool) -> Any:
    import skops.io

    unknown = skops.io.get_untrusted_types(file=path)
    if unknown and not trust:
        raise RunnerError(
            f"the file names code that is not known: {', '.join(unknown[:5])}: --trust allows it"
        )
    return skops.io.load(path, trusted=unknown)


class CommandRunner:
    """Any command that answers queries by the protocol of `tether.bench.wire`."""

    _GRACE_S: ClassVar[float] = 5.0

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._plan = plan
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: dict[str, Any] = {}
        self._peak = 0

    def bring(self) -> None:
        pass

    def load(self) -> None:
        command = self._plan["command"]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self._plan["folder"]
            )
        except OSError as error:
            raise RunnerError(f"{command[0]} cannot be run: {error.strerror}") from None
        header, _ = self._read()
        if header.get("ready") is not True:
            raise RunnerError("the command did not say that it is ready")
        self._ready = header

    def about(self) -> dict[str, Any]:
        name, version = (str(self._ready.get(key) or "")[:200] for key in ("name", "version"))
        return {"name": name or Path(self._plan["command"][0]).name, "version": version}

    def feed(self, ids: Sequence[str], arrays: Arrays) -> Any:
        return {"ids": list(ids)}, arrays

    def run(self, feed: Any) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            write_message(self._process.stdin, *feed)
        except BrokenPipeError:
            raise RunnerError("the command ended before it answered") from None
        return self._read()[1]

    def outputs(self, answer: Any) -> Arrays:
        return dict(answer)

    def peak_bytes(self) -> int:
        """Return the most memory of the command and those below it; each had it at its own time."""
        from tether.runs.usage import below

        if self._process is not None and self._process.poll() is None:
            self._peak = max(self._peak, sum(memory_bytes(pid=pid) for pid in below(self._process.pid)))
        return self._peak

    def close(self) -> None:
        process = self._process
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        try:
            process.wait(self._GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _read(self) -> tuple[dict[str, Any], Arrays]:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            message = read_message(self._process.stdout)
        except WireError as error:
            raise RunnerError(f"the command does not keep to the protocol: {error}") from None
        if message is None:
            raise RunnerError("the command ended before it answered")
        if message[0].get("error"):
            raise RunnerError(f"the command could not answer: {str(message[0]['error'])[:500]}")
        return message


def make_runner(plan: Mapping[str, Any]) -> Runner:
    """Return the runner that a plan asks for."""
    kinds: dict[str, Any] = {"onnx": OnnxRunner, "sklearn": SklearnRunner, "command": CommandRunner}
    made: Runner = kinds[plan["kind"]](plan) if plan["kind"] in kinds else EmptyRunner()
    return made


def limit_threads(threads: int) -> dict[str, str]:
    """Return the variables of the environment that keep linear algebra to so many threads."""
    names = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "VECLIB_MAXIMUM")
    return {f"{name}_NUM_THREADS": str(threads) for name in names}


def allowed_cores() -> int:
    """Return how many cores this process may use: by its affinity and the quota of its group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return max(1, min(cores, int(quota + 0.999) if quota is not None else cores))


def cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the cores that the control group of this process may use, None where there is no limit."""
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next((line[3:] for line in lines if line.startswith("0::")), "/")
        folder = (root / own.lstrip("/")).resolve()
        quotas = []
        for place in (folder, *folder.parents):
            with suppress(OSError, ValueError):
                quota, period = (place / "cpu.max").read_text().split()[:2]
                if quota != "max":
                    quotas.append(int(quota) / int(period))
            if place == root:
                break
        if quotas:
            return min(quotas)
    with suppress(OSError, ValueError):
        quota = (root / "cpu/cpu.cfs_quota_us").read_text()
        if int(quota) > 0:
            return int(quota) / int((root / "cpu/cpu.cfs_period_us").read_text())
    return None
