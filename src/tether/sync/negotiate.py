"""What one repository lacks of another: found by commits, then trees, then contents.

A live object always has everything that it refers to beside it (gc keeps that so), therefore the walk
stops at every commit and tree node that the receiver has: work is proportional to what is missing.
What the source itself does not have, by agreement, is said before anything is sent.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from tether.core.batches import batches
from tether.core.digest import EMPTY_FILE, Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit, Tag
from tether.core.tree import (
    EMPTY_PAYLOAD,
    EMPTY_TREE,
    decode_node,
    decode_rows,
    split_digests,
)
from tether.core.treebeside import fresh_in
from tether.errors import Corrupt, NotFound, Unavailable
from tether.repo.absent import Absent, read_absent
from tether.repo.contents import ContentReader
from tether.repo.history import History, newest, shallow_commits
from tether.repo.objectdb import ObjectDb
from tether.repo.partial import Partial
from tether.repo.root import Root
from tether.sync.newtrees import sort_rows
from tether.sync.peel import peel_all
from tether.sync.recipes import chunks_of, known_by_pages, read_recipe
from tether.sync.scope import Asked, wanted_contents
from tether.sync.treeclaims import TreeClaims
from tether.sync.whereabouts import Whereabouts
from tether.sync.wire import MAX_DIGESTS

Has = Callable[[Sequence[Digest]], list[bool]]
"""Says of each digest whether the receiver has it."""

_BATCH = MAX_DIGESTS
"""Digests that are asked about at once."""
_NODES = 64
"""Tree nodes that are read at once."""
_VERSIONS = 2
"""For each new content of several chunks so many that were left are looked into, the first of all."""
_UNASKED = 2048
"""Tree nodes that are read at most before a far end is asked about them: some megabytes."""


@dataclass(slots=True)
class Missing:
    """Objects to transfer, by what they are; each digest once."""

    commits: list[Digest] = field(default_factory=list)
    tags: list[Digest] = field(default_factory=list)
    trees: list[Digest] = field(default_factory=list)
    recipes: list[Digest] = field(default_factory=list)
    pages: list[Digest] = field(default_factory=list)
    chunks: list[Digest] = field(default_factory=list)
    boundary: list[Digest] = field(default_factory=list)
    """Those of the commits whose parents neither side has: the source is cut, or a depth is asked for."""
    left: list[Digest] = field(default_factory=list)
    """Contents that the receiver lacks and does not ask for, since it is partial."""
    where: Whereabouts = field(default_factory=Whereabouts)
    """At which paths the large files of the trees are."""

    def meta(self) -> list[Digest]:
        """Return all but the chunks."""
        return [*self.commits, *self.tags, *self.trees, *self.recipes, *self.pages]

    def __len__(self) -> int:
        return len(self.meta()) + len(self.chunks)


def find_missing(
    source: ObjectDb,
    has: Has,
    wants: Iterable[Digest] | Asked,
    root: Root | None = None,
    receiver: ObjectReader | None = None,
) -> Missing:
    """Return what a receiver lacks of everything reachable from `wants` (commits and tags) in `source`.

    Args:
        source: Has everything that is asked for.
        has: Says what the receiver has.
        wants: Where the walk begins; how much of what they reach is asked for, where it is not all.
        root: Of the source: says what it does not have by agreement.
        receiver: Has the nodes that are not missing; with it what new nodes say of others is checked.

    Raises:
        Corrupt: The totals, last names or ends of tree nodes are not true.
        Unavailable: The source has dropped contents that the receiver needs.
        NotFound: The source itself lacks something that it should have.
    """
    walk, asked = _Walk(source, has, root), Asked.of(wants)
    if asked.scope.depth is None:
        walk.commits(asked.wants)
    else:
        walk.newest(asked.wants, asked.scope.depth)
    walk.trees(TreeClaims(receiver) if receiver is not None else None)
    walk.narrow(asked.scope.partial)
    walk.contents()
    return walk.missing


def find_unsent(source: ObjectDb, has: Has, wants: Sequence[Digest], root: Root) -> Missing:
    """Return what a far end lacks; see `find_missing`.

    It lacks no content of a commit that it has, so what those name is not asked about over the network.
    """
    walk = _Walk(source, has, root)
    walk.commits(wants)
    walk.trees_beside(_UNASKED)
    walk.contents()
    return walk.missing


def find_contents(source: ObjectDb, has: Has, files: Iterable[Digest], root: Root | None = None) -> Missing:
    """Return what a receiver lacks of some file contents; see `find_missing`.

    Raises:
        Unavailable: The source has dropped one.
        NotFound: The source lacks one.
    """
    walk = _Walk(source, has, root)
    walk.add_files(files)
    walk.contents()
    return walk.missing


class _Walk:
    """One walk; each stage leaves to the next what it found."""

    def __init__(self, source: ObjectDb, has: Has, root: Root | None = None) -> None:
        self.missing = Missing()
        self._source, self._has = source, has
        self._shallow = frozenset(shallow_commits(root) if root is not None else ())
        self._absent = read_absent(root, ContentReader(source)) if root is not None else Absent()
        self._roots: dict[Digest, Digest] = {}
        """Of each commit that is missing the tree, by the commit."""
        self._files: dict[Digest, None] = {}
        self._gone: dict[Digest, None] = {}
        """Tree nodes that the receiver has, and that no new node has beside it."""
        self._left: dict[Digest, None] = {}
        """Contents that the receiver has, and of which new ones may be the next versions."""
        self._beside = False
        """Whether the receiver lacks nothing of the commits that it has."""
        self._had: dict[Digest, None] = {}
        """Commits and tags where the walk stopped since the receiver has them."""

    def commits(self, wants: Iterable[Digest]) -> None:
        """Follow commits and tags breadth first down to what the receiver has."""
        seen: set[Digest] = set()
        level = list(dict.fromkeys(wants))
        while level:
            lacking = self._lacking(level)
            self._had.update(dict.fromkeys({*level}.difference(lacking)))
            level = [digest for digest in lacking if digest not in seen]
            seen.update(level)
            below: dict[Digest, None] = {}
            for digest in level:
                place = self._source.find(digest)
                if place is None:
                    raise NotFound(f"commit {digest.hex()[:12]} is not in the repository to copy from")
                if place.frame.kind == ObjectKind.TAG:
                    self.missing.tags.append(digest)
                    below[Tag.decode(self._source.get(ObjectKind.TAG, digest)).target] = None
                else:
                    self.missing.commits.append(digest)
                    commit = Commit.decode(self._source.get(ObjectKind.COMMIT, digest))
                    self._roots[digest] = commit.tree
                    below.update(dict.fromkeys(self._parents(digest, commit)))
            level = list(below)

    def newest(self, wants: Iterable[Digest], depth: int) -> None:
        """Follow commits down to a depth, also through those that the receiver has."""
        tags: list[Digest] = []
        history = History(self._source, self._shallow)
        commits = newest(history, peel_all(self._source, wants, tags), depth)
        self.missing.tags, self.missing.commits = self._lacking(tags), self._lacking(commits)
        self._roots.update((digest, history.commit(digest).tree) for digest in self.missing.commits)
        here = {*self.missing.commits}
        for digest in self.missing.commits:
            if self._lacking([parent for parent in history.commit(digest).parents if parent not in here]):
                self.missing.boundary.append(digest)

    def narrow(self, partial: Partial) -> None:
        """Leave out the contents that a partial receiver does not ask for."""
        if partial.is_whole:
            return
        wanted = wanted_contents(self._source, dict.fromkeys(self._roots.values()), partial)
        self._files.pop(EMPTY_FILE, None)
        rest = [digest for digest in self._files if digest not in wanted]
        self.missing.left = self._lacking(rest)
        self._refuse_dropped(self.missing.left)
        self._files = dict.fromkeys(wanted)

    def _parents(self, digest: Digest, commit: Commit) -> Sequence[Digest]:
        """Return the parents to follow; at a boundary those that are here all the same."""
        if digest not in self._shallow:
            return commit.parents
        here = [parent for parent in commit.parents if self._source.has(parent)]
        if self._lacking([parent for parent in commit.parents if parent not in here]):
            self.missing.boundary.append(digest)
        return here

    def trees(self, claims: TreeClaims | None = None) -> None:
        """Walk tree nodes level by level, never below one that the receiver has."""
        seen: set[Digest] = {EMPTY_TREE}
        level = [*dict.fromkeys(self._roots.values())]
        while level:
            below: dict[Digest, Digest | None] = {}
            fresh = self._lacking([digest for digest in level if digest not in seen])
            seen.update(fresh)
            for part in batches(fresh, _NODES):
                files: dict[Digest, int] = {}
                nodes = [decode_node(payload) for payload in self._source.get_many(ObjectKind.TREE, part)]
                for digest, node in zip(part, nodes, strict=True):
                    sort_rows(node, below, files)
                    if claims is not None:
                        claims.add(digest, node)
                lacking = dict.fromkeys(self._lacking(list(files)))
                self.add_files(lacking)  # few of many, as a rule: all need not be held
                for digest, node in zip(part, nodes, strict=True):
                    self.missing.where.add(digest, node, lacking)
            self.missing.trees += fresh
            level = list(below)
        if claims is not None:
            claims.add_tops(self._roots.values())
            claims.check()

    def trees_beside(self, unasked: int) -> None:
        """Walk tree nodes beside those of commits that the receiver has, of whose trees it lacks nothing.

        Of a folder of many files of which few are new these few are looked at alone.

        Args:
            unasked: So many nodes are followed before the receiver is asked about any: then one question is
                about nodes of many levels, and about contents.
        """
        self._beside = True
        seen: set[Digest] = {EMPTY_TREE}
        level = self._beside_known()
        while level:
            fresh = [digest for digest in level if digest not in seen]
            seen.update(fresh)
            if len(self.missing.trees) + len(fresh) > unasked:
                fresh = self._lacking(fresh)
            self.missing.trees += fresh
            level = self._below([(digest, level[digest]) for digest in fresh])
        self._leave_out_moved(seen)
        self._has([*self.missing.trees, *self._files])
        self.missing.trees = self._lacking(self.missing.trees)

    def _below(self, pairs: Sequence[tuple[Digest, Digest | None]]) -> dict[Digest, Digest | None]:
        """Note the files that are new in nodes, and return the nodes that are, with those beside them."""
        below: dict[Digest, Digest | None] = {}
        for part in batches(pairs, _NODES):
            payloads = self._source.get_many(ObjectKind.TREE, [digest for digest, _ in part])
            for payload, other in zip(payloads, self._others([other for _, other in part]), strict=True):
                fresh = fresh_in(payload, other)
                self.add_files(fresh.files)
                below.update(fresh.below)
                self._gone.update(dict.fromkeys(fresh.gone))
                self._left.update(dict.fromkeys(fresh.left))
        return {digest: other for digest, other in below.items() if digest not in self._gone}

    def _leave_out_moved(self, seen: Set[Digest]) -> None:
        """Leave out contents of folders that are not where they were, as when one was renamed and changed."""
        level, left = list(self._gone), 2 * len(self.missing.trees)
        while level and self._files and left > 0:
            level = [digest for digest in level if digest not in seen][:left]
            left -= len(level)
            below: dict[Digest, None] = {}
            for part in batches(level, _NODES):
                for payload in self._others(part):
                    rows = decode_rows(payload if payload is not None else EMPTY_PAYLOAD)
                    for digest in split_digests(rows.files):
                        self._files.pop(digest, None)
                    below.update(dict.fromkeys(rows.below))
            level = list(below)

    def _others(self, digests: Sequence[Digest | None]) -> list[bytes | None]:
        """Return nodes beside new ones; where one is damaged, none: the new ones alone say more than both."""
        known = [digest for digest in digests if digest is not None and digest != EMPTY_TREE]
        try:
            found = dict(zip(known, self._source.get_many(ObjectKind.TREE, known), strict=True))
        except (Corrupt, NotFound):
            return [None] * len(digests)
        return [None if digest is None else found.get(digest) for digest in digests]

    def _beside_known(self) -> dict[Digest, Digest | None]:
        """Return the trees of missing commits, each beside that of a commit that the receiver has, if any."""
        known: dict[Digest, Digest | None] = {}
        for digest in self._roots:
            line = [digest]
            while line[-1] in self._roots and line[-1] not in known:
                parents = Commit.decode(self._source.get(ObjectKind.COMMIT, line[-1])).parents
                above = next((each for each in parents if each in self._roots or each in self._had), None)
                if above is None:
                    break
                line.append(above)
            last = line[-1]
            found = known.get(last) if last in self._roots else self._tree_of(last)
            known.update(dict.fromkeys(line, found))
        return {tree: known[digest] for digest, tree in self._roots.items()}

    def _tree_of(self, commit: Digest) -> Digest | None:
        """Return the tree of a commit that the receiver has, or None where it is damaged here."""
        with suppress(Corrupt, NotFound):
            return Commit.decode(self._source.get(ObjectKind.COMMIT, commit)).tree
        return None

    def add_files(self, files: Iterable[Digest]) -> None:
        """Ask for file contents."""
        self._files.update(dict.fromkeys(files))

    def contents(self) -> None:
        """Resolve the files that the receiver lacks into chunks, recipes and pages."""
        self._files.pop(EMPTY_FILE, None)
        chunks, pages = dict[Digest, None](), dict[Digest, None]()
        lacking = self._lacking(list(self._files))
        self._refuse_dropped(lacking)
        for digest, kind in zip(lacking, self._source.kinds_of(lacking), strict=True):
            if kind is None:
                raise NotFound(
                    f"content {digest.hex()[:12]} is not in the repository to copy from",
                    hint="run 'tether fsck' there",
                )
            if kind == ObjectKind.CHUNK:
                chunks[digest] = None
            else:
                recipe = read_recipe(self._source, digest)
                self.missing.recipes.append(digest)
                pages.update(dict.fromkeys(recipe.pages))
                chunks.update(dict.fromkeys(chunks_of(self._source, recipe)))
        earlier = list(islice(self._left, _VERSIONS * len(self.missing.recipes)))
        known = known_by_pages(self._source, self._lacking, pages, earlier) if self._beside else frozenset()
        self.missing.pages = [digest for digest in pages if digest not in known]
        self.missing.chunks = self._lacking([digest for digest in chunks if digest not in known])

    def _refuse_dropped(self, contents: Sequence[Digest]) -> None:
        if not self._absent:
            return
        has = self._source.has
        found = ((digest, self._absent.remote_of(digest)) for digest in contents if not has(digest))
        dropped = {digest: remote for digest, remote in found if remote is not None}
        remotes = sorted(set(dropped.values()))
        promised = [digest for digest in dropped if self._absent.promised_by(digest)]
        if promised:
            raise Unavailable(
                f"contents that are to be sent are not in this partial clone ({len(promised)}); "
                f"its remote {', '.join(remotes)} has them",
                hint=f"run 'tether prefetch --all' there, or copy from {remotes[0]}",
            )
        if dropped:
            raise Unavailable(
                f"contents that are to be sent were dropped ({len(dropped)}); "
                f"the remote {', '.join(remotes)} of the sender has them",
                hint=f"run 'tether drop --fetch PATH' where they were dropped, or copy from {remotes[0]}",
            )

    def _lacking(self, digests: Sequence[Digest]) -> list[Digest]:
        lacking: list[Digest] = []
        for start in range(0, len(digests), _BATCH):
            part = digests[start : start + _BATCH]
            lacking += (d for d, there in zip(part, self._has(part), strict=True) if not there)
        return lacking
