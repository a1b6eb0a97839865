"""Work done in threads ahead of whoever takes its results, in order and bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_A = TypeVar("_A")
_R = TypeVar("_R")


def ahead(pool: "Executor", function: Callable[[_A], _R], items: Iterable[_A], depth: int) -> Iterator[_R]:
    """Yield `function` of each item, in order, with up to `depth` of them under way in the pool.

    Items are asked for in the caller's thread. Leaving early cancels what has not started; the pool's end
    waits for the rest.

    Raises:
        Exception: What `function` raised, when its turn comes.
    """
    running: deque[Future[_R]] = deque()
    try:
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) > depth:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
