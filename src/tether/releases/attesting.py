"""Attestations of releases: they are added, each on a ref of its own, and never change."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Person, Time
from tether.core.names import ATTESTATIONS, attestation_ref
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find_many
from tether.errors import Corrupt, InvalidInput, TetherError
from tether.releases.keys import PublicKey, Signer, SigningKey, who_signs
from tether.releases.reading import KnownRelease
from tether.releases.statements import (
    MAX_ENVELOPE,
    RELEASE_PREDICATE,
    VERDICT_PREDICATE,
    Opened,
    Statement,
    is_signed_by,
    make_statement,
    open_envelope,
    release_predicate,
    seal,
)
from tether.releases.storing import orphan
from tether.repo.history import History
from tether.repo.repository import Repository

ENVELOPE, KEY = b"attestation.json", b"key.pub"
_MOST_KEY = 4096


class Verdict(StrEnum):
    """What is known of who said something."""

    GOOD = "good"
    """Made by a key that the allowed signers have."""
    UNKNOWN = "unknown"
    """The signature fits, but nobody vouches for the key."""
    BAD = "bad"
    """The signature does not fit, or the attestation is damaged."""


class Said(NamedTuple):
    """Something to be said of a release.

    Attributes:
        predicate_type: An URI for the sort of thing.
        predicate: What is said, as JSON has it.
    """

    predicate_type: str
    predicate: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attestation:
    """Something that was said of a release.

    Attributes:
        id: The digest of its envelope.
        statement: What is said; None where it is damaged.
        key: The fingerprint of the key; None where there is none.
        verdict: What is known of who said it.
        signer: For whom the key may sign, if it is good.
        problem: What is wrong, for people; empty for most.
    """

    id: str
    statement: Statement | None
    key: str | None
    verdict: Verdict
    signer: str | None = None
    problem: str = ""

    @property
    def reproduced(self) -> str | None:
        """How a repeated training compared, such as `bitwise`; None for other statements."""
        if self.statement is None or self.statement.predicate_type != VERDICT_PREDICATE:
            return None
        verdict = self.statement.predicate.get("verdict")
        return verdict if isinstance(verdict, str) else None


def signature_of(release: KnownRelease) -> Said:
    """Return what the signature of a release says."""
    return Said(RELEASE_PREDICATE, release_predicate(release.manifest))


def add_attestation(
    repository: Repository, release: KnownRelease, said: Said, key: SigningKey, author: Person
) -> str:
    """Sign something about a release and keep it beside it; return its id.

    What was said before is not said again.

    Args:
        repository: Where.
        release: What it is about.
        said: What is said.
        key: Who says it.
        author: Who makes the commit.
    """
    statement = make_statement(release.manifest, release.data, said.predicate_type, said.predicate)
    return add_envelope(repository, release, seal(statement, key), key.public, author)


def add_envelope(
    repository: Repository, release: KnownRelease, envelope: bytes, key: PublicKey, author: Person
) -> str:
    """Keep an envelope that somebody made; return its id.

    Raises:
        InvalidInput: It is about another release, or its signature is not of that key.
        Corrupt: It is no envelope.
    """
    opened = open_envelope(envelope)
    if not opened.statement.is_about(release.id):
        raise InvalidInput(f"the attestation is not about {release.label}")
    if not is_signed_by(opened, key):
        raise InvalidInput("the signature of the attestation is not of that key")
    digest = hash_bytes(envelope)
    ref = attestation_ref(release.manifest.name, release.manifest.version, digest.hex())
    with repository.transaction(f"attest {release.label}") as transaction:
        if transaction.ref(ref) is None:
            public = key.line.encode() + b"\n"
            entries = {
                name: Entry(name, EntryKind.FILE, len(data), transaction.contents.add(data, name))
                for name, data in ((ENVELOPE, envelope), (KEY, public))
            }
            message = f"attestation of {release.label}"
            commit = orphan(transaction, entries, message, author, repository.clock())
            transaction.set_ref(ref, commit, expected=None)
    return digest.hex()


def attestations_of(
    repository: Repository, name: str, version: str, signers: Iterable[Signer] = ()
) -> Iterator[Attestation]:
    """Yield what was said of releases of a name and version, also of others than the one that is here.

    Args:
        repository: Where.
        name: Of the release.
        version: Of it.
        signers: Who is trusted.
    """
    history, prefix = History.of(repository), f"{ATTESTATIONS}{name}/{version}/"
    trusted, now = list(signers), _moment(repository.clock())
    for ref, commit in sorted(repository.root().refs.items()):
        if ref.startswith(prefix):
            digest = ref.removeprefix(prefix)
            try:
                yield _read(repository, history, digest, commit, (trusted, now))
            except TetherError as error:
                yield Attestation(digest, None, None, Verdict.BAD, problem=str(error))


def _read(
    repository: Repository,
    history: History,
    digest: str,
    commit: Digest,
    trust: tuple[list[Signer], datetime],
) -> Attestation:
    found = find_many(repository.objects, history.commit(commit).tree, (ENVELOPE, KEY))
    if set(found) != {ENVELOPE, KEY} or found[ENVELOPE].size > MAX_ENVELOPE or found[KEY].size > _MOST_KEY:
        raise Corrupt("it has no envelope and key")
    if found[ENVELOPE].digest.hex() != digest:
        raise Corrupt("it is not the one that its name says")
    opened = open_envelope(repository.contents.read(found[ENVELOPE].digest))
    key = PublicKey.parse(repository.contents.read(found[KEY].digest).decode(errors="replace"))
    return _judged(digest, opened, key, trust)


def _judged(digest: str, opened: Opened, key: PublicKey, trust: tuple[list[Signer], datetime]) -> Attestation:
    if not is_signed_by(opened, key):
        problem = "its signature does not fit"
        return Attestation(digest, opened.statement, key.fingerprint, Verdict.BAD, problem=problem)
    signer = who_signs(trust[0], key, trust[1])
    verdict = Verdict.UNKNOWN if signer is None else Verdict.GOOD
    return Attestation(digest, opened.statement, key.fingerprint, verdict, signer)


def _moment(time: Time) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time.micros)
