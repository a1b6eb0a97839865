"""Several people who push to an empty repository of a hub at the same time."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_hub_transfer import People
from tests.support.cli import TETHER

MANY = 4


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return Ada and a hub, and folders of hers that each have a first commit of their own."""
    people = People(tmp_path)
    for number in range(MANY):
        folder = f"copy{number}"
        people.ada.do("init", "-q", folder)
        people.ada.write(f"{folder}/file{number}", f"{number}\n" * 50_000)
        people.ada.do("add", "-q", ".", cwd=people.ada.work / folder)
        people.ada.do("commit", "-q", "-m", folder, cwd=people.ada.work / folder)
    yield people
    people.hub.close()


def push_at_once(people: People, url: str, *branches: str) -> list[tuple[int, str]]:
    """Push from all folders at the same time; return exit codes and what was said."""
    pushes = []
    for number in range(MANY):
        folder = people.ada.work / f"copy{number}"
        people.ada.do("remote", "add", "-q", f"to{url[-1]}", url, cwd=folder)
    for number in range(MANY):
        command = [str(TETHER), "push", "-q", f"to{url[-1]}", *(each.format(number) for each in branches)]
        folder = people.ada.work / f"copy{number}"
        pushes.append(subprocess.Popen(command, cwd=folder, env=people.ada.environ, stderr=subprocess.PIPE))
    told = [push.communicate()[1].decode() for push in pushes]
    return [(push.returncode, err) for push, err in zip(pushes, told, strict=True)]


def test_one_is_first_and_the_others_are_told_to_pull(people: People) -> None:
    """As at any other push that comes too late; with a pull they go in."""
    for turn in range(2):
        url = f"{people.hub.url}/ada/race{turn}"
        people.ada.do("repo", "create", "-q", url, "--private")
        ends = push_at_once(people, url, "main")
        assert sorted(code for code, _ in ends) == [0] + [5] * (MANY - 1), ends
        for code, err in ends:
            assert code == 0 or "hint: run 'tether pull' first, then push again" in err


def test_first_pushes_of_different_branches_all_go_in(people: People) -> None:
    """None of them is in the way of another, whichever becomes the default branch."""
    for number in range(MANY):
        folder = people.ada.work / f"copy{number}"
        people.ada.ok("branch", "-q", f"line{number}", cwd=folder)
    for turn in range(2):
        url = f"{people.hub.url}/ada/lines{turn}"
        people.ada.do("repo", "create", "-q", url, "--private")
        assert push_at_once(people, url, "line{}") == [(0, "")] * MANY
        people.ada.ok("clone", "-q", url, f"end{turn}")
    people.check_hub()
