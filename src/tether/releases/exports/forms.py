"""The forms that are one text, by name."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tether.errors import InvalidInput
from tether.releases.exports.released import Released

TEXTS = {
    "model-card": "README.md",
    "data-card": "DATA.md",
    "croissant": "croissant.json",
    "cyclonedx": "bom.cdx.json",
    "slsa": "provenance.json",
    "model-signing": "model.sig",
    "mof": "mof.yml",
}
"""Forms with the name that each has in a folder."""
ARCHIVES = ("tar", "tar.gz", "zip")
FORMS = (*TEXTS, "folder", *ARCHIVES)
SUMS = "SHA256SUMS"
Made = tuple[bytes, tuple[str, ...]]
"""A text, and what it should say but nobody knows."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export.

    Attributes:
        key: The private key that signs: Ed25519 for `slsa`, else one on P-256 or the like for model signing.
        url: Where the files of the release are got, for Croissant; None for paths beside the document.
    """

    key: Path | None = None
    url: str | None = None


def make_text(released: Released, form: str, options: ExportOptions) -> Made:
    """Return a form that is one text.

    Raises:
        InvalidInput: The form is none, or the release has nothing for it, or the key does not fit.
        NotFound: A content or the key is not here.
        Corrupt: A part of the release is damaged.
    """
    if form not in _MAKERS:
        raise InvalidInput(f"{form} is no text", hint="name a file or folder with -o")
    return _MAKERS[form](released, options)


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return a document for people and programs."""
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def signature(released: Released, digests: Mapping[str, str], key: Path, ignored: Iterable[str]) -> bytes:
    """Return a signature of files by path, in the format of Model Signing.

    Args:
        released: Gives the name.
        digests: SHA-256 by path.
        key: The file of a private key.
        ignored: Paths beside these that a verifier does not look at.
    """
    from tether.releases.exports.modelsigning import bundle, load_curve_key, statement

    said = statement(released.manifest.label, digests.items(), sorted(ignored))
    return as_json(bundle(said, load_curve_key(key)))


def _model_card(released: Released, _: ExportOptions) -> Made:
    from tether.releases.exports.measured import measured_in
    from tether.releases.exports.modelcard import model_card

    text, missing = model_card(released, measured_in(released))
    return text.encode(), missing


def _data_card(released: Released, _: ExportOptions) -> Made:
    from tether.releases.exports.datacard import data_card

    text, missing = data_card(released)
    return text.encode(), missing


def _mof(released: Released, _: ExportOptions) -> Made:
    from tether.releases.exports.mof import mof

    text, missing = mof(released.manifest)
    return text.encode(), missing


def _cyclonedx(released: Released, _: ExportOptions) -> Made:
    from tether.releases.exports.cyclonedx import bill
    from tether.releases.exports.measured import measured_in

    document, missing = bill(released, measured_in(released))
    return as_json(document), missing


def _slsa(released: Released, options: ExportOptions) -> Made:
    from tether.core.jsondoc import canonical
    from tether.releases.exports.provenance import provenance
    from tether.releases.keys import load_key
    from tether.releases.statements import seal

    statement, missing = provenance(released)
    if options.key is None:
        return as_json(statement), (*missing, "signature")
    return seal(canonical(statement), load_key(options.key)), missing


def _model_signing(released: Released, options: ExportOptions) -> Made:
    from tether.releases.exports.packing import digests_of

    if options.key is None:
        raise InvalidInput("a signature needs a key", hint="name one on P-256 with --key")
    return signature(released, digests_of(released, {}), options.key, [*TEXTS.values(), SUMS]), ()


def _croissant(released: Released, options: ExportOptions) -> Made:
    from tether.releases.exports.croissant import About, Place, croissant

    manifest = released.manifest
    files = [file for part in manifest.data for file in released.files(part, tables=True)]
    licences = dict.fromkeys(manifest.licence_of(part) for part in manifest.data)
    about = About(
        name=manifest.name,
        description=manifest.description,
        licences=tuple(each for each in licences if each is not None),
        url=options.url,
        version=manifest.version,
        date=manifest.created[:10],
        creators=(manifest.creator.name,) if manifest.creator.name else (),
        identifiers=(f"release:{manifest.id.hex()}", *(f"data:{part.digest}" for part in manifest.data)),
    )
    found = croissant(about, files, Place(options.url))
    private = tuple(f"files of {part.name}, which is private" for part in manifest.data if not part.included)
    return as_json(found.document), (*found.missing, *private)


_MAKERS: Mapping[str, Callable[[Released, ExportOptions], Made]] = {
    "model-card": _model_card,
    "data-card": _data_card,
    "croissant": _croissant,
    "cyclonedx": _cyclonedx,
    "slsa": _slsa,
    "model-signing": _model_signing,
    "mof": _mof,
}
