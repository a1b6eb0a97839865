"""`request.json`: what was asked for when a run began and its record does not say, and what it repeats."""

from typing import Literal

import msgspec

from tether.core.jsondoc import canonical, read_document

REQUEST = "request.json"
VERSION = 1
Relation = Literal["reproduces", "retrains"]


class Parent(msgspec.Struct, frozen=True):
    """What a run repeats: a run, or the training of a release.

    Attributes:
        relation: `reproduces` with all that it read, `retrains` with other data or parameters.
        run: The id of that run; None where only the release has it.
        release: `NAME@VERSION`.
    """

    relation: Relation
    run: str | None = None
    release: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        parameters: Names of those that were given; others came from the command itself.
        artefacts: Files and folders to keep, as they were written.
        checkout: Whether the command got folders with its data.
        folder: Where it ran, from the top of the working copy; None outside of one.
        parent: What it repeats.
    """

    version: int = VERSION
    parameters: tuple[str, ...] = ()
    artefacts: tuple[str, ...] = ()
    checkout: bool = True
    folder: str | None = None
    parent: Parent | None = None

    def encode(self) -> bytes:
        """Return the bytes of `request.json`."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes) -> "Asked":
        """Read `request.json`; fields that are not known are passed over.

        Raises:
            Corrupt: It is no such document.
        """
        return read_document(data, cls, REQUEST)
