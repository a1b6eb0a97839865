"""Releases of a repository: looking at them, verifying and signing them, and what others said of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tether.api.opened import Opened
from tether.errors import InvalidInput, NotFound, TetherError
from tether.releases.attesting import Attestation, Said, add_attestation, attestations_of, signature_of
from tether.releases.completeness import Completeness, completeness
from tether.releases.findingdoc import attestation_document
from tether.releases.findings import LEVELS, Verification, reproductions_of, signers_of, unknown_keys_of
from tether.releases.keys import Signer, load_allowed, load_key
from tether.releases.manifest import Manifest, document_of, parse_label
from tether.releases.reading import KnownRelease, find_release, read_part, releases_of
from tether.releases.verifying import verify_release

if TYPE_CHECKING:
    from tether.api.exporting import Exported
    from tether.api.releaserequest import ReleaseRequest
    from tether.releases.exports.forms import ExportOptions
    from tether.releases.figures import BenchFigures, EvaluationFigures


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a repository; `repo.release` and `repo.releases` give it.

    Attributes:
        repo: Where it is.
        known: It, as it is stored.
    """

    repo: Opened
    known: KnownRelease

    def __repr__(self) -> str:
        openness = self.completeness.openness
        return f"Release({self.label!r}, {self.id[:12]!r}, class {openness or 'none'})"

    @property
    def manifest(self) -> Manifest:
        """What it is made of."""
        return self.known.manifest

    @property
    def id(self) -> str:
        """The id: the BLAKE3 of the manifest."""
        return self.known.id

    @property
    def label(self) -> str:
        """`NAME@VERSION`."""
        return self.known.label

    @property
    def completeness(self) -> Completeness:
        """Its class in the Model Openness Framework, and what is missing for the next one."""
        return completeness(self.manifest)

    @property
    def attestations(self) -> list[Attestation]:
        """What was said of releases of this name and version, signatures too."""
        manifest = self.manifest
        return list(
            attestations_of(self.repo.repository, manifest.name, manifest.version, allowed_signers(self.repo))
        )

    @property
    def figures(self) -> "list[EvaluationFigures | BenchFigures | TetherError]":
        """What its evaluations and benches say in short; an error for each that cannot be read."""
        if not (self.manifest.evaluations or self.manifest.benches):
            return []
        from tether.releases.figures import figures_of  # slow to import

        return list(figures_of(self.repo.repository, self.known))

    def read(self, path: str) -> bytes:
        """Return a file of the release, by its path in it.

        Raises:
            NotFound: There is none, or its content is not here.
        """
        data = read_part(self.repo.repository, self.known, path)
        if data is None:
            raise NotFound(f"release {self.label} has no file {path}")
        return data

    def verify(self) -> Verification:
        """Verify it as far as it goes; see `tether release verify`."""
        return verify(self.repo, self.label, os.environ)

    def sign(self, key: Path | None = None) -> Attestation:
        """Sign it with an Ed25519 key; without one, that of the setting `signing.key`."""
        return self.attest(signature_of(self.known), key)

    def export(self, form: str, target: Path, options: "ExportOptions | None" = None) -> "Exported":
        """Write it in a form that other programs read; see `tether release export`.

        Raises:
            AlreadyExists: There is such a folder.
            InvalidInput: The form is unknown, or the key does not fit.
        """
        from tether.api.exporting import export_to
        from tether.releases.exports.forms import ExportOptions

        return export_to(self.repo, self.known, form, target, options or ExportOptions())

    def attest(self, said: Said, key: Path | None = None) -> Attestation:
        """Say something of it, signed as by `sign`.

        Raises:
            InvalidInput: There is no key to sign with, or it is none.
        """
        return attest(self.repo, self.known, said, key)


def show_release(repo: Opened, text: str) -> Release:
    """Return a release: `NAME@VERSION`, `NAME` for its newest, or the beginning of an id.

    Raises:
        NotFound: There is none.
    """
    return Release(repo, find_release(repo.repository, text))


