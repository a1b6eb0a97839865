"""Packs and objects made by hand, also ones that no writer makes."""

from tests.support.repos import ADA

from tether.core.compression import Codec
from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind, object_digest
from tether.core.objects import Commit, Tag
from tether.core.tree import Entry, encode_leaf
from tether.repo.frames import Stored
from tether.repo.packs import PackWriter, pack_key
from tether.storage.memory import MemoryBackend


def pack(
    role: int, *objects: tuple[ObjectKind, bytes] | tuple[ObjectKind, bytes, Digest]
) -> tuple[Digest, bytes]:
    """Return name and bytes of a pack with these objects, each under its digest or under another one."""
    backend = MemoryBackend()
    writer = PackWriter(backend, role)
    for kind, payload, *given in objects:
        if given:
            digest = given[0]
        else:
            digest = hash_bytes(payload) if kind == ObjectKind.CHUNK else object_digest(kind, payload)
        writer.add(Stored(kind, Codec.RAW, len(payload), digest, payload))
    name, _ = writer.finish()
    return name, backend.read(pack_key(name))


def commit_of(tree: Digest, *parents: Digest) -> bytes:
    """Return a commit."""
    return Commit(tree, parents, ADA, Time(0, 0), ADA, Time(0, 0), "c").encode()


def tag_of(commit: Digest) -> bytes:
    """Return a tag."""
    return Tag("v1", commit, ObjectKind.COMMIT, ADA, Time(0, 0), "t").encode()


def leaf(*entries: Entry) -> bytes:
    """Return a tree with these entries."""
    return encode_leaf(entries)


def tree_id(data: bytes) -> Digest:
    """Return the digest of a tree."""
    return object_digest(ObjectKind.TREE, data)
