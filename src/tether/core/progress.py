"""How a long operation tells its caller how far it is; the library itself never draws anything."""

from typing import Final, Protocol


class Progress(Protocol):
    """Takes the progress of one operation, stage by stage.

    Calls come one after the other, not always from one thread, and at most a few thousand times a second:
    report batches.
    """

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Begin a stage, ending the one before.

        Args:
            label: What is done, as a short verb phrase: `adding files`.
            total: How many units there are, or None where that is not known.
            unit: What is counted: `files`, `bytes`, `objects`.
        """
        ...

    def advance(self, amount: int) -> None:
        """Count `amount` more units as done."""
        ...

    def finish(self) -> None:
        """End the stage; without a stage nothing happens."""
        ...


class _Silent:
    """Takes reports and forgets them."""

    __slots__ = ()

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Do nothing."""

    def advance(self, amount: int) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


SILENT: Final[Progress] = _Silent()
