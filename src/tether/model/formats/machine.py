"""A machine for pickles that imports nothing and calls nothing.

It keeps the stack and the memo that the operations ask for. Where a pickle would look up a function, the
name is written down; where it would call one, the call itself becomes a value. So what a file would do to
whoever loads it can be seen, and tensors can be recognised by the calls that would make them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from tether.model.formats.opcodes import Operation, Operations

UNTOLD = "(found out while loading)"
"""Stands for a name that the pickle computes: nobody knows it before loading."""


class Name(NamedTuple):
    """A function or class that would be looked up."""

    module: str
    name: str

    @property
    def text(self) -> str:
        """Module and name with a dot between."""
        return f"{self.module}.{self.name}"


class Stored(NamedTuple):
    """What lies outside of the pickle, by the words that find it there."""

    key: Any


@dataclass(slots=True, eq=False)
class Pairs:
    """A dictionary, its items in the order in which they were put in."""

    items: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Made:
    """What a call would give."""

    by: Any
    arguments: Any
    state: Any = None
    """What would be given to the object afterwards."""
    items: list[Any] = field(default_factory=list)
    extra: Any = None
    """For who watches the machine."""


class Opaque(NamedTuple):
    """A value of no interest."""


Built: TypeAlias = Callable[[Made, "Machine"], None]
_MISUSED = (IndexError, KeyError, TypeError, ValueError, AttributeError)
_DICTIONARIES = {("collections", "OrderedDict"), ("builtins", "dict"), ("__builtin__", "dict")}
_VALUES = """
INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES
BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT BINFLOAT
"""
_PUSHED = frozenset(_VALUES.split())
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": list,
    "EMPTY_DICT": Pairs,
    "NEXT_BUFFER": Opaque,
}
_NOTHING = frozenset(["PROTO", "FRAME", "READONLY_BUFFER"])


class Machine:
    """Follows pickles.

    Args:
        operations: Where they come from.
        built: Called with each object that was given a state, for formats that put data between.

    Attributes:
        names: All names that would be looked up, in order, each once.
    """

    def __init__(self, operations: Operations, built: Built | None = None) -> None:
        self.operations = operations
        self.names: dict[Name, None] = {}
        self._built = built
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Follow one pickle and return what it stands for.

        Raises:
            InvalidInput: It is no pickle, or one that no loader would load.
            TooMany: It has more operations than are followed.
        """
        self._stack, self._marked, self._memo = [], [], {}
        for operation in self.operations.one_pickle():
            if operation.name == "STOP":
                break
            try:
                self._step(operation)
            except _MISUSED:
                raise self.operations.cursor.damaged(f"{operation.name} has nothing to work on") from None
        if not self._stack:
            raise self.operations.cursor.damaged("a pickle is of nothing")
        return self._stack.pop()

    def nested(self) -> Any:
        """Follow a pickle that lies in the middle of another; errors as for `run`."""
        kept = self._stack, self._marked, self._memo
        try:
            return self.run()
        finally:
            self._stack, self._marked, self._memo = kept

    def _step(self, operation: Operation) -> None:
        name = operation.name
        if name in _PUSHED:
            self._stack.append(operation.argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name not in _NOTHING:
            _STEPS[name](self, operation.argument)

    # -- the stack ----------------------------------------------------------------------------

    def mark(self, _: Any) -> None:
        """Begin a new part of the stack."""
        self._marked.append(self._stack)
        self._stack = []

    def marked(self) -> list[Any]:
        """End the newest part of the stack and return it."""
        items, self._stack = self._stack, self._marked.pop()
        return items

    def pop(self, _: Any) -> None:
        """Drop the top, or the newest mark where nothing is above it."""
        if self._stack:
            self._stack.pop()
        else:
            self.marked()

    def pop_mark(self, _: Any) -> None:
        """Drop everything above the newest mark."""
        self.marked()

    def dup(self, _: Any) -> None:
        """Double the top."""
        self._stack.append(self._stack[-1])

    def put(self, key: Any) -> None:
        """Remember the top."""
        self._memo[int(key)] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        """Remember the top under the next number."""
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, key: Any) -> None:
        """Push what was remembered."""
        self._stack.append(self._memo[int(key)])

    # -- containers ---------------------------------------------------------------------------

    def sequence(self, _: Any) -> None:
        """Make a list, or a set, of what is above the mark."""
        values = self.marked()  # first: it changes which stack is the newest
        self._stack.append(values)

    def tuple_(self, _: Any) -> None:
        """Make a tuple of what is above the mark."""
        values = tuple(self.marked())
        self._stack.append(values)

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the top values."""
        if len(self._stack) < count:
            raise IndexError
        values = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(values)

    def dictionary(self, _: Any) -> None:
        """Make a dictionary of what is above the mark."""
        values = self.marked()
        self._stack.append(Pairs(_pairs(values)))

    def append(self, _: Any) -> None:
        """Append the top to what is below it."""
        value = self._stack.pop()
        _extend(self._stack[-1], [value])

    def appends(self, _: Any) -> None:
        """Append what is above the mark to what is below it."""
        values = self.marked()
        _extend(self._stack[-1], values)

    def set_item(self, _: Any) -> None:
        """Put a key and a value into what is below them."""
        value, key = self._stack.pop(), self._stack.pop()
        _update(self._stack[-1], [(key, value)])

    def set_items(self, _: Any) -> None:
        """Put keys and values above the mark into what is below it."""
        values = self.marked()
        _update(self._stack[-1], _pairs(values))

    # -- names and calls ----------------------------------------------------------------------

    def look_up(self, module: Any, name: Any) -> Name:
        """Write down a name and return it."""
        known = isinstance(module, str) and isinstance(name, str)
        found = Name(module, name) if known else Name(UNTOLD, UNTOLD)
        self.names[found] = None
        return found

    def global_(self, pair: tuple[str, str]) -> None:
        """Look up a name that stands in the operation."""
        self._stack.append(self.look_up(*pair))

    def stack_global(self, _: Any) -> None:
        """Look up a name that lies on the stack."""
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self.look_up(module, name))

    def extension(self, code: int) -> None:
        """Look up a name by a number that only the loader's registry explains."""
        self._stack.append(self.look_up("copyreg", f"extension {code}"))

    def call(self, _: Any) -> None:
        """Call what is below the arguments."""
        arguments, by = self._stack.pop(), self._stack.pop()
        self._push(by, arguments)

    def call_with_words(self, _: Any) -> None:
        """Make an object with arguments by order and by name."""
        words, arguments, by = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._push(by, (arguments, words))

    def instance(self, pair: tuple[str, str]) -> None:
        """Make an object of a class that stands in the operation."""
        arguments = tuple(self.marked())
        self._push(self.look_up(*pair), arguments)

    def object_(self, _: Any) -> None:
        """Make an object of a class that is the first above the mark."""
        by, *arguments = self.marked()
        self._push(by, tuple(arguments))

    def _push(self, by: Any, arguments: Any) -> None:
        is_dictionary = isinstance(by, Name) and tuple(by) in _DICTIONARIES and arguments == ()
        self._stack.append(Pairs() if is_dictionary else Made(by, arguments))

    def build(self, _: Any) -> None:
        """Give an object its state."""
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Made):
            target.state = state
            if self._built is not None:
                self._built(target, self)

    def stored(self, key: Any) -> None:
        """Push what lies outside, by a key in the operation."""
        self._stack.append(Stored(key))

    def stored_on_stack(self, _: Any) -> None:
        """Push what lies outside, by a key on the stack."""
        self._stack.append(Stored(self._stack.pop()))


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise ValueError
    return list(zip(values[::2], values[1::2], strict=True))


