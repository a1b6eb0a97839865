"""Making a release: what was picked comes into the store, and is named by one manifest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from tether.api.opened import Opened
from tether.api.releasejudged import judged_by, require_own
from tether.api.releaseorigins import InStore, Taken, beside, opened, take
from tether.api.releasepicks import pick_parts
from tether.api.releaserequest import Pick, ReleaseRequest
from tether.core.digest import EMPTY_FILE, Digest, parse_digest
from tether.core.names import release_ref
from tether.core.tree import Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import walk
from tether.errors import AlreadyExists, InvalidInput, NotFound
from tether.releases.manifest import (
    RUNS,
    Base,
    Code,
    Creator,
    Data,
    Document,
    EnvironmentPart,
    LicenceScope,
    Manifest,
    Part,
    Profile,
    RunPart,
    Source,
    Weights,
    is_included,
)
from tether.releases.reading import KnownRelease, find_release
from tether.releases.storing import store_release
from tether.releases.tables import rows_of
from tether.releases.weights import dangers_of, weights_facts
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.runs.pinning import DATA, WORK
from tether.runs.reading import KnownRun, find_run
from tether.runs.rundoc import RunRecord, Status, stamp

_CLASSES: Mapping[str, type[Part]] = {
    "weights": Weights,
    "checkpoints": Weights,
    "code": Code,
    "environment": EnvironmentPart,
    "data": Data,
    "documents": Document,
    "profiles": Profile,
}


@dataclass(frozen=True, slots=True)
class Created:
    """A release that was made.

    Attributes:
        release: It.
        notes: What could not be had, for people.
    """

    release: KnownRelease
    notes: tuple[str, ...]


def create_release(repo: Opened, request: ReleaseRequest) -> Created:
    """Make a release; what is in the repository already is not stored again.

    Raises:
        AlreadyExists: There is one of this name and version.
        NotFound: Something that was named is not there.
        InvalidInput: Something was named in a way that cannot be, an evaluation or a bench is none, or of
            another model, or private data would be shown.
    """
    repository, author = repo.repository, repo.author
    label = f"{request.name}@{request.version}"
    if release_ref(request.name, request.version) in repository.root().refs:
        hint = "a release is never changed: make one of another version"
        raise AlreadyExists(f"there is a release {label}", hint=hint)
    runs = _Runs(repository, request)
    picked = pick_parts(repository, request, runs.run, runs.evaluations)
    with repository.transaction(f"release {label}") as transaction:
        builder = _Builder(repository, transaction)
        for pick in picked.picks:
            builder.add(pick)
        now = repository.clock()
        manifest = Manifest(
            name=request.name,
            version=request.version,
            created=stamp(now),
            creator=Creator(name=author.name, email=author.email),
            description=request.description,
            tolerance=dict(request.tolerance),
            bases=tuple(_bases(repository, request.bases)),
            run=builder.run(runs.run) if runs.run is not None else None,
            evaluations=tuple(builder.run(each) for each in runs.evaluations),
            benches=tuple(builder.run(each) for each in runs.benches),
            **_of_run(runs.run.record if runs.run is not None else None, request),
            **builder.lists,
        )
        manifest = _licensed(manifest, request.licences)
        _require_hidden(repository, transaction, manifest, builder.entries)
        unsaid = tuple(require_own(transaction.objects, manifest, builder.entries, runs.judged))
        store_release(transaction, manifest, builder.entries, author, now)
    notes = (*picked.notes, *runs.notes(), *runs.holding(manifest), *unsaid, *builder.dangers)
    return Created(find_release(repository, label), notes)


class _Runs:
    """The runs that a release names."""

    def __init__(self, repository: Repository, request: ReleaseRequest) -> None:
        self.run = _stored(repository, request.run) if request.run is not None else None
        self.evaluations = [_stored(repository, each) for each in request.evaluations]
        self.benches = [_stored(repository, each) for each in request.benches]
        self.judged = [
            *(judged_by(repository, each, "evaluation") for each in self.evaluations),
            *(judged_by(repository, each, "bench") for each in self.benches),
        ]

    def notes(self) -> Iterator[str]:
        """Yield which runs did not end well."""
        for each in {run.id: run for run in (self.run, *self.evaluations, *self.benches) if run}.values():
            if each.record.status != Status.FINISHED:
                yield f"run {each.id} has {each.record.status}"

    def holding(self, manifest: Manifest) -> Iterator[str]:
        """Yield which runs have private data, since they travel too."""
        private = {part.digest: part.name for part in manifest.data if not part.included}
        for run in (self.run, *self.evaluations, *self.benches):
            names = (
                [private[each.digest] for each in run.record.data if each.digest in private] if run else []
            )
            if run is not None and names:
                yield f"run {run.id} has {names[0]}, which is private: 'push --no-runs' keeps it here"


def _stored(repository: Repository, text: str) -> KnownRun:
    found = find_run(repository, text)
    if found.tree is None:
        raise InvalidInput(
            f"run {found.id} is not stored yet", hint="wait for its end, or 'tether runs seal'"
        )
    return found


def _of_run(record: RunRecord | None, request: ReleaseRequest) -> dict[str, Any]:
    known = record.parameters if record is not None else {}
    return {
        "command": record.command if record is not None else (),
        "parameters": {**known, **request.parameters},
        "seeds": dict(record.seeds) if record is not None else {},
    }


def _bases(repository: Repository, given: Iterable[str]) -> Iterator[Base]:
    for text in given:
        found = find_release(repository, text)
        yield Base(name=found.manifest.name, version=found.manifest.version, id=found.id)


class _Builder:
    """Collects the parts of a release and the entries of its tree."""

    def __init__(self, repository: Repository, transaction: Transaction) -> None:
        self._repository, self._transaction = repository, transaction
        self._parts: dict[str, list[Part]] = {}
        self.dangers: list[str] = []
        self.entries: dict[str, Entry] = {}

    @property
    def lists(self) -> dict[str, Any]:
        """The fields of the manifest that are lists of parts."""
        return {name: tuple(parts) for name, parts in self._parts.items()}

    def add(self, pick: Pick) -> None:
        """Take something in."""
        facts = dict(pick.facts)
        included = facts.get("included", True)
        if included:
            taken = take(self._repository, self._transaction, pick.origin)
            self.entries[pick.path] = taken.entry
        else:
            assert isinstance(pick.origin, InStore)
            taken = Taken(pick.origin.entry, None)
        if _CLASSES[pick.component] is Weights:
            facts |= self._weights(pick)
        if pick.component == "data" and isinstance(pick.origin, InStore):
            facts["rows"] = rows_of(self._repository, pick.origin.entry, pick.origin.name)
        made = _CLASSES[pick.component](**_about(pick.path, taken, pick.origin.source), **facts)
        self._parts.setdefault(pick.component, []).append(made)

    def _weights(self, pick: Pick) -> dict[str, Any]:
        name = pick.origin.name.rpartition("/")[2]
        with opened(self._repository, pick.origin) as file:
            found = weights_facts(file, name, beside(self._repository, pick.origin, pick.among))
            self.dangers += [f"{pick.path}: {text}" for text in dangers_of(file, name)]
        return found._asdict()

    def run(self, run: KnownRun) -> RunPart:
        """Take a run in, without the data and the working copy that it read."""
        assert run.tree is not None
        assert run.commit is not None
        path = f"{RUNS}/{run.id}"
        tree = edit_tree(self._transaction.objects, run.tree, {DATA.encode(): None, WORK.encode(): None})
        entry = Entry(run.id.encode(), EntryKind.DIRECTORY, tree.bytes, tree.digest, tree.files)
        self.entries[path] = entry
        source = Source(commit=run.commit.hex())
        return RunPart(**_about(path, Taken(entry, None), source), id=run.id, commit=run.commit.hex())


def _about(path: str, taken: Taken, source: Source | None) -> dict[str, Any]:
    entry = taken.entry
    return {
        "path": path,
        "kind": entry.kind.name.lower(),
        "digest": entry.digest.hex(),
        "files": entry.files,
        "bytes": entry.size,
        "sha256": taken.sha256,
        "source": source,
    }


def _licensed(manifest: Manifest, given: Mapping[str, str]) -> Manifest:
    """Return a manifest with licences: of sorts of parts, and of parts and folders by their paths.

    Raises:
        NotFound: There is nothing at a path.
    """
    scopes = {scope: given[scope] for scope in get_args(LicenceScope) if scope in given}
    paths = {path.rstrip("/"): licence for path, licence in given.items() if path not in scopes}
    changed: dict[str, Any] = {"licences": scopes}
    for path in paths:
        if not any(_is_below(part, path) for _, part in manifest.parts()):
            hint = f"name {', '.join(get_args(LicenceScope))} or a path in the release"
            raise NotFound(f"nothing in the release for the licence of {path}", hint=hint)
    for name in (*_CLASSES, "evaluations", "benches"):
        changed[name] = tuple(_with_licence(part, paths) for part in getattr(manifest, name))
    if manifest.run is not None:
        changed["run"] = _with_licence(manifest.run, paths)
    return msgspec.structs.replace(manifest, **changed)


def _is_below(part: Part, path: str) -> bool:
    return part.path == path or part.path.startswith(f"{path}/")


def _with_licence(part: Part, paths: Mapping[str, str]) -> Part:
    fits = [path for path in paths if _is_below(part, path)]
    return msgspec.structs.replace(part, licence=paths[max(fits, key=len)]) if fits else part


def _require_hidden(
    repository: Repository, transaction: Transaction, manifest: Manifest, entries: Mapping[str, Entry]
) -> None:
    """Refuse a release that has files of private data elsewhere in it.

    Raises:
        InvalidInput: It has some.
    """
    hidden: dict[Digest, str] = {}
    for part in manifest.data:
        if not is_included(part):
            digest = parse_digest(part.digest)
            found = _contents(repository, transaction, digest, part.kind == "directory")
            hidden |= dict.fromkeys(found, part.name)
    hidden.pop(EMPTY_FILE, None)
    for path, entry in entries.items() if hidden else ():
        for digest in _contents(repository, transaction, entry.digest, entry.kind == EntryKind.DIRECTORY):
            if digest in hidden:
                hint = "name what else the release has by itself, such as --code training=REV:PATH"
                raise InvalidInput(f"{path} has a file of {hidden[digest]}, which is private", hint=hint)


def _contents(
    repository: Repository, transaction: Transaction, digest: Digest, folder: bool
) -> Sequence[Digest]:
    if not folder:
        return [digest]
    return [
        entry.digest for _, entry in walk(transaction.objects, digest) if entry.kind != EntryKind.DIRECTORY
    ]
