"""Rows that only one of two nodes has: the same as by looking at every row."""

from hypothesis import given
from hypothesis import strategies as st

from tether.core.digest import Digest, hash_bytes
from tether.core.rowdiff import unlike_digests, unlike_rows
from tether.core.tree import Child, Entry, EntryKind, Inner, Leaf, decode_node, encode_inner, encode_leaf

_NAMES = st.integers(0, 60).map(lambda number: f"{number:02}".encode())
_KINDS = st.sampled_from([EntryKind.FILE, EntryKind.EXECUTABLE])
_CONTENTS = st.integers(0, 3).map(lambda number: hash_bytes(bytes([number])))
_ROWS = st.dictionaries(_NAMES, st.tuples(_KINDS, _CONTENTS), max_size=60)


def _leaf(rows: dict[bytes, tuple[EntryKind, Digest]]) -> Leaf:
    entries = [Entry(name, kind, 1, digest, 1) for name, (kind, digest) in sorted(rows.items())]
    node = decode_node(encode_leaf(entries))
    assert isinstance(node, Leaf)
    return node


def _inner(rows: dict[bytes, Digest]) -> Inner:
    children = [Child(name, digest, 1, 1, 1) for name, digest in sorted(rows.items())]
    node = decode_node(encode_inner(1, children))
    assert isinstance(node, Inner)
    return node


@given(_ROWS, st.dictionaries(_NAMES, st.none() | st.tuples(_KINDS, _CONTENTS), max_size=6))
def test_rows_that_were_added_removed_and_changed(
    rows: dict[bytes, tuple[EntryKind, Digest]],
    changes: dict[bytes, tuple[EntryKind, Digest] | None],
) -> None:
    """Few or many, in any place, either way round."""
    after = {name: row for name, row in {**rows, **changes}.items() if row is not None}
    old, new = _leaf(rows), _leaf(after)

    gone, added = unlike_rows(old, new)

    names = sorted(name for name in {*rows, *after} if rows.get(name) != after.get(name))
    assert [old.names[row] for row in gone] == [name for name in names if name in rows]
    assert [new.names[row] for row in added] == [name for name in names if name in after]
    assert unlike_rows(new, old) == (added, gone)


def test_nodes_of_an_upper_level() -> None:
    """Their rows have no kinds."""
    one, other = hash_bytes(b"1"), hash_bytes(b"2")
    old, new = _inner({b"a": one, b"b": one, b"c": one}), _inner({b"a": one, b"c": other, b"d": one})

    assert unlike_rows(old, new) == ([1, 2], [1, 2])


def test_columns_of_many_blocks() -> None:
    """A difference is found in the first row and in the last, of full blocks and of one that is not."""
    for count in (1, 15, 16, 17, 40):
        digests = [hash_bytes(bytes([at])) for at in range(count)]
        for row in (0, count - 1):
            changed = [*digests[:row], hash_bytes(b"other"), *digests[row + 1 :]]
            assert list(unlike_digests(b"".join(digests), b"".join(changed))) == [row]
        assert list(unlike_digests(b"".join(digests), b"".join(digests))) == []
