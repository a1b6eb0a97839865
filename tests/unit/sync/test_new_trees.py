"""Trees that come, beside those that are here: nothing new is passed over, and little else is looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.objects import file_entry
from tests.support.repos import ADA, commit_files, make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE
from tether.core.treeedit import edit_tree
from tether.core.treeread import read_nodes, walk
from tether.errors import Corrupt
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.sync.newtrees import NewTrees, trees_before

Files = dict[str, bytes]

_NAMES = st.sampled_from(
    [f"{folder}/{name}" for folder in "abc" for name in "xyz"] + ["a/b/x", "a/b/y", "top"]
)
_CONTENTS = st.sampled_from([b"1", b"2", b"3", b"4"])
_FILES = st.dictionaries(_NAMES, _CONTENTS, max_size=8)


def _many(folder: str, count: int = 2000) -> Files:
    return {f"{folder}/{number:05}": b"%d" % number for number in range(count)}


def put_tree(transaction: Transaction, files: Files) -> Digest:
    """Store a tree, without the contents."""
    entries = {
        path.encode(): file_entry(path.rpartition("/")[2].encode(), data) for path, data in files.items()
    }
    return edit_tree(transaction.objects, EMPTY_TREE, entries).digest


def _come(
    repository: Repository, transaction: Transaction, level: Mapping[Digest, Digest | None]
) -> set[Digest]:
    """Follow trees that lie in a transaction as if they came; return the contents that were looked at."""
    session = transaction.objects
    walked = NewTrees(session, level)
    while wanted := walked.level():
        there = repository.objects.has_many(wanted)
        fresh = [digest for digest, has in zip(wanted, there, strict=True) if not has]
        walked.descend(dict(zip(fresh, read_nodes(session, fresh), strict=True)))
    return set(walked.files)


def _contents(transaction: Transaction, tree: Digest) -> set[Digest]:
    return {entry.digest for _, entry in walk(transaction.objects, tree) if entry.digest != EMPTY_TREE}


@given(_FILES, st.lists(_FILES, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory, before: Files, versions: Sequence[Files]
) -> None:
    """Whatever moved where in the commits that come, also between them."""
    repository = make_repository(tmp_path_factory.mktemp("here"))
    with repository.transaction("before") as transaction:
        base = put_tree(transaction, before)
        transaction.set_stage(base)
    with repository.transaction("come") as transaction:
        trees = [put_tree(transaction, files) for files in versions]
        looked_at = _come(repository, transaction, dict.fromkeys(trees, base))

        for tree in trees:
            assert _contents(transaction, tree) <= looked_at | _contents(transaction, base)
        assert not looked_at - set().union(*(_contents(transaction, tree) for tree in trees))


@pytest.mark.parametrize("change", [{"d/00700": b"new"}, {"d/00700x": b"new"}, {"e": b"new"}])
def test_little_else_is_looked_at(tmp_path: Path, change: Files) -> None:
    """Of a folder of many files, and of the one above it, what is new."""
    repository = make_repository(tmp_path)
    with repository.transaction("before") as transaction:
        base = put_tree(transaction, _many("d"))
        transaction.set_stage(base)
    with repository.transaction("come") as transaction:
        tree = put_tree(transaction, {**_many("d"), **change})

        assert _come(repository, transaction, {tree: base}) == {hash_bytes(b"new")}


def test_beside_a_damaged_node_all_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here cannot be read, so nothing is left out for it."""
    repository = make_repository(tmp_path)
    with repository.transaction("before") as transaction:
        base = put_tree(transaction, _many("d", 20))
        transaction.set_stage(base)
    with repository.transaction("come") as transaction:
        tree = put_tree(transaction, {**_many("d", 20), "d/new": b"new"})

        def fail(_: ObjectDb, __: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
            if digests:
                raise Corrupt("it is damaged")
            return []

        monkeypatch.setattr(ObjectDb, "get_many", fail)
        assert len(_come(repository, transaction, {tree: base})) == 21


def test_lines_of_commits_end_at_what_was_here(tmp_path: Path) -> None:
    """However long they are; a line that begins with a first commit has nothing before it."""
    repository = make_repository(tmp_path)
    here = commit_files(repository, {"f": b"1"}, "here")
    commits: dict[Digest, Sequence[Digest]] = {}
    with repository.transaction("come") as transaction:
        for parents in ([here], [], None, None):
            line = parents if parents is not None else [list(commits)[-1]]
            tree = put_tree(transaction, {"n": b"%d" % len(commits)})
            commit = Commit(tree, tuple(line), ADA, Time(0, 0), ADA, Time(0, 0), "come")
            commits[transaction.objects.put(ObjectKind.COMMIT, commit.encode())] = line
        names = list(commits)
        commits[names[2]] = [names[0], names[1]]
        found = trees_before(transaction.objects, commits)

    assert found == dict.fromkeys((names[0], names[2], names[3]), _tree(repository, here))


def _tree(repository: Repository, commit: Digest) -> Digest:
    return Commit.decode(repository.objects.get(ObjectKind.COMMIT, commit)).tree
