"""Pull requests of a hub from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_hub_transfer import People
from tests.support.cli import Room

from tether.api.checks import LONGEST_SUMMARY, summary_of


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
    told = bob.do("pr", "check", "lint", "--state", "success", "--url", "https://ci.example.org/7")
    assert told == f"check lint of {head[:12]} is success\n"
    assert "check: lint is success, by bob, see https://ci.example.org/7" in bob.do("pr", "show", url, "1")
    assert bob.run("pr", "merge", url, "1", "--head", "0" * 64).code == 5
    assert bob.do("pr", "list", url) == "1\topen\tbob\tada/photos:dogs -> main\t1 success\tDogs\n"
    merged = bob.json("pr", "merge", url, "1", "--method", "fast-forward", "--delete-branch")
    assert merged == {"commit": head, "branch_deleted": True}
    again = bob.json("pr", "merge", url, "1", "--method", "fast-forward")
    assert again["commit"] == head
    assert bob.do("pr", "list", url) == ""
    assert [each["state"] for each in bob.json("pr", "list", url, "--state", "all")] == ["merged"]
    assert bob.run("pr", "close", url, "1").code == 5
    ada.do("pull", "-q")
    assert (ada.work / "dog").read_text() == "1\n"


def test_a_comparison_is_a_check_that_a_branch_demands(people: People) -> None:
    """What got worse is told as a failure and not merged; what did not, as a success and merged."""
    bob, url = people.bob, people.url
    bob.inside = True
    rule = ("--branches", "main", "--review", "--approvals", "0", "--check", "ci/compare")
    people.ada.do("repo", "protect", "-q", url, "measured", *rule)
    bob.do("switch", "-q", "-c", "mails")
    evaluate(bob)
    bob.do("push", "-q", "origin", "mails")
    bob.do("pr", "create", "-q", url, "mails", "-t", "Mails")
    gate = ("--replicates", "20", "--fail-on", "accuracy<0", "--check", "ci/compare")

    absent = bob.run("pr", "merge", url, "1")
    worse = bob.run("compare", "right", "wrong", *gate)
    failed = bob.json("pr", "show", url, "1")["checks"][0]
    refused = bob.run("pr", "merge", url, "1")
    broken = bob.run("compare", "right", "no-such-run", *gate)
    error = bob.json("pr", "show", url, "1")["checks"][0]
    same = bob.run("compare", "wrong", "right", *gate, "--commit", "mails", "--remote", url)
    passed = bob.json("pr", "list", url)[0]["checks"]
    merged = bob.run("pr", "merge", url, "1")

    assert (absent.code, "the check ci/compare is not there" in absent.err) == (5, True)
    assert (worse.code, "failed accuracy<0" in worse.out) == (10, True)
    assert (failed["state"], failed["user"]) == ("failure", "bob")
    page = bob.run("compare", "right", "wrong", *gate[:-2], "--markdown")
    assert (page.code, failed["summary"]) == (10, page.out.rstrip("\n"))
    assert (refused.code, "the check ci/compare is failure" in refused.err) == (5, True)
    assert (broken.code, error["state"]) == (3, "error")
    assert error["summary"] == "There is no comparison: `not-found`."
    assert (same.code, same.err.endswith(" is success\n")) == (0, True)
    assert passed == [{"name": "ci/compare", "state": "success"}]
    assert merged.code == 0


def test_what_cannot_be_told(people: People, tmp_path: Path) -> None:
    """A check of a commit that was not pushed, without a hub, or that nothing can fail, is refused."""
    bob = people.bob
    bob.inside = True
    bob.do("commit", "-q", "--allow-empty", "-m", "Not pushed")
    bob.do("remote", "add", "-q", "disk", str(tmp_path))
    say = ("pr", "check", "lint", "--state", "failure")

    for words, code, said in (
        (say, 3, "hint: push the commit first"),
        ((*say, "--remote", "nowhere"), 3, "no remote named nowhere"),
        ((*say, "--remote", "disk"), 2, "is not on a hub"),
        ((*say, "--commit", "nothing"), 3, "no such revision"),
        (("pr", "check", " ", "--state", "failure"), 2, "is one line of text"),
        (("compare", "a", "b", "--check", "lint"), 2, "nothing can fail"),
        (("compare", "a", "b", "--commit", "HEAD"), 2, "are for --check"),
    ):
        done = bob.run(*words)
        assert (done.code, said in done.err) == (code, True), done
    assert bob.do("pr", "check", "-q", "lint", "--state", "pending", "--commit", "HEAD~1") == ""


def test_a_summary_is_cut_at_a_line() -> None:
    """Whole lines stay, folds are closed, and it fits; what fits is as it was."""
    lines = ["<details><summary>Worst</summary>", "", *(f"| {number} |" for number in range(3000))]

    cut = summary_of(lines)

    kept, _, rest = cut.partition("\n\n</details>")
    assert LONGEST_SUMMARY - 20 < len(cut) <= LONGEST_SUMMARY
    assert kept.split("\n") == lines[: kept.count("\n") + 1]
    assert rest == "\n\n_The rest is left out._"
    assert summary_of(lines[:5]) == "\n".join(lines[:5])


def evaluate(room: Room) -> None:
    """Commit a table, and record two evaluations: one that is right, one that is wrong by one of four."""
    room.write("test.csv", "text,label\nwin,spam\nhello you,ham\nmoney now,spam\nsee you,ham\n")
    room.do("add", "-q", "test.csv")
    room.do("commit", "-q", "-m", "Mails")
    for name, last in (("right", "ham"), ("wrong", "spam")):
        room.write("said.csv", f"prediction\nspam\nham\nspam\n{last}\n")
        room.write("model.bin", name)
        said = ("--predictions", "said.csv", "--in-order", "--replicates", "20", "--name", name)
        room.do("eval", "-q", "model.bin", "HEAD:test.csv", *said)
