"""Releases of a repository, as their refs name them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tether.core.digest import Digest
from tether.core.names import RELEASES, path_bytes, release_ref
from tether.core.treeread import find
from tether.errors import Corrupt, InvalidInput, NotFound, TetherError
from tether.releases.manifest import MANIFEST, MAX_MANIFEST, Manifest, release_id
from tether.repo.history import History
from tether.repo.repository import Repository

_MIN_PART = 6
_MOST_FILE = 1 << 30


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """One release of a repository.

    Attributes:
        manifest: What it is made of.
        data: The bytes of the manifest.
        tree: Its tree.
        commit: What its ref names.
    """

    manifest: Manifest
    data: bytes
    tree: Digest
    commit: Digest

    def __repr__(self) -> str:
        return f"KnownRelease({self.label!r}, {self.id[:12]!r})"

    @property
    def id(self) -> str:
        """The id: the BLAKE3 of the manifest."""
        return release_id(self.data).hex()

    @property
    def label(self) -> str:
        """`NAME@VERSION`."""
        return self.manifest.label


def releases_of(repository: Repository, problems: list[TetherError] | None = None) -> Iterator[KnownRelease]:
    """Yield the releases of a repository by name, those of one name from the oldest on.

    Args:
        repository: Where.
        problems: Takes what is wrong with releases that cannot be read, which are left out; None raises it.

    Raises:
        Corrupt: One is damaged.
        Unsupported: One was written by a newer Tether.
    """
    found = []
    history = History.of(repository)
    for ref, commit in sorted(repository.root().refs.items()):
        if not ref.startswith(RELEASES):
            continue
        name, _, version = ref.removeprefix(RELEASES).partition("/")
        try:
            found.append(stored_release(repository, history, f"{name}@{version}", commit))
        except TetherError as error:
            if problems is None:
                raise
            problems.append(error)
    yield from sorted(
        found, key=lambda each: (each.manifest.name, history.commit(each.commit).committed.micros)
    )


def stored_release(repository: Repository, history: History, label: str, commit: Digest) -> KnownRelease:
    """Return the release that a commit is.

    Raises:
        Corrupt: It is none, or damaged, or another one.
    """
    tree = history.commit(commit).tree
    entry = find(repository.objects, tree, path_bytes(MANIFEST))
    if entry is None or entry.size > MAX_MANIFEST:
        raise Corrupt(f"release {label} has no {MANIFEST}", hint="somebody pushed it as it is")
    data = repository.contents.read(entry.digest)
    return KnownRelease(Manifest.decode(data, label), data, tree, commit)


def find_release(repository: Repository, text: str) -> KnownRelease:
    """Return the release that a user means: `NAME@VERSION`, `NAME` for its newest, or the beginning of an id.

    Raises:
        NotFound: There is none.
        InvalidInput: It can be several.
    """
    text = text.removeprefix(RELEASES).removeprefix("releases/")
    name, separator, version = text.partition("@" if "@" in text else "/")
    if separator:
        commit = repository.root().refs.get(release_ref(name, version))
        if commit is None:
            raise NotFound(f"no release {name}@{version}", hint="'tether release list' lists them")
        return stored_release(repository, History.of(repository), f"{name}@{version}", commit)
    found = list(releases_of(repository, []))
    fits = [each for each in found if each.manifest.name == text][-1:]
    if not fits and len(text) >= _MIN_PART:
        fits = [each for each in found if each.id.startswith(text)]
    if len(fits) > 1:
        raise InvalidInput(f"{text} can be {len(fits)} releases", hint="write more of the id")
    if not fits:
        raise NotFound(f"no release {text}", hint="'tether release list' lists them")
    return fits[0]


def read_part(repository: Repository, release: KnownRelease, path: str) -> bytes | None:
    """Return a file of a release, or None where it has none.

    Raises:
        InvalidInput: It is larger than what is taken into memory.
        NotFound: It is there and its content is not here.
    """
    entry = find(repository.objects, release.tree, path_bytes(path))
    if entry is not None and entry.size > _MOST_FILE:
        raise InvalidInput(f"{path} of release {release.label} is too large")
    return None if entry is None else repository.contents.read(entry.digest)
