"""What goes into a release: what the user named, and what the run knows where they named nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, get_args

from tether.api.releaseorigins import InGit, InStore, Origin, Places, files_of, in_store, opened
from tether.core.names import path_bytes
from tether.core.tree import EntryKind
from tether.core.treeread import find
from tether.errors import InvalidInput, NotFound, Unsupported
from tether.model.reading import reader_of
from tether.model.source import FileSource
from tether.releases.manifest import (
    CODE,
    DATA,
    DOCUMENTS,
    ENVIRONMENT,
    PROFILES,
    RUNS,
    CodeRole,
    DataRole,
    DocumentRole,
    Source,
)
from tether.repo.repository import Repository
from tether.runs.gitcode import git_files
from tether.runs.journal import ENVIRONMENT as RECORDED
from tether.runs.journal import PATCH
from tether.runs.reading import KnownRun
from tether.runs.rundoc import DataInput, Scalar
from tether.runs.sealing import DATA as RUN_DATA
from tether.runs.sealing import WORK

LOCKS = (
    "pylock.toml",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "conda-lock.yml",
    "requirements.lock",
    "requirements.txt",
)
"""Files with the packages that a training needs, the most exact first."""
_ROLES: Mapping[str, DataRole] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "validation": "validation",
    "test": "test",
    "eval": "evaluation",
    "evaluation": "evaluation",
}
"""What inputs of runs are used for by the first word of their names; others are for the training."""


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What is released. What is left empty comes from the run, as far as it knows.

    Attributes:
        name: Of the model.
        version: Of the release.
        run: The training, as `runs show` takes it; None for none.
        weights: Files and folders: artefacts of the run, `REV:PATH`, or paths of the disk.
        checkpoints: Weights from the time of the training, in its order, as `weights`.
        data: Each `ROLE=REV:PATH`, or `ROLE=NAME` of an input of the run.
        private: Roles and names of data that is only named.
        code: Each `ROLE=PLACE`, with places as in `weights`.
        documents: Each `ROLE=PLACE`.
        lock: The place of a file with exact packages.
        evaluations: Runs that evaluated the model.
        benches: Runs that measured it.
        profiles: Each `ROLE=PLACE`, for the first data of that role.
        licences: By `release`, `weights`, `code`, `data`, `documents`, or a path in the release.
        bases: Releases that it was made from, the first first.
        parameters: Hyper-parameters beside those of the run.
        tolerance: By how much metrics of a repeated training may differ.
        description: A sentence or two.
        folder: What paths of the disk are relative to.
        environ: The environment, to find Git.
    """

    name: str
    version: str
    folder: Path
    environ: Mapping[str, str]
    run: str | None = None
    weights: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    lock: str | None = None
    evaluations: tuple[str, ...] = ()
    benches: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    licences: Mapping[str, str] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    tolerance: Mapping[str, float] = field(default_factory=dict)
    description: str | None = None


class ReleaseChoices(TypedDict, total=False):
    """What a release is made of, for Python; each is a field of `ReleaseRequest`."""

    run: str
    weights: Sequence[str]
    checkpoints: Sequence[str]
    data: Sequence[str]
    private: Sequence[str]
    code: Sequence[str]
    documents: Sequence[str]
    lock: str
    evaluations: Sequence[str]
    benches: Sequence[str]
    profiles: Sequence[str]
    licences: Mapping[str, str]
    bases: Sequence[str]
    parameters: Mapping[str, Scalar]
    tolerance: Mapping[str, float]
    description: str


class Pick(NamedTuple):
    """Something that goes into a release.

    Attributes:
        component: The field of the manifest.
        origin: Where it comes from.
        path: Where it goes.
        facts: What the manifest says of it besides.
        among: What was found with it.
    """

    component: str
    origin: Origin
    path: str
    facts: Mapping[str, Any] = {}
    among: tuple[Origin, ...] = ()


class Picked(NamedTuple):
    """All that goes into a release.

    Attributes:
        picks: Its parts.
        notes: What could not be had, for people.
    """

    picks: list[Pick]
    notes: list[str]


def pick_parts(repository: Repository, request: ReleaseRequest, run: KnownRun | None) -> Picked:
    """Return what goes into a release; nothing is written.

    Raises:
        NotFound: Something that was named is not there.
        InvalidInput: Something was named in a way that cannot be, or there are no weights.
    """
    picker = _Picker(repository, request, run)
    picks = [*picker.weights(), *picker.code(), *picker.data(), *picker.documents()]
    picks += [*picker.environment(picks), *picker.profiles(picks)]
    return Picked(picks, picker.notes)


