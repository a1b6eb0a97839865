"""in-toto statements in DSSE envelopes: what somebody says of a release, and their signature of it.

Sources: DSSE 1.0.2 (envelope and pre-authentication encoding), in-toto Attestation Framework, Statement v1.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tether.core.jsondoc import canonical
from tether.errors import Corrupt, InvalidInput
from tether.releases.keys import PublicKey, SigningKey
from tether.releases.manifest import MANIFEST, Manifest, document_of, is_included, release_id

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_PREDICATE = "urn:tether:release:v1"
"""The predicate of a signature of a release; it holds the manifest."""
VERDICT_PREDICATE = "urn:tether:verdict:v1"
"""The predicate of what is said of a training that was repeated: a verdict."""
MAX_ENVELOPE = 128 << 20


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True):
    """What is said; fields that are not known are left alone.

    Attributes:
        type: Of the statement, `_type` in JSON.
        subject: What it is about.
        predicate_type: What sort of thing is said.
        predicate: What is said.
    """

    type: str = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]

    def is_about(self, release: str) -> bool:
        """Return whether a subject has the id of a release."""
        return any(each.digest.get("blake3") == release for each in self.subject)


class Signature(msgspec.Struct, frozen=True):
    """One signature of an envelope."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True):
    """A payload with signatures."""

    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: tuple[Signature, ...]


class Opened(NamedTuple):
    """What an envelope holds."""

    statement: Statement
    signed: bytes
    """The bytes that its signatures cover."""
    signatures: tuple[tuple[str, bytes], ...]
    """Key id and signature."""


def make_statement(
    manifest: Manifest, data: bytes, predicate_type: str, predicate: Mapping[str, Any]
) -> bytes:
    """Return a statement about a release.

    Args:
        manifest: Of the release.
        data: The bytes of the manifest.
        predicate_type: An URI for the sort of thing that is said.
        predicate: What is said, as JSON has it.
    """
    top = {"blake3": release_id(data).hex(), "sha256": hashlib.sha256(data).hexdigest()}
    subjects = [{"name": MANIFEST, "digest": top}]
    for _, part in manifest.parts():
        if part.sha256 is not None and is_included(part):
            subjects.append({"name": part.path, "digest": {"sha256": part.sha256, "blake3": part.digest}})
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return canonical(statement)


def release_predicate(manifest: Manifest) -> dict[str, Any]:
    """Return what the signature of a release says."""
    return {"manifest": document_of(manifest)}


def seal(statement: bytes, key: SigningKey) -> bytes:
    """Return an envelope around a statement with the signature of a key."""
    signature = key.sign(encoded(PAYLOAD_TYPE, statement))
    envelope = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.public.fingerprint, "sig": base64.b64encode(signature).decode()}],
    }
    return canonical(envelope)


def encoded(kind: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: the bytes that a signature covers."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def open_envelope(data: bytes) -> Opened:
    """Read an envelope; whether its signatures are good is another matter.

    Raises:
        Corrupt: It is no such envelope.
    """
    try:
        envelope = msgspec.json.decode(data, type=Envelope)
        payload = base64.b64decode(envelope.payload, validate=True)
        if envelope.payload_type != PAYLOAD_TYPE:
            raise InvalidInput(f"its payload is {envelope.payload_type[:80]!r}")
        statement = msgspec.json.decode(payload, type=Statement)
        if statement.type != STATEMENT_TYPE:
            raise InvalidInput(f"its statement is {statement.type[:80]!r}")
        signatures = tuple(
            (each.keyid, base64.b64decode(each.sig, validate=True)) for each in envelope.signatures
        )
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError, InvalidInput) as error:
        raise Corrupt(f"an attestation is damaged: {error}") from None
    return Opened(statement, encoded(envelope.payload_type, payload), signatures)


def is_signed_by(opened: Opened, key: PublicKey) -> bool:
    """Return whether a signature of an envelope is good and of a key."""
    made = (signature for name, signature in opened.signatures if name == key.fingerprint)
    return any(key.verifies(opened.signed, signature) for signature in made)
