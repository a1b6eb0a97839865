"""Clone: a new repository with everything that another one's refs and packs hold."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tether.core.digest import Digest
from tether.core.names import BRANCHES, FIXED, TAGS, check_fixed_ref, remote_ref, tag_ref
from tether.core.progress import SILENT, Progress
from tether.errors import NotFound
from tether.repo.history import shallow_commits, with_shallow
from tether.repo.operations import Head
from tether.repo.packs import pack_key
from tether.repo.partial import WHOLE, Partial, set_partial
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.repo.transaction import Transaction
from tether.sync.bundlefile import require_prerequisites
from tether.sync.ends import Lands
from tether.sync.negotiate import find_missing
from tether.sync.partialwork import note, reads_tags, tags_with_commits
from tether.sync.remotes import DEFAULT_REMOTE
from tether.sync.scope import ALL, Asked, Scope
from tether.sync.transfer import copy_objects

_BLOCK = 8 << 20


@dataclass(frozen=True, slots=True)
class CloneOptions:
    """How a clone is made.

    Attributes:
        remote: What the source is called in the clone.
        branch: What to check out; None takes the source's own.
        share: Hard-link the packs where the file system allows. Packs never change and every read is
            verified, so this is safe; otherwise objects are copied one by one and what no ref needs
            stays behind.
        depth: How many commits of each branch come; None for all.
        partial: What of the contents comes, now and with later fetches.
        landing: Gets files of the branch while they come from a far end.
    """

    remote: str = DEFAULT_REMOTE
    branch: str | None = None
    share: bool = False
    depth: int | None = None
    partial: Partial = WHOLE
    landing: Lands | None = None

    @property
    def scope(self) -> Scope:
        """What is brought of what the refs reach."""
        return Scope(self.depth, self.partial)


CLONE = CloneOptions()


def fill_clone(
    source: Repository, target: Repository, options: CloneOptions, progress: Progress = SILENT
) -> str | None:
    """Fill the empty repository `target` from `source` and return the branch that it is on.

    Raises:
        NotFound: The source has no such branch.
        Unavailable: The source has dropped contents.
        Corrupt: An object of the source is damaged.
    """
    root = source.root()
    require_prerequisites(source, target.objects)
    chosen = choose_branch(root.refs, root.head.ref, options.branch)
    with target.transaction(f"clone from {source.directory}") as transaction:
        refs = tracking_refs(root.refs, options)
        # Packs of a source without some contents would leave the clone without them, and without a remote.
        whole = not source.absent.record() and options.scope == ALL
        boundary: Sequence[Digest] = shallow_commits(root)
        left: Sequence[Digest] = ()
        if options.share and whole and link_packs(source, target, root, progress):
            transaction.adopt(root.data_packs, root.meta_packs)
            transaction.set_extra(with_shallow(transaction.root, boundary))
        else:
            wants, tags = split_tags(refs) if options.depth is not None else (refs, {})
            asked = Asked(tuple(wants.values()), options.scope)
            missing = find_missing(source.objects, target.objects.has_many, asked, root, target.objects)
            copy_objects(source.objects, transaction.objects, missing, progress)
            boundary, left = missing.boundary, missing.left
            set_partial(transaction, options.partial)
            note(transaction, target, options.remote, boundary=boundary, left=left)
            refs = wants | tags_with_commits(transaction, tags, reads_tags(source.objects))
        name_refs(transaction, root.refs, refs, chosen)
    return chosen


def split_tags(refs: Mapping[str, Digest]) -> tuple[dict[str, Digest], dict[str, Digest]]:
    """Return the refs that are no tags, and the tags."""
    tags = {name: value for name, value in refs.items() if name.startswith(TAGS)}
    return {name: value for name, value in refs.items() if name not in tags}, tags


def link_packs(source: Repository, target: Repository, root: Root, progress: Progress = SILENT) -> bool:
    """Give `target` the packs of `root` as hard links; return False where that is not possible or not wanted.

    The packs become live only with the transaction that adopts them.
    """
    if source.has_differences:  # they are a repository's own: what is copied is whole
        return False
    progress.start("linking packs", len(root.packs()), "packs")
    try:
        _link_all(source.directory, target.directory, [pack_key(name) for name in root.packs()], progress)
        # Indexes are disposable: linking them only saves building them.
        _link_all(source.directory, target.directory, [key for key, _ in source.backend.list("index/")], None)
    except OSError:
        return False
    progress.finish()
    return True


def _link_all(source: Path, target: Path, keys: Sequence[str], progress: Progress | None) -> None:
    folders = {(target / key).parent for key in keys}
    for folder in folders:
        folder.mkdir(exist_ok=True)
    for key in keys:
        with suppress(FileExistsError):
            os.link(source / key, target / key, follow_symlinks=False)
        if progress is not None:
            progress.advance(1)
    for folder in folders:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def choose_branch(refs: Mapping[str, Digest], head: str | None, branch: str | None) -> str | None:
    """Return the branch that a clone is on: the one asked for, that of HEAD, or the first.

    Raises:
        NotFound: There is no such branch.
    """
    if branch is not None:
        if f"{BRANCHES}{branch}" not in refs:
            raise NotFound(f"the remote has no branch {branch}", hint="run 'tether clone' without -b")
        return branch
    if head is not None and head.startswith(BRANCHES) and head in refs:
        return head.removeprefix(BRANCHES)
    names = sorted(name for name in refs if name.startswith(BRANCHES))
    return names[0].removeprefix(BRANCHES) if names else None


def tracking_refs(theirs: Mapping[str, Digest], options: CloneOptions) -> dict[str, Digest]:
    """Return what follows the branches, tags, runs and releases of another repository, by its name here.

    Runs and releases need data of any time: where history is cut they stay there.
    """
    found = {}
    for name, value in theirs.items():
        if name.startswith(BRANCHES):
            found[remote_ref(options.remote, name.removeprefix(BRANCHES))] = value
        elif name.startswith(TAGS):
            found[tag_ref(name.removeprefix(TAGS))] = value
        elif name.startswith(FIXED) and options.depth is None:
            found[check_fixed_ref(name)] = value
    return found


def name_refs(
    transaction: Transaction, theirs: Mapping[str, Digest], refs: Mapping[str, Digest], chosen: str | None
) -> None:
    """Make the refs of a new clone, and its branch of its own, checked out."""
    for name, value in refs.items():
        transaction.set_ref(name, value, expected=None)
    if chosen is not None:
        name = f"{BRANCHES}{chosen}"
        transaction.set_ref(name, theirs[name], expected=None)
        transaction.set_head(Head(name))
