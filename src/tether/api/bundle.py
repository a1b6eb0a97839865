"""Bundles: commits in one file, to carry where no network goes; clone and fetch take it as an address."""

from collections.abc import Sequence
from pathlib import Path

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS
from tether.errors import InvalidInput
from tether.repo.revision import find_ref, resolve, split_range
from tether.sync.bundle import BundleInfo, create_bundle, verify_bundle


def create(repo: Opened, path: Path, revs: Sequence[str], *, everything: bool = False) -> BundleInfo:
    """Write branches and tags with all that they need into a new file.

    Args:
        repo: Where they are.
        path: The file.
        revs: Branches and tags, `HEAD` for the current branch, or `A..BRANCH` to leave out what A reaches.
        everything: Take every branch and tag.

    Raises:
        AlreadyExists: The file exists.
        InvalidInput: A revision is no branch or tag, or there is nothing to carry.
        NotFound: There is no such revision.
    """
    root = repo.repository.root()
    refs: dict[str, Digest] = {}
    without: dict[Digest, None] = {}
    if everything:
        refs = {name: digest for name, digest in root.refs.items() if name.startswith((BRANCHES, TAGS))}
    for rev in revs:
        span = split_range(rev)
        if span is not None:
            if span.symmetric:
                raise InvalidInput(f"not a range for a bundle: {rev}", hint="write A..BRANCH")
            without[resolve(repo.repository, span.old)] = None
        name = span.new if span is not None else rev
        ref = root.head.ref if name in ("HEAD", "@") else find_ref(root, name)
        if ref is None or ref not in root.refs or not ref.startswith((BRANCHES, TAGS)):
            resolve(repo.repository, name)
            raise InvalidInput(f"{name} is no branch or tag", hint="a bundle carries branches and tags")
        refs[ref] = root.refs[ref]
    if not refs:
        raise InvalidInput("nothing to carry", hint="name branches or tags, or give --all")
    return create_bundle(repo.repository, path, refs, list(without), repo.progress)


def verify(repo: Opened, path: Path) -> BundleInfo:
    """Verify every byte of a bundle, and whether this repository has what it builds on."""
    return verify_bundle(path, repo.clock, repo.repository.objects)
