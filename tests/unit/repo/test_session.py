"""Objects that a session stores: as they came, or in the form that it chooses."""

from pathlib import Path

import pytest
from tests.support.repos import make_repository

from tether.core.compression import Codec
from tether.core.digest import hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.tree import Entry, EntryKind, decode_node, encode_leaf
from tether.core.treeread import read_node
from tether.errors import NotFound
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


def test_what_was_made_stays_as_it_is(tmp_path: Path) -> None:
    """The same object is not stored again in a session where it comes in another form."""
    repository = make_repository(tmp_path)
    with repository.transaction("made") as transaction:
        assert transaction.objects.put(ObjectKind.TREE, NODE) == DIGEST
        transaction.objects.put_stored(STORED, NODE)
        transaction.set_stage(DIGEST)
    frame = repository.objects.frame(DIGEST)
    assert frame is not None
    assert frame.stored < len(NODE)
    assert len(repository.root().packs()) == 1


def test_decoded_nodes_stay_for_who_reads_them_next(tmp_path: Path) -> None:
    """Once the session is done; not if it is given up, for then the repository does not have them."""
    repository = make_repository(tmp_path)
    with pytest.raises(KeyboardInterrupt), repository.transaction("stopped") as transaction:
        transaction.objects.put_stored(STORED, NODE)
        transaction.objects.decoded.keep({DIGEST: decode_node(NODE)})
        raise KeyboardInterrupt
    assert DIGEST not in repository.objects.nodes
    with pytest.raises(NotFound):
        read_node(repository.objects, DIGEST)

    with repository.transaction("came") as transaction:
        transaction.objects.put_stored(STORED, NODE)
        node = decode_node(NODE)
        transaction.objects.decoded.keep({DIGEST: node})
        transaction.set_stage(DIGEST)
    assert read_node(repository.objects, DIGEST) is node
    repository.objects.reset()
    assert read_node(repository.objects, DIGEST) == node
    assert read_node(repository.objects, DIGEST) is not node
