"""Objects that a session stores: as they came, or in the form that it chooses."""

from pathlib import Path

from tests.support.repos import make_repository

from tether.core.compression import Codec
from tether.core.digest import hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.tree import Entry, EntryKind, encode_leaf
from tether.repo.frames import Stored

NODE = encode_leaf(
    [Entry(b"%04d" % number, EntryKind.FILE, number, hash_bytes(b"one")) for number in range(300)]
)
DIGEST = object_digest(ObjectKind.TREE, NODE)
STORED = Stored(ObjectKind.TREE, Codec.RAW, len(NODE), DIGEST, NODE)


def test_what_came_is_stored_as_it_came(tmp_path: Path) -> None:
    """Also where the session would have made it smaller; it is there at once, and in the repository later."""
    repository = make_repository(tmp_path)
    with repository.transaction("came") as transaction:
        transaction.objects.put_stored(STORED, NODE)
        assert transaction.objects.get(ObjectKind.TREE, DIGEST) == NODE
        transaction.set_stage(DIGEST)
    frame = repository.objects.frame(DIGEST)
    assert frame is not None
    assert (frame.codec, frame.stored) == (Codec.RAW, len(NODE))
    assert repository.objects.get(ObjectKind.TREE, DIGEST) == NODE


def test_what_is_here_stays_as_it_is(tmp_path: Path) -> None:
    """The same object is not stored again where it comes in another form."""
    repository = make_repository(tmp_path)
    with repository.transaction("made") as transaction:
        assert transaction.objects.put(ObjectKind.TREE, NODE) == DIGEST
        transaction.objects.put_stored(STORED, NODE)
        transaction.set_stage(DIGEST)
    packs = repository.root().packs()
    with repository.transaction("came") as transaction:
        transaction.objects.put_stored(STORED, NODE)
    frame = repository.objects.frame(DIGEST)
    assert frame is not None
    assert frame.stored < len(NODE)
    assert repository.root().packs() == packs
