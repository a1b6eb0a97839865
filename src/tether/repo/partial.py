"""What a partial clone brings of what it fetches, and which files its working copy shows.

Commits and trees always come whole. Recorded in the root, so that it moves with HEAD and the stage.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tether.core.codec import decode, encode
from tether.core.pathfilter import EVERYTHING, PathFilter
from tether.errors import Corrupt
from tether.repo.absent import with_extra
from tether.repo.root import Root

if TYPE_CHECKING:
    from tether.repo.transaction import Transaction

KEY = "partial"
"""Name in `Root.extra`: [1, lazy, patterns of paths]."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What of the contents comes with a fetch.

    Attributes:
        lazy: None; each comes when it is first read.
        shown: The files of the working copy, and with `lazy` unset those whose contents come.
    """

    lazy: bool = False
    shown: PathFilter = EVERYTHING

    @property
    def is_whole(self) -> bool:
        """Whether everything comes."""
        return not self.lazy and self.shown.everything

    def encode(self) -> bytes | None:
        """Return the value for `Root.extra`; None for a whole clone."""
        return None if self.is_whole else encode([1, int(self.lazy), list(self.shown.patterns)])


WHOLE = Partial()


def partial_of(root: Root) -> Partial:
    """Return what the repository of a root brings.

    Raises:
        Corrupt: The record has an unknown form.
    """
    data = next((value for key, value in root.extra if key == KEY), None)
    if data is None:
        return WHOLE
    match decode(data, "partial clone"):
        case [1, int(lazy), list(patterns)] if all(isinstance(each, bytes) for each in patterns):
            return Partial(bool(lazy), PathFilter(patterns))
    raise Corrupt("the record of a partial clone has an unknown form", hint="use a newer Tether")


def set_partial(transaction: "Transaction", partial: Partial) -> None:
    """Record in a transaction what later fetches bring."""
    transaction.set_extra(with_extra(transaction.extra, KEY, partial.encode()))