class _Picker:
    def __init__(self, repository: Repository, request: ReleaseRequest, run: KnownRun | None) -> None:
        self._repository, self._request, self._run = repository, request, run
        self._places = Places(repository, run, request.folder)
        self.notes: list[str] = []

    # -- weights ----------------------------------------------------------------------------

    def weights(self) -> Iterator[Pick]:
        """Yield the weights, and those from the time of the training."""
        request = self._request
        if not request.weights:
            yield from self._weights_of_run()
        named = (("weights", request.weights), ("checkpoints", request.checkpoints))
        for component, places in named:
            for place in places:
                found = files_of(self._repository, self._places.find(place))
                yield from _weights(component, found)

    def _weights_of_run(self) -> Iterator[Pick]:
        made = list(self._places.artefacts())
        models = [each for each in made if self._is_model(each)]
        early = [each for each in models if "checkpoint" in each.name.lower()]
        last = [each for each in models if each not in early]
        if not last:
            hint = "name them: --weights PATH"
            where = (
                "the run has made no model files"
                if self._run is not None
                else "there is no run to take them from"
            )
            raise InvalidInput(f"no weights: {where}", hint=hint)
        yield from _weights("weights", last)
        if not self._request.checkpoints:
            yield from _weights("checkpoints", early)

    def _is_model(self, origin: InStore) -> bool:
        with opened(self._repository, origin) as file:
            try:
                return reader_of(FileSource(file), origin.name.lower()) is not None
            except (InvalidInput, Unsupported):
                return False

    # -- code -------------------------------------------------------------------------------

    def code(self) -> Iterator[Pick]:
        """Yield the code; that of the training is what the run says where it was not named."""
        roles = set()
        for role, place in _pairs(self._request.code, get_args(CodeRole), "code"):
            roles.add(role)
            yield self._placed(CODE, role, self._places.find(place), {"role": role})
        if "training" not in roles:
            found = self._code_of_run()
            if found is not None:
                yield found

    def _code_of_run(self) -> Pick | None:
        run = self._run
        code = run.record.code if run is not None else None
        if run is None or run.tree is None or code is None:
            return None
        facts = {"role": "training", "folder": "" if code.folder == "." else code.folder}
        path = f"{CODE}/training"
        if code.system == "tether":
            work = find(self._repository.objects, run.tree, path_bytes(WORK))
            if work is None:
                return None
            return Pick(CODE, in_store(WORK, work, Source(commit=code.commit)), path, facts)
        files = git_files(self._request.folder, self._request.environ, code.commit) if code.commit else None
        if files is None:
            where = f" of {code.url}" if code.url else ""
            self.notes.append(f"the code of the training is not here: commit {code.commit}{where}")
            return None
        if code.patch == "whole":
            facts["patch"] = f"{RUNS}/{run.id}/{PATCH}"
        elif code.patch == "too large":
            self.notes.append("the changes of the code were too large for the run to keep")
        if code.untracked:
            self.notes.append(f"Git did not have all of the code: {', '.join(code.untracked[:5])}")
        source = Source(repo=code.url, system="git", commit=code.commit)
        return Pick(CODE, InGit("", tuple(files), source), path, facts)

    # -- data -------------------------------------------------------------------------------

    def data(self) -> Iterator[Pick]:
        """Yield the data, that of the run where none was named."""
        request, used = self._request, set[str]()
        inputs = {each.name: each for each in self._run.record.data} if self._run is not None else {}
        named = list(_pairs(request.data, get_args(DataRole), "data"))
        if not named:
            named = [(_role(name), name) for name in inputs]
        for role, place in named:
            found = self._input(inputs[place]) if place in inputs else self._places.revision(place)
            name = place if place in inputs else _name_of(found, inputs.values(), role)
            included = not {role, name} & set(request.private)
            used |= {role, name}
            facts = {"role": role, "name": name, "included": included}
            last = found.name if found.entry.kind != EntryKind.DIRECTORY else ""
            yield Pick(DATA, found, f"{DATA}/{role}/{last or name}", facts)
        if not named and self._run is not None:
            yield from self._work(request.private)
            used |= {"train", WORK}
        unknown = [each for each in request.private if each not in used]
        if unknown:
            raise NotFound(
                f"no data {unknown[0]} in this release", hint=f"there are: {', '.join(sorted(used))}"
            )

    def _work(self, private: Iterable[str]) -> Iterator[Pick]:
        """Yield the working copy of a run that declared no data: it may have read any of it."""
        run = self._run
        assert run is not None
        work = find(self._repository.objects, run.tree, path_bytes(WORK)) if run.tree is not None else None
        if work is not None and run.record.work is not None:
            source = Source(commit=run.record.work.commit)
            facts = {"role": "train", "name": WORK, "included": not {"train", WORK} & set(private)}
            yield Pick(DATA, in_store(WORK, work, source), f"{DATA}/train/{WORK}", facts)

    def _input(self, about: DataInput) -> InStore:
        run = self._run
        assert run is not None
        entry = None
        if run.tree is not None:
            entry = find(self._repository.objects, run.tree, path_bytes(f"{RUN_DATA}/{about.name}"))
        if entry is None:
            raise NotFound(f"run {run.id} does not have its data {about.name}")
        source = Source(commit=about.commit, path=about.path)
        return in_store(about.path.rpartition("/")[2] or about.name, entry, source)

    # -- the rest ---------------------------------------------------------------------------

    def documents(self) -> Iterator[Pick]:
        """Yield what there is to be read."""
        for role, place in _pairs(self._request.documents, get_args(DocumentRole), "document"):
            yield self._placed(DOCUMENTS, role, self._places.find(place), {"role": role})

    def environment(self, picks: Iterable[Pick]) -> Iterator[Pick]:
        """Yield what the training ran on, and what to install."""
        run = self._run
        entry = None
        if run is not None and run.tree is not None and run.commit is not None:
            entry = find(self._repository.objects, run.tree, path_bytes(RECORDED))
            source = Source(commit=run.commit.hex(), path=RECORDED)
        if entry is not None:
            yield Pick(
                ENVIRONMENT, InStore(RECORDED, entry, source), f"{ENVIRONMENT}/{RECORDED}", {"role": "record"}
            )
        if self._request.lock is not None:
            lock: Origin | None = self._places.find(self._request.lock)
        else:
            lock = next((found for pick in picks if (found := self._lock_in(pick)) is not None), None)
        if lock is not None:
            yield Pick(ENVIRONMENT, lock, f"{ENVIRONMENT}/{lock.name.rpartition('/')[2]}", {"role": "lock"})

    def _lock_in(self, pick: Pick) -> Origin | None:
        """Return the list of packages beside the code of the training."""
        if pick.component != CODE or pick.facts["role"] != "training":
            return None
        tops = {each.name: each for each in files_of(self._repository, pick.origin)}
        folder = pick.facts.get("folder", "")
        names = [f"{above}{name}" for above in ({f"{folder}/", ""} if folder else {""}) for name in LOCKS]
        return next((tops[name] for name in sorted(names, key=_exactness) if name in tops), None)

    def profiles(self, picks: Iterable[Pick]) -> Iterator[Pick]:
        """Yield the profiles of data."""
        for role, place in _pairs(self._request.profiles, get_args(DataRole), "profile"):
            of = next((pick for pick in picks if pick.component == DATA and pick.facts["role"] == role), None)
            if of is None:
                raise NotFound(f"no data for {role} in this release", hint=f"name it: --data {role}=REV:PATH")
            yield self._placed(PROFILES, role, self._places.find(place), {"data": of.path})

    def _placed(self, component: str, role: str, origin: Origin, facts: Mapping[str, Any]) -> Pick:
        path = f"{component}/{role}/{origin.name}" if origin.name else f"{component}/{role}"
        return Pick(component, origin, path, facts)


