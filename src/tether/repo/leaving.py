"""Recording what a partial clone left at its remote."""

from collections.abc import Iterable

from tether.core.codec import encode
from tether.core.digest import Digest
from tether.core.tree import split_digests
from tether.repo.absent import LISTS_KEY, AbsentList, absent_lists, with_extra
from tether.repo.contents import ContentReader
from tether.repo.transaction import Transaction

_MANY = 8
"""Lists of a remote after which they become one."""


def leave_at(
    transaction: Transaction, contents: ContentReader, remote: str, digests: Iterable[Digest]
) -> None:
    """Record in a transaction that some contents were left at a remote."""
    fresh = set(digests)
    lists = absent_lists(transaction.root)
    mine = [each for each in lists if each.remote == remote]
    if len(mine) >= _MANY:
        for each in mine:
            fresh.update(split_digests(contents.read(each.content)))
        lists = [each for each in lists if each.remote != remote]
    if fresh:
        column = b"".join(sorted(fresh))
        listed = transaction.contents.add(column)
        rows = [[each.remote, each.content] for each in dict.fromkeys([*lists, AbsentList(remote, listed)])]
        transaction.set_extra(with_extra(transaction.extra, LISTS_KEY, encode(rows)))
