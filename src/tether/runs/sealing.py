"""From the journal of a run to a commit that `refs/runs/ID` names: from then on it never changes.

The commit has no parents. Its tree holds the record, what was printed and measured, artefacts, and below
`data` and `work` the very trees that the run read, so that they stay and travel with it.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tether.core.digest import parse_digest
from tether.core.identity import Person
from tether.core.jsondoc import canonical
from tether.core.names import path_bytes, run_ref
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find
from tether.errors import TetherError
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.runs.altered import ALTERED, Altered
from tether.runs.asked import REQUEST
from tether.runs.journal import (
    ENDING,
    ENVIRONMENT,
    METRICS,
    OUTPUTS,
    PATCH,
    RECORD,
    TRACKED,
    VERDICT,
    Journal,
)
from tether.runs.metrics import encode_series
from tether.runs.observed import OBSERVED
from tether.runs.pinning import ARTEFACTS, DATA, PINNED, WORK, put_commit
from tether.runs.rundoc import Artefact, Exit, Output, Resources, RunRecord, Status, stamp


class Ending(msgspec.Struct, frozen=True):
    """How a run ended, for the record."""

    status: Status
    exit: Exit = Exit()
    resources: Resources = Resources()
    output: dict[str, Output] = {}
    ended: str | None = None


LOST = Ending(Status.LOST)


def note_ending(
    repository: Repository, journal: Journal, ending: Ending, unchecked: Iterable[str] = ()
) -> Ending:
    """Write into the journal how a run ended, which is kept from now on; return that with its time.

    Args:
        repository: Where the run is kept.
        journal: Of the run.
        ending: How it ended.
        unchecked: Names of inputs that will be looked at only now. Until then the journal says that nobody
            did: who stores the run after an interruption would else say that they are as they were pinned.

    Raises:
        Unavailable: The disk is full; it is kept all the same.
    """
    names = tuple(sorted(unchecked))
    if ending.status != Status.LOST:
        ending = msgspec.structs.replace(ending, ended=ending.ended or stamp(repository.clock()))
        try:
            if names:  # on the disk before what follows can be: power may fail
                journal.replace(ALTERED, Altered(unchecked=names).encode(), durable=True)
            journal.replace(ENDING, canonical(msgspec.to_builtins(ending)))
        except TetherError:
            journal.kept = True
            raise
    # Not before: who is interrupted here has not said yet how it ended, and can still say so.
    journal.kept = True
    return ending


def seal(repository: Repository, journal: Journal, ending: Ending, author: Person) -> RunRecord:
    """Store a run and remove its journal; when that fails, the journal stays with what is known of the end.

    Raises:
        AlreadyExists: Another process did so.
        Unavailable: The disk is full.
    """
    ending = note_ending(repository, journal, ending)
    with repository.transaction(f"run {journal.id}") as transaction:
        record = journal.record()
        pinned = transaction.ref(PINNED + record.id)
        files = _Files(transaction)
        # Without a pin somebody took that back while the command ran.
        base = EMPTY_TREE if pinned is None else History(transaction.objects).commit(pinned).tree
        for path, entry in _read_by(record, transaction):
            if base == EMPTY_TREE or find(transaction.objects, base, path) is None:
                files.entries[path] = entry
        record = _completed(journal, record, ending, files)
        files.put(RECORD, record.encode())
        tree = edit_tree(transaction.objects, base, files.entries).digest
        message = " ".join(record.command) or record.name or record.id
        commit = put_commit(transaction, tree, author, f"run: {_one_line(message)}", repository.clock())
        transaction.set_ref(run_ref(record.id), commit, expected=None)
        if pinned is not None:
            transaction.set_ref(PINNED + record.id, None)
    journal.remove()
    return record


def _read_by(record: RunRecord, transaction: Transaction) -> Iterator[tuple[bytes, Entry]]:
    """Yield what a run read, as far as it is here, by path in the tree of the run."""
    for each in record.data:
        kind = EntryKind[each.kind.upper()]
        entry = Entry(path_bytes(each.name), kind, each.bytes, parse_digest(each.digest), each.files)
        if transaction.objects.known(entry.digest):
            yield path_bytes(f"{DATA}/{each.name}"), entry
    work = record.work
    if work is not None and transaction.objects.known(digest := parse_digest(work.digest)):
        yield path_bytes(WORK), Entry(path_bytes(WORK), EntryKind.DIRECTORY, work.bytes, digest, work.files)


def _completed(journal: Journal, record: RunRecord, ending: Ending, files: "_Files") -> RunRecord:
    """Store what the journal has, and return the record with what is known at the end."""
    metrics = journal.metrics()
    if metrics.series:
        files.put(METRICS, encode_series(metrics))
    for name in (ENVIRONMENT, PATCH, REQUEST, OBSERVED, ALTERED, VERDICT, TRACKED):
        data = journal.read(name)
        if data:
            files.put(name, data)
    output = dict(ending.output)
    for name in OUTPUTS:
        path = journal.folder / name
        if path.is_file() and path.stat().st_size:
            kept = files.put_file(name, path).size
            output.setdefault(name, Output(kept, kept))
    artefacts = []
    for name, path in sorted(journal.artefacts().items()):
        entry = files.put_file(f"{ARTEFACTS}/{name}", path)
        artefacts.append(Artefact(name, entry.digest.hex(), entry.size))
    return msgspec.structs.replace(
        record,
        status=ending.status,
        ended=ending.ended,
        exit=ending.exit,
        resources=ending.resources,
        output={name: output[name] for name in sorted(output) if output[name].bytes},
        metrics=metrics.summaries(),
        bad_lines=metrics.bad_lines,
        artefacts=tuple(artefacts),
    )


class _Files:
    """Files that become a part of the tree of a run."""

    def __init__(self, transaction: Transaction) -> None:
        self._contents = transaction.contents
        self.entries: dict[bytes, Entry | None] = {}

    def put(self, path: str, data: bytes) -> Entry:
        """Add a file that is in memory."""
        name = path_bytes(path).rpartition(b"/")[2]
        return self._add(path, Entry(name, EntryKind.FILE, len(data), self._contents.add(data, name)))

    def put_file(self, path: str, source: Path) -> Entry:
        """Add a file of any size from the disk."""
        name = path_bytes(path).rpartition(b"/")[2]
        with source.open("rb", buffering=0) as file:
            digest, size = self._contents.add_stream(file.readinto, name)
            kind = EntryKind.EXECUTABLE if os.fstat(file.fileno()).st_mode & 0o100 else EntryKind.FILE
        return self._add(path, Entry(name, kind, size, digest))

    def _add(self, path: str, entry: Entry) -> Entry:
        self.entries[path_bytes(path)] = entry
        return entry


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)[:200]


def recover(repository: Repository, journal: Journal, author: Person) -> RunRecord | None:
    """Store what a run left whose process is gone; None where it is at work, or somebody else does so."""
    with journal.taken_up() as free:
        if not free:
            return None
        if not journal.is_told or run_ref(journal.id) in repository.root().refs:
            journal.remove()  # it stopped before it began, or between the two last steps
            return None
        return seal(repository, journal, _ending_of(journal), author)


def _ending_of(journal: Journal) -> Ending:
    """Return how a run ended, where its process said so and could not store it."""
    try:
        return msgspec.json.decode(journal.read(ENDING) or b"", type=Ending)
    except msgspec.MsgspecError:
        return LOST
