"""What verifying a release found, as JSON has it at the command line and on hubs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tether.releases.attesting import Attestation
from tether.releases.findings import Verification


def attestation_document(each: Attestation) -> dict[str, Any]:
    """Return an attestation in short."""
    statement = each.statement
    return {
        "id": each.id,
        "predicate_type": statement.predicate_type if statement is not None else None,
        "reproduced": each.reproduced,
        "key": each.key,
        "verdict": str(each.verdict),
        "signer": each.signer,
        "problem": each.problem or None,
    }


def verification_document(done: Verification) -> dict[str, Any]:
    """Return how far a release could be verified, as JSON has it."""
    plain: Mapping[str, Any] = msgspec.to_builtins({"private": done.private, "untried": done.untried})
    return {
        "release": done.label,
        "id": done.id,
        "level": done.level,
        "ok": done.ok,
        "problems": msgspec.to_builtins(done.problems),
        **plain,
        "signers": done.signers,
        "reproductions": [each._asdict() for each in done.reproductions],
        "attestations": [attestation_document(each) for each in done.attestations],
        "dangers": done.dangers,
        "files": done.files,
        "bytes": done.bytes,
    }
