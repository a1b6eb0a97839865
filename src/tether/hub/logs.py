"""Where the log of a process of the hub goes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_LOGGERS = (("tether.hub", logging.INFO), ("uvicorn", logging.WARNING))


@contextmanager
def logging_to(stream: TextIO, *, quiet: bool = False) -> Iterator[None]:
    """Let the loggers of the hub and of its server write to one stream until the block ends.

    Args:
        stream: Gets the lines.
        quiet: Only what went wrong.
    """
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING if quiet else logging.INFO)
    loggers = [(logging.getLogger(name), level) for name, level in _LOGGERS]
    before = [(logger.level, logger.propagate) for logger, _ in loggers]
    for logger, level in loggers:
        logger.setLevel(level)
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for (logger, _), (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
