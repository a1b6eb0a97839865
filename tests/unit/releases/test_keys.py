"""Keys of SSH sign envelopes that other people's tools verify; allowed signers say whose keys they are."""

import base64
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tether.errors import Corrupt, InvalidInput, NotFound
from tether.releases.keys import PublicKey, load_allowed, load_key, read_allowed, who_signs
from tether.releases.manifest import Creator, Manifest
from tether.releases.statements import (
    PAYLOAD_TYPE,
    encoded,
    is_signed_by,
    make_statement,
    open_envelope,
    release_predicate,
    seal,
)

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RELEASE = Manifest(
    name="spam",
    version="1",
    created="2026-01-01T00:00:00.000000+00:00",
    creator=Creator(name="Ada", email=""),
)


def make_key(path: Path, *, kind: str = "ed25519", phrase: str = "") -> Path:
    """Make a key by the program that people use."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-C", "ada@example.org", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a key file."""
    return make_key(tmp_path_factory.mktemp("keys") / "id")


def test_a_key_has_the_fingerprint_that_ssh_prints(key: Path) -> None:
    """Public and private half agree, and each can be named."""
    printed = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout

    private = load_key(key)
    public = PublicKey.parse(key.with_suffix(".pub").read_text())

    assert private.public == public == load_key(key.with_suffix(".pub")).public
    assert public.fingerprint == printed.split()[1]
    assert key.with_suffix(".pub").read_text().startswith(public.line)


def test_openssl_verifies_the_signature(key: Path, tmp_path: Path) -> None:
    """It is plain Ed25519 over the encoding of DSSE, which is built here by its definition."""
    envelope = json.loads(seal(make_statement(RELEASE, RELEASE.encode(), "urn:x", {}), load_key(key)))
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    signed = tmp_path / "signed"
    signed.write_bytes(b"DSSEv1 " + f"{len(kind)} {kind} {len(payload)} ".encode() + payload)
    signature = tmp_path / "signature"
    signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    der = bytes.fromhex("302a300506032b6570032100") + load_key(key).public.raw
    pem = tmp_path / "key.pem"
    pem.write_text(
        f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    )

    command: list[str | Path] = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin"]
    command += ["-in", signed, "-sigfile", signature]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    signed.write_bytes(signed.read_bytes() + b" ")
    bad = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "Verified Successfully" in good.stdout, good
    assert bad.returncode != 0


def test_the_encoding_of_the_specification() -> None:
    """Its own example."""
    assert encoded("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_is_about_what_it_says(key: Path) -> None:
    """The statement has the id, and another key has not signed it."""
    signing = load_key(key)
    made = seal(make_statement(RELEASE, RELEASE.encode(), "urn:x", release_predicate(RELEASE)), signing)
    opened = open_envelope(made)

    assert opened.statement.is_about(RELEASE.id.hex())
    assert not opened.statement.is_about("1" * 64)
    assert is_signed_by(opened, signing.public)
    assert not is_signed_by(opened, PublicKey(bytes(32)))
    document = json.loads(made)
    for wrong in (
        b"",
        b"{}",
        b"[" * 100_000,
        json.dumps(document | {"payload": "%"}).encode(),
        json.dumps(document | {"payload": ""}).encode(),
        json.dumps(document | {"payloadType": "text/plain"}).encode(),
        json.dumps(document | {"signatures": [{"keyid": "", "sig": "%"}]}).encode(),
    ):
        with pytest.raises(Corrupt):
            open_envelope(wrong)
    assert document["payloadType"] == PAYLOAD_TYPE


def test_keys_that_cannot_sign(tmp_path: Path) -> None:
    """Each says why."""
    with pytest.raises(NotFound):
        load_key(tmp_path / "none")
    with pytest.raises(InvalidInput, match="no Ed25519 key"):
        load_key(make_key(tmp_path / "ec", kind="ecdsa"))
    (tmp_path / "text").write_text(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    with pytest.raises(InvalidInput):
        load_key(tmp_path / "text")
    for text in ("", "ssh-ed25519", "ssh-ed25519 %", "ssh-rsa AAAA", "ssh-ed25519 " + "A" * 68):
        with pytest.raises(InvalidInput):
            PublicKey.parse(text)


def test_allowed_signers(key: Path, tmp_path: Path) -> None:
    """Lines of other keys, namespaces, times and authorities do not count."""
    public = load_key(key).public

    def signer(line: str) -> str | None:
        return who_signs(read_allowed(f"# who\n\n{line}\n"), public, NOW)

    assert signer(f"ada@example.org {public.line}") == "ada@example.org"
    assert (
        signer(f'ada@example.org,*@x.org namespaces="git,tether" {public.line} a comment')
        == "ada@example.org,*@x.org"
    )
    assert signer(f'ada namespaces="git" {public.line}') is None
    assert signer(f"ada cert-authority {public.line}") is None
    assert signer(f'ada valid-after="20250101",valid-before="20270101Z" {public.line}') == "ada"
    assert signer(f'ada valid-before="202501011200" {public.line}') is None
    assert signer(f'ada valid-after="20260601" {public.line}') is None
    assert signer(f'ada valid-after="soon" {public.line}') is None
    assert signer(f"ada {PublicKey(bytes(32)).line}") is None
    assert signer("ada") is None
    with pytest.raises(NotFound):
        load_allowed(tmp_path / "none")
