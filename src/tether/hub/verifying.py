"""Verifying releases on a hub: R0, R1 and R2 as `tether release verify` has them, within bounds.

Nothing of a release is run, so R3 is never tried, and a hub knows no allowed signers: of signatures it says
whether they fit. Whoever may push writes any release, so all that would be read is measured beforehand; of
a release that has more, a level is not tried, and it is said why.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedReader
from typing import Any

from tether.core.digest import Digest, parse_digest
from tether.core.names import ATTESTATIONS, path_bytes, release_ref
from tether.core.tree import EntryKind
from tether.core.treeread import find, walk
from tether.errors import Corrupt, InvalidInput, NotFound, TetherError, TooLarge, Unsupported
from tether.evals.evaldoc import Evaluation
from tether.evals.intervals import MOST_GROUPS
from tether.model.reading import read_facts
from tether.model.source import FileSource
from tether.model.values import reading_cost
from tether.pages.records.predicted import MOST_NUMBERS, MOST_STEPS, extent_of
from tether.releases.attesting import ENVELOPE, KEY
from tether.releases.findingdoc import verification_document
from tether.releases.findings import Problem, Untried, Verification
from tether.releases.manifest import MANIFEST, Base, Manifest, is_included
from tether.releases.pushedreleases import MOST_TOLD, pushed_release
from tether.releases.pushedruns import DAMAGED, MOST_RECORD, size_at
from tether.releases.reading import KnownRelease
from tether.releases.recomputing import EVALUATION, PREDICTIONS, metrics_again
from tether.releases.verifying import verify_release
from tether.repo.history import History
from tether.repo.repository import Repository

MOST_BYTES, MOST_FILES = 256 << 20, 40_000
"""Of all files of a release that are read for one request, each counted in its tree and by its part; as many
bytes may be read or unpacked for the numbers in its weights."""
MOST_WORK = 100_000_000
"""Examples times replicates times slices of evaluations that are computed again, and the steps of comparing
texts, of which many cost as much as one of those."""
_MOST_PARTS, _MOST_BASES, _MOST_WEIGHTS = 2000, 20, 50
_MOST_SAID = 8 << 20
_STEPS = MOST_STEPS // MOST_WORK
_ANY = 1 << 62
_MOST_PROBLEMS = 200
_HINT = "clone it, and run 'tether release verify'"


def told_verification(repository: Repository, name: str, version: str) -> dict[str, Any]:
    """Return how far a release can be verified, as `tether release verify --json` has it.

    Args:
        repository: Has it.
        name: Of the release.
        version: Of it.

    Raises:
        NotFound: There is no such release.
        Corrupt: It is larger than what is read here.
    """
    done = _verified(repository, name, version)
    document = verification_document(done)
    problems = document["problems"]
    return {
        **document,
        "problems": problems[:_MOST_PROBLEMS],
        "further_problems": max(0, len(problems) - _MOST_PROBLEMS),
    }


def _verified(repository: Repository, name: str, version: str) -> Verification:
    release: KnownRelease | None = None
    try:
        release = pushed_release(repository, name, version)
    except (Corrupt, Unsupported):
        _require_manifest(repository, name, version)
    reason = _too_much(repository, (name, version), release)
    if reason is None:
        return verify_release(repository, (name, version), checks={"R2": _metrics_again})
    done = Verification(f"{name}@{version}", None if release is None else release.id)
    done.untried.append(Untried("R0", f"{reason}: {_HINT}"))
    return done


def _require_manifest(repository: Repository, name: str, version: str) -> None:
    """Refuse a damaged release whose manifest is larger than what is read here.

    Raises:
        Corrupt: It is.
    """
    commit = repository.root().refs[release_ref(name, version)]
    size_at(repository, History.of(repository).commit(commit).tree, MANIFEST, MOST_RECORD)


# -- what would be read ---------------------------------------------------------------------


def _too_much(repository: Repository, label: tuple[str, str], release: KnownRelease | None) -> str | None:
    """Return why a hub does not verify a release, or None; nothing but sizes and headers is read.

    Args:
        repository: Has it.
        label: Name and version.
        release: It; None for one whose manifest is damaged.
    """
    bases = release.manifest.bases if release is not None else ()
    if len(bases) > _MOST_BASES or not _is_little_said(repository, label, bases):
        return "its attestations or bases are more than a hub reads"
    if release is None:
        return None
    manifest = release.manifest
    weights = (*manifest.weights, *manifest.checkpoints)
    if len(list(manifest.parts())) > _MOST_PARTS or len(weights) > _MOST_WEIGHTS:
        return "it has more parts than a hub looks into"
    files = size = 0
    for length in _lengths(repository, release):
        files, size = files + 1, size + length
        if files > MOST_FILES or size > MOST_BYTES:
            most = f"{MOST_FILES:,} files or {MOST_BYTES >> 20} MiB"
            return f"it has more than the {most} that a hub reads"
    if _numbers(repository, manifest) > MOST_BYTES:
        return "its weights have more numbers than a hub reads"
    return None


def _is_little_said(repository: Repository, label: tuple[str, str], bases: Sequence[Base]) -> bool:
    """Return whether the attestations of a release, and the manifests of its bases, are read."""
    refs, history = repository.root().refs, History.of(repository)
    prefix = f"{ATTESTATIONS}{'/'.join(label)}/"
    said = [commit for ref, commit in refs.items() if ref.startswith(prefix)]
    wanted = [(commit, name.decode()) for commit in said for name in (ENVELOPE, KEY)]
    for base in bases:
        with suppress(InvalidInput, KeyError):
            wanted.append((refs[release_ref(base.name, base.version)], MANIFEST))
    size = 0
    for commit, path in wanted[: 2 * MOST_TOLD + _MOST_BASES]:
        with suppress(*DAMAGED):
            size += size_at(repository, history.commit(commit).tree, path, _ANY)
    return len(said) <= MOST_TOLD and size <= _MOST_SAID


def _lengths(repository: Repository, release: KnownRelease) -> Iterator[int]:
    """Yield the bytes of each file of the parts, as the contents have them, and 0 for all else there is.

    The tree can have other files than the manifest, and each of those is looked at too.
    """
    with suppress(*DAMAGED):
        yield from (0 for _ in walk(repository.objects, release.tree))
    for _, part in release.manifest.parts():
        if not is_included(part):
            continue
        digest = parse_digest(part.digest)
        if part.kind != "directory":
            yield _length(repository, digest)
            continue
        with suppress(*DAMAGED):
            for _, entry in walk(repository.objects, digest):
                yield 0 if entry.kind == EntryKind.DIRECTORY else _length(repository, entry.digest)


def _length(repository: Repository, digest: Digest) -> int:
    try:
        return repository.contents.size(digest)
    except (Corrupt, NotFound):
        return 0


def _numbers(repository: Repository, manifest: Manifest) -> int:
    """Return the bytes that reading all numbers in the weights takes, unpacked, as their headers have it."""
    total = 0
    for part in (*manifest.weights, *manifest.checkpoints):
        if part.kind == "directory" or part.tensor_digest is None:
            continue
        with suppress(InvalidInput, Unsupported, *DAMAGED):
            with BufferedReader(repository.contents.open(parse_digest(part.digest))) as file:
                facts = read_facts(FileSource(file), part.path.rpartition("/")[2])
            total += reading_cost(facts.tensors)
    return total


# -- R2 -------------------------------------------------------------------------------------


def _metrics_again(repository: Repository, release: KnownRelease) -> list[Problem] | Untried:
    """Compute the figures of evaluations again, where that is not too much."""
    work = 0
    for part in release.manifest.evaluations:
        table = find(repository.objects, release.tree, path_bytes(f"{part.path}/{PREDICTIONS}"))
        told = find(repository.objects, release.tree, path_bytes(f"{part.path}/{EVALUATION}"))
        if table is None or told is None:
            continue
        try:
            size_at(repository, release.tree, f"{part.path}/{EVALUATION}", MOST_RECORD)
            known = Evaluation.decode(repository.contents.read(told.digest), part.id)
            size = repository.contents.size(table.digest)
            extent = extent_of(repository.contents, (table.digest, size))
        except TooLarge:
            return _untried()
        except TetherError as error:
            if error.of_storage:
                raise
            return Untried("R2", f"evaluation {part.id} cannot be measured: {error}")
        replicates = max(known.intervals.replicates, 1)
        if replicates * max(min(extent.rows, MOST_GROUPS), 3 * extent.classes) > MOST_NUMBERS:
            return _untried()  # what is drawn, and the sums of each class, would be as many numbers
        work += extent.rows * replicates * (1 + len(known.slices))
        work += extent.steps // _STEPS
        if work > MOST_WORK:
            return _untried()
    return metrics_again(repository, release)


def _untried() -> Untried:
    return Untried("R2", f"its evaluations have more than a hub computes: {_HINT}")
