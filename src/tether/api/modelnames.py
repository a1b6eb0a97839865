"""What names a model, for all commands that take one: a file, `REV:PATH`, a run that kept it, or a release.

The first that fits is meant, in this order. A run or a release stands for the one model that it has.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tether.api.lineage import hashed
from tether.api.models import model_at
from tether.api.opened import Opened
from tether.api.snapshot import at
from tether.core.names import RUNS
from tether.errors import InvalidInput, NotFound, Unsupported
from tether.releases.reading import KnownRelease, find_release
from tether.repo.revision import find_entry
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, find_run
from tether.storage.oserrors import translated

UNDERSTOOD = "a file, REV:PATH, a run that kept one model, or a release as NAME@VERSION"
"""What a model can be named by, as errors and help say it."""
_MOST_NAMED = 4


class Named(NamedTuple):
    """What somebody named for a model; one of the four is known.

    Attributes:
        text: As it was written.
        file: On the disk.
        place: `REV:PATH`, which need not be there.
        run: A run, whatever it made.
        release: A release.
    """

    text: str
    file: Path | None = None
    place: str | None = None
    run: KnownRun | None = None
    release: KnownRelease | None = None


def unknown_model(text: str) -> NotFound:
    """Return that a name is none of a model, with what is understood."""
    return NotFound(f"no such model: {text}", hint=f"name {UNDERSTOOD}")


def find_named(repo: Opened, text: str, folder: Path) -> Named:
    """Return what a text names: the first that fits.

    Args:
        repo: Where runs and releases are looked for.
        text: What the user wrote.
        folder: What paths of the disk are relative to.

    Raises:
        NotFound: It names nothing.
        InvalidInput: It can be several runs, or several releases.
    """
    path = folder / text
    if text and path.is_file():
        return Named(text, file=path)
    if ":" in text:
        return Named(text, place=text)
    if text and "@" not in text:
        with suppress(NotFound):
            return Named(text, run=find_run(repo.repository, text))
    if text:
        with suppress(NotFound):
            return Named(text, release=find_release(repo.repository, text))
    if text and path.is_dir():
        return Named(text, file=path)
    raise unknown_model(text)


def model_place(repo: Opened, text: str, folder: Path) -> str:
    """Return where the model is that a text names: a path of the disk as it was written, or `REV:PATH`.

    Args:
        repo: Has the runs and releases.
        text: What the user wrote.
        folder: What paths of the disk are relative to.

    Raises:
        NotFound: It names nothing, or a run or release that has no model.
        InvalidInput: It can be several, or a run or release has several, or the run has not ended.
    """
    found = find_named(repo, text, folder)
    if found.run is not None:
        return _of_run(repo, text, found.run)
    if found.release is not None:
        return _of_release(text, found.release)
    return text


def model_digests(repo: Opened, found: Named) -> tuple[set[str], set[str]]:
    """Return the digests of the files that a name stands for, and those of their tensors that are known.

    Raises:
        NotFound: There is no such file in the revision.
        InvalidInput: It is a folder of the disk.
    """
    if found.run is not None:
        return {each.digest for each in found.run.record.artefacts}, set()
    if found.release is not None:
        weights = found.release.manifest.weights
        return {each.digest for each in weights}, {each.tensor_digest or "" for each in weights} - {""}
    if found.place is not None:
        return {find_entry(repo.repository, found.place)[1].digest.hex()}, set()
    if found.file is None or not found.file.is_file():
        raise InvalidInput(f"{found.text} is a folder", hint="commit it and name it as REV:PATH")
    with translated(found.text):
        return {hashed(found.file).hex()}, set()


def _of_run(repo: Opened, text: str, run: KnownRun) -> str:
    """Return `REV:PATH` of the one artefact of a run that is a model."""
    if run.commit is None:
        raise InvalidInput(f"the run {text} has not ended", hint="its artefacts are stored at its end")
    rev = RUNS + run.id
    paths = [f"{ARTEFACTS}/{each.path}" for each in run.record.artefacts]
    found = [f"{rev}:{path}" for path in paths if _is_model(repo, rev, path)]
    if not found:
        hint = "'tether run --artefact PATH' keeps one; or name a file, or REV:PATH"
        raise NotFound(f"the run {text} kept no model", hint=hint)
    return _only(found, f"the run {text} kept")


def _of_release(text: str, release: KnownRelease) -> str:
    """Return `REV:PATH` of the one file of weights of a release; files that lie beside one are no models."""
    manifest = release.manifest
    known = [each.path for each in manifest.weights if each.format is not None]
    paths = known or [each.path for each in manifest.weights]
    if not paths:
        raise NotFound(f"the release {text} has no weights", hint=f"name {UNDERSTOOD}")
    rev = f"releases/{manifest.name}/{manifest.version}"
    return _only([f"{rev}:{path}" for path in paths], f"the release {text} has")


def _only(places: Sequence[str], has: str) -> str:
    if len(places) > 1:
        raise InvalidInput(f"{has} {len(places)} models", hint=f"name one: {_listed(places)}")
    return places[0]


def _listed(places: Iterable[str]) -> str:
    named = list(places)
    return ", ".join(named[:_MOST_NAMED]) + (", ..." if len(named) > _MOST_NAMED else "")


def _is_model(repo: Opened, rev: str, path: str) -> bool:
    try:
        with model_at(at(repo, rev), path) as model:
            return bool(model.facts.format)
    except (InvalidInput, Unsupported):
        return False
