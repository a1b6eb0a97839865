"""What goes into a release: what the user named, and what the run knows where they named nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from tether.api.releasedata import DataPicker
from tether.api.releaseorigins import InGit, InStore, Made, Origin, Places, files_of, in_store, opened
from tether.api.releaserequest import Pick, Picked, ReleaseRequest, pairs
from tether.core.names import path_bytes
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
from tether.releases.profiles.document import FILE
from tether.repo.repository import Repository
from tether.runs.gitcode import git_files
from tether.runs.journal import ENVIRONMENT as RECORDED
from tether.runs.journal import PATCH
from tether.runs.pinning import WORK
from tether.runs.reading import KnownRun

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


def pick_parts(
    repository: Repository, request: ReleaseRequest, run: KnownRun | None, judged: Sequence[KnownRun]
) -> Picked:
    """Return what goes into a release; nothing is written.

    Args:
        repository: Where.
        request: What is released.
        run: The training; None for none.
        judged: The runs that evaluated the model.

    Raises:
        NotFound: Something that was named is not there.
        InvalidInput: Something was named in a way that cannot be, or there are no weights.
    """
    picker = _Picker(repository, request, run)
    finder = DataPicker(repository, request, run, judged)
    data = finder.picks()
    picks = [*picker.weights(), *picker.code(), *data, *picker.documents()]
    picks += [*picker.environment(picks), *picker.profiles(picks)]
    return Picked(picks, [*picker.notes, *finder.notes(data)])


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
        for role, place in pairs(self._request.code, get_args(CodeRole), "code"):
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

    # -- the rest ---------------------------------------------------------------------------

    def documents(self) -> Iterator[Pick]:
        """Yield what there is to be read."""
        for role, place in pairs(self._request.documents, get_args(DocumentRole), "document"):
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
        """Yield the profiles of data; those of a role without a place are made now."""
        roles = get_args(DataRole)
        given = [text for text in self._request.profiles if text not in roles]
        bare = dict.fromkeys(text for text in self._request.profiles if text in roles)
        for role, place in [*pairs(given, roles, "profile"), *((role, "") for role in bare)]:
            of = next((pick for pick in picks if pick.component == DATA and pick.facts["role"] == role), None)
            if of is None:
                raise NotFound(f"no data for {role} in this release", hint=f"name it: --data {role}=REV:PATH")
            found = self._places.find(place) if place else self._made(of)
            yield self._placed(PROFILES, role, found, {"data": of.path})

    def _made(self, data: Pick) -> Origin:
        """Return the profile of data, which is computed now."""
        from tether.api.profiling import profile_of_entry

        assert isinstance(data.origin, InStore)
        made = profile_of_entry(self._repository, data.origin.entry, data.origin.name)
        return Made(FILE, made.encode())

    def _placed(self, component: str, role: str, origin: Origin, facts: Mapping[str, Any]) -> Pick:
        path = f"{component}/{role}/{origin.name}" if origin.name else f"{component}/{role}"
        return Pick(component, origin, path, facts)


def _exactness(path: str) -> tuple[int, int]:
    return LOCKS.index(path.rpartition("/")[2]), -path.count("/")


def _weights(component: str, found: Iterable[Origin]) -> Iterator[Pick]:
    among = tuple(found)
    for each in among:
        yield Pick(component, each, f"{component}/{each.name}", {}, among)
