"""Logs, branches and tags through the Python interface."""

from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import ADA, ticking

from tether.api import history
from tether.api.repo import Repo
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a repository with a branch that was merged and one that was not."""
    repo = Repo.init(tmp_path, clock=ticking())
    repo.author = ADA
    past = Past(repo.repository)
    first = past.commit("first", {"a": b"1"})
    past.commit("merged", {"m": b"1"}, branch="merged", parents=[first])
    open_tip = past.commit("open", {"o": b"1"}, branch="open", parents=[first])
    second = past.commit("second", {"a": b"2"})
    merged = repo.repository.root().refs["refs/heads/merged"]
    past.commit("merge", {"m": b"1"}, parents=[second, merged])
    assert open_tip != first
    return repo


def messages(repo: Repo, *revs: str, limit: int | None = None) -> list[str]:
    """Return the messages of a log."""
    return [entry.commit.message for entry in repo.log(*revs, limit=limit)]


def test_ranges_select_commits(repo: Repo) -> None:
    """`A..B`, `A...B`, `^A` and several revisions."""
    assert messages(repo) == ["merge", "second", "merged", "first"]
    assert messages(repo, limit=2) == ["merge", "second"]
    assert messages(repo, "merged..main") == ["merge", "second"]
    assert messages(repo, "main", "^merged") == ["merge", "second"]
    assert messages(repo, "open...merged") == ["open", "merged"]
    assert messages(repo, "open", "merged") == ["open", "merged", "first"]
    everything = history.log(repo, history.LogQuery(all_refs=True))
    assert {entry.commit.message for entry in everything} == {"merge", "second", "open", "merged", "first"}


def test_paths_of_the_working_copy_limit_a_log(repo: Repo) -> None:
    """They are given as anywhere else in the interface."""
    assert [entry.commit.message for entry in repo.log(paths=["a"])] == ["second", "first"]


def test_decorations_name_what_points_where(repo: Repo) -> None:
    """HEAD with its branch first, then branches and tags."""
    repo.create_tag("v1", message="one")
    repo.create_tag("v0", "merged")
    top = repo.repository.root().head_commit()
    assert top is not None

    names = history.decorations(repo)

    assert names[top] == ["HEAD -> main", "tag: v1"]
    assert sorted(map(tuple, names.values())) == [
        ("HEAD -> main", "tag: v1"),
        ("merged", "tag: v0"),
        ("open",),
    ]


def test_branches_are_made_listed_and_deleted(repo: Repo) -> None:
    """Only what is merged goes without force, and never what is checked out."""
    assert [(branch.name, branch.current) for branch in repo.branches()] == [
        ("main", True),
        ("merged", False),
        ("open", False),
    ]
    with pytest.raises(AlreadyExists):
        repo.create_branch("open")
    with pytest.raises(Conflict, match="not merged"):
        history.delete_branch(repo, "open")
    with pytest.raises(Conflict, match="checked out"):
        history.delete_branch(repo, "main", force=True)
    with pytest.raises(Conflict, match="checked out"):
        history.create_branch(repo, "main", "open", force=True)
    history.delete_branch(repo, "merged")
    history.delete_branch(repo, "open", force=True)
    with pytest.raises(NotFound):
        history.delete_branch(repo, "open")
    with pytest.raises(InvalidInput):
        repo.create_branch("not a name")

    assert [branch.name for branch in repo.branches()] == ["main"]


def test_a_branch_is_merged_when_what_it_follows_has_it(repo: Repo) -> None:
    """The upstream counts as well as HEAD."""
    config = repo.repository.directory / "config.toml"
    repo.repository.config.update(
        config, {"branch.open.remote": "origin", "branch.open.merge": "refs/heads/open"}
    )
    with repo.repository.transaction("fetch") as transaction:
        transaction.set_ref("refs/remotes/origin/open", transaction.root.refs["refs/heads/open"])
    [branch] = [each for each in repo.branches() if each.name == "open"]

    assert branch.upstream == "origin/open"
    assert history.ahead_behind(repo, branch) == (0, 0)
    history.delete_branch(repo, "open")
    assert repo.repository.config.get("branch.open.remote") is None


def test_renaming_takes_head_and_settings_along(repo: Repo) -> None:
    """The current branch stays checked out under its new name."""
    config = repo.repository.directory / "config.toml"
    repo.repository.config.update(config, {"branch.main.remote": "origin", "branch.main.merge": "main"})
    top = repo.repository.root().head_commit()

    assert history.rename_branch(repo, None, "trunk") == "main"

    root = repo.repository.root()
    assert (root.head.ref, root.head_commit()) == ("refs/heads/trunk", top)
    assert "refs/heads/main" not in root.refs
    assert repo.repository.config.get("branch.trunk.remote") == "origin"
    assert repo.repository.config.get("branch.main.remote") is None
    with pytest.raises(AlreadyExists):
        history.rename_branch(repo, "open", "merged")
    with pytest.raises(NotFound):
        history.rename_branch(repo, "absent", "other")


def test_an_unborn_branch_can_be_renamed(tmp_path: Path) -> None:
    """Before the first commit there is only HEAD to change."""
    repo = Repo.init(tmp_path, clock=ticking())

    history.rename_branch(repo, None, "trunk")

    assert repo.repository.root().head.ref == "refs/heads/trunk"


def test_tags_are_light_or_say_who_and_why(repo: Repo) -> None:
    """Both name the commit; the annotated one carries its message."""
    light = repo.create_tag("light", "merged")
    noted = repo.create_tag("noted", message="why\n")

    assert [info.name for info in repo.tags()] == ["light", "noted"]
    assert repo.tags()[0] == light
    assert repo.tags()[1] == noted
    assert noted.tag is not None
    assert (noted.tag.tagger, noted.tag.message) == (ADA, "why\n")
    with pytest.raises(AlreadyExists):
        repo.create_tag("light")
    assert history.create_tag(repo, "light", force=True).target == noted.target
    history.delete_tag(repo, "noted")
    with pytest.raises(NotFound):
        history.delete_tag(repo, "noted")


def test_show_gives_the_change_from_the_first_parent(repo: Repo) -> None:
    """Of a merge what it brought in; of the first commit everything."""
    repo.create_tag("v1", message="one")

    shown = history.show(repo, "v1")

    assert shown.tag is not None
    assert [(change.path, change.change) for change in shown.changes] == [(b"m", "added")]
    assert [change.path for change in history.show(repo, "main~2").changes] == [b"a"]
