"""How many requests may come: one bucket for each token, user and address, in the memory of this process.

Several processes of a hub count each for itself, so that together they let as many times more pass.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from threading import Lock

from tether.errors import RateLimited
from tether.hub.access import Principal

_MOST = 100_000
"""Buckets that are kept; the one that was used longest ago is forgotten first, and is full then."""
_TOKENS = 4
"""So many times as much is allowed for a user, who may have several tokens at work."""
_IPV6_SITE = 64


class RateLimiter:
    """Buckets that refill all the time. Of each it is kept when it will be full again, and nothing else.

    Args:
        per_s: Requests that a bucket takes in a second; 0 lets everything pass.
        burst: Requests that a full bucket takes at once.
        clock: Gives seconds that only go forward.
    """

    def __init__(self, per_s: int, burst: int, clock: Callable[[], float]) -> None:
        self._per_s, self._burst, self._clock = per_s, max(1, burst), clock
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def of_principal(self, principal: Principal, address: str, cost: int = 1) -> None:
        """Count a request of somebody with a token, or of an address without one.

        Args:
            principal: Who asks.
            address: From where.
            cost: As how many requests it counts; no more than a full bucket takes.

        Raises:
            RateLimited: There were too many.
        """
        if principal.user is None or principal.token_id is None:
            self.of_address(address, cost)
        else:
            user, token = f"user:{principal.user.id}", f"token:{principal.token_id}"
            self._take(((token, 1), (user, _TOKENS)), cost)

    def of_address(self, address: str, cost: int = 1) -> None:
        """Count a request from an address; arguments and errors as for `of_principal`."""
        self._take(((f"address:{_site(address)}", 1),), cost)

    def _take(self, subjects: tuple[tuple[str, int], ...], cost: int) -> None:
        """Take `cost` from each bucket, or nothing; a bucket is so many times larger and quicker."""
        if not self._per_s:
            return
        with self._lock:
            now, cost = self._clock(), min(cost, self._burst)
            taken = {
                subject: self._next(subject, now, cost / (self._per_s * times)) for subject, times in subjects
            }
            wait = max(full_at - now for full_at in taken.values()) - self._burst / self._per_s
            if wait > 1e-9:
                seconds = ceil(wait)
                hint = f"wait {seconds} seconds, then try again"
                raise RateLimited("too many requests", hint=hint, wait_s=seconds)
            for subject, full_at in taken.items():
                self._full_at[subject] = full_at
                self._full_at.move_to_end(subject)
            while len(self._full_at) > _MOST:
                self._full_at.popitem(last=False)

    def _next(self, subject: str, now: float, interval: float) -> float:
        """Return when a bucket will be full, so much later."""
        return max(self._full_at.get(subject, now), now) + interval


def _site(address: str) -> str:
    """Return what addresses of one customer have in common: of IPv6 the network, which has very many."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
