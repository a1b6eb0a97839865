"""R0: every file of a release is what its manifest says, and the manifest is what was signed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast

import msgspec

from tether.core.digest import Digest, parse_digest
from tether.core.names import display, path_bytes, release_ref
from tether.core.progress import Progress
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import diff_trees
from tether.core.treeread import find_many, iter_directory
from tether.errors import Corrupt, NotFound, TetherError, Unsupported
from tether.releases.attesting import Attestation, Verdict
from tether.releases.contentcheck import ContentCheck
from tether.releases.differences import differences
from tether.releases.findings import Private, Problem, Verification
from tether.releases.manifest import MANIFEST, Data, Manifest, Part, Weights, is_included
from tether.releases.reading import KnownRelease, stored_release
from tether.releases.statements import RELEASE_PREDICATE, Statement
from tether.releases.weights import WeightsFacts, dangers_in, weights_facts
from tether.repo.history import History
from tether.repo.repository import Repository

_MOST_NAMED = 5
_FILES = ("file", "executable")
"""The kinds of parts that can have tensors."""


def check_sealed(
    repository: Repository, commit: Digest, done: Verification, progress: Progress
) -> KnownRelease | None:
    """Compare a release with its manifest and its signatures, and read all of it; return it if that works.

    Args:
        repository: Has it.
        commit: What its ref names.
        done: Takes what is found; it has the attestations.
        progress: Where to report.
    """
    history = History.of(repository)
    try:
        if history.commit(commit).parents:
            done.problems.append(Problem("R0", "commit", None, "it has parents"))
        release = stored_release(repository, history, done.label, commit)
    except (Corrupt, Unsupported, NotFound) as error:
        done.problems.append(Problem("R0", "manifest", MANIFEST, str(error)))
        return None
    done.id = release.id
    done.problems += _places(repository, release)
    done.problems += _signatures(release, done.attestations)
    done.problems += _bases(repository, release.manifest)
    check = ContentCheck(repository, progress)
    for component, part in release.manifest.parts():
        if isinstance(part, Data) and not part.included:
            done.private.append(_private(repository, part))
            continue
        for problem in check.part(part):
            level = "R1" if problem.absent else "R0"
            done.problems.append(Problem(level, component, problem.path, problem.message))
    if not done.problems:
        done.problems += _numbers(repository, release)
        done.dangers += dangers_in(repository, release.manifest)
    done.files, done.bytes = check.files, check.bytes
    return release


def _private(repository: Repository, part: Data) -> Private:
    digest = parse_digest(part.digest)
    here = repository.objects.has(digest)
    return Private(part.path, part.role, part.digest, part.files, part.bytes, here)


def _places(repository: Repository, release: KnownRelease) -> Iterator[Problem]:
    """Yield parts of which the tree has another one than the manifest says, and what it has besides."""
    parts = {path_bytes(part.path): (name, part) for name, part in release.manifest.parts()}
    found = find_many(repository.objects, release.tree, list(parts))
    for path, (component, part) in parts.items():
        yield from _place(repository, component, part, found.get(path))
    known = {path for path, (_, part) in parts.items() if is_included(part)} | {path_bytes(MANIFEST)}
    for path in _surplus(repository, release.tree, known):
        yield Problem("R0", "tree", display(path), "the manifest does not have it")


def _place(repository: Repository, component: str, part: Part, entry: Entry | None) -> Iterator[Problem]:
    if not is_included(part):
        if entry is not None:
            yield Problem("R0", component, part.path, "it is there, though it is private")
        return
    if entry is None:
        yield Problem("R0", component, part.path, "it is not there")
        return
    if entry.digest.hex() != part.digest:
        yield from _changed(repository, component, part, entry)
    elif (entry.kind.name.lower(), entry.size, entry.files) != (part.kind, part.bytes, part.files):
        yield Problem("R0", component, part.path, "kind or size are not what the manifest says")


def _changed(repository: Repository, component: str, part: Part, entry: Entry) -> Iterator[Problem]:
    """Yield what differs from a part, file by file where the repository still has what it was."""
    was = parse_digest(part.digest)
    message = "it is not the one of the manifest"
    folders = part.kind == "directory" and entry.kind == EntryKind.DIRECTORY
    if not folders or not repository.objects.has(was):
        yield Problem("R0", component, part.path, message)
        return
    changes = list(diff_trees(repository.objects, was, entry.digest))
    for change in changes[:_MOST_NAMED]:
        yield Problem("R0", component, f"{part.path}/{display(change.path)}", message)
    if len(changes) > _MOST_NAMED or not changes:
        yield Problem("R0", component, part.path, f"{len(changes)} files are not those of the manifest")


def _surplus(repository: Repository, tree: Digest, known: set[bytes]) -> Iterator[bytes]:
    above = {path[:at] for path in known for at, byte in enumerate(path) if byte == ord("/")}
    waiting = [(b"", tree)]
    while waiting:
        start, digest = waiting.pop()
        for entry in iter_directory(repository.objects, digest):
            path = start + entry.name
            if path in above and entry.kind == EntryKind.DIRECTORY:
                waiting.append((path + b"/", entry.digest))
            elif path not in known:
                yield path


def _signatures(release: KnownRelease, attestations: Sequence[Attestation]) -> Iterator[Problem]:
    now = msgspec.json.decode(release.data)
    for each in attestations:
        if each.verdict == Verdict.BAD or each.statement is None:
            yield Problem("R0", "signature", None, f"attestation {each.id[:12]}: {each.problem}")
        elif not each.statement.is_about(release.id):
            yield from _signed_another(each.statement, each.key or "", now)


def _signed_another(statement: Statement, key: str, now: dict[str, Any]) -> Iterator[Problem]:
    """Yield how a release differs from the one that a statement is about."""
    was = statement.predicate.get("manifest")
    if statement.predicate_type != RELEASE_PREDICATE or not isinstance(was, dict):
        yield Problem("R0", "signature", None, f"{key} attested something of another release of this name")
        return
    yield Problem("R0", "signature", None, f"{key} signed another release of this name")
    for each in differences(was, now):
        yield Problem("R0", each.component, each.path, f"{each.message}, as it was signed")


def _bases(repository: Repository, manifest: Manifest) -> Iterator[Problem]:
    """Yield releases that this one was made from and that are others here."""
    history, refs = History.of(repository), repository.root().refs
    for base in manifest.bases:
        commit = refs.get(release_ref(base.name, base.version))
        if base.repo is not None or commit is None:
            continue
        label = f"{base.name}@{base.version}"
        try:
            known = stored_release(repository, history, label, commit).id
        except TetherError as error:
            yield Problem("R0", "bases", None, str(error))
            continue
        if known != base.id:
            yield Problem("R0", "bases", None, f"{label} is another release here")


def _numbers(repository: Repository, release: KnownRelease) -> Iterator[Problem]:
    """Yield weights whose numbers are not what the manifest says of them."""
    manifest = release.manifest
    for component, parts in (("weights", manifest.weights), ("checkpoints", manifest.checkpoints)):
        files = {part.path: parse_digest(part.digest) for part in parts if part.kind in _FILES}
        opener = _Opener(repository, files)
        for part in parts:
            if part.tensor_digest is None:
                continue
            if part.kind not in _FILES:
                yield Problem("R0", component, part.path, "the manifest knows its tensors, and it is no file")
            elif opener.facts(part) != _stated(part):
                yield Problem("R0", component, part.path, "its tensors are not what the manifest says")


class _Opener:
    """Opens weights, and those that lie beside them."""

    def __init__(self, repository: Repository, files: Mapping[str, Digest]) -> None:
        self._repository, self._files = repository, files

    def facts(self, part: Weights) -> WeightsFacts:
        """Return what is known of weights by reading them."""
        folder, _, name = part.path.rpartition("/")
        file = self._open(part.path)
        assert file is not None
        with file:
            return weights_facts(file, name, lambda other: self._open(f"{folder}/{other}"))

    def _open(self, path: str) -> BinaryIO | None:
        digest = self._files.get(path)
        return None if digest is None else cast("BinaryIO", self._repository.contents.open(digest))


def _stated(part: Weights) -> WeightsFacts:
    return WeightsFacts(part.format, part.tensors, part.parameters, part.tensor_digest)
