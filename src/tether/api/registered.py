"""What MLflow's clients said of runs: tags and experiment of one, and the versions that were registered."""

from collections.abc import Iterator
from dataclasses import dataclass

from tether.api.opened import Opened
from tether.errors import TetherError
from tether.mlflow.document import Document, Event
from tether.mlflow.registry import Registered, Version, replayed
from tether.runs.journal import TRACKED
from tether.runs.reading import KnownRun, read_file, runs_of

_MODELS, _ARTEFACTS = "models:/", "mlflow-artifacts:/"


@dataclass(frozen=True, slots=True)
class Draft:
    """A registered version of a model, of which a release can be made.

    Attributes:
        name: Of the model.
        version: Its number.
        run: The id of the run that made it; empty where the client did not say.
        path: Its files, below `artefacts/` of that run; empty where they are elsewhere.
        aliases: Names that people gave to it.
    """

    name: str
    version: int
    run: str
    path: str
    aliases: tuple[str, ...]
    description: str
    tags: dict[str, str]


def told_of(repo: Opened, run: KnownRun) -> Document | None:
    """Return what a client said of a run; None where none did.

    Raises:
        Corrupt: It is damaged.
    """
    data = read_file(repo.repository, run, TRACKED)
    return None if data is None else Document.decode(data, run.id)


def drafts(repo: Opened) -> list[Draft]:
    """Return the registered versions by model and number; runs that are damaged are left out."""
    known: dict[str, Document] = {}
    for run in runs_of(repo.repository, []):
        try:
            document = told_of(repo, run)
        except TetherError:
            continue
        if document is not None:
            known[run.id] = document
    events: Iterator[Event] = (event for document in known.values() for event in document.events)
    folders = {model.id: (run, model.folder) for run, document in known.items() for model in document.models}
    found = replayed(events)
    return [
        _draft(found[name], found[name].versions[number], folders)
        for name in sorted(found)
        for number in sorted(found[name].versions)
    ]


def _draft(model: Registered, version: Version, folders: dict[str, tuple[str, str]]) -> Draft:
    logged = version.model or version.source.removeprefix(_MODELS)
    run, path = folders.get(logged, (version.run, _path(version)))
    aliases = tuple(sorted(each for each, number in model.aliases.items() if number == version.number))
    return Draft(version.name, version.number, run, path, aliases, version.description, version.tags)


def _path(version: Version) -> str:
    """Return where the files of a version are, if its client named files of its run."""
    before = f"{_ARTEFACTS}{version.run}/artifacts/"
    return version.source.removeprefix(before) if version.source.startswith(before) else ""
