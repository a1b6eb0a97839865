"""Search for digests in the sorted columns of an index in plain Python; `_search` is the compiled twin."""

from bisect import bisect_left

from tether.core.digest import DIGEST_SIZE, Digest

_PASS = 8
"""A search costs as much as a pass over so many rows."""


def find_rows(prefixes: memoryview, digests: memoryview, wanted: list[Digest]) -> list[int]:
    """Return the first row of each digest, or -1.

    Args:
        prefixes: The first 8 bytes of each row's digest as a number, sorted.
        digests: The digests, 32 bytes a row, sorted.
        wanted: What is looked for.
    """
    count = len(prefixes)
    if len(wanted) * _PASS < count:
        return [_row(prefixes, digests, digest) for digest in wanted]
    column = bytes(digests)
    # Backwards, so that of several rows of one digest the first is kept.
    rows = range(count - 1, -1, -1)
    known = {column[row * DIGEST_SIZE : row * DIGEST_SIZE + DIGEST_SIZE]: row for row in rows}
    return [known.get(digest, -1) for digest in wanted]


def _row(prefixes: memoryview, digests: memoryview, digest: Digest) -> int:
    prefix = int.from_bytes(digest[:8], "big")
    row = bisect_left(prefixes, prefix)
    while row < len(prefixes) and prefixes[row] == prefix:
        if bytes(digests[row * DIGEST_SIZE : row * DIGEST_SIZE + DIGEST_SIZE]) == digest:
            return row
        row += 1
    return -1
