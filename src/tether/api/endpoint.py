"""The endpoint that `tether run` gives to its command, so that scripts which use MLflow log into the run.

It imports nothing that a command without MLflow would wait for.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tether.api.opened import Opened
from tether.errors import TetherError
from tether.mlflow.listening import Listener
from tether.runs.journal import Journal
from tether.runs.rundoc import Status

if TYPE_CHECKING:
    from tether.api.mlflowruns import JournalStore
    from tether.mlflow.calls import Answer, Call
    from tether.mlflow.http import Exchange

ADDRESS = "MLFLOW_TRACKING_URI"
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_PAST_PROXIES = ("no_proxy", "NO_PROXY")
_HERE = "127.0.0.1"


class Endpoint:
    """A tracking server for one command.

    Args:
        repo: Where its runs are kept.
        journal: Of its run.
        environ: What the command would see without it.
    """

    def __init__(self, repo: Opened, journal: Journal, environ: Mapping[str, str]) -> None:
        self._repo, self._journal = repo, journal
        self._store: JournalStore | None = None
        self._listener = Listener(self._exchange)
        self.variables = {ADDRESS: self._listener.address} | _past_proxies(environ)

    def _exchange(self) -> "Exchange":
        from tether.api.mlflowruns import JournalStore
        from tether.mlflow.http import Exchange
        from tether.mlflow.routes import answer, is_upload

        store = self._store = JournalStore(self._repo, self._journal)

        def handle(call: "Call") -> "Answer":
            if is_upload(call.method, call.path):
                return answer(call)
            with store.lock:
                return answer(call)

        return Exchange(store, self._listener.secret, handle)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer while the block runs."""
        self._listener.start()
        try:
            yield
        finally:
            self._listener.stop()

    def close(self, status: Status, folder: Path) -> None:
        """Note how the runs ended and what they read, before the run of the command is stored.

        Args:
            status: How the command ended.
            folder: Where it ran.
        """
        if self._store is not None:
            self._store.close(status)
            with suppress(OSError, TetherError):  # whatever it is, the run itself is stored
                self._store.declare(folder)

    def store(self, status: Status) -> None:
        """Store the other runs of the command."""
        if self._store is not None:
            self._store.store(status)


def _past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps clients from asking a proxy for this machine, where one is set."""
    if not any(environ.get(name) for name in _PROXIES):
        return {}
    known = next((environ[name] for name in _PAST_PROXIES if environ.get(name)), "")
    return dict.fromkeys(_PAST_PROXIES, f"{known},{_HERE}" if known else _HERE)
