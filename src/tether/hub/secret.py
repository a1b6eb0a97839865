"""Secrets that the hub gives out once and keeps only as a digest, and passwords that it never keeps."""

import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tether.core.digest import hash_bytes
from tether.errors import InvalidInput

PREFIX = "tth_"
_BYTES = 30
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1000
_hasher = PasswordHasher()
_absent: list[str] = []
_turns = BoundedSemaphore(4)
"""Each hash takes 64 MiB for a moment; more at once would only take more memory."""


def new_secret() -> tuple[str, str]:
    """Return a new secret of 40 characters behind `tth_`, and the digest to keep."""
    secret = PREFIX + secrets.token_urlsafe(_BYTES)
    return secret, digest_of(secret)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret; it has 240 random bits, so a fast hash is enough."""
    return hash_bytes(secret.encode()).hex()


def new_id() -> str:
    """Return a random id for a row."""
    return secrets.token_hex(16)


def hash_password(password: str) -> str:
    """Return the argon2 hash of a password.

    Raises:
        InvalidInput: It is too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters", hint="choose another"
        )
    with _turns:
        return _hasher.hash(password)


def verify_password(hashed: str | None, password: str) -> bool:
    """Say whether `password` is the one that was hashed; without a hash it takes as long and is False."""
    with _turns:
        if not _absent:
            _absent.append(_hasher.hash(secrets.token_urlsafe()))
        try:
            right = _hasher.verify(hashed or _absent[0], password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False
    return right and hashed is not None
