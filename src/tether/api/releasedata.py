"""Which data goes into a release: what the user named, the inputs of the run, and what it was judged on."""

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from tether.api.releaseorigins import InStore, Places, in_store
from tether.api.releaserequest import Pick, ReleaseRequest, pairs
from tether.core.digest import Digest
from tether.core.names import path_bytes
from tether.core.tree import EntryKind
from tether.core.treeread import find
from tether.errors import NotFound
from tether.releases.manifest import DATA, DataRole, Source
from tether.repo.repository import Repository
from tether.runs.pinning import DATA as RUN_DATA
from tether.runs.pinning import WORK
from tether.runs.purposes import role_of_name
from tether.runs.reading import KnownRun
from tether.runs.rundoc import DataInput


class DataPicker:
    """Finds the data of a release.

    Args:
        repository: Where.
        request: What is released.
        run: The training; None for none.
        judged: The runs that evaluated the model.
    """

    def __init__(
        self,
        repository: Repository,
        request: ReleaseRequest,
        run: KnownRun | None,
        judged: Sequence[KnownRun],
    ) -> None:
        self._repository, self._request, self._run, self._judged = repository, request, run, judged
        self._places = Places(repository, run, request.folder)

    def picks(self) -> list[Pick]:
        """Return the data: what was named, else that of the run; and what evaluations were made on.

        Raises:
            NotFound: There is no such data, or none to be private.
        """
        found = list(self._named())
        if not found and self._run is not None:
            found = [*self._inputs(self._run)] or [*self._work(self._run)]
        known = {_digest(pick) for pick in found}
        for run in self._judged:
            for pick in self._inputs(run):
                if pick.facts["role"] != "train" and _digest(pick) not in known:
                    known.add(_digest(pick))
                    found.append(pick)
        used = {pick.facts[key] for pick in found for key in ("role", "name")}
        unknown = [each for each in self._request.private if each not in used]
        if unknown:
            hint = f"there are: {', '.join(sorted(used))}" if used else None
            raise NotFound(f"no data {unknown[0]} in this release", hint=hint)
        return found

    def notes(self, picks: Iterable[Pick]) -> Iterator[str]:
        """Say which data of the training is not among some data: naming other data leaves it out."""
        run, known = self._run, {_digest(pick).hex() for pick in picks}
        for each in run.record.data if run is not None else ():
            if each.digest not in known:
                add = f"--data {role_of_name(each.name)}={each.name}"
                yield f"the run read {each.name}, which is not in the release; {add} adds it"

    def _named(self) -> Iterator[Pick]:
        inputs = {each.name: each for each in self._run.record.data} if self._run is not None else {}
        for role, place in pairs(self._request.data, get_args(DataRole), "data"):
            if self._run is not None and place in inputs:
                yield self._pick(role, place, self._input(self._run, inputs[place]))
            else:
                found = self._places.revision(place)
                yield self._pick(role, _name_of(found, inputs.values(), role), found)

    def _inputs(self, run: KnownRun) -> Iterator[Pick]:
        for each in run.record.data:
            yield self._pick(role_of_name(each.name), each.name, self._input(run, each))

    def _work(self, run: KnownRun) -> Iterator[Pick]:
        """Yield the working copy of a run that declared no data: it may have read any of it."""
        work = find(self._repository.objects, run.tree, path_bytes(WORK)) if run.tree is not None else None
        if work is not None and run.record.work is not None:
            source = Source(commit=run.record.work.commit)
            yield self._pick("train", WORK, in_store(WORK, work, source))

    def _pick(self, role: DataRole, name: str, found: InStore) -> Pick:
        included = not {role, name} & set(self._request.private)
        facts = {"role": role, "name": name, "included": included}
        last = found.name if found.entry.kind != EntryKind.DIRECTORY else ""
        return Pick(DATA, found, f"{DATA}/{role}/{last or name}", facts)

    def _input(self, run: KnownRun, about: DataInput) -> InStore:
        entry = None
        if run.tree is not None:
            entry = find(self._repository.objects, run.tree, path_bytes(f"{RUN_DATA}/{about.name}"))
        if entry is None:
            raise NotFound(f"run {run.id} does not have its data {about.name}")
        source = Source(commit=about.commit, path=about.path)
        return in_store(about.path.rpartition("/")[2] or about.name, entry, source)


def _name_of(found: InStore, inputs: Iterable[DataInput], role: str) -> str:
    """Return how the run named some data, or the last part of its path, or its role."""
    digest = found.entry.digest.hex()
    return next((each.name for each in inputs if each.digest == digest), None) or found.name or role


def _digest(pick: Pick) -> Digest:
    assert isinstance(pick.origin, InStore)
    return pick.origin.entry.digest
