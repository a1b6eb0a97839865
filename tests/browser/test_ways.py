"""The ways people take: from an account to data on a page, and with the keyboard alone."""

from collections.abc import Callable
from pathlib import Path

from tests.support.cli import Room
from tests.support.gallery import PASSWORD, Gallery
from tests.support.window import Window

_MOST_TABS = 80
"""More stops than a page of these has."""


def test_from_an_account_to_data_on_a_page(
    gallery: Gallery, window: Callable[..., Window], tmp_path: Path
) -> None:
    """Grace makes an account, pushes from the command line, looks at what is there, and leaves."""
    looking = window()
    page = looking.page
    looking.go("/")
    page.get_by_role("link", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Name").fill("grace")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_label("Your menu").wait_for()

    grace = Room(tmp_path / "grace")
    url = f"{gallery.url}/grace/beetles"
    grace.run("login", gallery.url, "--user", "grace", "--password-stdin", stdin=PASSWORD.encode())
    assert grace.run("repo", "create", url).code == 0
    grace.write("notes/first.txt", "six legs\n")
    grace.write("README.md", "# Beetles\n\nSee [the notes](notes/first.txt).\n")
    for words in (["init", "-q"], ["add", "-q", "-A"], ["commit", "-q", "-m", "Begin"]):
        grace.do(*words)
    grace.do("remote", "add", "-q", "origin", url)
    assert grace.run("push", "-q", "origin", "main").code == 0

    looking.go("/grace")
    page.get_by_role("link", name="grace/beetles").first.click()
    assert page.locator("h1").first.inner_text().split() == ["grace", "/", "beetles"]
    page.get_by_role("link", name="the notes").click()
    page.get_by_text("six legs").wait_for()
    page.get_by_role("link", name="History").last.click()
    page.get_by_role("link", name="Begin").first.click()
    page.get_by_text("notes/first.txt").first.wait_for()

    page.get_by_label("Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in", exact=True).wait_for()
    assert looking.cookie() is None


def test_the_keyboard_is_enough(gallery: Gallery, window: Callable[..., Window]) -> None:
    """The first stop leads past the bar, menus open and close, and a key leads to the search."""
    looking = window(token=gallery.token)
    page = looking.page
    looking.go("/ada/birds")

    page.keyboard.press("Tab")
    assert looking.focused() == "Skip to the content"
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")

    page.locator("summary[aria-label='Your menu']").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Sign out").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Sign out").is_visible()
    assert looking.focused() == "Your menu"

    page.keyboard.press("/")
    assert looking.focused() == "q"


def test_the_keyboard_goes_through_a_page_in_its_order(
    gallery: Gallery, window: Callable[..., Window]
) -> None:
    """Each stop is behind the one before, is seen, and shows that it has the focus; none is a trap."""
    looking = window(token=gallery.token)
    looking.go("/ada/birds")
    stops = looking.page.evaluate("document.querySelectorAll('a[href], button, summary, input').length")

    seen: list[int] = []
    for _ in range(min(stops, _MOST_TABS)):
        looking.page.keyboard.press("Tab")
        at, ring = looking.page.evaluate(
            "[[...document.querySelectorAll('*')].indexOf(document.activeElement),"
            " getComputedStyle(document.activeElement).outlineStyle + getComputedStyle("
            "document.activeElement.parentElement).outlineStyle]"
        )
        if looking.focused() == "BODY" or (seen and at < seen[-1]):
            break  # round: the next stop is the browser's own, or the first one again
        assert ring != "nonenone", looking.focused()
        seen.append(at)

    assert len(seen) > 20
    assert len(set(seen)) == len(seen)


def test_a_command_is_copied_only_where_a_browser_allows_it(
    gallery: Gallery, window: Callable[..., Window]
) -> None:
    """A click on the button never throws, whether the browser lets pages write to the clipboard or not."""
    looking = window(token=gallery.token)
    looking.go("/ada/nothing")

    looking.page.locator("[data-copy]").first.click()

    looking.page.evaluate("new Promise((done) => setTimeout(done))")
    assert looking.faults == []
