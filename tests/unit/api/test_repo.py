"""What `Repo` takes from people who write Python: paths in any form, and only errors of ours."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.photos import make_photos

from tether.api.opened import AnyPath
from tether.api.repo import Repo
from tether.errors import InvalidInput, NotFound, TetherError


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return the repository of the examples."""
    return make_photos(tmp_path)


def test_paths_come_in_any_form(repo: Repo) -> None:
    """Text, bytes, `Path`, absolute paths and odd spellings name the same file."""
    spellings: list[AnyPath] = ["images/cat.png", b"images/cat.png", Path("images/cat.png")]
    spellings += [repo.root / "images/cat.png", "./images//cat.png", "labels/../images/cat.png"]

    assert {repo.path(spelling) for spelling in spellings} == {b"images/cat.png"}
    assert repo.path(repo.root) == repo.path(".") == b""
    assert repo.paths(spellings[0]) == repo.paths(iter(spellings[:1])) == [b"images/cat.png"]
    assert repo.path(os.fsdecode(b"odd\xff")) == b"odd\xff"


@pytest.mark.parametrize("path", ["..", "/etc/passwd", "../photos-2/x", "a/../../x", "half \ud800"])
def test_paths_outside_are_refused(repo: Repo, path: str) -> None:
    """A path that leads outside, or is none, is an error before anything is done."""
    with pytest.raises(InvalidInput):
        repo.add([path])


def test_an_empty_list_is_not_everything(repo: Repo) -> None:
    """A list that happens to be empty neither stages nor overwrites the whole working copy."""
    labels = repo.root / "labels.csv"
    labels.write_text("mine")

    for call in (repo.add, repo.restore, repo.remove):
        with pytest.raises(InvalidInput, match="no paths"):
            call([])

    assert labels.read_text() == "mine"
    assert [change.path for change in repo.diff(staged=True)] == []


def test_a_pull_rebases_when_asked(repo: Repo, tmp_path: Path) -> None:
    """With `rebase` the own commit comes on top and no merge is made."""
    other = Repo.clone(tmp_path / "shared", tmp_path / "other", clock=repo.clock)
    other.author = repo.author
    (other.root / "theirs").write_text("x")
    other.add()
    other.commit("Theirs")
    other.push()
    repo.add("images")
    repo.commit("Ours")

    done = repo.pull(rebase=True)

    assert [entry.commit.message.strip() for entry in repo.log(limit=2)] == ["Ours", "Theirs"]
    assert done.conflicts == ()
    assert repo.push().updates[0].state == "forward"
    with pytest.raises(InvalidInput, match="no branch to delete"):
        repo.push("origin", delete=True)
    assert repo.push("origin", "main", delete=True).updates[0].state == "deleted"


def test_a_closed_repository_opens_again(repo: Repo) -> None:
    """`with` closes; the next one reads the same."""
    with Repo.open(repo.root) as first:
        tree = first.at().tree
    with Repo.open(repo.root / "images") as second:
        assert second.at().tree == tree
    assert repr(second) == f"Repo({str(repo.root)!r})"


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: Repo.init(repo.root / "labels.csv"),
        lambda repo: Repo.init(repo.root / "labels.csv" / "below"),
        lambda repo: Repo.open("/"),
        lambda repo: Repo.clone(repo.root / "nothing", repo.root / "copy"),
        lambda repo: Repo.clone(repo.root, repo.root / "images"),
        lambda repo: Repo.clone(repo.root, repo.root / "labels.csv" / "copy"),
        lambda repo: Repo.clone("http://example.org/x", repo.root / "copy"),
        lambda repo: repo.at("HEAD~9"),
        lambda repo: repo.at("no such\0thing"),
        lambda repo: repo.at().open("images"),
        lambda repo: repo.at().read_bytes("../labels.csv"),
        lambda repo: repo.at().ls("nothing"),
        lambda repo: list(repo.log("a..b")),
        lambda repo: repo.diff("nothing"),
        lambda repo: repo.switch("no branch"),
        lambda repo: repo.reset("HEAD", "sideways"),
        lambda repo: repo.create_branch("a..b"),
        lambda repo: repo.create_tag("v1"),
        lambda repo: repo.commit(""),
        lambda repo: repo.commit("nothing is staged"),
        lambda repo: repo.move("labels.csv", "nothing/labels.csv\0"),
        lambda repo: repo.resolve("labels.csv"),
        lambda repo: repo.add_remote("a/b", "x"),
        lambda repo: repo.fetch("nobody"),
        lambda repo: repo.fsck(sample=-1),
    ],
)
def test_only_our_errors_are_raised(repo: Repo, call: Callable[[Repo], object]) -> None:
    """A mistake of the caller gives one of the documented errors, and the repository stays sound."""
    with pytest.raises(TetherError):
        call(repo)
    assert repo.fsck().problems == []


def test_not_found_is_a_lookup_error(repo: Repo) -> None:
    """Who knows only Python catches it as such."""
    with pytest.raises(LookupError) as caught:
        repo.at().info("nothing")
    assert isinstance(caught.value, NotFound)
