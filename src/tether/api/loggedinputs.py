"""Datasets that a command logs with MLflow: those that this repository has become inputs of the run.

A source counts where it says exactly what was read: a path of the working copy whose content is recorded,
or `tether://HOST/OWNER/NAME@REV/PATH` with a commit that is here, or with a tag of a remote. All else, such
as an address of another system, stays what the client said and is no data of the run.
"""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from blake3 import blake3

from tether.api.opened import Opened
from tether.core.digest import parse_digest
from tether.core.names import TAGS, display, path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find
from tether.errors import InvalidInput, NotFound
from tether.mlflow.document import Input
from tether.mlflow.recorded import INPUT_TAG
from tether.repo.history import History
from tether.repo.revision import find_entry
from tether.runs.rundoc import DataInput, RunRecord
from tether.sync.remotes import list_remotes

_ADDRESS = re.compile(
    r"tether://(?P<repository>[^/@]+/[^/@]+/[^/@]+)@(?P<rev>[^/]*)(?:/(?P<path>.*))?", re.DOTALL
)
_COMMIT = re.compile(r"[0-9a-f]{64}")
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")
_MOST_NAME = 80
_MOST_SOURCE = 4096
_MOST_READ = 256 << 20
"""Bytes of a file that is read again to see that it is still what was recorded."""


class Declared(NamedTuple):
    """What a run read besides, and its datasets with the names of their inputs as tags."""

    data: tuple[DataInput, ...]
    inputs: tuple[Input, ...]


class _Source(NamedTuple):
    rev: str
    commit: str | None
    path: bytes
    entry: Entry


def declared(repo: Opened, record: RunRecord, inputs: Sequence[Input], folder: Path) -> Declared:
    """Return the data of a run with the datasets that this repository has.

    Args:
        repo: Where the run is kept.
        record: Of the run.
        inputs: What its client said that it read.
        folder: Where the command ran: paths are relative to it.
    """
    data, told = list(record.data), []
    for each in inputs:
        source = _found(repo, record, _text(each.dataset.get("source", "")), folder)
        if source is None:
            told.append(each)
            continue
        known = next((one for one in data if one.digest == source.entry.digest.hex()), None)
        if known is None:
            known = _input(source, each.dataset.get("name", ""), {one.name for one in data})
            data.append(known)
        told.append(Input(each.dataset, {**each.tags, INPUT_TAG: known.name}))
    return Declared(tuple(data), tuple(told))


def _text(source: str) -> str:
    """Return the address or path of a source, which most clients write as JSON."""
    with suppress(ValueError, RecursionError):
        said = json.loads(source)
        if isinstance(said, dict):
            source = next((said[name] for name in ("uri", "url") if isinstance(said.get(name), str)), "")
    return source if len(source) <= _MOST_SOURCE and "\0" not in source else ""


def _input(source: _Source, called: str, taken: set[str]) -> DataInput:
    entry = source.entry
    plain = _ODD.sub("-", called).strip("-.")[:_MOST_NAME] or "dataset"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return DataInput(
        name=name,
        rev=source.rev,
        commit=source.commit,
        path=display(source.path),
        kind=entry.kind.name.lower(),
        digest=entry.digest.hex(),
        files=entry.files,
        bytes=entry.size,
    )


def _found(repo: Opened, record: RunRecord, source: str, folder: Path) -> _Source | None:
    """Return what a source means here; None where that is not certain."""
    if not source:
        return None
    with suppress(NotFound, InvalidInput, OSError, ValueError):
        address = _ADDRESS.fullmatch(source)
        if address is not None:
            found = _of_address(repo, address)
        elif "://" in source and not source.startswith("file://"):
            return None
        else:
            found = _of_path(repo, record, folder / _plain(source))
        return None if found is None or found.entry.kind == EntryKind.SYMLINK else found
    return None


def _plain(source: str) -> str:
    return unquote(urlsplit(source).path) if source.startswith("file://") else source


def _of_address(repo: Opened, address: re.Match[str]) -> _Source | None:
    """Return what a commit that is here has, or a tag that a remote of this name shares."""
    rev, path = unquote(address["rev"]), unquote(address["path"] or "")
    if _COMMIT.fullmatch(rev) is None:
        urls = (urlsplit(url) for url in list_remotes(repo.repository).values())
        is_remote = address["repository"] in {f"{url.netloc.rpartition('@')[2]}{url.path}" for url in urls}
        if not is_remote or TAGS + rev not in repo.repository.root().refs:
            return None
    place, entry = find_entry(repo.repository, f"{rev}:{path}")
    return _Source(rev, place.commit.hex() if place.commit is not None else None, place.path, entry)


def _of_path(repo: Opened, record: RunRecord, place: Path) -> _Source | None:
    """Return what the run has recorded of a path of the working copy, or HEAD has where it recorded none."""
    if repo.repository.worktree is None:
        return None
    top, real = os.path.realpath(repo.root), os.path.realpath(place)
    if not real.startswith(top.rstrip("/") + "/"):
        return None
    path = path_bytes(os.path.relpath(real, top))
    work, objects = record.work, repo.repository.objects
    head = repo.repository.root().head_commit()
    commit = head if work is None else (parse_digest(work.commit) if work.commit is not None else None)
    tree = History.of(repo.repository).commit(commit).tree if commit is not None else None
    committed = find(objects, tree, path) if tree is not None else None
    entry = committed if work is None else find(objects, parse_digest(work.digest), path)
    if entry is None or not _is_still(entry, Path(real), trusted=work is not None):
        return None
    of_commit = committed is not None and committed.digest == entry.digest
    known = commit.hex() if commit is not None and of_commit else None
    return _Source(known or "", known, path, entry)


def _is_still(entry: Entry, place: Path, *, trusted: bool) -> bool:
    """Say whether a file has what was recorded; of a folder only the record at the start can tell."""
    if entry.kind == EntryKind.DIRECTORY:
        return trusted
    if entry.size > _MOST_READ or place.stat().st_size != entry.size:
        return False
    return blake3(place.read_bytes()).digest() == entry.digest
