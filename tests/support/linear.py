"""Is a history of reads and compare-and-swaps one that a single register could have had?

The search is the one of Wing and Gong (JPDC 1993) with the memory of states of Lowe (CPE 2017): operations
are put in an order that keeps what was over before something else began, each explained by the value there.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

Value = str | None


class Outcome(StrEnum):
    """What the client was told."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Operation:
    """One operation of a client on one register.

    Attributes:
        client: Whose.
        began: When it was sent.
        ended: When it was answered; for an unknown outcome it may still happen at any time after.
        outcome: What the client was told. A read has none but `DONE`.
        value: What a read gave; what a swap would set.
        expected: What a swap expected; for a read nothing.
        reads: Whether it is a read.
    """

    client: int
    began: int
    ended: int
    outcome: Outcome
    value: Value
    expected: Value = None
    reads: bool = False


class _Place(NamedTuple):
    """Where the search is."""

    taken: int
    """One bit for each operation that has its place already."""
    value: Value


def linearizable(history: Sequence[Operation], start: Value = None) -> bool:
    """Say whether a register that begins with `start` could have given this history."""
    operations = sorted(history, key=lambda each: each.began)
    certain = sum(1 << n for n, each in enumerate(operations) if each.outcome is not Outcome.UNKNOWN)
    seen: set[_Place] = set()
    waiting = [_settled(operations, _Place(0, start))]
    while waiting:
        place = waiting.pop()
        if place.taken & certain == certain:
            return True
        if place in seen:
            continue
        seen.add(place)
        for number in _next(operations, place):
            operation = operations[number]
            swaps = not operation.reads and operation.outcome is not Outcome.REFUSED
            if swaps and operation.expected == place.value:
                after = _Place(place.taken | 1 << number, operation.value)
                waiting.append(_settled(operations, after))
    return False


def _next(operations: Sequence[Operation], place: _Place) -> list[int]:
    """Return the operations that may come next: no other one was over before they began."""
    left = [n for n in range(len(operations)) if not place.taken >> n & 1]
    ends = [operations[n].ended for n in left if operations[n].outcome is not Outcome.UNKNOWN]
    first = min(ends, default=None)
    return [n for n in left if first is None or operations[n].began <= first]


def _settled(operations: Sequence[Operation], place: _Place) -> _Place:
    """Take all that fits here and changes nothing: no order without it is better."""
    while True:
        fitting = [n for n in _next(operations, place) if _fits(operations[n], place.value)]
        if not fitting:
            return place
        place = _Place(place.taken | sum(1 << n for n in fitting), place.value)


def _fits(operation: Operation, value: Value) -> bool:
    if operation.reads:
        return operation.value == value
    return operation.outcome is Outcome.REFUSED and operation.expected != value


class Recorder:
    """Collects what clients do, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.histories: dict[str, list[Operation]] = {}

    def swap(
        self, client: int, register: str, expected: Value, new: Value, call: Callable[[], Outcome]
    ) -> Outcome:
        """Run a swap and note it."""
        began = time.monotonic_ns()
        outcome = call()
        self._add(register, Operation(client, began, time.monotonic_ns(), outcome, new, expected))
        return outcome

    def read(self, client: int, call: Callable[[], dict[str, Value]]) -> dict[str, Value]:
        """Run a read of all registers and note it for each."""
        began = time.monotonic_ns()
        values = call()
        ended = time.monotonic_ns()
        for register, value in values.items():
            self._add(register, Operation(client, began, ended, Outcome.DONE, value, reads=True))
        return values

    def _add(self, register: str, operation: Operation) -> None:
        with self._lock:
            self.histories.setdefault(register, []).append(operation)
