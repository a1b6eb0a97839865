"""Ada's repository on a hub that runs, with files to read one by one."""

import random
from pathlib import Path

from tests.support.cli import Room
from tests.support.served import Served, add_user

WEIGHTS = random.Random(5).randbytes(8_000_000)
TEXT = {"README": "hello\n", "images/cat.png": "cat", "images/small/dog.png": "dog", "images/empty": ""}


class Shelf:
    """Ada's repository with files, in a folder and on a hub, which she and nobody else may read.

    Attributes:
        url: Of the repository on the hub.
        source: The folder of the working copy.
        token: Ada's.
        ada: Her room.
        hub: The hub.
    """

    def __init__(self, folder: Path) -> None:
        self.keeper, self.ada = Room(folder / "keeper"), Room(folder / "ada")
        self.token = self.ada.environ["TETHER_TOKEN"] = add_user(self.keeper, "ada")
        self.hub = Served(self.keeper)
        self.url = f"{self.hub.url}/ada/photos"
        self.ada.do("repo", "create", self.url, "--private")
        self.source = self.ada.work / "source"
        self._fill()

    def _fill(self) -> None:
        ada, source = self.ada, self.source
        for name, text in TEXT.items():
            ada.write(f"source/{name}", text)
        ada.write("source/weights.bin", WEIGHTS)
        ada.write("source/run.sh", "#!/bin/sh\n").chmod(0o755)
        (source / "newest").symlink_to("images/cat.png")
        ada.do("init", "-q", cwd=source)
        for words in (["add", "-q", "-A"], ["commit", "-q", "-m", "files"], ["branch", "-q", "feature/x"]):
            ada.do(*words, cwd=source)
        ada.do("remote", "add", "-q", "origin", self.url, cwd=source)
        ada.do("push", "-q", "origin", "main", "feature/x", cwd=source)
        ada.write("source/README", "hello again\n")
        ada.do("commit", "-q", "-a", "-m", "more", cwd=source)
        ada.do("push", "-q", cwd=source)
