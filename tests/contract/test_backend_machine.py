"""Any sequence of calls does to a backend what it does to a dict."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.contract.places import KINDS

from tether.errors import AlreadyExists, Conflict, NotFound, TetherError

KEYS = st.sampled_from(["a", "b", "f/a", "f/b", "f/g/a"])
VALUES = st.sampled_from([b"", b"x", b"y", b"xy", b"z" * 5000])


def outcome(call: Callable[[], object]) -> object:
    """Return what the call returns, or the class of the error of ours that it raises."""
    try:
        return call()
    except TetherError as error:
        return type(error)


class Machine(RuleBasedStateMachine):
    """A backend beside a dict."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.place = KINDS[self.kind](Path(self.folder, "store"))
        self.backend = self.place.backend
        self.model: dict[str, bytes] = {}

    def teardown(self) -> None:
        """Remove the folder."""
        self.backend.close()
        shutil.rmtree(self.folder)

    @rule(key=KEYS, value=VALUES)
    def write_new(self, key: str, value: bytes) -> None:
        """A new key takes a value, a taken one does not."""
        expected = AlreadyExists if key in self.model else None
        assert outcome(lambda: self.backend.write_new(key, value)) is expected
        self.model.setdefault(key, value)

    @rule(key=KEYS, value=VALUES, finish=st.booleans())
    def upload(self, key: str, value: bytes, finish: bool) -> None:
        """An upload that is finished is stored where nothing or as much is."""
        with self.backend.upload() as upload:
            upload.write(value[:1])
            upload.write_many([value[1:3], value[3:]])
            if finish:
                fits = len(self.model.setdefault(key, value)) == len(value)
                assert outcome(lambda: upload.finish(key)) is (None if fits else AlreadyExists)

    @rule(key=KEYS, old=VALUES | st.none(), new=VALUES, right=st.booleans())
    def swap(self, key: str, old: bytes | None, new: bytes, right: bool) -> None:
        """The value is replaced if it is the expected one."""
        expected = self.model.get(key) if right else old
        fits = self.model.get(key) == expected
        assert outcome(lambda: self.backend.swap(key, expected, new)) is (None if fits else Conflict)
        if fits:
            self.model[key] = new

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        """Nothing is there afterwards."""
        self.backend.delete(key)
        self.model.pop(key, None)

    @rule(source=KEYS, goal=KEYS)
    def move(self, source: str, goal: str) -> None:
        """A value takes a free key."""
        if source not in self.model:
            expected: object = NotFound
        elif goal in self.model and goal != source:
            expected = AlreadyExists
        else:
            expected = None
            self.model[goal] = self.model.pop(source)
        assert outcome(lambda: self.backend.move(source, goal)) is expected

    @rule(key=KEYS)
    def read(self, key: str) -> None:
        """Every way to read gives the model's value."""
        expected: object = self.model.get(key, NotFound)
        assert outcome(lambda: self.backend.read(key)) == expected
        assert outcome(lambda: bytes(self.backend.map(key))) == expected
        assert self.backend.exists(key) == (key in self.model)

    @invariant()
    def the_store_is_the_model(self) -> None:
        """Seen through the backend and around it, nothing else is there."""
        assert list(self.backend.list("")) == sorted((key, len(value)) for key, value in self.model.items())
        assert self.place.keys() == set(self.model)
        assert {key: self.place.get(key) for key in self.model} == self.model


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_backend_behaves_like_a_dict(kind: str) -> None:
    """Random sequences of calls leave backend and dict the same."""
    machine = type("BackendMachine", (Machine,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
