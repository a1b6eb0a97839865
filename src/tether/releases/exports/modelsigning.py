"""Signatures of the OpenSSF Model Signing format: a Sigstore bundle over a list of files with their SHA-256.

Only keys on the curves P-256, P-384 and P-521 are in that format; a signature is checked offline with the
public key. Source: the OpenSSF Model Signing specification 1.0, and Sigstore's bundle 0.3.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tether.core.jsondoc import canonical
from tether.errors import InvalidInput, NotFound, Unavailable
from tether.releases.statements import PAYLOAD_TYPE, STATEMENT_TYPE, encoded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

PREDICATE = "https://model_signing/signature/v1.0"
SIGNATURE = "model.sig"
"""The name that a signature has beside the files that it is of."""
_MOST_KEY = 64 << 10
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def statement(name: str, files: Iterable[tuple[str, str]], ignored: Sequence[str] = ()) -> dict[str, Any]:
    """Return what is signed.

    Args:
        name: Of the model.
        files: Paths from the folder of the model with their SHA-256 in hexadecimal digits; all that is there.
        ignored: Paths that are not looked at, such as the signature itself.
    """
    ordered = sorted(files)
    whole = hashlib.sha256()
    for _, digest in ordered:
        whole.update(bytes.fromhex(digest))
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": whole.hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": sorted(ignored),
            },
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": digest} for path, digest in ordered
            ],
        },
    }


class CurveKey:
    """A private key on one of the curves.

    Args:
        private: The key.
    """

    def __init__(self, private: "EllipticCurvePrivateKey") -> None:
        self._private = private

    @property
    def hint(self) -> str:
        """The SHA-256 of the public key as PEM, by which a verifier tells keys apart."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self._private.public_key()
        return hashlib.sha256(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        ).hexdigest()

    def sign(self, data: bytes) -> bytes:
        """Return the signature, with the hash that belongs to the curve."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        by_size = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
        return self._private.sign(data, ECDSA(by_size[self._private.curve.key_size]))


def load_curve_key(path: Path) -> CurveKey:
    """Read a private key on P-256, P-384 or P-521, in PEM or as OpenSSH has it.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is another key, or encrypted.
        Unavailable: The package that signs is not installed.
    """
    if not path.is_file():
        raise NotFound(f"no signing key at {path}")
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key
    except ImportError:
        hint = "pip install 'tether[signing]'"
        raise Unavailable("signatures need the package cryptography", hint=hint) from None
    data = path.read_bytes()[:_MOST_KEY]
    load = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
    try:
        key = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        said = (str(error).splitlines() or ["it cannot be read"])[0]
        raise InvalidInput(f"cannot sign with {path}: {said}") from None
    curves = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, curves):
        hint = "'openssl ecparam -name prime256v1 -genkey -noout' makes one"
        raise InvalidInput(f"{path} is no key on P-256, P-384 or P-521, as model signing needs", hint=hint)
    return CurveKey(key)


def bundle(statement: dict[str, Any], key: CurveKey) -> dict[str, Any]:
    """Return the signature of a statement as it is kept in a file."""
    payload = canonical(statement).rstrip(b"\n")
    signature = key.sign(encoded(PAYLOAD_TYPE, payload))
    return {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
