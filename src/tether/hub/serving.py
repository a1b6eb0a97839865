"""Runs the application in this process: the socket, the server, and its end."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

import uvicorn

from tether.errors import Unavailable
from tether.hub.app import build_app
from tether.hub.connection import connection_class
from tether.hub.hub import Hub
from tether.hub.jobs.scheduler import scheduling
from tether.hub.logs import logging_to
from tether.hub.middleware.access_log import logger as access
from tether.hub.settings import HERE
from tether.hub.webhooks.postman import postman

_WAITING = 1024


@contextmanager
def listen(address: str, number: int) -> Iterator[tuple[socket.socket, str]]:
    """Take a port; yield the socket, which already queues connections, and its address.

    Args:
        address: Of this machine.
        number: Of the port; 0 takes a free one.

    Raises:
        Unavailable: The port is taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio turns on TCP_NODELAY only on sockets that name their protocol: 2 ms a request, not 44.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, number))
            listener.listen(_WAITING)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Unavailable(
                f"cannot listen on {address}, port {number}: {reason}",
                hint="choose another with --host and --port",
            ) from error
        host = f"[{address}]" if ":" in address else address
        yield listener, f"http://{host}:{listener.getsockname()[1]}"


def serve(
    hub: Hub, listener: socket.socket, monotonic: Callable[[], float], *, worker: str, log: TextIO
) -> None:
    """Serve until SIGINT or SIGTERM; running requests get the time that the settings give them.

    Args:
        hub: What is served.
        listener: The socket of `listen`.
        monotonic: As for `build_app`.
        worker: The name of this process in the list of jobs, which it does too if the settings say so.
        log: Gets a line of JSON for each request, where the settings ask for that, and what went wrong.
    """
    access.setLevel(logging.INFO if hub.settings.log_requests else logging.WARNING)
    config = uvicorn.Config(
        build_app(hub, monotonic),
        http=connection_class(hub.settings.stall_s),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=hub.settings.shutdown_s,
        proxy_headers=bool(hub.settings.trusted_proxies),
        forwarded_allow_ips=hub.settings.trusted_proxies,
    )
    server = uvicorn.Server(config)
    # The server sends itself the signal again when it has ended, and that shall not kill us then.
    before = signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    try:
        with logging_to(log), ExitStack() as beside:
            if hub.settings.jobs == HERE:
                beside.enter_context(scheduling(hub, worker, monotonic))
                beside.enter_context(postman(hub, monotonic))
            server.run(sockets=[listener])
    finally:
        signal.signal(signal.SIGTERM, before)
