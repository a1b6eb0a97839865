"""A hub at rest whose jobs are due, and workers in processes of their own that do them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from tests.support.cli import Room
from tests.support.hub import DAY, SECOND, START, HubRoom
from tests.support.served import Started

from tether.core.identity import Time
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.jobs.enrolling import enrol
from tether.hub.repositories import open_repository
from tether.hub.settings import load_settings


class Workplace:
    """A hub with ada and her repositories, eight days after its jobs were enrolled.

    Args:
        folder: For all files.
        url: The database; without it the one in the folder of the hub.
        repositories: How many ada has: `r0`, `r1`, ...

    Attributes:
        room: Where commands run.
        token: Ada's, who administers the hub.
    """

    def __init__(self, folder: Path, url: str, repositories: int) -> None:
        self.room = Room(folder / "keeper")
        self._url = url
        self.database = ("--database", url) if url else ()
        made = HubRoom(self.room.work / "hub", database=url)
        self.token = made.user("ada", admin=True)
        for number in range(repositories):
            made.repository(self.token, f"ada/r{number}")
        enrol(made.hub)
        made.close()
        self.later(8 * 86_400)

    def later(self, seconds: int) -> None:
        """Let that much time pass since the start, for all processes to come."""
        moment = datetime.fromtimestamp(START // SECOND + seconds, UTC)
        self.room.environ["TETHER_DATE"] = moment.isoformat()

    def worker(self) -> Started:
        """Start a worker."""
        return Started(self.room, "work", *self.database)

    def listed(self) -> dict[str, Any]:
        """Return the jobs by what they are about."""
        found = json.loads(self.room.do("hub", "jobs", "--root", "hub", "--json", *self.database))
        return {" ".join(filter(None, (job["kind"], job["repository"]))): job for job in found["jobs"]}

    def once(self) -> Any:
        """Do what is due in this process."""
        return json.loads(self.room.do("hub", "work", "--once", "--root", "hub", "--json", *self.database))

    def await_job(self, name: str, wanted: Callable[[Any], bool]) -> Any:
        """Wait until a job is as wanted, and return it."""
        deadline = time.monotonic() + 60
        while not wanted(job := self.listed()[name]):
            assert time.monotonic() < deadline, job
            time.sleep(0.1)
        return job

    @contextmanager
    def in_use(self, name: str) -> Iterator[None]:
        """Write in a repository, so that gc waits."""
        settings = load_settings(self.room.work / "hub", {"database": self._url or None}, {})
        with closing(Hub.open(settings, lambda: Time(START + 8 * DAY, 0))) as hub:
            with hub.database.session(reads_only=True) as session:
                row = session.scalars(select(RepositoryRow).where(RepositoryRow.name == name)).one()
            with closing(open_repository(hub, row)) as repository, repository.lock("writer", "push").shared():
                yield
