"""What users may write for a commit, and what they are told when it is not there."""

from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import ADA, make_repository

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit, Tag
from tether.errors import InvalidInput, NotFound
from tether.repo.moments import first_moment, last_moment
from tether.repo.operations import Head
from tether.repo.repository import Repository
from tether.repo.revision import clean_path, find_entry, resolve, resolve_path, split_place, split_range

DAY = 86_400_000_000
NOON = 1_769_860_800_000_000
"""2026-01-31T12:00:00Z."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = Time(NOON, 60)

    def __call__(self) -> Time:
        return self.now

    def move(self, micros: int) -> None:
        """Go forward."""
        self.now = Time(self.now.micros + micros, self.now.offset)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Return a repository with four commits in a row and a merge."""
    past = Past(make_repository(tmp_path))
    first = past.commit("first", {"a": b"1", "dir/b": b"2"})
    side = past.commit("side", {"s": b"1"}, branch="side", parents=[first])
    second = past.commit("second", {"a": b"2"})
    past.commit("merge", {"s": b"1"}, parents=[second, side])
    return past


def ref(past: Past, name: str) -> Digest:
    """Return what a ref names."""
    return past.repository.root().refs[f"refs/{name}"]


def set_ref(past: Past, name: str, digest: Digest) -> None:
    """Point a ref somewhere."""
    with past.repository.transaction("set") as transaction:
        transaction.set_ref(f"refs/{name}", digest)


def test_names_of_all_kinds_lead_to_their_commit(past: Past) -> None:
    """HEAD, branches, tags, remote branches and full names."""
    top, side = ref(past, "heads/main"), ref(past, "heads/side")
    set_ref(past, "tags/v1", side)
    set_ref(past, "remotes/origin/dev", side)
    set_ref(past, "remotes/origin/HEAD", side)

    found = {
        name: resolve(past.repository, name)
        for name in ("HEAD", "@", "main", "heads/main", "refs/heads/main")
    }

    assert set(found.values()) == {top}
    for name in ("side", "v1", "tags/v1", "origin/dev", "remotes/origin/dev", "origin"):
        assert resolve(past.repository, name) == side


def test_annotated_tags_are_peeled(past: Past) -> None:
    """A tag of a tag of a commit is that commit."""
    side = ref(past, "heads/side")
    with past.repository.transaction("tag") as transaction:
        when = Time(0, 0)
        inner = transaction.objects.put(
            ObjectKind.TAG, Tag("in", side, ObjectKind.COMMIT, ADA, when, "x").encode()
        )
        outer = transaction.objects.put(
            ObjectKind.TAG, Tag("out", inner, ObjectKind.TAG, ADA, when, "y").encode()
        )
        transaction.set_ref("refs/tags/out", outer)

    assert resolve(past.repository, "out") == side
    assert resolve(past.repository, outer.hex()) == side


def test_ids_may_be_cut_to_six_digits(past: Past) -> None:
    """Whole ids and prefixes of any length from six on, in any case."""
    top = ref(past, "heads/main")

    for length in (64, 12, 7, 6):
        assert resolve(past.repository, top.hex()[:length]) == top
    assert resolve(past.repository, top.hex()[:9].upper()) == top
    with pytest.raises(NotFound, match="no such revision"):
        resolve(past.repository, top.hex()[:5])
    with pytest.raises(NotFound, match="no commit"):
        resolve(past.repository, "0" * 64)


def test_trees_are_no_commits(past: Past) -> None:
    """The id of a tree is not taken for a commit's."""
    tree = past.tree(ref(past, "heads/main"))

    with pytest.raises(NotFound):
        resolve(past.repository, tree.hex())


def test_ancestors_by_generation_and_by_parent(past: Past) -> None:
    """`~N` follows first parents, `^N` takes the N-th parent, and they chain."""
    repository, side = past.repository, ref(past, "heads/side")
    first = resolve(repository, "side~")

    assert resolve(repository, "main^2") == side
    assert resolve(repository, "main~2") == first
    assert resolve(repository, "main^^") == first
    assert resolve(repository, "main^2~1") == first
    assert resolve(repository, "main^0") == ref(past, "heads/main")
    with pytest.raises(NotFound, match="2 commits before"):
        resolve(repository, "main~9")
    with pytest.raises(NotFound, match="2 parents"):
        resolve(repository, "main^3")


def test_unknown_names_are_answered_with_the_nearest(past: Past) -> None:
    """A typing error is met with what was meant."""
    with pytest.raises(NotFound, match="no such revision: mian") as caught:
        resolve(past.repository, "mian")

    assert caught.value.hint == "did you mean main?"


