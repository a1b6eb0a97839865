"""Provenance of the weights: SLSA provenance 1.0 as an in-toto statement.

It says what a run says: which command made which files out of which data, code and packages. The builder is
the machine of whoever ran it, of which nothing is claimed.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tether.errors import InvalidInput
from tether.releases.exports.markup import plain
from tether.releases.exports.released import Released, in_utc
from tether.releases.manifest import Code, Data, Part
from tether.releases.statements import STATEMENT_TYPE

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:tether:run:1"
"""What the parameters mean is in docs/guides/exports.md."""
BUILDER = "urn:tether:builder:own-machine"


def provenance(released: Released) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the statement, and what it should have but nobody knows.

    Raises:
        InvalidInput: The release has no weights.
        Corrupt: A part of it is damaged.
    """
    manifest = released.manifest
    subjects = [subject for part in manifest.weights for subject in _subjects(released, part)]
    if not subjects:
        raise InvalidInput(f"release {manifest.label} has no weights", hint="provenance is of weights")
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "command": [plain(word) for word in manifest.command],
            "parameters": dict(manifest.parameters),
            "seeds": dict(manifest.seeds),
        },
        "internalParameters": {"release": manifest.label, "manifest": {"blake3": manifest.id.hex()}},
        "resolvedDependencies": list(_dependencies(released)),
    }
    details, missing = _details(released)
    missing += ["externalParameters.command"] if not manifest.command else []
    predicate = {"buildDefinition": definition, "runDetails": details}
    found = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE, "predicate": predicate}
    return found, tuple(missing)


def _subjects(released: Released, part: Part) -> Iterator[dict[str, Any]]:
    if part.sha256 is not None:
        yield {"name": plain(part.path), "digest": {"sha256": part.sha256, "blake3": part.digest}}
        return
    for file in released.files(part):
        name = plain(file.path.decode("utf-8", "surrogateescape"))
        yield {"name": name, "digest": {"sha256": file.sha256, "blake3": file.digest.hex()}}


def _details(released: Released) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {"builder": {"id": BUILDER}}
    run, part = released.run, released.manifest.run
    if run is None or part is None:
        return found, ["runDetails.metadata"]
    python = released.environment.get("python")
    if isinstance(python, dict) and isinstance(python.get("version"), str):
        found["builder"]["version"] = {"python": python["version"]}
    found["metadata"] = {"invocationId": f"urn:tether:run:{run.id}", "startedOn": in_utc(run.started)}
    missing = [] if run.ended is not None else ["runDetails.metadata.finishedOn"]
    if run.ended is not None:
        found["metadata"]["finishedOn"] = in_utc(run.ended)
    found["byproducts"] = [{"name": part.path, "digest": {"tetherTree": part.digest}}]
    return found, missing


def _dependencies(released: Released) -> Iterator[dict[str, Any]]:
    manifest = released.manifest
    for part in (*manifest.data, *manifest.code, *manifest.environment):
        yield _resource(part, {"licence": manifest.licence_of(part)})
    for base in manifest.bases:
        yield {
            "name": f"{base.name}@{base.version}",
            "uri": f"urn:tether:release:{quote(base.name)}@{quote(base.version)}",
            "digest": {"blake3": base.id},
        }
    for name, version in released.packages.items():
        yield {"name": plain(name), "uri": package_url(name, version)}


def _resource(part: Part, more: dict[str, Any]) -> dict[str, Any]:
    digest = {"tetherTree": part.digest} if part.kind == "directory" else {"blake3": part.digest}
    if part.sha256 is not None:
        digest["sha256"] = part.sha256
    notes = {"files": part.files, "bytes": part.bytes, **more}
    if isinstance(part, Data | Code):
        notes["role"] = part.role
    if isinstance(part, Data):
        notes["included"] = part.included
    found: dict[str, Any] = {"name": plain(part.path), "digest": digest}
    source = part.source
    if source is not None and source.commit is not None:
        name = "gitCommit" if source.system == "git" else "tetherCommit"
        digest[name] = source.commit
    if source is not None and source.repo is not None:
        found["uri"] = address_of(source.repo, source.commit, source.path)
    return {**found, "annotations": {name: value for name, value in notes.items() if value is not None}}


def address_of(repo: str, commit: str | None, path: str) -> str:
    """Return where a part came from as one address: `REPO@COMMIT:PATH`, percent-encoded."""
    where = quote(repo, safe=":/@%?=&+,;~-._")
    where += f"@{quote(commit, safe='')}" if commit is not None else ""
    return where + (f":{quote(path.encode('utf-8', 'surrogateescape'), safe='/')}" if path else "")


def package_url(name: str, version: str) -> str:
    """Return the purl of a Python package."""
    return f"pkg:pypi/{quote(name.lower().replace('_', '-'), safe='.-')}@{quote(version, safe='.-')}"
