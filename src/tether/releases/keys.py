"""Ed25519 keys as SSH has them: they sign attestations, and a file of allowed signers says whose they are.

Signatures are plain Ed25519 (RFC 8032), so that other people's tools verify them; `ssh-keygen` would wrap
them in a form of its own. The package `cryptography` does the work, imported when it is needed.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tether.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMESPACE = "tether"
"""As for signatures of commits: a line of allowed signers that is for another one does not count."""
_TYPE = b"ssh-ed25519"
_PREFIX = len(_TYPE).to_bytes(4, "big") + _TYPE + (32).to_bytes(4, "big")
_MOST_KEY = 64 << 10
_MOST_ALLOWED = 16 << 20
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_OPTION = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|\Z)')
_MOMENTS = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d")


class PublicKey(NamedTuple):
    """The public half of an Ed25519 key."""

    raw: bytes
    """32 bytes."""

    @property
    def line(self) -> str:
        """It in the form of a `.pub` file, without a comment."""
        return f"{_TYPE.decode()} {base64.b64encode(_PREFIX + self.raw).decode()}"

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` prints: `SHA256:...`."""
        digest = hashlib.sha256(_PREFIX + self.raw).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Read a line of a `.pub` file.

        Raises:
            InvalidInput: It is no Ed25519 key.
        """
        words = text.split()
        try:
            blob = base64.b64decode(words[1], validate=True) if words[:1] == [_TYPE.decode()] else b""
        except (IndexError, binascii.Error):
            blob = b""
        if len(blob) != len(_PREFIX) + 32 or not blob.startswith(_PREFIX):
            raise InvalidInput("not a public key of the type ssh-ed25519")
        return cls(blob[len(_PREFIX) :])

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Return whether the key made a signature.

        Raises:
            Unavailable: The package that verifies is not installed.
        """
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ImportError:
            raise _no_package() from None
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """A private Ed25519 key.

    Args:
        private: The key.
    """

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._private.sign(data)


def load_key(path: Path, password: bytes | None = None) -> SigningKey:
    """Read a private key file of OpenSSH, or one in PEM.

    Args:
        path: The file; for one that ends with `.pub` the private key beside it is taken.
        password: What it is encrypted with.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no Ed25519 key, or encrypted and the password is not right.
        Unavailable: The package that signs is not installed.
    """
    path = path.with_suffix("") if path.suffix == ".pub" else path
    if not path.is_file():
        raise NotFound(f"no signing key at {path}", hint="set signing.key to the file of an SSH key")
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key
    except ImportError:
        raise _no_package() from None
    data = path.read_bytes()[:_MOST_KEY]
    load = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
    try:
        key = load(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "sign with a key without a passphrase" if "password" in str(error).lower() else None
        raise InvalidInput(f"cannot sign with {path}: {_first_line(error)}", hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        hint = "'ssh-keygen -t ed25519' makes one"
        raise InvalidInput(f"{path} is no Ed25519 key, as signatures of releases need", hint=hint)
    return SigningKey(key)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it cannot be read"])[0]


def _no_package() -> Unavailable:
    hint = "pip install 'tether[signing]'"
    return Unavailable("signatures of releases need the package cryptography", hint=hint)


class Signer(NamedTuple):
    """A line of a file of allowed signers."""

    principals: tuple[str, ...]
    """E-mail addresses, or patterns of such."""
    key: PublicKey
    after: datetime | None = None
    before: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether the line counts at a time."""
        return (self.after is None or self.after <= now) and (self.before is None or now < self.before)


def read_allowed(text: str) -> list[Signer]:
    """Read a file of allowed signers (see ssh-keygen(1)).

    Lines for keys of other types, for authorities and for other namespaces are left out. Times without a
    zone are taken as UTC.
    """
    lines = (line.strip() for line in text.splitlines())
    found = (_signer(line) for line in lines if line and not line.startswith("#"))
    return [each for each in found if each is not None]


def load_allowed(path: Path) -> list[Signer]:
    """Read a file of allowed signers from the disk.

    Raises:
        NotFound: There is none.
    """
    try:
        return read_allowed(path.read_text(errors="replace")[:_MOST_ALLOWED])
    except (FileNotFoundError, IsADirectoryError):
        hint = "set signing.allowed to one"
        raise NotFound(f"no file of allowed signers at {path}", hint=hint) from None


def who_signs(signers: Iterable[Signer], key: PublicKey, now: datetime) -> str | None:
    """Return for whom a key may sign, by the first line that has it; None where there is none."""
    fits = (each for each in signers if each.key == key and each.is_valid(now))
    return next((",".join(each.principals) for each in fits), None)


def _signer(line: str) -> Signer | None:
    words = _WORD.findall(line)
    at = next((at for at, word in enumerate(words) if word == _TYPE.decode()), 0)
    if at not in (1, 2):
        return None
    given = {name.lower(): value for name, value in _OPTION.findall(words[1])} if at == 2 else {}
    spaces = given.get("namespaces")
    if "cert-authority" in given or (spaces is not None and NAMESPACE not in spaces.split(",")):
        return None
    try:
        key = PublicKey.parse(" ".join(words[at : at + 2]))
        times = [_moment(given.get(name)) for name in ("valid-after", "valid-before")]
    except (InvalidInput, ValueError):
        return None
    return Signer(tuple(words[0].strip('"').split(",")), key, *times)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    for form in _MOMENTS:
        try:
            return datetime.strptime(text.rstrip("Z"), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(text)
