"""Signed commits: `commit --sign` with an SSH key, and `verify-commit`."""

import shutil
import subprocess

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def make_key(room: Room, name: str) -> str:
    """Make a key and return its public part."""
    path = room.home / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True, timeout=60
    )
    return path.with_suffix(".pub").read_text().strip()


def test_signed_by_an_allowed_key_and_by_others(room: Room) -> None:
    """Good only for a key that is listed for the address; unknown and missing signatures differ."""
    mine = make_key(room, "mine")
    other = make_key(room, "other")
    allowed = room.home / "allowed"
    allowed.write_text(f"ada@example.org {mine}\n")
    room.ok("init")
    room.write("a", "a")
    room.ok("add", "a")
    unsigned_key = room.run("commit", "-m", "one", "--sign")
    room.ok("config", "signing.key", str(room.home / "mine"))
    room.ok("commit", "-m", "one", "--sign", "-q")

    unknown = room.json("verify-commit", code=6)
    room.ok("config", "signing.allowed", str(allowed))
    good = room.json("verify-commit", "HEAD")
    allowed.write_text(f"ada@example.org {other}\n")
    wrong = room.json("verify-commit", code=6)
    room.ok("commit", "-m", "two", "--allow-empty", "-q")
    missing = room.run("verify-commit")

    assert unsigned_key.code == 2
    assert (unknown["verdict"], unknown["ok"]) == ("unknown", False)
    assert (good["verdict"], good["ok"], good["signer"]) == ("good", True, "ada@example.org")
    assert wrong["verdict"] == "unknown"
    assert (missing.code, "not signed" in missing.err) == (3, True)
    assert room.json("fsck", "--full")["ok"]