def list_releases(repo: Opened, problems: list[TetherError] | None = None) -> list[Release]:
    """Return the releases by name, those of one name from the oldest on.

    Args:
        repo: Where.
        problems: Takes what is wrong with releases that cannot be read, which are left out; None raises it.

    Raises:
        Corrupt: One is damaged.
    """
    return [Release(repo, known) for known in releases_of(repo.repository, problems)]


def create(repo: Opened, request: "ReleaseRequest") -> "tuple[Release, tuple[str, ...]]":
    """Make a release; return it, and what could not be had."""
    from tether.api.releasing import create_release

    made = create_release(repo, request)
    return Release(repo, made.release), made.notes


def verify(repo: Opened, text: str, environ: Mapping[str, str], highest: str = LEVELS[-1]) -> Verification:
    """Verify a release as far as it goes, also one whose manifest cannot be read.

    Args:
        repo: Where.
        text: `NAME@VERSION`, or as for `show_release`.
        environ: The environment of processes in which models run.
        highest: Try no level above this one.

    Raises:
        NotFound: There is no such release.
    """
    from tether.api.releasechecks import checks

    label = parse_label(text) if "@" in text else parse_label(find_release(repo.repository, text).label)
    tried = checks(environ, highest)
    return verify_release(repo.repository, label, allowed_signers(repo), tried, repo.progress)


def reaches(done: Verification, level: str) -> bool:
    """Return whether a verification came to a level."""
    return done.level is not None and LEVELS.index(done.level) >= LEVELS.index(level)


def attest(repo: Opened, release: KnownRelease, said: Said, key: Path | None = None) -> Attestation:
    """Say something of a release, signed with a key, and keep it beside the release.

    Args:
        repo: Where.
        release: What it is about.
        said: What is said.
        key: The file of an Ed25519 key; None is that of the setting `signing.key`.

    Raises:
        InvalidInput: There is no key to sign with, or it is none.
        NotFound: There is no such key file.
        Unavailable: The package that signs is not installed.
    """
    given = str(key) if key is not None else repo.repository.config.get("signing.key")
    if not given:
        hint = "name one with --key FILE, or set signing.key"
        raise InvalidInput("no key to sign with", hint=hint)
    loaded = load_key(Path(given).expanduser())
    made = add_attestation(repo.repository, release, said, loaded, repo.author)
    manifest = release.manifest
    known = attestations_of(repo.repository, manifest.name, manifest.version, allowed_signers(repo))
    return next(each for each in known if each.id == made)


def allowed_signers(repo: Opened) -> list[Signer]:
    """Return whose signatures are trusted, by the setting `signing.allowed`; nobody where it is not set.

    Raises:
        NotFound: There is no such file.
    """
    allowed = repo.repository.config.get("signing.allowed")
    return load_allowed(Path(allowed).expanduser()) if allowed else []


# -- as JSON --------------------------------------------------------------------------------


def release_document(release: Release) -> dict[str, Any]:
    """Return a release as JSON has it: its manifest, with id, completeness and who attested what."""
    return {
        **document_of(release.manifest),
        "id": release.id,
        "commit": release.known.commit.hex(),
        "completeness": release.completeness.document(),
        "figures": [_figures_document(each) for each in release.figures],
        "attestations": [attestation_document(each) for each in release.attestations],
    }


def _figures_document(found: "EvaluationFigures | BenchFigures | TetherError") -> dict[str, Any]:
    """Return the figures of an evaluation or a bench as JSON has them."""
    if isinstance(found, TetherError):
        return {"problem": str(found)}
    document = found._asdict()
    if "metrics" in document:
        document["metrics"] = msgspec.to_builtins(document["metrics"])
    return document


def listed_document(release: Release) -> dict[str, Any]:
    """Return a release in short."""
    manifest = release.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "id": release.id,
        "created": manifest.created,
        "class": release.completeness.openness,
        "run": manifest.run.id if manifest.run is not None else None,
        "signers": sorted(set(signers_of(release.attestations, release.id))),
        "unknown_keys": unknown_keys_of(release.attestations, release.id),
        "reproductions": [each._asdict() for each in reproductions_of(release.attestations, release.id)],
    }
