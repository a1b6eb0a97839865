"""Rules, locks, quotas and limits of a hub as people meet them; refusals in processes of their own."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_hub_transfer import People


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return Ada, who owns a repository with one commit, and Bob, who may write to it and has a clone."""
    people = People(tmp_path)
    people.share("schemas/one", "cat")
    people.ada.inside = people.bob.inside = True
    yield people
    people.hub.close()


def settings(people: People, text: str) -> None:
    """Start the hub again with settings in its file."""
    (people.keeper.work / "hub/hub.toml").write_text(text)
    people.restart_hub()


def test_a_default_branch_that_stays(people: People) -> None:
    """Bob neither rewinds nor deletes it, and is told what to do; Ada, who owns it, may."""
    ada, bob = people.ada, people.bob
    bob.write("cat", "2\n")
    bob.ok("commit", "-q", "-a", "-m", "second")
    bob.ok("push", "-q")
    bob.ok("commit", "-q", "--amend", "-m", "another second")

    bob.transcript("""
        $ tether push --force-with-lease
        error: rule default-branch: main may not lose commits
        hint: run 'tether pull' and push again, or push to another branch
        [6]
        $ tether push origin -d main
        error: rule default-branch: main may not be deleted
        hint: ask a maintainer of the repository
        [6]
    """)
    ada.ok("pull", "-q")
    ada.ok("push", "-q", "origin", "-d", "main")
    ada.ok("push", "-q")
    people.check_hub()


def test_a_path_that_only_some_change(people: People) -> None:
    """The message names rule, path and branch; other paths are free, and other branches."""
    ada, bob = people.ada, people.bob
    rule = {"branches": "main", "paths": [{"path": "schemas", "who": {"role": "maintain"}}]}
    people.api("PUT", "/repos/ada/photos/rules/schemas", rule, people.tokens["ada"])
    bob.write("schemas/two", "2\n")
    bob.ok("add", "-q", "schemas")
    bob.ok("commit", "-q", "-m", "a schema")

    bob.transcript("""
        $ tether push
        error: rule schemas: bob may not change schemas/two on main
        hint: take that change back in another commit, or ask somebody who may make it to push
        [6]
    """)
    bob.ok("switch", "-q", "-c", "proposal")
    bob.ok("push", "-q", "origin", "proposal")
    ada.ok("fetch", "-q")
    ada.ok("merge", "-q", "origin/proposal")
    ada.ok("push", "-q")
    assert (ada.work / "schemas/two").read_text() == "2\n"
    people.check_hub()


def test_a_file_that_somebody_has_locked(people: People) -> None:
    """It stays as it is until it is unlocked."""
    bob = people.bob
    people.api("POST", "/repos/ada/photos/locks", {"path": "cat", "branch": "main"}, people.tokens["ada"])
    bob.write("cat", "2\n")
    bob.ok("commit", "-q", "-a", "-m", "second")

    bob.transcript("""
        $ tether push
        error: the push changes cat on main, which ada has locked
        hint: ask ada to unlock cat, or a maintainer to take the lock away
        [5]
    """)


def test_roles_by_commands(people: People) -> None:
    """The owner lists, gives and takes roles; who lost his sees nothing, and others may not ask."""
    ada, bob, url = people.ada, people.bob, people.url
    assert ada.do("repo", "access", url) == "bob\twrite\n"
    assert ada.do("repo", "access", url, "bob", "read") == "bob has the role read\n"
    assert ada.json("repo", "access", url) == [{"user": "bob", "role": "read"}]
    assert bob.run("repo", "access", url, "bob", "admin").code == 6
    assert ada.run("repo", "access", url, "nobody", "read").code == 3
    assert ada.run("repo", "access", url, "bob").code == 2
    assert ada.run("repo", "access", url, "--remove").code == 2
    assert ada.do("repo", "access", url, "bob", "--remove") == "bob has no role now\n"
    assert ada.json("repo", "access", url) == []
    assert bob.run("fetch").code == 3


def test_rules_by_commands(people: People) -> None:
    """Ada sets, lists and removes them; Bob is held to them and may not change them."""
    ada, bob, url = people.ada, people.bob, people.url
    ada.ok("repo", "protect", "-q", url, "one", "--branches", "main", "--path", "schemas=maintain,user:ada")
    releases = ("--tags", "v*", "--push", "maintain", "--push", "team:none")
    assert ada.run("repo", "protect", url, "releases", *releases).code == 3
    ada.ok("repo", "protect", "-q", url, "releases", "--tags", "v*", "--push", "admin", "--allow-delete")
    listed = ada.ok("repo", "rules", url)
    assert listed.splitlines() == [
        "default-branch\tbranches HEAD\tnot for maintain",
        "one\tbranches main\tschemas by maintain, user:ada",
        "releases\ttags v*\tpush by admin; delete",
    ]
    assert bob.json("repo", "rules", url)[2]["tags"] == "v*"
    assert bob.run("repo", "unprotect", url, "one").code == 6

    bob.ok("tag", "-q", "v1")
    refused = bob.run("push", "--tags")
    told = "error: rule releases: bob may not push tag v1 with this token"
    assert (refused.code, refused.err.splitlines()[0]) == (6, told)
    ada.ok("repo", "unprotect", "-q", url, "releases")
    bob.ok("push", "-q", "--tags")
    assert ada.run("repo", "protect", url, "none").code == 2
    assert ada.run("repo", "protect", url, "none", "--branches", "main", "--push", "king").code == 2


def test_a_quota(people: People) -> None:
    """What does not fit is refused at once, and with room the same push goes on."""
    bob = people.bob
    settings(people, "quota_bytes = 5000\n")
    bob.write("large", random.Random(7).randbytes(50_000))
    bob.ok("add", "-q", "-A")
    bob.ok("commit", "-q", "-m", "large")

    result = bob.run("push")
    assert result.code == 8
    assert result.err.startswith("error: the repositories of ada are at their quota: ")
    assert bob.json("push", code=8)["error"]["code"] == "quota-exceeded"
    settings(people, "quota_bytes = 500000\n")
    bob.ok("push", "-q")
    people.check_hub()


def test_a_hub_that_takes_few_requests(people: People) -> None:
    """Push and clone take longer and end well."""
    settings(people, "requests_per_s = 20\nrequests_burst = 5\n")
    for number in range(5):
        people.bob.write(f"new{number}", f"{number}\n")
        people.bob.ok("add", "-q", "-A")
        people.bob.ok("commit", "-q", "-m", f"{number}")

    people.bob.ok("push", "-q")
    people.ada.ok("clone", "-q", people.url, "copy")
    assert (people.ada.work / "copy/new4").read_text() == "4\n"
    people.check_hub()