def test_a_name_of_a_branch_and_a_tag_is_ambiguous(past: Past) -> None:
    """Both are named; with equal values there is no doubt."""
    set_ref(past, "tags/side", ref(past, "heads/main"))

    with pytest.raises(InvalidInput, match="ambiguous") as caught:
        resolve(past.repository, "side")

    assert caught.value.hint == "write heads/side or tags/side"
    set_ref(past, "tags/side", ref(past, "heads/side"))
    assert resolve(past.repository, "side") == ref(past, "heads/side")


@pytest.mark.parametrize("text", ["", "main~x", "main^{tree}", "main~1@{u}", "main@{", "main@{yesterday}"])
def test_other_forms_are_refused(past: Past, text: str) -> None:
    """What is no revision is invalid, not missing."""
    with pytest.raises(InvalidInput):
        resolve(past.repository, text)


def test_an_empty_repository_has_no_head(tmp_path: Path) -> None:
    """The message says what to do first."""
    with pytest.raises(NotFound, match="main has no commits yet"):
        resolve(make_repository(tmp_path), "HEAD")
    with pytest.raises(NotFound, match="main has no commits yet"):
        resolve(make_repository(tmp_path / "other"), "main")


def test_upstream_is_the_ref_that_the_settings_name(past: Past) -> None:
    """Of the current branch, or of a named one; missing pieces are told apart."""
    repository, side = past.repository, ref(past, "heads/side")
    with pytest.raises(NotFound, match="main has no upstream"):
        resolve(repository, "@{upstream}")
    path = repository.directory / "config.toml"
    repository.config.update(path, {"branch.main.remote": "origin", "branch.main.merge": "dev"})
    with pytest.raises(NotFound, match="origin/dev"):
        resolve(repository, "@{u}")
    set_ref(past, "remotes/origin/dev", side)

    assert resolve(repository, "@{upstream}") == side
    assert resolve(repository, "main@{u}~1") == resolve(repository, "side~1")


def test_dates_look_into_the_log_of_operations(tmp_path: Path) -> None:
    """A day is its end in the viewer's zone; a time is that moment."""
    clock = Clock()
    past = Past(Repository.init(tmp_path, clock=clock))
    first = past.commit("first", {"a": b"1"})
    clock.move(10 * 3_600_000_000)  # 22:00 UTC, 23:00 for the viewer
    second = past.commit("second", {"a": b"2"})
    clock.move(90 * 60_000_000)  # half past midnight for the viewer
    third = past.commit("third", {"a": b"3"})
    clock.move(DAY)
    repository = past.repository

    assert resolve(repository, "main@{2026-01-31}") == second
    assert resolve(repository, "@{2026-02-01}") == third
    assert resolve(repository, "HEAD@{2026-02-05}") == third
    assert resolve(repository, "@{2026-01-31T14:00}") == first
    assert resolve(repository, "main@{2026-01-31T22:00:00+00:00}") == second
    with pytest.raises(NotFound, match="no record of that time"):
        resolve(repository, "main@{2026-01-30}")


def test_dates_follow_head_across_branches_and_deletions(tmp_path: Path) -> None:
    """HEAD at a moment is the branch that was checked out then; a branch that is gone has a past."""
    clock = Clock()
    past = Past(Repository.init(tmp_path, clock=clock))
    first = past.commit("first", {"a": b"1"})
    clock.move(DAY)
    side = past.commit("side", {"b": b"1"}, branch="side", parents=[first])
    with past.repository.transaction("switch") as transaction:
        transaction.set_head(Head("refs/heads/side"))
    clock.move(DAY)
    with past.repository.transaction("away") as transaction:
        transaction.set_head(Head(None, first))
        transaction.set_ref("refs/heads/side", None)

    assert resolve(past.repository, "HEAD@{2026-01-31}") == first
    assert resolve(past.repository, "HEAD@{2026-02-01}") == side
    assert resolve(past.repository, "side@{2026-02-01}") == side
    with pytest.raises(NotFound, match="did not exist then"):
        resolve(past.repository, "side@{2026-01-31}")


def test_moments_are_days_or_times() -> None:
    """A day begins and ends in the viewer's zone; a time with a zone keeps it."""
    assert first_moment("2026-01-31", 60) == NOON - 13 * 3_600_000_000
    assert last_moment("2026-01-31", 60) == NOON + 11 * 3_600_000_000 - 1
    assert first_moment("2026-01-31T12:00Z", 60) == NOON
    assert last_moment("2026-01-31 13:00", 60) == NOON
    with pytest.raises(InvalidInput, match="not a date"):
        first_moment("31.1.2026", 0)