def _exactness(path: str) -> tuple[int, int]:
    return LOCKS.index(path.rpartition("/")[2]), -path.count("/")


def _weights(component: str, found: Iterable[Origin]) -> Iterator[Pick]:
    among = tuple(found)
    for each in among:
        yield Pick(component, each, f"{component}/{each.name}", {}, among)


def _role(name: str) -> DataRole:
    word = name.lower().replace("_", "-").replace(".", "-").partition("-")[0]
    return _ROLES.get(word, "train")


def _name_of(found: InStore, inputs: Iterable[DataInput], role: str) -> str:
    """Return how the run named some data, or the last part of its path, or its role."""
    digest = found.entry.digest.hex()
    return next((each.name for each in inputs if each.digest == digest), None) or found.name or role


def _pairs(given: Iterable[str], roles: Iterable[str], what: str) -> Iterator[tuple[Any, str]]:
    """Yield role and place of each `ROLE=PLACE`.

    Raises:
        InvalidInput: It is not written so, or there is no such role.
    """
    known = tuple(roles)
    for text in given:
        role, equals, place = text.partition("=")
        if not equals or not place or role not in known:
            hint = f"write ROLE=PLACE, with a role of: {', '.join(known)}"
            raise InvalidInput(f"not a {what} of a release: {text}", hint=hint)
        yield role, place
