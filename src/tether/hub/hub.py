"""One hub of this process: its settings, its database, its bucket and its clock."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tether.core.identity import Time
from tether.core.tracing import UNTRACED, Tracer
from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate
from tether.hub.database.moving import move_roots
from tether.hub.oidc.asking import Directory
from tether.hub.opened import Opened
from tether.hub.settings import HubSettings
from tether.hub.unfinished import require_finished
from tether.hub.writable import Writable
from tether.pages.turns import AT_ONCE, AT_ONCE_FAR, Turns
from tether.storage.buckets import OpenBucket, as_surroundings_say, parse_bucket_address
from tether.storage.oserrors import translated
from tether.storage.readcache import Kept

if TYPE_CHECKING:
    from tether.storage.objectstore import ObjectBackend


@dataclass(frozen=True, slots=True)
class Hub:
    """What everything in the hub is given.

    Attributes:
        clock: Gives the time; nothing else in the hub reads one.
        bucket: Holds the contents of repositories; None where their folders do.
        kept: What was read of the bucket.
        opened: Repositories that are open for pages.
        turns: How many pages are made at once.
        directory: What the providers of sign-ins said of themselves.
        writable: Tries whether uploads can be written.
        tracer: Is told what the hub does.
    """

    settings: HubSettings
    database: Database
    clock: Callable[[], Time]
    bucket: "ObjectBackend | None" = None
    kept: Kept = field(default_factory=Kept)
    opened: Opened = field(default_factory=Opened)
    turns: Turns = field(default_factory=Turns)
    directory: Directory = field(default_factory=Directory)
    writable: Writable = field(default_factory=Writable)
    tracer: Tracer = UNTRACED

    @classmethod
    def open(
        cls,
        settings: HubSettings,
        clock: Callable[[], Time],
        open_bucket: OpenBucket = as_surroundings_say,
        tracer: Tracer = UNTRACED,
    ) -> "Hub":
        """Open the hub in the folder that the settings name; make it, or bring its tables up to date.

        Args:
            settings: Of the hub.
            clock: Gives the time.
            open_bucket: Opens the bucket that the settings name.
            tracer: Is told what the hub does.

        Raises:
            InvalidInput: The address of the database or of the bucket is none.
            Unsupported: The database belongs to a newer hub.
            Unavailable: The database or the bucket cannot be reached.
            Conflict: The hub is being restored, or was not to the end.
        """
        require_finished(settings.root)
        with translated(str(settings.root)):
            settings.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            settings.repositories.mkdir(exist_ok=True, mode=0o700)
            if not settings.database:  # SQLite would let everybody read it
                os.close(os.open(settings.root / "hub.db", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        bucket = open_storage(settings.storage, settings.root, open_bucket) if settings.storage else None
        database = Database(settings.database_url, tracer)
        try:
            migrate(database)
            move_roots(database, settings.repositories)
        except BaseException:
            database.close()
            raise
        turns = Turns(AT_ONCE if bucket is None else AT_ONCE_FAR)
        return cls(settings, database, clock, bucket, turns=turns, tracer=tracer)

    def now(self) -> int:
        """Return the time as the tables keep it: microseconds since 1970."""
        return self.clock().micros

    def require_ready(self) -> None:
        """Ask whether requests can be served now.

        Raises:
            Unavailable: The database does not answer, or nothing can be written where uploads go.
        """
        self.database.check()
        self.writable.require(
            self.settings.repositories if self.bucket is None else spool_of(self.settings.root)
        )

    def require_bucket(self) -> None:
        """Ask the bucket something, so that a wrong key is told when the hub starts.

        Raises:
            NotFound: There is no such bucket.
            Forbidden, Unauthenticated, Unavailable: It does not answer to this hub.
        """
        if self.bucket is not None:
            self.bucket.as_far().some(1)  # nobody is served yet: a bucket that is missing is a wrong address

    def close(self) -> None:
        """Close the database, and the repositories that are open for pages."""
        self.opened.close()
        self.database.close()


def spool_of(root: Path) -> Path:
    """Return where uploads lie until they are sent to the bucket of the hub in a folder."""
    return root / "uploads"


def open_storage(storage: str, root: Path, open_bucket: OpenBucket) -> "ObjectBackend":
    """Open the bucket of a hub; uploads lie in its folder until they are sent.

    Args:
        storage: The address of the bucket.
        root: The folder.
        open_bucket: Opens it.

    Raises:
        InvalidInput: The address is none.
        Unavailable: The folder cannot be written.
    """
    spool = spool_of(root)
    with translated(str(spool)):
        spool.mkdir(exist_ok=True, mode=0o700)
    return open_bucket(parse_bucket_address(storage)).spooling(spool)
