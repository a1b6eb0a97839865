"""Runs in the environment of `tests.support.validators`: answers each line of JSON with one of its own."""

import base64
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_MOST = 50


def croissant(words: dict[str, Any]) -> dict[str, Any]:
    """Let mlcroissant read a document, and the first records of each set."""
    logging.disable(logging.CRITICAL)
    module = import_module("mlcroissant")
    dataset = module.Dataset(jsonld=Path(words["path"]))
    found = {}
    for records in dataset.metadata.record_sets:
        rows = []
        for number, row in enumerate(dataset.records(records.uuid)):
            if number == _MOST:
                break
            rows.append({name.rpartition("/")[2]: _plain(value) for name, value in row.items()})
        found[records.uuid] = rows
    issues = dataset.metadata.ctx.issues
    return {"records": found, "warnings": sorted(issues.warnings)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "size") and hasattr(value, "mode"):
        return ["image", *value.size]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def cyclonedx(words: dict[str, Any]) -> dict[str, Any]:
    """Let the CycloneDX library hold a document against its schema."""
    validation = import_module("cyclonedx.validation.json")
    version = import_module("cyclonedx.schema").SchemaVersion.V1_6
    error = validation.JsonStrictValidator(version).validate_str(Path(words["path"]).read_text())
    if error is not None:
        raise ValueError(str(error)[:500])
    return {}


def model_signing(words: dict[str, Any]) -> dict[str, Any]:
    """Let model-signing verify a folder offline with a public key."""
    verifying = import_module("model_signing.verifying")
    config = verifying.Config().use_elliptic_key_verifier(public_key=Path(words["key"]))
    config.verify(Path(words["folder"]), Path(words["signature"]))
    return {}


def statement(words: dict[str, Any]) -> dict[str, Any]:
    """Let the in-toto library read a statement, and verify the envelope that it may lie in."""
    text = Path(words["path"]).read_text()
    document = json.loads(text)
    if "payload" in document:
        document = json.loads(_verified(document, words["key"]))
    parse = import_module("google.protobuf.json_format").ParseDict
    module = import_module("in_toto_attestation.v1.statement")
    proto = import_module("in_toto_attestation.v1.statement_pb2").Statement()
    parse(document, proto)
    module.Statement.copy_from_pb(proto).validate()
    predicate = import_module("in_toto_attestation.predicates.provenance.v1.provenance_pb2").Provenance()
    parse(document["predicate"], predicate)
    return {"predicate": document["predicateType"], "subjects": len(document["subject"])}


def _verified(envelope: dict[str, Any], key: str) -> bytes:
    module = import_module("cryptography.hazmat.primitives.serialization")
    public = module.load_ssh_public_key(Path(key).read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b" ".join((b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload))
    for signature in envelope["signatures"]:
        public.verify(base64.b64decode(signature["sig"]), signed)
    return payload


def model_card(words: dict[str, Any]) -> dict[str, Any]:
    """Let the library of Hugging Face's hub read a card."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    card = import_module("huggingface_hub").ModelCard.load(Path(words["path"]))
    results = [
        {
            "task": each.task_type,
            "dataset": each.dataset_name,
            "metric": each.metric_type,
            "value": each.metric_value,
            "revision": each.dataset_revision,
        }
        for each in card.data.eval_results or []
    ]
    return {"data": card.data.to_dict(), "results": results, "text": card.text}


_READERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "croissant": croissant,
    "cyclonedx": cyclonedx,
    "model-card": model_card,
    "model-signing": model_signing,
    "statement": statement,
}


def main() -> None:
    """Answer until the questions end."""
    out = sys.stdout
    for line in sys.stdin:
        words = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            try:
                answer = {"ok": True, "error": "", **_READERS[words["kind"]](words)}
            except Exception as error:  # what a reader refuses by, it says itself
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"[:2000]}
        out.write(json.dumps(answer, default=str) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
