"""Bytes in a second as people write them: `5MB`, `500k`, `2MiB/s`."""

import re

from tether.errors import InvalidInput

_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?([kmgKMG]?)(i?)[bB]?(?:/s)?", re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3}
LEAST = 1024
"""Nothing is sent slower than this in a second: it would be taken for a connection that hangs."""


def parse_rate(text: str) -> int:
    """Return bytes in a second; `k`, `M` and `G` are thousands, `Ki`, `Mi` and `Gi` powers of 1024.

    Raises:
        InvalidInput: It is no rate, or less than 1 KiB.
    """
    found = _RATE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise InvalidInput(f"not a rate: {text!r}", hint="write bytes a second as 500kB, 5MB or 5MiB")
    rate = int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].lower()])
    if rate < LEAST:
        raise InvalidInput(
            f"{text!r} is too slow to be kept up", hint=f"give at least {LEAST} bytes a second"
        )
    return rate
