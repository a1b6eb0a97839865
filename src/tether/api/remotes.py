"""Other repositories: clone, fetch, pull and push."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from tether.api.besidegit import exclude_from_git
from tether.api.opened import Opened
from tether.api.places import base_of, open_place
from tether.api.working import Move, Moved, move_to
from tether.core.identity import Time
from tether.core.names import BRANCHES, check_ref_name, remote_ref
from tether.core.progress import SILENT, Progress
from tether.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    TetherError,
    Unauthenticated,
    Unavailable,
)
from tether.repo.partial import WHOLE, Partial
from tether.repo.repository import FOLDER, Repository
from tether.repo.root import Root
from tether.repo.unfinished import remove_mark
from tether.storage.buckets import OpenBucket, as_surroundings_say, is_in_bucket, parse_bucket_address
from tether.sync import exchange
from tether.sync.address import parse_repository_address
from tether.sync.clone import CloneOptions
from tether.sync.exchange import Exchange, FetchOptions, PushOptions
from tether.sync.places import Connect, FolderPlace, Place, as_nobody, bucket_place, hub_place, is_on_hub
from tether.sync.remotes import (
    DEFAULT_REMOTE,
    list_remotes,
    open_location,
    parse_location,
)

if TYPE_CHECKING:
    from tether.api.repo import Repo
    from tether.api.takeover import Claim
    from tether.worktree.landing import Landing


class CloneChoices(TypedDict, total=False):
    """Choices of `Repo.clone`."""

    branch: str | None
    """What to check out; None takes that of the source."""
    paths: Iterable[str | bytes] | None
    """Bring and show only what is under these files, folders and globs."""
    depth: int | None
    """Bring so many commits of each branch."""
    lazy: bool
    """Bring contents when they are first read."""


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """What to clone, and to where.

    Attributes:
        address: A folder, `file:///DIR`, `http(s)://HOST/OWNER/REPO`, or `s3://BUCKET/PREFIX` (`gs://`, `az://`).
        path: The new folder.
        branch: What to check out; None takes the source's own.
        bare: Make a repository without working files.
        remote: What the source is called in the clone.
        depth: How many commits of each branch come; None for all.
        partial: Which contents come, and which files the working copy shows.
        progress: Told how long the copying goes on.
        connect: Opens connections to hubs.
        open_bucket: Opens places in buckets.
    """

    address: str
    path: Path
    branch: str | None = None
    bare: bool = False
    remote: str = DEFAULT_REMOTE
    depth: int | None = None
    partial: Partial = WHOLE
    progress: Progress = SILENT
    connect: Connect = as_nobody
    open_bucket: OpenBucket = as_surroundings_say


@dataclass(frozen=True, slots=True)
class Pull:
    """What `pull` found.

    Attributes:
        fetched: The refs that moved.
        upstream: The ref to join with what is checked out.
    """

    fetched: Exchange
    upstream: str


class _Source(NamedTuple):
    """What is cloned, its address for the settings, and whether packs may be shared with it."""

    place: Place
    address: str
    share: bool
    landing: "Landing | None" = None
    """Gets files while they come."""


def clone(
    repo_type: "type[Repo]",
    request: CloneRequest,
    *,
    clock: Callable[[], Time],
    user_config: Path | None,
    adopt: "Callable[[Repo], object] | None",
) -> "tuple[Repo, Moved]":
    """Clone a repository and check out its branch; see `Repo.clone_with`."""
    from tether.api.takeover import claimed
    from tether.worktree.landing import Landing

    source = _source(request, clock)
    keeps = is_on_hub(request.address) or is_in_bucket(request.address)
    with (
        closing(source.place),
        claimed(request.path, source.address, clock, bare=request.bare, keeps=keeps) as claim,
    ):
        with Landing(claim.directory) as landing:
            source = source._replace(landing=landing)
            repository, branch = clone_repository(request, source, claim, clock, user_config)
            if keeps:
                claim.tidy(repository)
            repo = repo_type(repository)
            if adopt is not None:
                adopt(repo)
            moved = _check_out(repo, branch, None if request.bare else landing)
        remove_mark(claim.directory)
    return repo, moved


def _check_out(repo: "Repo", branch: str | None, landing: "Landing | None") -> Moved:
    """Write the files of a new clone.

    When that fails so that it would fail again, the clone is as good as it gets: the mark goes, and
    the user has a repository without files. Otherwise the same clone can be run again.
    """
    head = repo.repository.root().head_commit()
    if landing is None or head is None:
        return Moved(branch, head, 0)
    try:
        return move_to(repo, Move("clone", Root.head_commit, force=True, durable=True, landing=landing))
    except TetherError as error:
        if not isinstance(error, Unavailable | Unauthenticated):
            remove_mark(repo.repository.directory)
        raise


def clone_folder(address: str) -> str:
    """Return the name of the folder that a clone goes to when nobody says which.

    It is the last name of the address, without `.tether` or `.bundle`.

    Raises:
        InvalidInput: The current folder is in that repository, or the address has no name.
    """
    if is_on_hub(address):
        return parse_repository_address(address).name
    if is_in_bucket(address):
        place = parse_bucket_address(address)
        return place.prefix.rpartition("/")[2] or place.bucket
    here = Path.cwd()
    path = Path(os.path.normpath(parse_location(address, here).path))
    path = path.parent if path.name == FOLDER else path
    name = path.name
    for ending in (FOLDER, ".bundle"):
        name = name.removesuffix(ending) or name
    if not name or here.is_relative_to(path.resolve()):
        raise InvalidInput(f"no name for a copy of {address}", hint=f"run 'tether clone {address} DIR'")
    return name


def clone_repository(
    request: CloneRequest,
    source: _Source,
    claim: "Claim",
    clock: Callable[[], Time],
    user_config: Path | None,
) -> tuple[Repository, str | None]:
    """Make a repository in the claimed folder with everything of `source`.

    The working files are still to be checked out. When it fails, what it made is removed again, unless the
    same clone can go on with it.

    Returns:
        The repository, and the branch that it is on (None when the source has no commits).

    Raises:
        NotFound: The source has no such branch.
    """
    try:
        target = Repository.init(claim.path, clock=clock, bare=request.bare, user_config=user_config)
        claim.take_over()
        options = CloneOptions(
            request.remote,
            request.branch,
            source.share,
            depth=request.depth,
            partial=request.partial,
            landing=None if request.bare else source.landing,
        )
        branch = source.place.fill(target, options, request.progress)
        settings: dict[str, str | None] = {f"remote.{request.remote}.url": source.address}
        if branch is not None:
            settings |= _follow(branch, request.remote)
        target.config.update(target.directory / "config.toml", settings)
    except BaseException as error:
        claim.fail(error)
        raise
    if not request.bare:
        exclude_from_git(claim.path)
    return target, branch


def _source(request: CloneRequest, clock: Callable[[], Time]) -> _Source:
    if is_on_hub(request.address):
        return _Source(hub_place(request.address, request.connect), request.address, share=False)
    if is_in_bucket(request.address):
        return _Source(
            bucket_place(request.address, request.open_bucket, clock), request.address, share=False
        )
    location = parse_location(request.address, Path.cwd())
    address = request.address if location.is_url else str(location.path)
    return _Source(FolderPlace(open_location(location, clock)), address, share=not location.is_url)


def fetch(
    repo: Opened, remote: str | None = None, *, prune: bool = False, depth: int | None = None
) -> Exchange:
    """Bring branches, tags and runs of a remote here; branches and working files of ours stay as they are.

    With a depth there are so many commits of each branch here afterwards, or more where there were.

    Raises:
        NotFound: There is no such remote, or no repository at its address.
    """
    name = remote or default_remote(repo)
    other = open_place(repo, name)
    try:
        return other.fetch(repo.repository, name, FetchOptions(prune, depth), progress=repo.progress)
    finally:
        other.close()


def fetch_upstream(repo: Opened, remote: str | None = None, branch: str | None = None) -> Pull:
    """Fetch, and say which ref `pull` joins with the current branch.

    Raises:
        InvalidInput: No branch is checked out, or it follows nothing and none is named.
        NotFound: The remote has no such branch.
    """
    name = remote or default_remote(repo)
    current = _current_branch(repo)
    merge = branch or (repo.repository.config.get(f"branch.{current}.merge") or "").removeprefix(BRANCHES)
    fetched = fetch(repo, name)
    upstream = remote_ref(name, merge or current)
    if upstream not in repo.repository.root().refs:
        raise NotFound(
            f"{name} has no branch {merge or current}", hint=f"name one: 'tether pull {name} BRANCH'"
        )
    return Pull(fetched, upstream)


def push(repo: Opened, remote: str | None = None, options: PushOptions | None = None) -> Exchange:
    """Send branches to a remote; a remote folder or prefix that is missing or empty becomes a repository.

    A branch that follows nothing yet follows what it was pushed to.

    Raises:
        Conflict: The remote has commits that are not here, or has the branch checked out.
        NotFound: There is no such remote or branch.
    """
    name = remote or default_remote(repo)
    options = options or PushOptions(())
    if not options.branches and not (options.tags and repo.repository.root().head.ref is None):
        options = replace(options, branches=(_current_branch(repo),))
    other = open_place(repo, name, create=not options.delete)
    try:
        done = other.push(repo.repository, name, options, progress=repo.progress)
    finally:
        other.close()
    exchange.refuse(done, name)
    if not options.delete:
        _follow_new(repo, name, options.branches)
    return done


def add_remote(repo: Opened, name: str, address: str) -> None:
    """Name a remote.

    Raises:
        AlreadyExists: The name is taken.
        InvalidInput: The name or the address cannot be one.
    """
    check_ref_name(name)
    if "/" in name or "." in name:
        raise InvalidInput(f"not a name of a remote: {name}", hint="use letters, digits and '-'")
    if name in list_remotes(repo.repository):
        raise AlreadyExists(
            f"a remote named {name} exists", hint=f"change it: 'tether remote set-url {name} URL'"
        )
    set_remote(repo, name, address)


def set_remote(repo: Opened, name: str, address: str) -> None:
    """Change the address of a remote, or name a new one."""
    if is_on_hub(address):
        parse_repository_address(address)
    elif is_in_bucket(address):
        parse_bucket_address(address)
    else:
        parse_location(address, base_of(repo))
    repo.repository.config.set(_settings_file(repo), f"remote.{name}.url", address)


def remove_remote(repo: Opened, name: str) -> None:
    """Forget a remote and what was fetched of its branches.

    Raises:
        NotFound: There is none.
        Conflict: It has contents that are not here.
    """
    if name not in list_remotes(repo.repository):
        raise NotFound(f"no remote named {name}")
    record, has = repo.repository.absent.record(), repo.repository.objects.has
    if any(record.remote_of(digest) == name and not has(digest) for digest in record):
        raise Conflict(
            f"there are contents that only {name} has",
            hint="run 'tether prefetch --all' first",
        )
    prefix = remote_ref(name, "x")[:-1]
    with repo.repository.transaction(f"remote rm {name}") as transaction:
        for ref in transaction.root.refs:
            if ref.startswith(prefix):
                transaction.set_ref(ref, None)
    config = repo.repository.config
    changes: dict[str, str | None] = {f"remote.{name}.url": None}
    for branch in config.names("branch"):
        if config.get(f"branch.{branch}.remote") == name:
            changes |= {f"branch.{branch}.remote": None, f"branch.{branch}.merge": None}
    config.update(_settings_file(repo), changes)


def remotes(repo: Opened) -> Mapping[str, str]:
    """Return the address of every remote by name."""
    return list_remotes(repo.repository)


def default_remote(repo: Opened) -> str:
    """Return the remote that the current branch follows, the only one there is, or `origin`."""
    root, config = repo.repository.root(), repo.repository.config
    if root.head.ref is not None:
        followed = config.get(f"branch.{root.head.ref.removeprefix(BRANCHES)}.remote")
        if followed:
            return followed
    names = list(list_remotes(repo.repository))
    return names[0] if len(names) == 1 else DEFAULT_REMOTE


def _settings_file(repo: Opened) -> Path:
    return repo.repository.directory / "config.toml"


def _current_branch(repo: Opened) -> str:
    ref = repo.repository.root().head.ref
    if ref is None:
        raise InvalidInput("no branch is checked out", hint="switch to one, or name the branch")
    return ref.removeprefix(BRANCHES)


def _follow(branch: str, remote: str) -> dict[str, str | None]:
    return {f"branch.{branch}.remote": remote, f"branch.{branch}.merge": f"{BRANCHES}{branch}"}


def _follow_new(repo: Opened, remote: str, branches: tuple[str, ...]) -> None:
    changes: dict[str, str | None] = {}
    for branch in branches:
        if repo.repository.config.get(f"branch.{branch}.remote") is None:
            changes |= _follow(branch, remote)
    if changes:
        repo.repository.config.update(_settings_file(repo), changes)
