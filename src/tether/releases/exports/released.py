"""A release with what its exports show beside the manifest: files, the run, measurements, packages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from tether.core.names import path_bytes
from tether.core.progress import SILENT, Progress
from tether.core.tree import EntryKind
from tether.core.treeread import find_many, iter_directory
from tether.errors import Corrupt
from tether.releases.exports.files import FileFact, file_facts
from tether.releases.exports.markup import plain
from tether.releases.manifest import FOLDERS, MANIFEST, Part, RunPart, is_included
from tether.releases.reading import KnownRelease, read_part
from tether.repo.repository import Repository
from tether.runs.journal import ENVIRONMENT, RECORD
from tether.runs.rundoc import RunRecord


class Measured(NamedTuple):
    """One value of one metric.

    Attributes:
        name: Of the metric.
        slice: Of what part of the data; None for all of it.
        low: End of the interval of confidence; None where there is none, as `high`.
        examples: How many; None where that is not known.
        data: What it was measured on: the name of the input, and its commit.
        run: The id of the run that measured it.
    """

    name: str
    value: float
    slice: str | None = None
    low: float | None = None
    high: float | None = None
    examples: int | None = None
    data: str | None = None
    commit: str | None = None
    task: str | None = None
    run: str | None = None


class Released:
    """A release in a repository; its parts are read when they are asked for, and once.

    Args:
        repository: Has it.
        known: The release.
        progress: Told of the bytes that are read.

    Raises:
        Corrupt: The tree is not what the manifest says.
    """

    def __init__(self, repository: Repository, known: KnownRelease, progress: Progress = SILENT) -> None:
        self.repository, self.known = repository, known
        self.tree, self.manifest = known.tree, known.manifest
        self._progress = progress
        self._files: dict[tuple[str, bool], list[FileFact]] = {}
        self._check()

    def _check(self) -> None:
        """Refuse a tree with other parts than those of the manifest, or with anything else at its top."""
        objects, parts = self.repository.objects, [part for _, part in self.manifest.parts()]
        found = find_many(objects, self.tree, [path_bytes(part.path) for part in parts])
        for part in parts:
            entry = found.get(path_bytes(part.path))
            if (entry.digest.hex() if entry is not None else None) != (
                part.digest if is_included(part) else None
            ):
                raise self._another(part.path)
        for entry in iter_directory(objects, self.tree):
            name = entry.name.decode("utf-8", "replace")
            if entry.kind != (EntryKind.FILE if name == MANIFEST else EntryKind.DIRECTORY):
                raise self._another(name)
            if name != MANIFEST and name not in FOLDERS:
                raise self._another(name)

    def _another(self, path: str) -> Corrupt:
        label = self.manifest.label
        message = f"release {label} is not what its manifest says: {plain(path)}"
        return Corrupt(message, hint=f"'tether release verify {label}' tells more")

    def files(self, part: Part, *, tables: bool = False) -> list[FileFact]:
        """Return the files of a part with their paths in the release; none where it is not included."""
        if not is_included(part):
            return []
        key = (part.path, tables)
        if key not in self._files:
            path = path_bytes(part.path)
            found = file_facts(self.repository, self.tree, path, tables=tables, progress=self._progress)
            self._files[key] = list(found)
        return self._files[key]

    @cached_property
    def run(self) -> RunRecord | None:
        """The training; None where the release does not say."""
        return self.record(self.manifest.run) if self.manifest.run is not None else None

    def record(self, part: RunPart) -> RunRecord:
        """Return the record of a run of the release.

        Raises:
            Corrupt: It is not there, or damaged.
        """
        data = read_part(self.repository, self.known, f"{part.path}/{RECORD}")
        if data is None:
            raise Corrupt(f"release {self.manifest.label} has no record of its run {part.id}")
        return RunRecord.decode(data, part.id)

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """What the training ran on; empty where that is not known."""
        for part in self.manifest.environment:
            if part.role == "record" and part.kind != "directory":
                return self._object(part.path)
        run = self.manifest.run
        return self._object(f"{run.path}/{ENVIRONMENT}") if run is not None else {}

    def _object(self, path: str) -> Mapping[str, Any]:
        data = read_part(self.repository, self.known, path)
        try:
            found = msgspec.json.decode(data or b"{}")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def packages(self) -> Mapping[str, str]:
        """Versions of the Python packages of the training by name; empty where they are not known."""
        python = self.environment.get("python")
        found = python.get("packages") if isinstance(python, dict) else None
        if not isinstance(found, dict):
            return {}
        kept = {name: each for name, each in found.items() if isinstance(name, str) and isinstance(each, str)}
        return dict(sorted(kept.items(), key=lambda item: (item[0].lower(), item[0])))


def in_utc(time: str) -> str:
    """Return an RFC 3339 time in UTC, with a Z and without parts of seconds."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
