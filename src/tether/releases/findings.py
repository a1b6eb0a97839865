"""What verifying a release finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tether.releases.attesting import Attestation, Verdict
from tether.releases.reading import KnownRelease
from tether.releases.statements import RELEASE_PREDICATE, Statement
from tether.repo.repository import Repository

LEVELS = ("R0", "R1", "R2", "R3")
"""What is verified here; that a training was reproduced, R4, is what others attest."""
REPRODUCED = ("bitwise", "tensors", "metrics", "tolerance")
"""Verdicts of reproductions that succeeded, the strongest first."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a release from a level.

    Attributes:
        level: Which.
        component: The field of the manifest that it is about.
        path: In the tree of the release; None where it is about no file.
        message: What is wrong.
    """

    level: str
    component: str
    path: str | None
    message: str

    def __str__(self) -> str:
        where = f" {self.path}" if self.path else ""
        return f"{self.component}{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Untried:
    """A level that was not tried.

    Attributes:
        level: Which.
        reason: Why.
    """

    level: str
    reason: str


@dataclass(frozen=True, slots=True)
class Private:
    """Data that is only named.

    Attributes:
        path: Where it would lie.
        role: What it was used for.
        digest: What it is.
        files: In it.
        bytes: Of it.
        here: Whether the repository has it all the same.
    """

    path: str
    role: str
    digest: str
    files: int
    bytes: int
    here: bool


class Reproduction(NamedTuple):
    """That somebody repeated the training of a release, as they attest.

    Attributes:
        verdict: How it compared, such as `bitwise`; any text, if the key is not trusted.
        signer: Who says so, by the allowed signers; None where nobody vouches for the key.
        key: The fingerprint of the key.
    """

    verdict: str
    signer: str | None
    key: str | None

    @property
    def succeeded(self) -> bool:
        """Whether it came out as close as the release asks for."""
        return self.verdict in REPRODUCED


@dataclass(slots=True)
class Verification:
    """How far a release could be verified.

    Attributes:
        label: `NAME@VERSION`.
        id: Of the release; None where its manifest cannot be read.
        level: The highest level without problems; None for none.
        problems: What is wrong.
        untried: Levels that were not tried.
        private: Data that is only named.
        attestations: What was said of it.
        dangers: Why loading weights is not safe, each with its path; they may be what was released all the
            same.
        files: How many were read.
        bytes: Of them.
    """

    label: str
    id: str | None = None
    level: str | None = None
    problems: list[Problem] = field(default_factory=list)
    untried: list[Untried] = field(default_factory=list)
    private: list[Private] = field(default_factory=list)
    attestations: list[Attestation] = field(default_factory=list)
    dangers: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    def __repr__(self) -> str:
        return f"Verification({self.label!r}, level={self.level!r}, {len(self.problems)} problems)"

    @property
    def ok(self) -> bool:
        """Whether no level that was tried failed."""
        return not self.problems

    @property
    def signers(self) -> list[str]:
        """Who has signed the release, by the allowed signers."""
        return signers_of(self.attestations, self.id)

    @property
    def reproductions(self) -> list[Reproduction]:
        """Who says how the release was reproduced."""
        return reproductions_of(self.attestations, self.id)


Check = Callable[[Repository, KnownRelease], list[Problem] | Untried]
"""A level above R1: what is wrong, or why it was not tried."""


def signers_of(attestations: Iterable[Attestation], release: str | None) -> list[str]:
    """Return who has signed a release, by the allowed signers; saying something else of it is no signature.

    Args:
        attestations: What was said of releases of that name and version.
        release: The id.
    """
    good = [each for each in attestations if each.verdict == Verdict.GOOD]
    return [each.signer for each in good if each.signer and _signs(each.statement, release)]


def unknown_keys_of(attestations: Iterable[Attestation], release: str | None) -> list[str]:
    """Return the fingerprints of keys that have signed a release and that no allowed signer has, sorted.

    Args:
        attestations: As for `signers_of`.
        release: The id.
    """
    unknown = [each for each in attestations if each.verdict == Verdict.UNKNOWN]
    return sorted({each.key for each in unknown if each.key and _signs(each.statement, release)})


def reproductions_of(attestations: Iterable[Attestation], release: str | None) -> list[Reproduction]:
    """Return who says how a release was reproduced: allowed signers first, then by what they say.

    Args:
        attestations: As for `signers_of`; those whose signature does not fit are passed over.
        release: The id.
    """
    found = {
        Reproduction(each.reproduced, each.signer, each.key)
        for each in attestations
        if each.reproduced is not None and each.verdict != Verdict.BAD and _is_about(each.statement, release)
    }
    return sorted(found, key=_order)


def _order(each: Reproduction) -> tuple[bool, int, str, str]:
    strength = REPRODUCED.index(each.verdict) if each.verdict in REPRODUCED else len(REPRODUCED)
    return each.signer is None, strength, str(each.signer), str(each.key)


def _is_about(statement: Statement | None, release: str | None) -> bool:
    return statement is not None and release is not None and statement.is_about(release)


def _signs(statement: Statement | None, release: str | None) -> bool:
    return (
        statement is not None
        and statement.predicate_type == RELEASE_PREDICATE
        and _is_about(statement, release)
    )
