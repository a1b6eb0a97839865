"""Running a command, or a block of Python, so that it is known what it read, did and made."""

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import msgspec

from tether.api.endpoint import ADDRESS, Endpoint
from tether.api.opened import Opened
from tether.api.pinned import check_out
from tether.api.runinputs import RunRequest, Start, asked_for, check_request, own_code, pin_inputs, read_input
from tether.api.watching import Watched, altered, watch
from tether.core.identity import Person
from tether.core.jsondoc import canonical
from tether.core.names import RUNS
from tether.core.ulid import DRAWN_BITS, make_ulid
from tether.errors import InvalidInput, NotFound, TetherError
from tether.runs.altered import ALTERED, Altered
from tether.runs.asked import REQUEST
from tether.runs.child import Done, Task, run_task
from tether.runs.gitcode import asking_git
from tether.runs.journal import ENVIRONMENT, FOLDER, METRICS, OUTPUTS, PATCH, Journal, journals
from tether.runs.observed import LOG, OBSERVED, Observed, variables
from tether.runs.pinning import unpin
from tether.runs.rundoc import RunRecord

RUN_ID, RUN_FOLDER, METRICS_FILE = "TETHER_RUN_ID", "TETHER_RUN_FOLDER", "TETHER_METRICS"
DATA_PREFIX, PARAMETER_PREFIX = "TETHER_DATA_", "TETHER_PARAM_"
_FOR_THE_END = ("tether.runs.sealing", "tether.repo.ingest", "tether.api.observing")
"""What only storing a run needs: it is imported while the command runs, which so begins earlier."""


class Begun(NamedTuple):
    """A run that is under way."""

    journal: Journal
    lock: int
    """The open file that shows it."""
    variables: Mapping[str, str]
    """What the environment of the command has besides."""
    folders: Mapping[str, Path]
    """The data, by name."""
    watched: tuple[Watched, ...] = ()
    """What of it nobody should write to."""

    @property
    def unchecked(self) -> tuple[str, ...]:
        """The names of what is watched, of which nobody knows anything before `note_altered`."""
        return tuple(each.name for each in self.watched)


class Outcome(NamedTuple):
    """How a command ended."""

    record: RunRecord
    code: int
    """As a shell would give it."""
    observed: Observed | None = None
    """What its Python opened; None where that was not seen."""
    altered: Altered | None = None
    """What of its data somebody wrote to, or could not be looked at; None for nothing."""
    told: int | None = None
    """The first signal that came to this process while it ran, whatever the command made of it."""


class Ended(NamedTuple):
    """A run whose command ended and that is not stored yet."""

    journal: Journal
    done: Done


def run_command(
    repo: Opened,
    request: RunRequest,
    show: Mapping[str, Callable[[bytes], object]],
    *,
    terminal: bool = False,
    before_sealing: Callable[[Ended], object] | None = None,
) -> Outcome:
    """Run a command to its end, and store what is known of it.

    Args:
        repo: Where the run is kept.
        request: What is run.
        show: Takes what it prints, for `stdout` and `stderr`.
        terminal: Whether a terminal sends Ctrl-C to the command itself.
        before_sealing: Told when it ended, to look at what it left and to write more into its journal.

    Raises:
        NotFound: There is no such command, revision or path.
        InvalidInput: The request is not sound, or nobody has said who runs it.
    """
    if not request.command:
        raise InvalidInput("no command to run", hint="write it behind '--'")
    with begun(repo, request) as run:
        outputs = {name: (run.journal.folder / name, show[name]) for name in OUTPUTS}
        endpoint = Endpoint(repo, run.journal, request.environ) if _wants_mlflow(request) else None
        given = {} if endpoint is None else endpoint.variables
        environ = {"PYTHONUNBUFFERED": "1", **request.environ, **run.variables, **given}
        if request.observe:
            environ |= variables(run.journal.folder, environ)
        room = request.room.lock if request.room is not None else None
        locks = (run.lock,) if room is None else (run.lock, room)
        task = Task(request.command, request.folder, environ, outputs, terminal, locks)
        done = _done(run.journal, request, task, endpoint.serving() if endpoint else nullcontext())
        if endpoint is not None:
            endpoint.close(done.status, request.folder)
        from tether.runs.sealing import Ending, note_ending, seal

        # Before the data is looked at, which takes as long as it is large: whoever presses Ctrl-C from now on
        # leaves to the next run what is missing. What the command was to leave has been copied by then.
        ending = Ending(done.status, done.exit, done.resources, done.output)
        ending = note_ending(repo.repository, run.journal, ending, run.unchecked)
        observed, changed = _observed(repo, run, request), note_altered(repo, run)
        if before_sealing is not None:
            before_sealing(Ended(run.journal, done))
        record = seal(repo.repository, run.journal, ending, repo.author)
        if endpoint is not None:
            endpoint.store(done.status)
    return Outcome(record, done.code, observed, changed, done.told)


def _done(journal: Journal, request: RunRequest, task: Task, serving: AbstractContextManager[object]) -> Done:
    """Run the command to its end, and keep what it left even where something of ours fails meanwhile."""
    try:
        with ExitStack() as meanwhile, serving:

            def get_ready() -> None:
                journal.kept = True  # the command was started: hours of work are not thrown away for us
                meanwhile.enter_context(described(journal, request))
                for name in _FOR_THE_END:
                    import_module(name)

            return run_task(msgspec.structs.replace(task, meanwhile=get_ready))
    finally:
        if journal.kept:
            _keep(journal, request)


