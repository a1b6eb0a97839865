"""Runs and releases as somebody pushes them to a hub: any record, whole or damaged."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from tests.support.hosted import open_hosted
from tests.support.hub import SECOND, HubRoom
from tests.support.repos import ADA

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.names import RUNS, release_ref
from tether.core.tree import Entry, EntryKind
from tether.releases.manifest import MANIFEST, Creator, Manifest
from tether.releases.storing import orphan
from tether.repo.repository import Repository
from tether.runs.rundoc import RunRecord, Status


def run_id(number: int) -> str:
    """Return the id of a run; greater numbers are newer."""
    return f"01kdvjkj0000000000000000{number:02x}"


def put(
    room: HubRoom, ref: str, files: Mapping[str, bytes], sizes: Mapping[str, int] | None = None
) -> Digest:
    """Let a ref name a commit of files, whose entries may say another size than they have."""
    room.now += SECOND
    with closing(open_hosted(room, "ada/x")) as repository:
        return put_in(repository, ref, files, room.now, sizes)


def put_in(
    repository: Repository,
    ref: str,
    files: Mapping[str, bytes],
    now: int,
    sizes: Mapping[str, int] | None = None,
) -> Digest:
    """As `put`, in a repository that is open; `now` is in microseconds since 1970."""
    with repository.transaction("push") as transaction:
        entries = {}
        for path, data in files.items():
            name = path.encode()
            size = (sizes or {}).get(path, len(data))
            entries[name] = Entry(
                name.rpartition(b"/")[2], EntryKind.FILE, size, transaction.contents.add(data, name)
            )
        commit = orphan(transaction, entries, "pushed", ADA, Time(now, 0))
        transaction.set_ref(ref, commit, expected=None)
    return commit


def record(number: int, **more: Any) -> RunRecord:
    """Return what is known of a run."""
    facts = {"status": Status.FINISHED, "started": "2026-11-01T00:00:00.000000+00:00", **more}
    return RunRecord(id=run_id(number), command=("train",), **facts)


def put_run(room: HubRoom, number: int, beside: Mapping[str, bytes] | None = None, **more: Any) -> None:
    """Push a run."""
    files = {"run.json": record(number, **more).encode(), **(beside or {})}
    put(room, RUNS + run_id(number), files)


def put_release(room: HubRoom, name: str, version: str, **more: Any) -> None:
    """Push a release without parts."""
    made = Manifest(
        name=name, version=version, created="2026-11-01", creator=Creator(name="Ada", email=""), **more
    )
    put(room, release_ref(name, version), {MANIFEST: made.encode()})
