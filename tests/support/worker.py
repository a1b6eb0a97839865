"""What one of several processes at work on the same repository does: `python -m tests.support.worker`.

Arguments: the role, the folder of a repository, a number that makes its names its own, and how often.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.repos import ADA

from tether.api import maintenance, remotes, staging
from tether.api.repo import Repo
from tether.api.working import writing
from tether.errors import Conflict
from tether.sync.exchange import PushOptions


def commits(repo: Repo, me: str, number: int) -> None:
    """Commit a file of its own; the stage may hold those of others too."""
    path = repo.root / me / f"{number}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(f"{me}/{number}\n".encode() * 50)
    repo.add(f"{me}/{number}")
    repo.commit_with(staging.CommitRequest(f"commit {me}/{number}", allow_empty=True))


def names(repo: Repo, me: str, number: int) -> None:
    """Make a branch and a tag."""
    repo.create_branch(f"branch-{me}-{number}")
    repo.create_tag(f"tag-{me}-{number}", message=f"tag {me}-{number}")


def reads(repo: Repo, me: str, number: int) -> None:
    """Look at the status and the log, and read every file of the newest commit."""
    repo.status()
    messages = [entry.commit.message for entry in repo.log(limit=20)]
    snapshot = repo.at("HEAD")
    for folder in snapshot.ls():
        for entry in snapshot.ls(folder.path) if folder.kind == "directory" else ():
            expected = f"{entry.path}\n".encode() * 50
            assert snapshot.read_bytes(entry.path) == expected, (me, number, messages[0])


def collects(repo: Repo, _me: str, number: int) -> None:
    """Free what nothing needs, every second time also what only `undo` needs."""
    maintenance.collect(repo, prune_now=bool(number % 2))


def exchanges(repo: Repo, me: str, number: int) -> None:
    """Push what is checked out to a branch of its own, and fetch what others pushed."""
    name = f"pushed-{me}-{number}"
    repo.create_branch(name)
    remotes.push(repo, "origin", PushOptions((name,)))
    remotes.fetch(repo, "origin")


def contends(repo: Repo, me: str, number: int) -> None:
    """Commit in a clone of its own, and push to the branch that all push to, as often as it takes."""
    commits(repo, me, number)
    while True:
        remotes.fetch(repo, "origin")
        repo.merge("origin/main")
        try:
            remotes.push(repo, "origin", PushOptions(("main",)))
        except Conflict:
            continue
        return


def holds(repo: Repo, _me: str, _number: int) -> None:
    """Hold the lock of the working copy until a line comes in."""
    with writing(repo, "add"), repo.repository.transaction("add"):
        print("held", flush=True)
        sys.stdin.readline()


ROLES: dict[str, Callable[[Repo, str, int], None]] = {
    each.__name__: each for each in (commits, names, reads, collects, exchanges, contends, holds)
}


def main() -> None:
    """Do the work; every error ends the process with its traceback."""
    role, folder, me, count = sys.argv[1:]
    for number in range(int(count)):
        repo = Repo.open(Path(folder))
        repo.author = ADA
        ROLES[role](repo, me, number)
        repo.close()


if __name__ == "__main__":
    main()
