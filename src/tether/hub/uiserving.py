"""Serves the pages over one repository until it is told to stop."""

import socket
from typing import TextIO

import uvicorn

from tether.hub.localui import LocalPages
from tether.hub.logs import logging_to


def serve_pages(pages: LocalPages, listener: socket.socket, *, log: TextIO) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        pages: What is served.
        listener: The socket of `tether.hub.serving.listen`.
        log: Gets what went wrong.
    """
    config = uvicorn.Config(
        pages,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    with logging_to(log, quiet=True):
        uvicorn.Server(config).run(sockets=[listener])
