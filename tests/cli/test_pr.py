"""Pull requests of a hub from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_hub_transfer import People


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return Ada, who owns a repository with one commit, and Bob, who may write to it and has a clone."""
    people = People(tmp_path)
    people.share("cat")
    yield people
    people.hub.close()


def test_from_the_branch_to_the_merge(people: People) -> None:
    """Bob opens it, is told what it lacks, and merges it once it has that; asked again it is the same."""
    ada, bob, url = people.ada, people.bob, people.url
    ada.do("repo", "protect", "-q", url, "reviewed", "--branches", "main", "--review", "--check", "lint")
    assert "1 approvals; check lint" in ada.do("repo", "rules", url)
    assert ada.run("repo", "protect", url, "x", "--branches", "main", "--fresh").code == 2
    bob.do("switch", "-q", "-c", "dogs")
    bob.write("dog", "1\n")
    bob.do("add", "-q", "dog")
    bob.do("commit", "-q", "-m", "A dog")
    bob.do("push", "-q", "origin", "dogs")
    assert bob.do("pr", "create", url, "dogs", "-t", "Dogs", "-m", "They bark", "--reviewer", "ada") == (
        "opened pull request 1 into main\n"
    )
    shown = bob.json("pr", "show", url, "1")
    head = shown["head"]
    assert shown["changes"]["counts"]["added"] == 1

    refused = bob.run("pr", "merge", url, "1")

    assert (refused.code, "0 of 1 approvals; the check lint is not there" in refused.err) == (5, True)
    assert "lacks: the check lint is not there" in bob.do("pr", "show", url, "1")
    review = {"verdict": "approve", "head": head}
    people.api("POST", "/repos/ada/photos/pulls/1/reviews", review, people.tokens["ada"])
    check = f"/repos/ada/photos/commits/{head}/checks/lint"
    people.api("PUT", check, {"state": "success"}, people.tokens["bob"])
    assert bob.run("pr", "merge", url, "1", "--head", "0" * 64).code == 5
    assert bob.do("pr", "list", url) == "1\topen\tbob\tada/photos:dogs -> main\tDogs\n"
    merged = bob.json("pr", "merge", url, "1", "--method", "fast-forward", "--delete-branch")
    assert merged == {"commit": head, "branch_deleted": True}
    again = bob.json("pr", "merge", url, "1", "--method", "fast-forward")
    assert again["commit"] == head
    assert bob.do("pr", "list", url) == ""
    assert [each["state"] for each in bob.json("pr", "list", url, "--state", "all")] == ["merged"]
    assert bob.run("pr", "close", url, "1").code == 5
    ada.do("pull", "-q")
    assert (ada.work / "dog").read_text() == "1\n"
