"""Bringing what a repository lacks from a far end: commits in one reply, trees level by level, then contents.

Everything is verified on arrival, and the tree nodes against each other, before a ref can name it. Files of
several chunks are hashed at the end, or what is new of them: their chunks prove nothing of the file.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from threading import Lock

from tether.core.ahead import ahead
from tether.core.batches import batches
from tether.core.chunker import MAX_SIZE
from tether.core.digest import EMPTY_FILE, Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit, Tag
from tether.core.progress import SILENT, Progress
from tether.core.recipe import ChunkList, decode_page, decode_recipe
from tether.core.tree import Node, decode_node, split_digests
from tether.errors import Corrupt, Unavailable
from tether.repo.contents import ContentReader
from tether.repo.frames import DATA, META, Frame, Stored
from tether.repo.history import shallow_commits
from tether.repo.lookup import IndexWriter
from tether.repo.objectdb import ObjectDb, unpack
from tether.repo.partial import Partial
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.sync.ends import FarEnd, Lands
from tether.sync.kept import kept_if_cut, kept_packs
from tether.sync.landingfiles import landing_chosen
from tether.sync.newtrees import NewTrees, trees_before
from tether.sync.passing import Passing, TakePack
from tether.sync.proofs import prove_files, replaced
from tether.sync.scope import Asked, wanted_contents
from tether.sync.treeclaims import TreeClaims
from tether.sync.whereabouts import Whereabouts
from tether.sync.wire import PackShare

_BATCH = 2048
"""Objects asked for at a time."""
_HAVES = 4096
_MANY = 256
_FEW = 16
"""So few chunks, as of a file that is read, are asked for again rather than looked for in all packs."""
PACK_JOBS = 3
JOBS = 4
"""Requests under way at once."""

_Take = Callable[[Frame, bytes, bytes], None]
"""Takes a verified object: its frame, its stored bytes, its payload."""


@dataclass(slots=True)
class Downloaded:
    """What came.

    Attributes:
        objects: How many.
        bytes: Their frames, as stored.
        boundary: Commits whose parents neither came nor are here, as a depth was asked for.
        left: Contents that were not asked for, since this repository is partial.
    """

    objects: int = 0
    bytes: int = 0
    boundary: list[Digest] = field(default_factory=list)
    left: list[Digest] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """What the walk has still to look at."""

    commits: dict[Digest, Sequence[Digest]] = field(default_factory=dict)
    """New commits with their parents."""
    roots: dict[Digest, Digest] = field(default_factory=dict)
    """Their trees, each with a commit that has it."""
    files: dict[Digest, int] = field(default_factory=dict)
    recipes: dict[Digest, bytes] = field(default_factory=dict)
    where: Whereabouts = field(default_factory=Whereabouts)


def download(
    end: FarEnd,
    local: Repository,
    transaction: Transaction,
    wants: Sequence[Digest] | Asked,
    progress: Progress = SILENT,
) -> Downloaded:
    """Store everything that `wants` (commits and tags) reach, that is not here, and that is asked for.

    Nothing counts before the transaction ends.

    Raises:
        NotFound: The far end lacks something.
        Corrupt: What arrived is not what it should be.
        Unavailable: The connection was cut, again and again.
    """
    asked = Asked.of(wants)
    work = _Download(end, local, transaction, progress)
    work.landing = asked.landing
    if asked.scope.depth is None:
        work.commits(asked.wants)
    else:
        work.newest(asked.wants, asked.scope.depth)
    work.trees(whole=asked.scope.partial.is_whole)
    work.narrow(asked.scope.partial)
    work.contents()
    return work.done


def download_contents(
    end: FarEnd,
    local: Repository,
    transaction: Transaction,
    contents: Sequence[Digest],
    progress: Progress = SILENT,
) -> Downloaded:
    """Store those of some file contents that are not here; see `download`."""
    work = _Download(end, local, transaction, progress)
    work.add_files(contents)
    work.contents()
    return work.done


class _Download:
    def __init__(self, end: FarEnd, local: Repository, transaction: Transaction, progress: Progress) -> None:
        self._end, self._local, self._transaction, self._progress = end, local, transaction, progress
        self._session = transaction.objects
        self._found, self.passing = _Found(), Passing(end, local.backend)
        self._counting = Lock()
        self.landing: Lands | None = None
        self._whole = False
        self.done = Downloaded()

    # -- commits and trees ------------------------------------------------------------------

    def commits(self, wants: Sequence[Digest]) -> None:
        """Bring commits and tags, and whatever of their parents is not here after all."""
        lacking = self._lacking(wants)
        if not lacking:
            return
        self._progress.start("receiving commits", None, "objects")
        seen: dict[Digest, None] = {}
        waiting: dict[Digest, None] = {}

        def take(frame: Frame, _: bytes, payload: bytes) -> None:
            if frame.digest in seen:
                return
            seen[frame.digest] = None
            waiting.update(dict.fromkeys(self._commit(frame, payload)))

        haves = list(self._local.root().refs.values())[:_HAVES]
        self._end.commits(lacking, haves, lambda frames: self._verified(frames, None, {}, take))
        # A far end whose idea of this repository's history is wrong leaves gaps.
        shallow = bool(shallow_commits(self._local.root()))
        while gaps := [d for d in self._lacking(list(waiting)) if d not in seen]:
            waiting.clear()
            if shallow:  # it cannot know where the history ends here
                self._end.commits(gaps, [], lambda frames: self._verified(frames, None, {}, take))
            else:
                self._bring(gaps, take)
        if gaps := [d for d in lacking if d not in seen]:
            raise Corrupt(f"{self._end.name} did not send commit {gaps[0].hex()[:12]}")

    def newest(self, wants: Sequence[Digest], depth: int) -> None:
        """Bring commits down to a depth, and note where the history is cut."""
        self._progress.start("receiving commits", None, "objects")
        came: set[Digest] = set()

        def take(frame: Frame, _: bytes, payload: bytes) -> None:
            if frame.digest not in came:
                came.add(frame.digest)
                self._commit(frame, payload)

        self._end.commits(wants, [], lambda frames: self._verified(frames, None, {}, take), depth=depth)
        if gaps := [digest for digest in self._lacking(wants) if digest not in came]:
            raise Corrupt(f"{self._end.name} did not send commit {gaps[0].hex()[:12]}")
        fresh = self._found.commits
        outside = {parent for parents in fresh.values() for parent in parents if parent not in fresh}
        lacking = frozenset(self._lacking(list(outside)))
        self.done.boundary = [digest for digest, parents in fresh.items() if lacking.intersection(parents)]

    def narrow(self, partial: Partial) -> None:
        """Leave out the contents that this repository does not ask for."""
        self._whole = partial.is_whole
        if self._whole:
            return
        files = self._found.files
        files.pop(EMPTY_FILE, None)
        wanted = wanted_contents(self._session, self._found.roots, partial)
        self.done.left = self._lacking([digest for digest in files if digest not in wanted])
        self._found.files = wanted

    def add_files(self, contents: Sequence[Digest]) -> None:
        """Ask for contents; what they are turns out when they come."""
        self._found.files.update(dict.fromkeys(contents, 0))

    def _commit(self, frame: Frame, payload: bytes) -> Sequence[Digest]:
        """Store a commit or tag and return what must come with it."""
        kind = ObjectKind(frame.kind)
        if kind not in (ObjectKind.COMMIT, ObjectKind.TAG):
            raise Corrupt(f"{self._end.name} sent another object for a commit")
        known = self._session.known(frame.digest)
        self._session.put_named(kind, frame.digest, payload)
        if kind == ObjectKind.TAG:
            return (Tag.decode(payload).target,)
        commit = Commit.decode(payload)
        if not known:
            self._found.commits[frame.digest] = commit.parents
            self._found.roots[commit.tree] = frame.digest
        return commit.parents

    def trees(self, *, whole: bool) -> None:
        """Bring tree nodes level by level, never below one that is here; `whole`: with all that they name."""
        found, claims = self._found, TreeClaims(self._session)
        follows = bool(self._local.root().refs) or len(found.commits) > 1
        before = trees_before(self._session, found.commits) if whole and follows else {}
        walk = NewTrees(self._session, {tree: before.get(commit) for tree, commit in found.roots.items()})
        if found.roots:
            self._progress.start("receiving folders", None, "objects")
        while level := walk.level():
            nodes: dict[Digest, Node] = {}

            def take(frame: Frame, data: bytes, payload: bytes, nodes: dict[Digest, Node] = nodes) -> None:
                if frame.kind != ObjectKind.TREE:
                    raise Corrupt(f"{self._end.name} sent another object for a folder")
                self._session.put_stored(Stored.of(frame, data), payload)
                nodes[frame.digest] = node = decode_node(payload)
                claims.add(frame.digest, node)

            self._bring(self._lacking(level), take)
            walk.descend(nodes)
            for digest, node in nodes.items() if follows else ():  # otherwise nothing was replaced
                found.where.add(digest, node, walk.files)
        found.files.update(walk.files)
        claims.add_tops(found.roots)
        claims.check()

    # -- contents ---------------------------------------------------------------------------

    def contents(self) -> None:
        """Bring contents: recipes first, then whole packs where most of one is lacked, then single chunks.

        Of a transfer that is cut the chunks stay, for the next one.
        """
        with kept_if_cut(self._session):
            self._contents()

    def _contents(self) -> None:
        files = self._found.files
        files.pop(EMPTY_FILE, None)
        lacking = self._lacking(list(files))
        if not lacking:
            return
        self._progress.start("receiving files", len(lacking), "files")
        self._bring([digest for digest in lacking if files[digest] > MAX_SIZE], self._content)
        single = [digest for digest in lacking if files[digest] <= MAX_SIZE]
        recipes = self._found.recipes
        with landing_chosen(self.passing, self.landing, self._session, recipes, small=self._whole):
            known = dict.fromkeys(recipes)
            self._bring_chunks([*single, *self._chunks(list(known))])
            self._bring_chunks(self._chunks([file for file in recipes if file not in known]))  # came just now
        self._check_files()
        self._progress.finish()

    def _chunks(self, files: Sequence[Digest]) -> list[Digest]:
        """Return the chunks of files whose recipes came."""
        parts = (split_digests(part.digests) for part in self._listed(files))
        return list(dict.fromkeys(chain.from_iterable(parts)))

    def _bring_chunks(self, digests: Sequence[Digest]) -> None:
        lacking = self._take_kept(self._lacking(digests))
        if len(lacking) >= _MANY:
            self._take_packs("receiving packs", self.passing.worth(lacking), self.passing.bring)
            lacking = self._lacking(lacking)
        if lacking:
            self._progress.start("receiving contents", len(lacking), "chunks")
            self._bring_all(lacking, self._content)

    def _take_kept(self, lacking: list[Digest]) -> list[Digest]:
        """Take packs that an earlier transfer left, verified; return what is lacked still."""
        if len(lacking) < _FEW:
            return lacking
        live = frozenset((*self._local.root().packs(), *self._transaction.adopted))
        kept = kept_packs(self._local.backend, live, lacking)
        if kept:
            self._take_packs("reading what came before", kept, self.passing.take_here)
        return self._lacking(lacking) if kept else lacking

    def _take_packs(self, what: str, packs: list[PackShare], take: TakePack) -> None:
        self._progress.start(what, sum(share.size for share in packs), "bytes")
        jobs = self._end.jobs or PACK_JOBS
        indexed = IndexWriter(self._local.backend)
        with ThreadPoolExecutor(jobs, "receive") as pool:
            for share, table in ahead(pool, take, packs, jobs):
                if table is not None:
                    self._session.know(split_digests(table.digests))
                    self._transaction.adopt((share.name,), ())
                    indexed.add(share.name, table)
                    self.done.objects += share.objects
                    self.done.bytes += share.size
                self._progress.advance(share.size)
        indexed.write()

    def _content(self, frame: Frame, data: bytes, payload: bytes) -> None:
        if frame.kind == ObjectKind.RECIPE:
            self._found.recipes[frame.digest] = payload
            self._session.put_stored(Stored.of(frame, data), payload)
        elif frame.kind == ObjectKind.CHUNK:
            self._session.append(DATA, Stored.of(frame, data))
        else:
            raise Corrupt(f"{self._end.name} sent another object for a content")

    def _listed(self, files: Sequence[Digest]) -> Iterator[ChunkList]:
        """Yield the chunks of files by their new recipes, whose pages are brought first."""
        pages: dict[Digest, bytes] = {}
        recipes = {digest: decode_recipe(digest, self._found.recipes[digest]) for digest in files}
        names = dict.fromkeys(page for recipe in recipes.values() for page in recipe.pages)

        def take(frame: Frame, data: bytes, payload: bytes) -> None:
            if frame.kind != ObjectKind.RECIPE_PAGE:
                raise Corrupt(f"{self._end.name} sent another object for a page of a recipe")
            pages[frame.digest] = payload
            self._session.put_stored(Stored.of(frame, data), payload)

        here = list(names.keys() - set(self._lacking(list(names))))
        self._bring([page for page in names if page not in set(here)], take)
        pages.update(zip(here, self._session.get_many(ObjectKind.RECIPE_PAGE, here), strict=True))
        for file, recipe in recipes.items():
            parts = [(0, recipe.chunks)] if recipe.chunks is not None else []
            named = zip(recipe.starts, recipe.pages, strict=True)
            for start, chunks in chain(parts, ((start, decode_page(pages[page])) for start, page in named)):
                self.passing.expect(file, start, chunks, outlined=recipe.outline is not None)
                yield chunks

    def _check_files(self) -> None:
        if not self._found.recipes:
            return
        self._progress.start("verifying large files", len(self._found.recipes), "files")
        sealed = (*self._session.settle(DATA), *self._session.settle(META))
        packs = (*self._local.root().packs(), *self._transaction.adopted, *sealed)
        contents = ContentReader(ObjectDb(self._local.backend, lambda: packs))
        known = ContentReader(self._local.objects)
        bases = partial(replaced, self._session, list(self._found.commits), where=self._found.where)
        for _ in prove_files(contents, known, bases, list(self._found.recipes), self.passing.means):
            self._progress.advance(1)

    # -- objects ----------------------------------------------------------------------------

    def _lacking(self, digests: Sequence[Digest]) -> list[Digest]:
        return [digests[at] for at in self._session.unknown(digests)]

    def _bring_all(self, digests: Sequence[Digest], take: _Take) -> None:
        """Bring many objects by several requests at once; `take` is called from threads."""
        jobs = self._end.jobs or JOBS
        with ThreadPoolExecutor(jobs, "receive") as pool:
            for count in ahead(pool, lambda part: self._bring(part, take), batches(digests, _BATCH), jobs):
                self._progress.advance(count)

    def _bring(self, digests: Sequence[Digest], take: _Take) -> int:
        """Bring objects and give each, verified, to `take`, once or more often; return how many."""
        for part in batches(digests, _BATCH):
            left = dict.fromkeys(part)
            while left:
                before = len(left)
                self._end.objects(
                    list(left), partial(self._verified, asked=frozenset(left), left=left, take=take)
                )
                if len(left) == before:
                    raise Unavailable(f"{self._end.name} sends nothing more", hint="run the command again")
        return len(digests)

    def _verified(
        self,
        frames: Iterator[tuple[Frame, bytes]],
        asked: frozenset[Digest] | None,
        left: dict[Digest, None],
        take: _Take,
    ) -> None:
        """Verify frames and hand them on; one that comes again, after a cut, is passed over."""
        count = size = 0
        try:
            for frame, data in frames:
                if asked is not None:
                    if frame.digest not in asked:
                        raise Corrupt(f"{self._end.name} sent what was not asked for")
                    if frame.digest not in left:
                        continue
                take(frame, data, unpack(frame, data, ObjectKind(frame.kind)))
                left.pop(frame.digest, None)
                count, size = count + 1, size + len(data)
        finally:
            with self._counting:
                self.done.objects += count
                self.done.bytes += size
