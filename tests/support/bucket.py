"""Two people and a bucket of a server, each with a home of their own."""

import random
import subprocess
from pathlib import Path

from tests.support.cli import TETHER, Room
from tests.support.stores import StoreServer

from tether.core.identity import Time
from tether.repo.bucket import open_in_bucket
from tether.repo.check import CheckOptions, CheckReport, run_check
from tether.storage.buckets import open_bucket, parse_bucket_address


class BucketPeople:
    """Ada and Bob, who may both write to a bucket.

    Attributes:
        url: The address of a prefix that is empty at the start.
    """

    def __init__(self, folder: Path, server: StoreServer, *, endpoint: str | None = None) -> None:
        self.server, self.url = server, f"{server.scheme}://{server.bucket}/{server.new_prefix()}"
        self.ada, self.bob = Room(folder / "ada"), Room(folder / "bob")
        for name, room in (("ada", self.ada), ("bob", self.bob)):
            room.environ |= {**server.environment(url=endpoint), "TETHER_USER_NAME": name.title()}

    def begin(self, files: dict[str, bytes]) -> Path:
        """Let Ada make a repository with a commit whose remote is the bucket; return its folder."""
        folder = self.ada.work / "photos"
        self.ada.do("init", "-q", "photos")
        for name, data in files.items():
            self.ada.write(f"photos/{name}", data)
        self.ada.do("add", "-q", ".", cwd=folder)
        self.ada.do("commit", "-q", "-m", "First", cwd=folder)
        self.ada.do("remote", "add", "-q", "origin", self.url, cwd=folder)
        return folder

    def commit(self, room: Room, folder: Path, name: str, data: bytes) -> None:
        """Let somebody commit a file."""
        (folder / name).write_bytes(data)
        room.do("add", "-q", name, cwd=folder)
        room.do("commit", "-q", "-m", name, cwd=folder)

    def push_at_once(self, count: int) -> list[Path]:
        """Let as many processes of Bob's, in clones of his, push different commits to one branch.

        One must be first, and each of the others is told to pull. Return all folders, the winner's first.
        """
        folders = [self.bob.work / f"copy{number}" for number in range(count)]
        for number, folder in enumerate(folders):
            self.bob.do("clone", "-q", self.url, folder.name)
            self.commit(self.bob, folder, f"file{number}", random.Random(number).randbytes(300_000))
        command = [str(TETHER), "push", "-q"]
        pushes = [
            subprocess.Popen(command, cwd=folder, env=self.bob.environ, stderr=subprocess.PIPE)
            for folder in folders
        ]
        said = [push.communicate()[1].decode() for push in pushes]
        codes = dict(zip(folders, (push.returncode for push in pushes), strict=True))
        assert sorted(codes.values()) == [0] + [5] * (count - 1), said
        assert sum("tether pull" in err for err in said) == count - 1, said
        return sorted(folders, key=codes.__getitem__)

    def check(self) -> CheckReport:
        """Verify every byte of the repository in the bucket, straight from the server."""
        store = open_bucket(parse_bucket_address(self.url), self.server.keys())
        repository = open_in_bucket(self.url, store, clock=lambda: Time(1_800_000_000_000_000, 0))
        return run_check(repository, CheckOptions(full=True))

    def keys(self, folder: str) -> list[str]:
        """Return the keys below a folder of the repository in the bucket."""
        store = open_bucket(parse_bucket_address(self.url), self.server.keys())
        return [key for key, _ in store.list(f"{folder}/")]
