"""Several hubs over one database, as processes of their own."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.support.balancer import Proxy
from tests.support.cli import Room
from tests.support.repos import ticking
from tests.support.served import Served, add_user

from tether.repo.repository import Repository
from tether.sync.far import fill_far
from tether.sync.http import HttpClient
from tether.sync.hubend import HubEnd


class Replicas:
    """Hubs over one database, ada with her repository `photos`, and a proxy in front of all.

    Args:
        folder: For all files.
        count: How many hubs.
        url: The database; without it the one in the folder of the hub.
        cut: How likely the proxy breaks a request; see `Proxy`.
        lose: How likely it loses a reply.
        settings: For the environment, without their prefix.
        environ: More of the environment, such as the keys of a bucket.
        fixed: Whether time stands still for the hubs.
        apart: Whether each has a folder of its own, as on machines that share a bucket; else they share one.

    Attributes:
        token: Ada's.
        proxy: In front of the hubs.
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        url: str = "",
        *,
        cut: float = 0.0,
        lose: float = 0.0,
        settings: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        fixed: bool = True,
        apart: bool = False,
    ) -> None:
        self.room = Room(folder / "keeper")
        self.room.environ.update(environ or {})
        self._database = ("--database", url) if url else ()
        self.options = ("--root", "hub", *self._database)
        self.room.environ.update({f"TETHER_HUB_{name}": value for name, value in (settings or {}).items()})
        self.token = add_user(self.room, "ada", *self._database)
        if not fixed:
            del self.room.environ["TETHER_DATE"]
        self._apart = apart
        self.hubs = [self._started(number) for number in range(count)]
        self.proxy = Proxy([hub.url for hub in self.hubs], cut=cut, lose=lose)
        self.make("photos")

    def make(self, name: str) -> None:
        """Make a repository of ada's."""
        client = self.client(0)
        client.json("POST", "/api/v1/repos", {"owner": "ada", "name": name, "private": True})
        client.close()

    def client(self, number: int) -> HttpClient:
        """Return a client of one of the hubs."""
        return HttpClient(self.hubs[number].url, self.token)

    def end(self, number: int, name: str = "photos") -> HubEnd:
        """Return a repository on one of the hubs."""
        return HubEnd(self.client(number), "ada", name)

    def restart(self, number: int, *, away_s: float) -> None:
        """Kill one and start it again at the same port."""
        port = self.hubs[number].port
        self.hubs[number].kill()
        time.sleep(away_s)
        self.hubs[number] = self._started(number, "--port", port)

    def _started(self, number: int, *options: str) -> Served:
        folder = ("--root", f"hub-{number}") if self._apart and number else ()
        return Served(self.room, *self._database, *folder, *options)

    def clone(self, folder: Path) -> Repository:
        """Return a clone of the repository."""
        target = Repository.init(folder, clock=ticking(), bare=True)
        end = self.end(0)
        fill_far(end, target)
        end.close()
        return target

    def fsck(self, name: str = "photos") -> list[str]:
        """Return the problems that a full check finds."""
        found = json.loads(self.room.do("hub", "fsck", f"ada/{name}", "--full", "--json", *self.options))
        return [problem["message"] for problem in found[f"ada/{name}"]["problems"]]

    def recorded(self, name: str = "photos") -> Counter[str]:
        """Return how often the audit log has each new value of a ref."""
        found: Counter[str] = Counter()
        after, client = "", self.client(0)
        while rows := client.json("GET", f"/api/v1/repos/ada/{name}/audit?limit=100{after}"):
            found.update(row["details"]["new"] for row in rows if row["action"] == "ref.move")
            after = f"&before={rows[-1]['id']}"
        client.close()
        return found

    def close(self) -> None:
        """Stop everything that still runs."""
        self.proxy.close()
        for hub in self.hubs:
            hub.close()


def collecting(folder: Path) -> Replicas:
    """Return a hub whose clock goes, with a run of gc each second."""
    return Replicas(folder, 1, settings={"GC_EVERY_S": "1"}, fixed=False)
