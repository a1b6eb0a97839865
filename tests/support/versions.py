"""Versions of one large file, and recipes of them, true and not."""

import random
from dataclasses import replace

from tests.support.packs import commit_of

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.recipe import ChunkList, Recipe, decode_recipe
from tether.core.tree import Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.repo.repository import Repository

ONE = random.Random(1).randbytes(6_000_000)
TWO = ONE[:3_000_000] + b"two" * 100 + ONE[3_000_300:]
THREE = TWO + b"three" * 1000


def commit_file(repository: Repository, data: bytes, path: bytes = b"weights") -> Digest:
    """Commit one large file, as a stream."""
    with repository.transaction("commit") as transaction:
        digest = transaction.contents.add(data)
        tree = build_directory(transaction.objects, [Entry(path, EntryKind.FILE, len(data), digest)])
        old = transaction.ref("refs/heads/main")
        made = Commit.decode(commit_of(tree.digest, *([old] if old else [])))
        commit = transaction.objects.put(ObjectKind.COMMIT, made.encode())
        transaction.set_ref("refs/heads/main", commit, expected=old)
    return commit


def recipe_of(repository: Repository, data: bytes) -> Recipe:
    """Return the recipe of a content."""
    digest = hash_bytes(data)
    return decode_recipe(digest, repository.objects.get(ObjectKind.RECIPE, digest))


def exchanged(recipe: Recipe) -> Recipe:
    """Return a recipe with two chunks in another order."""
    chunks = recipe.chunks
    assert chunks is not None
    digests = [chunks.digest(at) for at in range(len(chunks))]
    lengths = list(chunks.lengths)
    digests[1], digests[2] = digests[2], digests[1]
    lengths[1], lengths[2] = lengths[2], lengths[1]
    return replace(recipe, chunks=ChunkList(b"".join(digests), tuple(lengths)))
