"""The folder of a run that is under way: what is known of it lies on the disk from the first moment on.

`runs/ID/` in the repository's folder. Whoever records the run holds the lock of the file `lock` in it, and so
does the command; when the lock is free, both are gone. Everything else is only appended to, so that whatever
stops the process, what was written before is there to be stored.

    run.json           the record as it was at the start
    metrics.jsonl      what `TETHER_METRICS` names
    parameters.jsonl   parameters that came later
    artefacts.jsonl    files of `artefacts/`, which are copies, and their names
    end.json           how it ended, when it is about to be stored
    environment.json, patch, request.json, opened, observed.json, altered.json, verdict.json, mlflow.json,
    stdout, stderr
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tether.core.jsondoc import canonical
from tether.core.names import check_path, path_bytes
from tether.errors import AlreadyExists, InvalidInput, NotFound, TetherError
from tether.runs.rundoc import Number, RunRecord, Scalar, check_name, number, scalar
from tether.storage.oserrors import translated

if TYPE_CHECKING:
    from tether.runs.metrics import Metrics

FOLDER = "runs"
RECORD = "run.json"
METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"
PATCH = "patch"
VERDICT = "verdict.json"
ENDING = "end.json"
TRACKED = "mlflow.json"
OUTPUTS = ("stdout", "stderr")
_PARAMETERS = "parameters.jsonl"
_ARTEFACTS = "artefacts.jsonl"
_COPIES = "artefacts"
_INCOMING = "incoming"
_LOCK = "lock"
_NEW = "run.new"
_FICLONE = 0x40049409
_BLOCK = 8 << 20


class Journal:
    """The folder of one run.

    Args:
        folder: Made by `begin`.

    Attributes:
        id: Of the run.
        kept: Whether the run has something to tell, so that the folder stays whatever goes wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.kept = False
        self._metrics: int | None = None
        self._names: dict[str, str] = {}

    @classmethod
    @contextmanager
    def begin(cls, folder: Path) -> "Iterator[tuple[Journal, int]]":
        """Make the folder, and show that the run is under way until the block ends.

        Gives the journal and the open lock: who inherits it shows that too.
        """
        journal, descriptor = cls(folder), _locked(folder)
        try:
            yield journal, descriptor
        finally:
            journal.close()
            os.close(descriptor)

    def beside(self, run: str) -> "Journal":
        """Make the folder of another run, which is under way for as long as this one: they share the lock."""
        other = Journal(self.folder.with_name(run))
        with translated(str(other.folder)):
            other.folder.mkdir()
            (other.folder / _LOCK).hardlink_to(self.folder / _LOCK)
        other.kept = True
        return other

    @contextmanager
    def taken_up(self) -> Iterator[bool]:
        """Hold the lock of a run whose process is gone; False where it is not, or somebody else is at it."""
        try:
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = self.folder.exists()
        except OSError:
            free = False
        try:
            yield free
        finally:
            os.close(descriptor)

    @property
    def is_alive(self) -> bool:
        """Whether the process that records it is there."""
        with self.taken_up() as free:
            return not free and self.folder.exists()

    @property
    def is_told(self) -> bool:
        """Whether it has a record: before, nothing was run."""
        return (self.folder / RECORD).is_file()

    def tell(self, record: RunRecord) -> None:
        """Write the record as it is at the start, durably, whole or not at all."""
        with translated(str(self.folder)):
            self.write(_NEW, record.encode(), durable=True)
            (self.folder / _NEW).rename(self.folder / RECORD)

    def record(self) -> RunRecord:
        """Return the record as it was at the start, with the parameters that came since.

        Raises:
            NotFound: There is none.
            Corrupt: It is damaged.
        """
        data = self.read(RECORD)
        if data is None:
            raise NotFound(f"run {self.id} is not there")
        record = RunRecord.decode(data)
        return msgspec.structs.replace(record, parameters=record.parameters | self.parameters())

    # -- what a run says --------------------------------------------------------------------

    def metric(self, name: str, value: object, step: int | None, time: float) -> None:
        """Append a value of a metric; it is with the system when this returns.

        Raises:
            InvalidInput: The value is no number, or the name cannot be one.
        """
        try:
            given = number(float(value))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise InvalidInput(f"the metric {name} is no number: {value!r}") from None
        line = self._line(name, given, step, time)
        os.write(self._opened(), line.encode())

    def points(self, points: Iterable[tuple[str, float, int, float]]) -> None:
        """Append values of metrics, each a name, value, step and time in seconds, by one call of the system.

        Raises:
            InvalidInput: A name cannot be one; then nothing was appended.
        """
        line = self._line
        lines = [line(name, number(value), step, time) for name, value, step, time in points]
        os.write(self._opened(), "".join(lines).encode())

    def _line(self, name: str, given: Number, step: int | None, time: float) -> str:
        named = self._names.get(name)
        if named is None:
            named = self._names[name] = json.dumps(check_name(name, "metric"))
        shown = given if isinstance(given, float) else json.dumps(given)
        at = "null" if step is None else int(step)
        return f'{{"name":{named},"value":{shown},"step":{at},"time":{time}}}\n'

    def _opened(self) -> int:
        if self._metrics is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._metrics = os.open(self.folder / METRICS, flags, 0o644)
        return self._metrics

    def parameter(self, name: str, value: object) -> None:
        """Append a parameter.

        Raises:
            AlreadyExists: It has another value already.
        """
        self.add_parameters({name: value})

    def add_parameters(self, values: Mapping[str, object]) -> None:
        """Append parameters, all or none.

        Raises:
            AlreadyExists: One has another value already.
        """
        known = self.record().parameters
        rows: list[dict[str, object]] = []
        for name, value in values.items():
            kept = scalar(value)
            if known.get(check_name(name, "parameter"), kept) != kept:
                raise AlreadyExists(
                    f"the parameter {name} is {known[name]!r} already", hint="a parameter is set once"
                )
            rows.append({"name": name, "value": kept})
        self._append(_PARAMETERS, *rows)

    def artefact(self, source: Path, name: str) -> None:
        """Keep a copy of a file, or of the files below a folder; it costs nothing where the disk can share.

        Raises:
            NotFound: There is nothing.
            InvalidInput: The name leads elsewhere.
        """
        check_path(path_bytes(name))
        with translated(str(source)):
            for path, file in files_below(source, name):
                copy = self.folder / _COPIES / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy_file(file, copy)
                self._append(_ARTEFACTS, {"path": path})

    def receive(self, name: str, blocks: Iterable[bytes]) -> None:
        """Keep a file that comes in blocks; if that fails, what was kept under its name stays as it was.

        Raises:
            InvalidInput: The name leads elsewhere.
            AlreadyExists, Conflict, NotFound: A file or a folder is in its way.
        """
        check_path(path_bytes(name))
        new, place = self.folder / _INCOMING / os.urandom(8).hex(), self.folder / _COPIES / name
        with translated(name):
            new.parent.mkdir(exist_ok=True)
            try:
                with new.open("xb", buffering=0) as file:
                    for block in blocks:
                        file.write(block)
                place.parent.mkdir(parents=True, exist_ok=True)
                new.replace(place)
            finally:
                new.unlink(missing_ok=True)
        self._append(_ARTEFACTS, {"path": name})

    def close(self) -> None:
        """Close what is open."""
        if self._metrics is not None:
            os.close(self._metrics)
            self._metrics = None

    # -- what was said ----------------------------------------------------------------------

    def parameters(self) -> dict[str, Scalar]:
        """Return the parameters that came after the start."""
        found = {}
        for row in self._rows(_PARAMETERS):
            if isinstance(row.get("name"), str):
                found[str(row["name"])] = scalar(row.get("value"))
        return found

    def metrics(self) -> "Metrics":
        """Return the metrics so far."""
        from tether.runs.metrics import Metrics, read_lines  # who begins a run need not wait for it

        with suppress(FileNotFoundError), (self.folder / METRICS).open("rb") as lines:
            return read_lines(lines)
        return Metrics()

    @property
    def copies(self) -> Path:
        """The folder of the artefacts."""
        return self.folder / _COPIES

    def artefacts(self) -> dict[str, Path]:
        """Return the copies that were kept, by name."""
        found = {}
        for row in self._rows(_ARTEFACTS):
            name = row.get("path")
            with suppress(TetherError):
                if isinstance(name, str) and check_path(path_bytes(name)):
                    found[name] = self.folder / _COPIES / name
        return {name: path for name, path in found.items() if path.is_file()}

    def read(self, name: str) -> bytes | None:
        """Return one of its files, or None where there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Write one of its files whole."""
        with (self.folder / name).open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())

    def replace(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Write one of its files anew: who reads it finds the old or the new one."""
        new = f"{name}.new"
        with translated(str(self.folder / new)):
            self.write(new, data, durable=durable)
            (self.folder / new).replace(self.folder / name)

    def remove(self) -> None:
        """Forget the folder; what it says is stored."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _append(self, name: str, *rows: dict[str, object]) -> None:
        with (self.folder / name).open("ab", buffering=0) as file:
            file.write(b"".join(map(canonical, rows)))

    def _rows(self, name: str) -> Iterator[dict[str, object]]:
        for line in (self.read(name) or b"").splitlines():
            with suppress(ValueError):  # the last one may be cut
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row


def _locked(folder: Path) -> int:
    """Make a folder with an open lock that nobody else has."""
    with translated(str(folder)):
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)  # who looks for lost runs took it for one in that moment


def journals(repository: Path) -> list[Journal]:
    """Return the journals of a repository's folder, oldest first."""
    folder = repository / FOLDER
    return [Journal(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []


def files_below(source: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yield the files at or below a place with the names that they get; links are not followed.

    Raises:
        NotFound: There is nothing.
    """
    if source.is_file():
        yield name, source
        return
    if not source.is_dir():
        raise NotFound(f"no such artefact: {source}")
    for folder, folders, files in os.walk(source):
        folders.sort()
        below = Path(folder)
        for each in sorted(files):
            path = below / each
            if path.is_file() and not path.is_symlink():
                yield f"{name}/{path.relative_to(source).as_posix()}", path


def copy_file(source: Path, target: Path) -> bool:
    """Copy a file, sharing its blocks where the file system can; say whether it could."""
    with source.open("rb") as old, target.open("wb") as new:
        if clone_blocks(old.fileno(), new.fileno()):
            return True
        shutil.copyfileobj(old, new, _BLOCK)
    return False


def clone_blocks(source: int, target: int) -> bool:
    """Let an open empty file share the blocks of another; False where the file system cannot."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