def _extend(target: Any, values: Iterable[Any]) -> None:
    (target.items if isinstance(target, Made) else target).extend(values)


def _update(target: Any, pairs: list[tuple[Any, Any]]) -> None:
    target.items.extend(pairs)


_STEPS: dict[str, Callable[[Machine, Any], None]] = {
    "MARK": Machine.mark, "POP": Machine.pop, "POP_MARK": Machine.pop_mark, "DUP": Machine.dup,
    "PUT": Machine.put, "BINPUT": Machine.put, "LONG_BINPUT": Machine.put, "MEMOIZE": Machine.memoize,
    "GET": Machine.get, "BINGET": Machine.get, "LONG_BINGET": Machine.get,
    "LIST": Machine.sequence, "FROZENSET": Machine.sequence, "TUPLE": Machine.tuple_,
    "TUPLE1": lambda machine, _: machine.tuple_of(1), "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3), "DICT": Machine.dictionary,
    "APPEND": Machine.append, "APPENDS": Machine.appends, "ADDITEMS": Machine.appends,
    "SETITEM": Machine.set_item, "SETITEMS": Machine.set_items,
    "GLOBAL": Machine.global_, "STACK_GLOBAL": Machine.stack_global,
    "EXT1": Machine.extension, "EXT2": Machine.extension, "EXT4": Machine.extension,
    "REDUCE": Machine.call, "NEWOBJ": Machine.call, "NEWOBJ_EX": Machine.call_with_words,
    "INST": Machine.instance, "OBJ": Machine.object_, "BUILD": Machine.build,
    "PERSID": Machine.stored, "BINPERSID": Machine.stored_on_stack,
}  # fmt: skip
