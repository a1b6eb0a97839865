"""A bill of materials of a release: CycloneDX 1.6 with the model card of the model.

The model is the component that the document is of; data and the packages of the training are the components
that it depends on, the training is its formulation. Source: cyclonedx.org, schema 1.6.
"""

import re
import uuid
from collections.abc import Iterator
from typing import Any

from tether.releases.exports.markup import plain
from tether.releases.exports.provenance import address_of, package_url
from tether.releases.exports.released import Measured, Released, in_utc
from tether.releases.manifest import Base, Data, Part

VERSION = "1.6"
_MODEL = "machine-learning-model"
_EXPRESSION = re.compile(
    r"\(*[A-Za-z0-9][A-Za-z0-9.+-]*\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9][A-Za-z0-9.+-]*\)*)*\Z"
)
_SPACE = uuid.UUID("5f6aa3f4-7f0c-5d0e-8a55-7c2b1f0f3d11")


def bill(released: Released, measured: tuple[Measured, ...] = ()) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the document, and what it should have but nobody knows.

    Raises:
        Corrupt: A part of the release is damaged.
    """
    manifest = released.manifest
    data = [_data(part, manifest.licence_of(part)) for part in manifest.data]
    packages = [_package(name, version) for name, version in released.packages.items()]
    model, missing = _model(released, measured)
    used = sorted({component["bom-ref"] for component in (*data, *packages)})
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "serialNumber": uuid.uuid5(_SPACE, manifest.id.hex()).urn,
        "version": 1,
        "metadata": {
            "timestamp": in_utc(manifest.created),
            "authors": [_creator(manifest.creator.name, manifest.creator.email)],
            "component": model,
        },
        "components": [*data, *packages],
        "dependencies": [{"ref": model["bom-ref"], "dependsOn": used}, *({"ref": each} for each in used)],
    }
    workflow = _workflow(released)
    if workflow is not None:
        document["formulation"] = [{"bom-ref": "formulation", "workflows": [workflow]}]
    return document, (*missing, *(() if workflow else ("formulation",)))


def _creator(name: str, email: str) -> dict[str, str]:
    return {key: plain(value) for key, value in (("name", name), ("email", email)) if value}


def _model(released: Released, measured: tuple[Measured, ...]) -> tuple[dict[str, Any], list[str]]:
    manifest = released.manifest
    licence = manifest.licences.get("weights") or manifest.licences.get("release")
    weights = [component for part in manifest.weights for component in _weights(released, part)]
    card: dict[str, Any] = {"modelParameters": {"datasets": [{"ref": _ref(part)} for part in manifest.data]}}
    if measured:
        card["quantitativeAnalysis"] = {"performanceMetrics": [_metric(each) for each in measured]}
    found: dict[str, Any] = {
        "type": _MODEL,
        "bom-ref": f"release:{manifest.label}",
        "name": manifest.name,
        "version": manifest.version,
        "licenses": _licences(licence),
        "hashes": weights[0]["hashes"] if len(weights) == 1 else [],
        "description": plain(manifest.description) if manifest.description else "",
        "components": weights,
        "pedigree": {"ancestors": [_ancestor(base) for base in manifest.bases]} if manifest.bases else {},
        "modelCard": card,
        "properties": [_property("release", manifest.id.hex())],
    }
    lacking = {
        "description": not manifest.description,
        "licenses": licence is None,
        "modelCard.modelParameters.task": True,
        "modelCard.modelParameters.approach": True,
        "modelCard.quantitativeAnalysis": not measured,
        "modelCard.considerations": True,
    }
    kept = {name: value for name, value in found.items() if value}
    return kept, [name for name, is_missing in lacking.items() if is_missing]


def _weights(released: Released, part: Part) -> Iterator[dict[str, Any]]:
    if part.sha256 is not None:
        yield _file(plain(part.path), part.sha256, part.digest)
        return
    for file in released.files(part):
        name = plain(file.path.decode("utf-8", "surrogateescape"))
        yield _file(name, file.sha256, file.digest.hex())


def _file(name: str, sha256: str, blake3: str) -> dict[str, Any]:
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": _hashes(sha256, blake3)}


def _hashes(sha256: str | None, blake3: str | None) -> list[dict[str, str]]:
    found = (("SHA-256", sha256), ("BLAKE3", blake3))
    return [{"alg": name, "content": digest} for name, digest in found if digest is not None]


def _ancestor(base: Base) -> dict[str, Any]:
    return {
        "type": _MODEL,
        "bom-ref": f"release:{plain(base.name)}@{plain(base.version)}",
        "name": plain(base.name),
        "version": plain(base.version),
        "properties": [_property("release", base.id)],
    }


def _metric(measured: Measured) -> dict[str, Any]:
    found: dict[str, Any] = {"type": plain(measured.name), "value": repr(measured.value)}
    if measured.slice is not None:
        found["slice"] = plain(measured.slice)
    if measured.low is not None and measured.high is not None:
        found["confidenceInterval"] = {
            "lowerBound": repr(measured.low),
            "upperBound": repr(measured.high),
        }
    return found


def _ref(part: Part) -> str:
    return f"part:{plain(part.path)}"


def _property(name: str, value: object) -> dict[str, str]:
    return {"name": f"tether:{name}", "value": plain(str(value))}


def _data(part: Data, licence: str | None) -> dict[str, Any]:
    source = part.source
    facts: dict[str, object | None] = {
        "role": part.role,
        "tree": part.digest if part.kind == "directory" else None,
        "commit": source.commit if source is not None else None,
        "path": source.path or None if source is not None else None,
        "files": part.files,
        "bytes": part.bytes,
        "rows": part.rows,
        "included": "true" if part.included else "false",
    }
    found: dict[str, Any] = {
        "type": "data",
        "bom-ref": _ref(part),
        "name": plain(part.path),
        "licenses": _licences(licence),
        "hashes": _hashes(part.sha256, part.digest if part.kind != "directory" else None),
        "data": [{"type": "dataset", "name": plain(part.name)}],
        "properties": [_property(name, value) for name, value in facts.items() if value is not None],
    }
    if source is not None and source.repo is not None:
        url = address_of(source.repo, source.commit, source.path)
        found["externalReferences"] = [{"type": "distribution", "url": url}]
    return {name: value for name, value in found.items() if value}


def _package(name: str, version: str) -> dict[str, Any]:
    url = package_url(name, version)
    return {"type": "library", "bom-ref": url, "name": plain(name), "version": plain(version), "purl": url}


def _licences(licence: str | None) -> list[dict[str, Any]]:
    if licence is None:
        return []
    if _EXPRESSION.match(licence):
        return [{"expression": licence}]
    return [{"license": {"name": plain(licence)}}]


def _workflow(released: Released) -> dict[str, Any] | None:
    """Return the training as a workflow of one step."""
    manifest, run = released.manifest, released.run
    if run is None:
        return None
    found: dict[str, Any] = {
        "bom-ref": f"run:{run.id}",
        "uid": run.id,
        "name": "training",
        "taskTypes": ["other"],
        "steps": [{"commands": [{"executed": plain(_line(run.command))}]}],
        "timeStart": in_utc(run.started),
        "inputs": [{"resource": {"ref": _ref(part)}} for part in manifest.data],
        "outputs": [{"type": "artifact", "resource": {"ref": f"release:{manifest.label}"}}],
        "properties": [
            *(_property(f"parameter:{plain(name)}", value) for name, value in manifest.parameters.items()),
            *(_property(f"seed:{plain(name)}", value) for name, value in manifest.seeds.items()),
        ],
    }
    if run.ended is not None:
        found["timeEnd"] = in_utc(run.ended)
    return {name: value for name, value in found.items() if value}


def _line(command: tuple[str, ...]) -> str:
    from shlex import join

    return join(command)
