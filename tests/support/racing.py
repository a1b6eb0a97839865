"""Writers that act at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

WRITERS = 8


def race(act: Callable[[int], None], loss: type[Exception]) -> list[int]:
    """Let the writers act at the same time and return the numbers of those who did not lose."""
    start = Barrier(WRITERS)

    def run(number: int) -> bool:
        start.wait()
        try:
            act(number)
        except loss:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(run, range(WRITERS)))
    return [number for number in range(WRITERS) if won[number]]
