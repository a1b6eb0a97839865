"""Many clients of one repository on a hub: each commits files of its own on a branch and pushes them.

What a client was told is kept, so that it can be compared with what the hub has at the end.
"""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.replicas import Replicas
from tests.support.repos import ADA, read_files, ticking

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import AlreadyExists, Conflict, TetherError, Unavailable
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions
from tether.sync.exchange import PushOptions, RefState
from tether.sync.far import fetch_far, fill_far, push_far
from tether.sync.http import HttpClient, HttpOptions
from tether.sync.hubend import HubEnd

_TRIES = 60


@dataclass
class Client:
    """One client with a repository of its own.

    Attributes:
        name: Its name.
        told: What each of its commits ended with: `done`, or the code of an error.
        counts: How often it was overtaken, cloned, told an error and the like.
        said: The errors that it was told, with their words.
        bugs: Errors that are none of ours.
    """

    name: str
    url: str
    token: str
    folder: Path
    branch: str = "main"
    size: int = 20_000
    options: HttpOptions = field(default_factory=HttpOptions)
    told: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    bugs: list[BaseException] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        """Make some commits and push each; clone anew now and then."""
        try:
            local = Repository.init(self.folder / self.name, clock=ticking(), bare=True)
            for number in range(rounds):
                message = f"{self.name}-{number}"
                self.told[message] = self._round(local, message)
                if number % 3 == 1:
                    self._clone(f"{message}-clone")
            local.close()
        except BaseException as error:
            self.bugs.append(error)

    def _round(self, local: Repository, message: str) -> str:
        files = {f"{message}.{part}": _contents(f"{message}.{part}", self.size) for part in range(2)}
        for _ in range(_TRIES):
            end = self._end()
            try:
                fetch_far(local, end, "origin")
                base = local.root().refs.get(f"refs/remotes/origin/{self.branch}")
                _commit_on(local, base, files, message, self.branch)
                pushed = push_far(local, end, "origin", PushOptions((self.branch,)))
                if all(update.state != RefState.REJECTED for update in pushed.updates):
                    return "done"
                self.counts["overtaken"] += 1
            except (AlreadyExists, Conflict):
                self.counts["overtaken"] += 1
            except TetherError as error:
                self.counts[error.code] += 1
                self.said[f"{error.code}: {error}"] += 1
                return error.code
            finally:
                end.close()
        return "overtaken"

    def _clone(self, name: str) -> None:
        target = Repository.init(self.folder / name, clock=ticking(), bare=True)
        end = self._end()
        try:
            fill_far(end, target, CloneOptions(branch=self.branch))
            check_files(target, target.root().refs[f"refs/heads/{self.branch}"])
            self.counts["cloned"] += 1
        except Unavailable as error:
            self.counts[f"clone {error.code}"] += 1
            self.said[f"clone {error.code}: {error}"] += 1
        finally:
            end.close()
            target.close()

    def _end(self) -> HubEnd:
        return HubEnd(HttpClient(self.url, self.token, self.options), "ada", "photos")


def run_all(clients: Sequence[Client], rounds: int) -> list[threading.Thread]:
    """Start all clients at once."""
    threads = [threading.Thread(target=client.run, args=(rounds,), name=client.name) for client in clients]
    for thread in threads:
        thread.start()
    return threads


def messages(repository: Repository, head: Digest) -> list[str]:
    """Return the messages of all commits of a branch, the newest first."""
    history, found = History.of(repository), []
    at: Digest | None = head
    while at is not None:
        commit = history.commit(at)
        found.append(commit.message)
        at = commit.parents[0] if commit.parents else None
    return found


def check_files(repository: Repository, head: Digest) -> None:
    """Fail unless a commit has exactly the files of all commits before it, as they were made."""
    files = read_files(repository, head)
    assert set(files) == {f"{message}.{part}" for message in messages(repository, head) for part in range(2)}
    for name, data in files.items():
        assert data == _contents(name, len(data)), name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is there at the end, compared with what the clients were told.

    Attributes:
        there: How many commits the branches have.
        lost: Commits that somebody was told are done, and that no branch has.
        doubled: Commits that the branches, or the audit log, have more than once.
        unrecorded: How many commits the audit log lacks, or has too many.
        problems: What `fsck --full` finds.
        unclear: Ends of clients that are neither success nor an error of ours.
    """

    there: int
    lost: list[str]
    doubled: list[str]
    unrecorded: int
    problems: list[str]
    unclear: list[str]

    @property
    def good(self) -> bool:
        """Whether nothing is lost, doubled, damaged or unclear."""
        return not (self.lost or self.doubled or self.unrecorded or self.problems or self.unclear)


def compare(replicas: Replicas, clients: Sequence[Client], copy: Path) -> Outcome:
    """Compare the hubs with what the clients were told; fail where a commit has wrong files."""
    told = {message: end for client in clients for message, end in client.told.items()}
    cloned = replicas.clone(copy)
    there: Counter[str] = Counter()
    for name, head in cloned.root().refs.items():
        if name.startswith("refs/remotes/"):
            check_files(cloned, head)
            there.update(messages(cloned, head))
    cloned.close()
    recorded = replicas.recorded()
    return Outcome(
        there=there.total(),
        lost=[message for message, end in told.items() if end == "done" and message not in there],
        doubled=[name for name, count in (there + recorded).items() if count > 1],
        unrecorded=abs(len(recorded) - len(there)),
        problems=replicas.fsck(),
        unclear=[repr(bug) for client in clients for bug in client.bugs],
    )


def check_crowd(replicas: Replicas, clients: list[Client], copy: Path) -> int:
    """Fail unless the hubs have what the clients were told, each once; return how many commits there are."""
    outcome = compare(replicas, clients, copy)
    assert outcome.good, outcome
    assert {end for client in clients for end in client.told.values()} <= {"done", "unavailable"}
    return outcome.there


def _commit_on(
    local: Repository, base: Digest | None, files: dict[str, bytes], message: str, branch: str
) -> None:
    """Commit more files on top of a commit, and let a branch here be that."""
    with local.transaction(f"commit {message}") as transaction:
        names = [name.encode() for name in files]
        digests = transaction.contents.add_files(list(files.values()), names)
        entries = {
            name: Entry(name, EntryKind.FILE, len(files[name.decode()]), digest)
            for name, digest in zip(names, digests, strict=True)
        }
        tree = EMPTY_TREE if base is None else History.of(local).commit(base).tree
        tree = edit_tree(transaction.objects, tree, entries).digest
        now = local.clock()
        commit = Commit(tree, (base,) if base else (), ADA, now, ADA, now, message)
        transaction.set_ref(
            f"refs/heads/{branch}", transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        )


def _contents(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)
