"""Signatures of commits by SSH keys, made and verified by `ssh-keygen` as Git does it.

A signature covers the bytes of a commit without the signature itself, under the namespace `tether`,
so that one made for something else is never taken for it. Who may sign is listed in a file in the
format of `allowed_signers` (see ssh-keygen(1)), named by the setting `signing.allowed`.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from tether.errors import InvalidInput, NotFound, Unavailable

NAMESPACE = "tether"
PROGRAM = "ssh-keygen"
_TIMEOUT_S = 300
_MAX_SIGNATURE = 64 << 10


class Verdict(StrEnum):
    """What is known of a signature."""

    GOOD = "good"
    """Made by a key that the file of allowed signers lists for this address."""
    UNKNOWN = "unknown"
    """The signature fits, but nobody vouches for the key."""
    BAD = "bad"
    """It does not fit the bytes, or is no signature."""


class Verification(NamedTuple):
    """A verdict and what ssh-keygen said."""

    verdict: Verdict
    detail: str
    """The last line of its output, with type and fingerprint of the key."""


def sign(data: bytes, key: Path) -> bytes:
    """Return the signature of `data` by an SSH key (a private key, or a public one held by an agent).

    Raises:
        NotFound: There is no such key file.
        InvalidInput: The key cannot sign.
        Unavailable: ssh-keygen is not installed.
    """
    if not key.exists():
        raise NotFound(f"no signing key at {key}", hint="set signing.key to the file of an SSH key")
    done = _run(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)], data)
    if done.returncode:
        raise InvalidInput(f"cannot sign with {key}: {_last_line(done.stderr)}")
    return done.stdout


def verify(data: bytes, signature: bytes, identity: str, allowed: Path | None) -> Verification:
    """Return what is known of a signature.

    Args:
        data: What was signed.
        signature: Armored, from `sign`.
        identity: E-mail address of who should have signed.
        allowed: File of allowed signers; None vouches for nobody.

    Raises:
        NotFound: There is no such file of allowed signers.
        Unavailable: ssh-keygen is not installed.
    """
    if allowed is not None and not allowed.exists():
        raise NotFound(f"no file of allowed signers at {allowed}", hint="set signing.allowed to one")
    if len(signature) > _MAX_SIGNATURE:
        return Verification(Verdict.BAD, "the signature is too long")
    with tempfile.TemporaryDirectory(prefix="tether-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        if allowed is not None and _is_plain(identity):
            who = ["-I", identity, "-f", str(allowed)]
            done = _run(["-Y", "verify", "-n", NAMESPACE, "-s", str(file), *who], data)
            if done.returncode == 0:
                return Verification(Verdict.GOOD, _last_line(done.stdout))
        done = _run(["-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(file)], data)
    if done.returncode == 0:
        return Verification(Verdict.UNKNOWN, _last_line(done.stdout))
    return Verification(Verdict.BAD, _last_line(done.stderr) or _last_line(done.stdout))


def _is_plain(identity: str) -> bool:
    """Refuse an identity that ssh-keygen would take for an option or a pattern."""
    return bool(identity) and not identity.startswith("-") and not set(identity) & set("*?!,\"' ")


def _run(arguments: Sequence[str], data: bytes) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            [PROGRAM, *arguments], input=data, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        raise Unavailable(f"{PROGRAM} is not installed", hint="install OpenSSH to sign and verify") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{PROGRAM} gave no answer for {_TIMEOUT_S} s") from None


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return "".join(c for c in lines[-1] if c.isprintable()) if lines else ""
