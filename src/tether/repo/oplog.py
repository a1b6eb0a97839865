"""The log of operations: reading it, what undo takes back, returning to one, and shortening it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, object_digest
from tether.core.names import REMOTES
from tether.errors import InvalidInput, NotFound
from tether.repo.objectdb import ObjectDb
from tether.repo.operations import Operation, Pointers, decode_segment, encode_segment, walk_operations
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.repo.transaction import INLINE_OPERATIONS, Transaction

UNDO = "undo "
"""How the command of an operation begins that took back another one, whose id follows."""
RESTORE = "op restore "
_FILES = " (files)"
_STAGE_ONLY = (
    "add",
    "commit",
    "merge --continue",
    "reset --soft",
    "reset --mixed",
    "restore --staged",
    "rm --cached",
)
"""Commands that change the stage and leave working files alone; all others let the files follow."""
MIN_PREFIX = 6
_RUN = 48


@dataclass(frozen=True, slots=True)
class Goal:
    """The refs and pointers that an undo or a return leads to.

    Attributes:
        refs: New value by name, for the refs that change; None removes one.
        pointers: HEAD, stage and state.
        command: What the operation log says of it.
    """

    refs: dict[str, Digest | None]
    pointers: Pointers
    command: str


def read_operations(repository: Repository) -> Iterator[Operation]:
    """Yield the operations in the log from the newest to the oldest."""
    root = repository.root()
    return walk_operations(root.operations, root.older_operations, repository.objects)


def is_idle(operation: Operation) -> bool:
    """Say whether an operation changed nothing that undo could take back, as gc and fetch do."""
    local = any(not change.name.startswith(REMOTES) for change in operation.refs)
    return not local and operation.before == operation.after and operation.rescued is None


def find_operation(repository: Repository, prefix: str) -> Operation:
    """Return the operation whose id begins with `prefix`.

    Raises:
        InvalidInput: The prefix is too short, no hexadecimal number, or fits several.
        NotFound: None fits, or it is older than what is kept.
    """
    text = prefix.lower()
    if len(text) < MIN_PREFIX or not all(c in "0123456789abcdef" for c in text):
        raise InvalidInput(
            f"not the id of an operation: {prefix!r}", hint=f"give {MIN_PREFIX} or more digits of `op log`"
        )
    found = [op for op in read_operations(repository) if op.id.hex().startswith(text)]
    if not found:
        raise NotFound(
            f"no operation {prefix}", hint="`tether op log` lists them; gc removes those past gc.retention"
        )
    if len(found) > 1:
        raise InvalidInput(f"several operations begin with {prefix}", hint="give more digits")
    return found[0]


def next_undo(repository: Repository) -> Operation:
    """Return the newest operation that changed something here and has not been taken back.

    An undo is followed back to what it took back, so that undoing again goes further into the past.

    Raises:
        NotFound: There is none left in the log.
    """
    undone: set[str] = set()
    for operation in read_operations(repository):
        if operation.command.startswith(UNDO):
            undone.add(operation.command.removeprefix(UNDO).split()[0])
        elif operation.id.hex() not in undone and not is_idle(operation):
            return operation
    raise NotFound("nothing to undo", hint="`tether op log` lists what was done")


def undo_goal(root: Root, operation: Operation) -> Goal:
    """Return what taking back one operation leads to.

    Refs of remotes stay: they say what was seen there, which an undo here does not change.
    """
    refs = {change.name: change.old for change in operation.refs if not change.name.startswith(REMOTES)}
    pointers = operation.before if operation.before != operation.after else root.pointers()
    return Goal(refs, pointers, UNDO + operation.id.hex() + _mark(moves_files(operation.command)))


def operations_after(repository: Repository, operation: Operation) -> list[Operation]:
    """Return the operations that came after one, newest first."""
    return list(takewhile(lambda later: later.id != operation.id, read_operations(repository)))


def restore_goal(repository: Repository, operation: Operation, later: Sequence[Operation]) -> Goal:
    """Return what leads to the state as it was right after an operation.

    Args:
        repository: Whose root.
        operation: Where to return to.
        later: What came after it, newest first.
    """
    root = repository.root()
    refs: dict[str, Digest | None] = {}
    for each in later:
        refs.update({c.name: c.old for c in each.refs if not c.name.startswith(REMOTES)})
    changed = {name: value for name, value in refs.items() if root.refs.get(name) != value}
    files = any(moves_files(each.command) for each in later)
    return Goal(changed, operation.after, RESTORE + operation.id.hex() + _mark(files))


def moves_files(command: str) -> bool:
    """Say whether the working files follow what an operation with this command did to the stage."""
    if command.startswith((UNDO, RESTORE)):
        return command.endswith(_FILES)
    return not any(command == verb or command.startswith(f"{verb} ") for verb in _STAGE_ONLY)


def _mark(files: bool) -> str:
    return _FILES if files else ""


def apply_goal(transaction: Transaction, goal: Goal) -> None:
    """Set refs, HEAD, stage and state as the goal says.

    Raises:
        Conflict: Another process moved one of the refs.
    """
    for name, value in goal.refs.items():
        transaction.set_ref(name, value)
    transaction.set_head(goal.pointers.head)
    transaction.set_stage(goal.pointers.stage)
    transaction.set_state(goal.pointers.state)


@dataclass(frozen=True, slots=True)
class Log:
    """The log as gc leaves it.

    Attributes:
        kept: Operations that stay, newest first.
        inline: Those that the root holds itself, oldest first.
        older: The run before those.
        runs: Runs that must be stored first.
        needed: Stored runs that stay as they are.
        shortened: Whether operations leave the log.
    """

    kept: Sequence[Operation]
    inline: tuple[Operation, ...]
    older: Digest | None
    runs: tuple[tuple[Digest, bytes], ...] = ()
    needed: frozenset[Digest] = frozenset()
    shortened: bool = False


def shorten(root: Root, objects: ObjectDb, oldest_micros: int) -> Log:
    """Return the log without the operations before a moment; room for one more is left in the root.

    An operation with a time before the moment stays when an older one has a later time: a clock was wrong.
    """
    log = list(walk_operations(root.operations, root.older_operations, objects))
    young = [at for at, operation in enumerate(log, 1) if operation.time.micros >= oldest_micros]
    kept = log[: young[-1]] if young else []
    if not all(map(is_idle, log[len(kept) :])):
        return _rebuilt(kept)
    runs, needed, older = [], frozenset(_runs(root, objects)), root.older_operations
    inline = root.operations
    if len(inline) >= INLINE_OPERATIONS:
        runs.append(_run(inline[:_RUN], older))
        inline, older = inline[_RUN:], runs[0][0]
    return Log(kept, inline, older, tuple(runs), needed)


def _rebuilt(kept: list[Operation]) -> Log:
    ordered, older = tuple(reversed(kept)), None
    runs = []
    while len(ordered) >= INLINE_OPERATIONS:
        runs.append(_run(ordered[:_RUN], older))
        ordered, older = ordered[_RUN:], runs[-1][0]
    return Log(kept, ordered, older, tuple(runs), shortened=True)


def _run(operations: tuple[Operation, ...], older: Digest | None) -> tuple[Digest, bytes]:
    payload = encode_segment(operations, older)
    return object_digest(ObjectKind.OPERATIONS, payload), payload


def _runs(root: Root, objects: ObjectDb) -> Iterator[Digest]:
    older = root.older_operations
    while older is not None:
        yield older
        _, older = decode_segment(objects.get(ObjectKind.OPERATIONS, older))
