"""Send a file in bodies of 64 MiB, or get it so and forget it, four at once: ADDRESS put|get FILE."""

import mmap
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BODY = 64 << 20
BLOCK = 1 << 20
AT_ONCE = 4


def main() -> None:
    """Move all bodies."""
    import urllib3

    base, how, name = sys.argv[1:]
    path = Path(name)
    pool = urllib3.PoolManager(maxsize=AT_ONCE, retries=False)

    def put(number: int) -> int:
        body = data[number * BODY : (number + 1) * BODY]
        # Any buffer is sent as it is.
        reply = pool.request("PUT", f"{base}/{path.name}/{number}", body=body)  # type: ignore[arg-type]
        return len(body) if reply.status == 204 else 0

    def get(number: int) -> int:
        reply = pool.request("GET", f"{base}/{path.name}/{number}", preload_content=False)
        size = sum(map(len, reply.stream(BLOCK))) if reply.status == 200 else 0
        reply.release_conn()
        return size

    size = path.stat().st_size
    numbers = range(-(-size // BODY))
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        moved = sum(threads.map(get if how == "get" else put, numbers))
    if moved != size:
        raise SystemExit(f"{moved} bytes instead of {size}")


if __name__ == "__main__":
    main()
