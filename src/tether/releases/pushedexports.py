"""Exports of pushed releases: those that follow from the manifest and its small parts, within bounds."""

from typing import NamedTuple

from tether.core.names import path_bytes
from tether.core.treeread import find_many
from tether.errors import Corrupt, InvalidInput, NotFound, Unsupported
from tether.releases.exports.forms import FORMS, TEXTS, ExportOptions, make_text
from tether.releases.exports.released import Released
from tether.releases.manifest import Manifest, RunPart
from tether.releases.pushedreleases import pushed_release
from tether.releases.pushedruns import MOST_READ, MOST_RECORD, size_at
from tether.releases.reading import KnownRelease
from tether.releases.recomputing import EVALUATION
from tether.repo.repository import Repository
from tether.runs.journal import ENVIRONMENT, RECORD

MADE = {
    "model-card": "text/markdown; charset=utf-8",
    "cyclonedx": "application/vnd.cyclonedx+json",
    "slsa": "application/vnd.in-toto+json",
    "mof": "application/yaml",
}
"""The forms that are made of what was pushed, with their media types."""
COST = 5
"""As how many requests one for an export counts."""
_MOST_WEIGHTS = 50
"""Files of weights, of which each is looked into."""
_MOST_FILES, _MOST_BYTES = 1000, 64 << 20
"""Files in folders of weights, and their bytes: they are read, since no manifest has SHA-256 of them."""


class Export(NamedTuple):
    """A release in a form that other programs read.

    Attributes:
        data: All of it.
        media: Its media type.
        name: What to call the file.
    """

    data: bytes
    media: str
    name: str


def pushed_export(repository: Repository, name: str, version: str, form: str) -> Export:
    """Return a release in a form; nothing of it was verified.

    Raises:
        NotFound: There is no such release, or no such form.
        Corrupt: It is damaged.
        Unsupported: The form needs all data or a key, or the release has more than is read here.
    """
    if form not in FORMS:
        raise NotFound(f"no form {form[:100]}", hint=f"there are: {', '.join(MADE)}")
    release = pushed_release(repository, name, version)
    hint = f"clone it, and run: tether release export {release.label} --as {form}"
    if form not in MADE:
        raise Unsupported(f"{form} needs all of the data or a key, which a hub does not read", hint=hint)
    _require_small(repository, release, hint)
    try:
        data, _ = make_text(Released(repository, release, _Bounded(hint)), form, ExportOptions())
    except (InvalidInput, RecursionError) as error:
        raise Corrupt(f"release {release.label} cannot be told as {form}: {error}", hint=hint) from None
    return Export(data, MADE[form], f"{name}-{version}-{TEXTS[form]}")


def _require_small(repository: Repository, release: KnownRelease, hint: str) -> None:
    """Refuse a release of which more would be read than a hub does; what entries say is not believed.

    Raises:
        Unsupported: It has too many weights or records.
        Corrupt: A record is too large.
    """
    manifest = release.manifest
    weights = (*manifest.weights, *manifest.checkpoints)
    folders = [part for part in weights if part.sha256 is None]
    found = find_many(repository.objects, release.tree, [path_bytes(part.path) for part in folders])
    files = sum(entry.files for entry in found.values() if entry is not None)
    if len(weights) > _MOST_WEIGHTS or files > _MOST_FILES:
        raise Unsupported(f"release {release.label} has more weights than a hub looks into", hint=hint)
    read = 0
    for path in _records(manifest):
        read += size_at(repository, release.tree, path, MOST_RECORD)
        if read > MOST_READ:
            raise Unsupported(f"release {release.label} has more records than a hub reads", hint=hint)


class _Bounded:
    """Ends the work when too many bytes were read.

    Args:
        hint: What to do then.
    """

    def __init__(self, hint: str) -> None:
        self._left, self._hint = _MOST_BYTES, hint

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Do nothing: what is claimed is not believed."""

    def advance(self, amount: int) -> None:
        """Count bytes.

        Raises:
            Unsupported: They are too many.
        """
        self._left -= amount
        if self._left < 0:
            raise Unsupported("the weights have more bytes than a hub reads", hint=self._hint)

    def finish(self) -> None:
        """Do nothing."""


def _records(manifest: Manifest) -> list[str]:
    runs: list[RunPart] = [*manifest.evaluations, *([manifest.run] if manifest.run is not None else [])]
    beside = [f"{run.path}/{name}" for run in runs for name in (RECORD, EVALUATION, ENVIRONMENT)]
    return [*beside, *(part.path for part in manifest.environment if part.kind != "directory")]