def note_altered(repo: Opened, run: Begun) -> Altered | None:
    """Write into the journal, before the run is stored, what of its data was written to; return that.

    That is also what could not be looked at. None is that all of it is as it was; then nothing is left of
    what `note_ending` wrote of data that nobody had looked at yet.
    """
    found = altered(repo, run.watched)
    with suppress(OSError, TetherError):  # the run itself is stored, and who ran it is told
        if found is None:
            (run.journal.folder / ALTERED).unlink(missing_ok=True)
        else:
            run.journal.replace(ALTERED, found.encode(), durable=True)
    return found


def _keep(journal: Journal, request: RunRequest) -> None:
    """Copy what the command was to leave."""
    for path in request.artefacts:
        with suppress(NotFound):  # a command that failed may not have made it
            journal.artefact(request.folder / path, artefact_name(path))


def _observed(repo: Opened, run: Begun, request: RunRequest) -> Observed | None:
    """Return what the command opened, and write that into the journal."""
    if not (request.observe and (run.journal.folder / LOG).exists()):
        return None
    from tether.api.observing import compare_inputs

    around = (request.folder, request.environ)
    found = None
    with suppress(OSError, TetherError):  # whatever it is, the run itself is stored
        found = compare_inputs(repo, run.journal.record(), run.journal.folder, run.folders, around)
        if found is not None:
            run.journal.write(OBSERVED, found.encode())
    return found


def _wants_mlflow(request: RunRequest) -> bool:
    return request.mlflow and not request.environ.get(ADDRESS)


def artefact_name(path: str) -> str:
    """Return the name under which a file or folder is kept: its path, or the last part of one elsewhere."""
    plain = os.path.normpath(path)
    outside = plain.startswith(("/", "..")) or plain == "."
    return Path(plain).resolve().name if outside else plain


@contextmanager
def begun(repo: Opened, request: RunRequest) -> Iterator[Begun]:
    """Pin what a run reads and begin its journal; what an earlier run left behind is stored first.

    When the block ends by an exception, nothing of the run is left unless its journal is `kept`.
    """
    author = repo.author
    recover_all(repo, author)
    check_request(request)
    reads = [read_input(repo, text) for text in request.data]
    names = [each.about.name for each in reads]
    if len(set(names)) < len(names):
        raise InvalidInput("two inputs have one name", hint="write --data NAME=REV:PATH")
    now = repo.clock()
    run = make_ulid(now.micros, int.from_bytes(os.urandom(DRAWN_BITS // 8)), _newest(repo))
    outside = request.room is not None and not request.room.is_git
    ours = repo.root if repo.repository.worktree is not None else None
    folder = repo.repository.directory / FOLDER / run
    asking = nullcontext() if outside else asking_git(request.folder, request.environ, ours)
    with asking as question, Journal.begin(folder) as (journal, lock):
        start = Start(request, run, now, reads, question is not None)
        try:
            work = pin_inputs(repo, start, author)
            given = [each for each in reads if request.checkout]
            folders = {each.about.name: check_out(repo, each.entry, each.place) for each in given}
            watched = [watch(repo, each.about.name, each.entry, folders[each.about.name]) for each in given]
            code = request.room.code if request.room is not None else own_code(repo, request.folder, work)
            if question is not None:
                code, patch = question.answer()
                if patch:
                    journal.write(PATCH, patch)
            record = start.record(work, code)
            journal.write(REQUEST, asked_for(repo, request).encode())
            journal.tell(record)
            yield Begun(journal, lock, _variables(journal, record, folders), folders, tuple(watched))
        except BaseException:
            if not journal.kept:
                journal.remove()
                unpin(repo.repository, journal.folder.parent)
            raise


def _variables(journal: Journal, record: RunRecord, folders: Mapping[str, Path]) -> dict[str, str]:
    found = {
        RUN_ID: record.id,
        RUN_FOLDER: str(journal.folder),
        METRICS_FILE: str(journal.folder / METRICS),
    }
    found |= {variable(DATA_PREFIX, name): str(path) for name, path in folders.items()}
    for name, value in record.parameters.items():
        text = value if isinstance(value, str) else canonical(value).decode().strip()
        if "\0" not in text:
            found[variable(PARAMETER_PREFIX, name)] = text
    return found


def variable(prefix: str, name: str) -> str:
    """Return the variable of the environment for a name: capitals, digits and `_`."""
    return prefix + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _newest(repo: Opened) -> str | None:
    refs = (name.removeprefix(RUNS) for name in repo.repository.root().refs if name.startswith(RUNS))
    return max((*refs, *(each.id for each in journals(repo.repository.directory))), default=None)


@contextmanager
def described(journal: Journal, request: RunRequest) -> Iterator[None]:
    """Find out what a command runs on while it runs."""
    from tether.runs.environment import describe

    def describe_it() -> None:
        about = describe(request.command, request.folder, request.environ)
        journal.write(ENVIRONMENT, canonical(about))

    thread = threading.Thread(target=describe_it, name="environment", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def recover_all(repo: Opened, author: Person | None = None) -> list[RunRecord]:
    """Store the runs whose process is gone, as far as they came."""
    found = []
    for journal in journals(repo.repository.directory):
        from tether.runs.sealing import recover

        record = recover(repo.repository, journal, author or repo.author)
        if record is not None:
            found.append(record)
    unpin(repo.repository, repo.repository.directory / FOLDER)
    return found
