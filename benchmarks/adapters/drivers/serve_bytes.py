"""Take and give bodies with the server that hubs use, and do nothing else: FOLDER with the files to give."""

import json
import mmap
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

BODY = 64 << 20
BLOCK = 1 << 20

_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]


class Bytes:
    """An application: `PUT` is read and forgotten, `GET /FILE/N` gives the N-th body of a file."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: _mapped(path) for path in folder.iterdir()}

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["method"] == "PUT":
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        _, name, number = scope["path"].split("/")
        data = self._files[name]
        start = int(number) * BODY
        end = min(start + BODY, len(data))
        length = [(b"content-length", str(end - start).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for at in range(start, end, BLOCK):
            block = data[at : min(at + BLOCK, end)]
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def main() -> None:
    """Serve until the process is ended; the address is the first line of standard output."""
    import uvicorn

    from tether.hub.connection import connection_class

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    config = uvicorn.Config(
        Bytes(Path(sys.argv[1])),
        http=connection_class(60),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