def test_a_moment_has_the_zone_that_held_then() -> None:
    """Where clocks are put forward, a day in July begins an hour earlier than winter's offset says."""

    def berlin(wall: datetime) -> int:
        return 120 if 4 <= wall.month <= 10 else 60

    july = first_moment("2026-07-01T00:00+02:00", 0)
    assert first_moment("2026-07-01", berlin) == july
    assert last_moment("2026-07-01", berlin) == july + 24 * 3_600_000_000 - 1
    assert first_moment("2026-01-31 13:00", berlin) == NOON
    assert first_moment("2026-07-01T00:00Z", berlin) == july + 2 * 3_600_000_000


def test_places_are_cut_at_the_first_colon_outside_of_braces() -> None:
    """A time in braces has colons of its own, and a path may have more."""
    assert split_place("main@{2026-01-31T10:00}:a:b") == ("main@{2026-01-31T10:00}", "a:b")
    assert split_place("main") == ("main", "")
    assert split_place(":a") == ("", "a")


def test_places_name_files_folders_and_the_stage(past: Past) -> None:
    """The path is cleaned; without a revision the stage is meant."""
    repository = past.repository

    place, entry = find_entry(repository, "main:./dir//b")

    assert (place.commit, place.path) == (ref(past, "heads/main"), b"dir/b")
    assert repository.contents.read(entry.digest) == b"2"
    assert find_entry(repository, "main:dir/")[1].files == 1
    assert resolve_path(repository, ":a") == (None, repository.root().stage, b"a")
    with pytest.raises(NotFound, match="no such file: main:absent"):
        find_entry(repository, "main:absent")
    with pytest.raises(InvalidInput, match="outside"):
        clean_path("a/../../b")


def test_ranges_fill_in_head() -> None:
    """Either end may be missing."""
    assert split_range("a..b") == ("a", "b", False)
    assert split_range("a...") == ("a", "HEAD", True)
    assert split_range("..b") == ("HEAD", "b", False)
    assert split_range("a") is None


def test_a_prefix_of_several_commits_is_ambiguous(past: Past) -> None:
    """Six digits that two commits share are not enough; the message shows longer ones."""
    seen: dict[str, Commit] = {}
    tree = past.tree(ref(past, "heads/main"))
    for number in count():
        made = Commit(tree, (), ADA, Time(0, 0), ADA, Time(0, 0), f"{number}")
        prefix = made.digest.hex()[:6]
        if prefix in seen:
            break
        seen[prefix] = made
    with past.repository.transaction("make") as transaction:
        for number, commit in enumerate((seen[prefix], made)):
            transaction.objects.put(ObjectKind.COMMIT, commit.encode())
            transaction.set_ref(f"refs/heads/made{number}", commit.digest)

    with pytest.raises(InvalidInput, match=f"{prefix} is ambiguous: 2 commits") as caught:
        resolve(past.repository, prefix)

    assert made.digest.hex()[:12] in str(caught.value.hint)
    assert resolve(past.repository, made.digest.hex()[:16]) == made.digest


def test_a_tag_of_a_tree_is_no_commit(past: Past) -> None:
    """It is refused by name; so is an upstream where no branch is checked out."""
    tree = past.tree(ref(past, "heads/main"))
    with past.repository.transaction("tag") as transaction:
        tag = Tag("tree", tree, ObjectKind.TREE, ADA, Time(0, 0), "x")
        transaction.set_ref("refs/tags/tree", transaction.objects.put(ObjectKind.TAG, tag.encode()))
        transaction.set_head(Head(None, ref(past, "heads/side")))

    with pytest.raises(InvalidInput, match="tree does not name a commit"):
        resolve(past.repository, "tree")
    assert resolve(past.repository, "HEAD") == ref(past, "heads/side")
    with pytest.raises(InvalidInput, match="on no branch"):
        resolve(past.repository, "@{upstream}")


def test_an_id_of_another_process_is_found(past: Past) -> None:
    """What was written after this repository was opened is looked for once more."""
    other = Past(Repository.open(past.repository.directory, clock=Clock()))
    resolve(past.repository, "HEAD")

    made = other.commit("later", {"l": b"1"})

    assert resolve(past.repository, made.hex()[:10]) == made
