"""The checker of histories itself: against histories by hand, and against a search through all orders."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.linear import Operation, Outcome, Value, linearizable

DONE, REFUSED, UNKNOWN = Outcome


def read(began: int, ended: int, value: Value) -> Operation:
    """Return a read."""
    return Operation(0, began, ended, DONE, value, reads=True)


def swap(began: int, ended: int, expected: Value, new: Value, outcome: Outcome = DONE) -> Operation:
    """Return a swap."""
    return Operation(0, began, ended, outcome, new, expected)


GOOD = {
    "nothing": [],
    "one after the other": [swap(0, 1, None, "a"), read(2, 3, "a"), swap(4, 5, "a", "b"), read(6, 7, "b")],
    "a read beside a swap, before it": [swap(0, 9, None, "a"), read(1, 2, None), read(3, 4, "a")],
    "of two that expect the same one is refused": [swap(0, 9, None, "a"), swap(1, 8, None, "b", REFUSED)],
    "unknown, and it happened": [swap(0, 1, None, "a", UNKNOWN), read(2, 3, "a")],
    "unknown, and it did not happen": [swap(0, 1, None, "a", UNKNOWN), read(2, 3, None)],
    "unknown, and it happened later": [
        swap(0, 1, None, "a", UNKNOWN),
        read(2, 3, None),
        read(4, 5, "a"),
        swap(6, 7, "a", "b"),
    ],
    "a value that comes back": [swap(0, 1, None, "a"), swap(2, 3, "a", None), read(4, 5, None)],
}
BAD = {
    "a stale read": [swap(0, 1, None, "a"), read(2, 3, None)],
    "a value from nowhere": [read(0, 1, "a")],
    "a value from the future": [read(0, 1, "a"), swap(2, 3, None, "a")],
    "both of two that expect the same": [swap(0, 9, None, "a"), swap(1, 8, None, "b")],
    "a lost update": [swap(0, 1, None, "a"), swap(2, 3, None, "b"), read(4, 5, "b")],
    "refused although it was right": [swap(0, 1, None, "a"), swap(2, 3, "a", "b", REFUSED)],
    "refused, and it happened": [swap(0, 1, None, "a", REFUSED), read(2, 3, "a")],
    "done, and it did not happen": [swap(0, 1, None, "a"), swap(2, 3, "a", "b"), read(4, 5, "a")],
    "reads that go back": [swap(0, 9, None, "a"), read(1, 2, "a"), read(3, 4, None)],
    "unknown, seen and gone": [swap(0, 1, None, "a", UNKNOWN), read(2, 3, "a"), read(4, 5, None)],
    "unknown, and done twice": [
        swap(0, 1, None, "a", UNKNOWN),
        read(2, 3, "a"),
        swap(4, 5, "a", None),
        read(6, 7, None),
        read(8, 9, "a"),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_histories_that_are(name: str) -> None:
    """A register could have done that."""
    assert linearizable(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_histories_that_are_not(name: str) -> None:
    """No register does that."""
    assert not linearizable(BAD[name])


def explained(order: Sequence[Operation]) -> bool:
    """Say whether a register does just that in just this order."""
    value: Value = None
    for at, operation in enumerate(order):
        certain = [late for late in order[at + 1 :] if late.outcome is not UNKNOWN]
        if any(late.ended < operation.began for late in certain):
            return False
        if operation.reads:
            fits = operation.value == value
        else:
            fits = (operation.expected == value) == (operation.outcome is not REFUSED)
        if not fits:
            return False
        if not operation.reads and operation.outcome is not REFUSED:
            value = operation.value
    return True


def by_all_orders(history: Sequence[Operation]) -> bool:
    """Say whether any order of all that is certain, and of any of the rest, explains the history."""
    certain = [each for each in history if each.outcome is not UNKNOWN]
    unknown = [each for each in history if each.outcome is UNKNOWN]
    chosen = [[each for n, each in enumerate(unknown) if bits >> n & 1] for bits in range(1 << len(unknown))]
    return any(explained(order) for some in chosen for order in permutations([*certain, *some]))


VALUES = st.sampled_from([None, "a", "b"])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Draw one operation."""
    began = draw(st.integers(0, 8))
    ended = began + draw(st.integers(1, 4))
    if draw(st.booleans()):
        return read(began * 2, ended * 2 + 1, draw(VALUES))
    outcome = draw(st.sampled_from(list(Outcome)))
    return swap(began * 2, ended * 2 + 1, draw(VALUES), draw(VALUES), outcome)


@settings(max_examples=300, deadline=None)
@given(st.lists(operations(), max_size=5))
def test_it_agrees_with_a_search_through_all_orders(history: list[Operation]) -> None:
    """On small histories both say the same."""
    assert linearizable(history) == by_all_orders(history)
