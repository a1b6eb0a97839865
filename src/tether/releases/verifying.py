"""Verifying a release, level by level: R0 sealed, R1 complete, and what can be recomputed from it (R2, R3).

Nothing that the manifest says is believed: every file is read and hashed, and the names of what differs
from it, or from what was signed, are told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from tether.core.names import release_ref
from tether.core.progress import SILENT, Progress
from tether.errors import NotFound
from tether.releases.attesting import attestations_of
from tether.releases.findings import Check, Untried, Verification
from tether.releases.keys import Signer
from tether.releases.manifest import Code, Data, Manifest, Part
from tether.releases.sealed import check_sealed
from tether.repo.repository import Repository

_NONE: Mapping[str, Check] = MappingProxyType({})


def verify_release(
    repository: Repository,
    label: tuple[str, str],
    signers: Iterable[Signer] = (),
    checks: Mapping[str, Check] | None = _NONE,
    progress: Progress = SILENT,
) -> Verification:
    """Verify a release as far as it goes; a level is tried where those below have no problem.

    Args:
        repository: Has it.
        label: Name and version.
        signers: Whose signatures are trusted.
        checks: What is done for the levels above R1, in their order; None ends with R0.
        progress: Where to report.

    Raises:
        NotFound: There is no such release.
    """
    name, version = label
    commit = repository.root().refs.get(release_ref(name, version))
    if commit is None:
        raise NotFound(f"no release {name}@{version}", hint="'tether release list' lists them")
    done = Verification(f"{name}@{version}")
    done.attestations = list(attestations_of(repository, name, version, signers))
    release = check_sealed(repository, commit, done, progress)
    if release is None or any(each.level == "R0" for each in done.problems):
        return done
    done.level = "R0"
    if done.problems or checks is None:
        return done
    lacks = list(_lacks(release.manifest))
    if lacks:
        done.untried = [Untried("R1", each) for each in lacks]
        return done
    done.level = "R1"
    for level, check in checks.items():
        found = check(repository, release)
        if isinstance(found, Untried):
            done.untried.append(found)
            break
        done.problems += found
        if found:
            break
        done.level = level
    return done


def _lacks(manifest: Manifest) -> Iterator[str]:
    """Yield what a release does not have and nobody can do without who wants to make the model again."""
    needed = (
        (manifest.weights, "there are no weights"),
        (_of_role(manifest.code, "training"), "the code of the training is not there"),
        (_of_role(manifest.data, "train"), "no data of the training is named"),
        (manifest.environment, "nothing says what the training ran on"),
        (manifest.run, "the run of the training is not there"),
    )
    yield from (message for found, message in needed if not found)


def _of_role(parts: Sequence[Code | Data], role: str) -> list[Part]:
    return [part for part in parts if part.role == role]
