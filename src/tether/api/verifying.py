"""Signed commits of a repository: signing a new one, and verifying one that is there."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tether.api.opened import Opened
from tether.api.signing import Verification, sign, verify
from tether.core.digest import Digest
from tether.core.objects import Commit
from tether.errors import InvalidInput, NotFound
from tether.repo.history import History
from tether.repo.revision import resolve


class VerifiedCommit(NamedTuple):
    """A commit and what is known of its signature."""

    id: Digest
    commit: Commit
    verification: Verification


def signed(repo: Opened, commit: Commit) -> Commit:
    """Return a commit with a signature by the key of the setting `signing.key`.

    Raises:
        InvalidInput: The setting is missing, or the key cannot sign.
        NotFound: There is no such key file.
        Unavailable: ssh-keygen is not installed.
    """
    key = repo.repository.config.get("signing.key")
    if not key:
        raise InvalidInput(
            "no key to sign with", hint="set signing.key with 'tether config --global signing.key FILE'"
        )
    return replace(commit, signature=sign(commit.signed_bytes(), Path(key).expanduser()))


def verify_commit(repo: Opened, rev: str) -> VerifiedCommit:
    """Return what is known of a commit's signature.

    Raises:
        NotFound: There is no such commit, or it is not signed.
        Unavailable: ssh-keygen is not installed.
    """
    digest = resolve(repo.repository, rev)
    commit = History.of(repo.repository).commit(digest)
    if commit.signature is None:
        raise NotFound(f"commit {digest.hex()[:12]} is not signed", hint="sign with 'tether commit --sign'")
    allowed = repo.repository.config.get("signing.allowed")
    path = Path(allowed).expanduser() if allowed else None
    found = verify(commit.signed_bytes(), commit.signature, commit.committer.email, path)
    return VerifiedCommit(digest, commit, found)
