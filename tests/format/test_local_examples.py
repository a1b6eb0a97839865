"""The worked examples of what belongs to one working copy: state, checkout journal, stat cache."""

from pathlib import Path

from blake3 import blake3
from tests.support.pages import hex_blocks, page

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, object_digest
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.repo.mergestate import ConflictRow, MergeState, state_references
from tether.repo.operations import Head
from tether.storage.locks import LockFile
from tether.worktree.block import Block, encode_block, encode_change
from tether.worktree.files import RECORD
from tether.worktree.journal import PendingCheckout, pending, write_journal
from tether.worktree.rows import Rows
from tether.worktree.statcache import StatCache
from tether.worktree.statfile import append_journal, read_base, read_journal, write_base
from tether.worktree.worktree import WorkTree

MOMENT = 1_767_225_600_000_000_000
BLOCK = Block(
    EMPTY_TREE,
    Rows(b"a", RECORD.pack(0o100644, 0, 6, MOMENT, MOMENT, 42, 7), 1),
    bytes(range(16)),
    untracked=(b"a",),
)


def named(text: bytes) -> Digest:
    """Return the digest that stands for something in an example."""
    return Digest(blake3(text).digest())


def worktree(path: Path) -> WorkTree:
    """Return a working copy with its state in `path`."""
    return WorkTree(path, path, LockFile(path / "lock"))


def test_the_example_of_a_state() -> None:
    """A merge with one conflict is the example, and refers to its commits and trees."""
    [example] = hex_blocks("state")
    sides = [Entry(b"a", EntryKind.FILE, len(text), named(text)) for text in (b"ours", b"theirs")]
    state = MergeState(
        activity="merge",
        conflicts=(ConflictRow(b"a", None, sides[0], sides[1], "add/add", b"a", b"a.theirs"),),
        other=named(b"a commit"),
        message="Merge x\n",
        head=Head("refs/heads/main"),
        start=named(b"the start"),
        stage=EMPTY_TREE,
        files=named(b"the files"),
    )

    assert state.encode() == example
    assert MergeState.decode(example) == state
    assert f"`{object_digest(ObjectKind.STATE, example).hex()}`" in page("state")
    assert set(state_references(example)) == {
        (ObjectKind.COMMIT, named(b"a commit")),
        (ObjectKind.COMMIT, named(b"the start")),
        (ObjectKind.TREE, EMPTY_TREE),
        (ObjectKind.TREE, named(b"the files")),
    }


def test_the_example_of_a_checkout_journal(tmp_path: Path) -> None:
    """A journal has the bytes of the example, and is read from them."""
    [example] = hex_blocks("checkout-journal")
    checkout = PendingCheckout(EMPTY_TREE, named(b"a tree"), (b"photos",), bytes(range(16)))

    write_journal(worktree(tmp_path), checkout)

    assert (tmp_path / "checkout.journal").read_bytes() == example
    assert pending(worktree(tmp_path)) == checkout


def test_the_examples_of_a_stat_cache(tmp_path: Path) -> None:
    """A base and a journal have the bytes of the examples; the journal takes the block away."""
    base_example, journal_example = hex_blocks("statcache")
    base_path, journal_path = tmp_path / "stat.base", tmp_path / "stat.journal"

    write_base(base_path, [(b"", encode_block(b"", BLOCK))])

    assert base_path.read_bytes() == base_example
    assert StatCache(worktree(tmp_path)).block(b"") == BLOCK
    base = read_base(base_path)
    append_journal(journal_path, base, read_journal(journal_path, base), [encode_change(b"", BLOCK, None)])
    assert journal_path.read_bytes() == journal_example
    assert StatCache(worktree(tmp_path)).block(b"") is None
