"""Runs the application in this process: the socket, the server, and its end."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tether.errors import Unavailable
from tether.hub.app import build_app
from tether.hub.hub import Hub
from tether.hub.settings import HubSettings

_WAITING = 1024


@contextmanager
def listen(settings: HubSettings) -> Iterator[tuple[socket.socket, str]]:
    """Take the port of the hub; yield the socket, which already queues connections, and its address.

    Raises:
        Unavailable: The port is taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(_WAITING)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Unavailable(
                f"cannot listen on {settings.host}, port {settings.port}: {reason}",
                hint="choose another with --host and --port",
            ) from error
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield listener, f"http://{host}:{listener.getsockname()[1]}"


def serve(hub: Hub, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; running requests get the time that the settings give them."""
    config = uvicorn.Config(
        build_app(hub),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=hub.settings.shutdown_s,
        proxy_headers=bool(hub.settings.trusted_proxies),
        forwarded_allow_ips=hub.settings.trusted_proxies,
    )
    uvicorn.Server(config).run(sockets=[listener])
