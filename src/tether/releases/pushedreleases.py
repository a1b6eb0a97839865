"""Releases of a repository as the hub tells of them: page by page and within bounds, whatever was pushed."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from tether.core.digest import Digest
from tether.core.names import ATTESTATIONS, RELEASES, release_ref
from tether.core.treeread import find_many
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.releases.attesting import ENVELOPE, KEY
from tether.releases.completeness import completeness
from tether.releases.keys import PublicKey
from tether.releases.manifest import MANIFEST, document_of
from tether.releases.pushedruns import DAMAGED, LOOKED_AT, MOST_READ, MOST_RECORD, size_at
from tether.releases.reading import KnownRelease, stored_release
from tether.releases.statements import PAYLOAD_TYPE, VERDICT_PREDICATE, Envelope, Subject
from tether.repo.history import History
from tether.repo.repository import Repository

PAGE, LARGEST_PAGE = 50, 200
MOST_TOLD = 100
"""Attestations of one release that are told."""
_MOST_ENVELOPE = 6 << 20
_MOST_KEY = 4096


class Page(NamedTuple):
    """Releases in short, and the one behind which the next page begins; None where there is none."""

    releases: list[dict[str, Any]]
    next: str | None


def list_releases(repository: Repository, after: str, limit: int) -> Page:
    """Return a page of releases by name, those of one name from the oldest on; damaged ones are left out.

    Args:
        repository: Where.
        after: `NAME@VERSION` of the one before the first; empty to begin.
        limit: How many at most; there may be fewer before the last page.

    Raises:
        NotFound: There is no release `after` which to begin.
    """
    refs, history = repository.root().refs, History.of(repository)
    said = Counter(_release_of(ref) for ref in refs if ref.startswith(ATTESTATIONS))
    found: list[dict[str, Any]] = []
    read, last = 0, ""
    rest = _behind(refs, history, after)
    for label, commit in islice(rest, LOOKED_AT):
        last = label
        with suppress(*DAMAGED):
            read += size_at(repository, history.commit(commit).tree, MANIFEST, MOST_RECORD)
            release = stored_release(repository, history, label, commit)
            found.append(_short(release, said[label]))
        if len(found) >= limit or read >= MOST_READ:
            break
    return Page(found, last if next(rest, None) is not None else None)


def _release_of(ref: str) -> str:
    name, _, rest = ref.removeprefix(ATTESTATIONS).partition("/")
    return f"{name}@{rest.partition('/')[0]}"


def _behind(refs: Mapping[str, Digest], history: History, after: str) -> Iterator[tuple[str, Digest]]:
    """Yield labels and commits of releases from the one behind `after` on.

    The order of the versions of one name is in their commits, which are read name by name.
    """
    names: dict[str, list[str]] = {}
    for ref in refs:
        if ref.startswith(RELEASES):
            name, _, version = ref.removeprefix(RELEASES).partition("/")
            names.setdefault(name, []).append(version)
    first, _, version = after.partition("@")
    if after and version not in names.get(first, ()):
        raise NotFound(f"no release {after[:250]}", hint="begin with the first page")
    return _ordered(refs, history, {name: names[name] for name in sorted(names) if name >= first}, after)


def _ordered(
    refs: Mapping[str, Digest], history: History, names: Mapping[str, list[str]], after: str
) -> Iterator[tuple[str, Digest]]:
    for name, versions in names.items():
        rows = []
        for version in versions:
            commit = refs[f"{RELEASES}{name}/{version}"]
            rows.append((_made(history, commit), version, commit))
        labels = [(f"{name}@{version}", commit) for _, version, commit in sorted(rows)]
        start = next((number for number, row in enumerate(labels, 1) if row[0] == after), 0)
        yield from labels[start:]


def _made(history: History, commit: Digest) -> int:
    with suppress(*DAMAGED):
        return history.commit(commit).committed.micros
    return 0


def _short(release: KnownRelease, attestations: int) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "id": release.id,
        "commit": release.commit.hex(),
        "created": manifest.created,
        "class": completeness(manifest).openness,
        "licences": dict(manifest.licences),
        "attestations": attestations,
    }


def pushed_release(repository: Repository, name: str, version: str) -> KnownRelease:
    """Return a release.

    Raises:
        NotFound: There is none.
        Corrupt, Unsupported: It is damaged, or larger than what is read here.
    """
    history = History.of(repository)
    try:
        commit = repository.root().refs.get(release_ref(name, version))
    except InvalidInput:
        commit = None
    if commit is None:
        raise NotFound(f"no release {name[:100]}@{version[:100]}", hint="ask for the list of releases")
    size_at(repository, history.commit(commit).tree, MANIFEST, MOST_RECORD)
    return stored_release(repository, history, f"{name}@{version}", commit)


def told_release(repository: Repository, name: str, version: str) -> dict[str, Any]:
    """Return a release with its completeness and what is said of it, as JSON has it; nothing is verified.

    Raises:
        NotFound: There is none.
        Corrupt, Unsupported: It is damaged, or larger than what is read here.
    """
    release = pushed_release(repository, name, version)
    refs, history = repository.root().refs, History.of(repository)
    prefix = f"{ATTESTATIONS}{name}/{version}/"
    said = sorted(ref for ref in refs if ref.startswith(prefix))
    return {
        "id": release.id,
        "commit": release.commit.hex(),
        "manifest": document_of(release.manifest),
        "completeness": completeness(release.manifest).document(),
        "verified": False,
        "attestations": [
            _told(repository, history, refs[ref], (ref.removeprefix(prefix), release.id))
            for ref in said[:MOST_TOLD]
        ],
        "further_attestations": max(0, len(said) - MOST_TOLD),
    }


class _Statement(msgspec.Struct):
    """What is told of a statement; what it says may be large and is passed over."""

    predicate_type: str = msgspec.field(name="predicateType")
    subject: tuple[Subject, ...]
    predicate: msgspec.Raw = msgspec.Raw(b"{}")

    def reproduced(self) -> str | None:
        """Return how a repeated training compared, by what somebody said; None for other statements."""
        if self.predicate_type != VERDICT_PREDICATE:
            return None
        with suppress(msgspec.MsgspecError, RecursionError):
            return msgspec.json.decode(self.predicate, type=_Compared).verdict
        return None


class _Compared(msgspec.Struct):
    verdict: str


def _told(repository: Repository, history: History, commit: Digest, names: tuple[str, str]) -> dict[str, Any]:
    """Return an attestation in short, by its id and that of the release."""
    told: dict[str, Any] = {
        "id": names[0], "predicate_type": None, "reproduced": None, "key": None, "about_this": False
    }  # fmt: skip
    try:
        statement, key = _read(repository, history.commit(commit).tree, names[0])
    except (*DAMAGED, InvalidInput) as error:
        return told | {"problem": str(error)}
    about = any(each.digest.get("blake3") == names[1] for each in statement.subject)
    shown: dict[str, Any] = {"predicate_type": statement.predicate_type, "key": key.fingerprint}
    shown["reproduced"] = statement.reproduced()
    return told | shown | {"about_this": about, "problem": None}


def _read(repository: Repository, tree: Digest, digest: str) -> tuple[_Statement, PublicKey]:
    size_at(repository, tree, ENVELOPE.decode(), _MOST_ENVELOPE)
    size_at(repository, tree, KEY.decode(), _MOST_KEY)
    found = find_many(repository.objects, tree, (ENVELOPE, KEY))
    if set(found) != {ENVELOPE, KEY}:
        raise Corrupt("it has no envelope and key")
    if found[ENVELOPE].digest.hex() != digest:
        raise Corrupt("it is not the one that its name says")
    data, key = (repository.contents.read(found[name].digest) for name in (ENVELOPE, KEY))
    try:
        envelope = msgspec.json.decode(data, type=Envelope)
        if envelope.payload_type != PAYLOAD_TYPE:
            raise Corrupt("it is of another type")
        statement = msgspec.json.decode(base64.b64decode(envelope.payload, validate=True), type=_Statement)
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        raise Corrupt(f"an attestation is damaged: {error}") from None
    return statement, PublicKey.parse(key.decode(errors="replace"))
