"""A server beside the tests that speaks as Google Cloud Storage does; see `gcsserver`."""

import itertools
import json
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.gcsserver import Bucket, serve


class GoogleServer:
    """A server that runs, in this process.

    Attributes:
        url: Its address.
        bucket: A bucket that is there and empty at the start.
    """

    scheme = "gs"
    bucket = "data"

    def __init__(self, folder: Path) -> None:
        self._folder, self._prefixes = folder, itertools.count()
        readers = {}
        for user in ("ada", "reader"):
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            readers[f"{user}@example.org"] = key.public_key()
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            account = {
                "type": "service_account",
                "client_email": f"{user}@example.org",
                "private_key": pem.decode(),
                "private_key_id": "1",
            }
            (folder / f"{user}.json").write_text(json.dumps(account))
        self.kept = Bucket(self.bucket, readers, frozenset({"ada@example.org"}))
        self._server = serve(self.kept)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def new_prefix(self) -> str:
        """Return a part of the bucket that no other test has."""
        return f"t{next(self._prefixes)}"

    def environment(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return what a user of the server has in the environment."""
        account = str(self._folder / f"{user}.json")
        return {"GOOGLE_APPLICATION_CREDENTIALS": account, "GOOGLE_BASE_URL": url or self.url}

    def keys(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return the same as settings of the client."""
        return {name.lower(): value for name, value in self.environment(user, url=url).items()}


@cache
def _shared() -> tuple[Any, GoogleServer]:
    import atexit

    folder = tempfile.TemporaryDirectory(prefix="tether-gcs-")
    server = GoogleServer(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(server.close)
    return folder, server


def gcs_server() -> GoogleServer:
    """Return the server of this test session, started when first asked for."""
    return _shared()[1]
