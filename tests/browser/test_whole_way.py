"""The whole way of a change, as two people take it: whatever a page offers is done by clicks and typing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.support.cli import Room
from tests.support.gallery import PASSWORD, Gallery
from tests.support.window import Window

README = "# Owls\n\nWhat [the notes](notes.txt) say.\n"
NOTES = "Owls fly at night.\nSwifts fly by day.\n"
HERS = NOTES.replace("at night", "at dusk")
MEANWHILE = NOTES.replace("at night", "at midnight")
BOTH = NOTES.replace("at night", "at dusk and midnight")


@pytest.fixture
def hedy(window: Callable[..., Window]) -> Page:
    """Return the window of somebody who has just made an account."""
    return sign_up(window(), "hedy")


def sign_up(looking: Window, name: str) -> Page:
    """Make an account from the first page on."""
    page = looking.page
    looking.go("/")
    page.get_by_role("link", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_label("Your menu").wait_for()
    return page


def push(room: Room, files: dict[str, str], message: str) -> None:
    """Commit files on `main` and push them, with the command as it is installed."""
    for path, text in files.items():
        room.write(path, text)
    room.do("add", "-q", "-A")
    room.do("commit", "-q", "-m", message)
    pushed = room.run("push", "-q", "origin", "main")
    assert pushed.code == 0, pushed


def test_from_an_account_to_a_merge(
    gallery: Gallery, window: Callable[..., Window], hedy: Page, tmp_path: Path
) -> None:
    """Hedy makes a repository, pushes and proposes a change; Ines reviews it; a conflict is resolved."""
    _make_repository(hedy)
    room, url = Room(tmp_path / "hedy"), f"{gallery.url}/hedy/owls"
    password = PASSWORD.encode()
    assert room.run("login", gallery.url, "--user", "hedy", "--password-stdin", stdin=password).code == 0
    room.do("init", "-q")
    room.do("remote", "add", "-q", "origin", url)
    push(room, {"README.md": README, "notes.txt": NOTES}, "Owls")

    _browse(hedy)
    _edit(hedy)
    _propose(hedy)
    ines = sign_up(window(), "ines")
    _let_in(hedy, "ines")
    _review(ines)
    push(room, {"notes.txt": MEANWHILE}, "Midnight")
    _resolve(hedy)
    _approve(ines)
    _merge(hedy)

    assert room.ok("get", "-q", "-o", "-", f"{url}@main:notes.txt") == BOTH


def _make_repository(page: Page) -> None:
    page.get_by_label("Your menu").click()
    page.get_by_role("navigation", name="You").get_by_role("link", name="New repository").click()
    page.get_by_label("Name", exact=True).fill("owls")
    page.get_by_label("What it is about").fill("Owls by night")
    page.get_by_label("Private").check()
    page.get_by_role("button", name="Make the repository").click()
    page.get_by_text("This repository is empty").wait_for()


def _browse(page: Page) -> None:
    """From one's own page to the README and to the file that it leads to."""
    page.get_by_role("link", name="Tether", exact=True).click()
    page.get_by_role("link", name="hedy/owls").first.click()
    page.get_by_text("Owls by night").wait_for()
    page.get_by_role("link", name="the notes").click()
    page.get_by_text("Owls fly at night.").wait_for()


def _edit(page: Page) -> None:
    """Write another text, on a branch of its own."""
    page.get_by_role("link", name="Edit", exact=True).click()
    assert page.get_by_label("Text", exact=True).input_value() == NOTES
    page.get_by_label("Text", exact=True).fill(HERS)
    page.get_by_label("Why").fill("Owls fly at dusk")
    page.get_by_label("To a new branch").check()
    page.get_by_label("Name of the new branch").fill("dusk")
    page.get_by_label("go on to a pull request").check()
    page.get_by_role("button", name="Commit").click()


def _propose(page: Page) -> None:
    page.get_by_role("heading", name="New pull request").wait_for()
    page.locator("tr", has_text="Owls fly at dusk.").wait_for()
    assert page.get_by_label("Title").input_value() == "Owls fly at dusk"
    page.get_by_label("What it is for").fill("I have **seen** them.")
    page.get_by_role("button", name="Open the pull request").click()
    page.get_by_text("Nothing is in conflict with main.").wait_for()


def _let_in(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Repository").get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Access").click()
    page.get_by_label("User").fill(name)
    page.get_by_label("Role").first.select_option("write")
    page.get_by_role("button", name="Give the role").click()
    page.get_by_role("link", name=name).wait_for()


def _review(page: Page) -> None:
    """Find the pull request of the private repository, and say something of a line."""
    page.get_by_role("link", name="Tether", exact=True).click()
    page.get_by_role("link", name="hedy/owls").first.click()
    page.get_by_role("link", name="Pull requests").click()
    page.get_by_role("link", name="Owls fly at dusk").click()
    page.get_by_role("link", name="Files", exact=True).last.click()
    page.get_by_role("link", name="Comment on this file").click()
    page.locator("tr", has_text="Owls fly at dusk.").locator("td.no").last.click()
    assert page.get_by_role("textbox", name="Lines").input_value() == "1"
    page.get_by_label("Note", exact=True).fill("Which owls?")
    page.get_by_role("button", name="Send the note").click()
    page.locator(".said", has_text="Which owls?").wait_for()
    page.locator(".thread", has_text="line 1").wait_for()


def _resolve(page: Page) -> None:
    """See that main has moved, and write what is to be there."""
    page.get_by_role("link", name="Pull requests").click()
    page.get_by_role("link", name="Owls fly at dusk").click()
    page.locator(".said", has_text="Which owls?").wait_for()
    page.get_by_text("1 path is in conflict.").wait_for()
    assert page.get_by_role("button", name="Merge", exact=True).count() == 0
    page.get_by_role("link", name="Resolve").click()
    page.locator(".versions pre", has_text="Owls fly at midnight.").wait_for()
    page.get_by_label("This text, with what both sides changed:").check()
    page.get_by_label("Text for notes.txt").fill(BOTH)
    page.get_by_role("button", name="Merge main into the branch").click()
    page.get_by_text("Nothing is in conflict with main.").wait_for()


def _approve(page: Page) -> None:
    page.get_by_role("link", name="Conversation").click()
    page.get_by_text("Review", exact=True).click()
    page.get_by_label("What you think").fill("Now it is right.")
    page.get_by_label("Approve").check()
    page.get_by_role("button", name="Send the review").click()
    page.get_by_text("Approved", exact=True).wait_for()


def _merge(page: Page) -> None:
    page.reload()
    page.locator(".said", has_text="Now it is right.").wait_for()
    page.get_by_text("Approved", exact=True).wait_for()
    page.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_text("Merged by").wait_for()
    page.get_by_role("link", name="Files", exact=True).first.click()
    page.get_by_role("link", name="notes.txt").first.click()
    page.get_by_text("Owls fly at dusk and midnight.").wait_for()
