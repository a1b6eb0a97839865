"""Signatures fit only the bytes that they were made for."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tether.api.signing import Verdict, sign, verify
from tether.errors import InvalidInput, NotFound

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Return a new key."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=60)
    return path


def test_other_bytes_and_broken_signatures_are_bad(key: Path) -> None:
    """One changed byte, in the data or the signature, is found."""
    signature = sign(b"commit", key)

    assert verify(b"commit", signature, "ada@example.org", None).verdict == Verdict.UNKNOWN
    assert verify(b"Commit", signature, "ada@example.org", None).verdict == Verdict.BAD
    assert verify(b"commit", b"-----BEGIN SSH SIGNATURE-----\n", "a@b", None).verdict == Verdict.BAD
    assert verify(b"commit", b"", "a@b", None).verdict == Verdict.BAD


def test_a_signature_for_another_purpose_is_bad(key: Path, tmp_path: Path) -> None:
    """What the same key signed for `file` or `git` is not taken for a commit's signature."""
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", str(key)],
        input=b"commit",
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert verify(b"commit", done.stdout, "a@b", None).verdict == Verdict.BAD


def test_addresses_that_are_patterns_are_not_vouched_for(key: Path, tmp_path: Path) -> None:
    """An address with a wildcard or a leading dash matches nobody in the list."""
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    signature = sign(b"commit", key)

    assert verify(b"commit", signature, "ada@example.org", allowed).verdict == Verdict.GOOD
    for identity in ("*", "-s", "", "ada@example.org,eve"):
        assert verify(b"commit", signature, identity, allowed).verdict == Verdict.UNKNOWN


def test_missing_files(tmp_path: Path, key: Path) -> None:
    """A missing key or list is not found; a file that is no key cannot sign."""
    (tmp_path / "text").write_text("no key")
    with pytest.raises(NotFound):
        sign(b"x", tmp_path / "nothing")
    with pytest.raises(NotFound):
        verify(b"x", b"", "a@b", tmp_path / "nothing")
    with pytest.raises(InvalidInput):
        sign(b"x", tmp_path / "text")
