"""Every page in a real browser: both widths, both themes, faults of accessibility, scripts off."""

from collections.abc import Callable

import pytest
from starlette.routing import Route
from tests.support import chromium
from tests.support.gallery import FAILING, NO_PAGES, PAGES, Gallery
from tests.support.window import Window

from tether.hub.pages.routes import routes

ADDRESSES = [address for addresses in PAGES.values() for address in addresses]
PHONE, DESK = 390, 1280
MOST_BYTES = 100_000
"""What a page may weigh before its pictures."""


def test_every_route_of_pages_is_looked_at() -> None:
    """A route that is new has an address in the table, or a reason why not; none is left that is gone."""
    asked = {route.path for route in routes() if isinstance(route, Route) and "GET" in (route.methods or ())}

    assert asked == {*PAGES, *NO_PAGES}
    assert all(PAGES.values())


@pytest.mark.parametrize("address", [*ADDRESSES, FAILING])
def test_a_page_is_sound(address: str, gallery: Gallery, kept: Callable[..., Window]) -> None:
    """No page is wider than the window, lacks a name, weighs much, or needs scripts to be read."""
    token = None if address.startswith("/-/sign") else gallery.token
    looking, without = kept(token), kept(token, scripts=False)
    looking.resize(PHONE, "light")
    place = gallery.place(address)

    assert looking.go(place) == without.go(place) == (404 if address == FAILING else 200)

    words = without.read()
    assert words.strip()
    assert words == looking.read()
    assert 0 < looking.weight() < MOST_BYTES
    assert looking.page.locator("h1").count() >= 1
    assert looking.wider() == 0
    assert looking.inaccessible() == []
    looking.resize(PHONE, "dark")
    assert looking.inaccessible("color-contrast") == []
    looking.resize(DESK, "dark")
    assert looking.wider() == 0
    assert looking.told() + without.told() == []


def test_a_wide_page_begins_where_its_head_does(gallery: Gallery, window: Callable[..., Window]) -> None:
    """The name of the repository stands above the left edge of what is below it."""
    looking = window(token=gallery.token)
    looking.go("/ada/birds/file/main/tables/labels.csv")

    lefts = [looking.page.locator(each).bounding_box() for each in (".repository h1", "main .card")]

    assert lefts[0] is not None
    assert lefts[1] is not None
    assert lefts[0]["x"] == lefts[1]["x"]


def test_menus_open_without_scripts(gallery: Gallery, window: Callable[..., Window]) -> None:
    """Branches, the ways to clone and one's own pages are reached."""
    looking = window(token=gallery.token, scripts=False)
    looking.go("/ada/birds")

    menus = looking.page.locator("details.menu").all()

    assert len(menus) == 4
    for menu in menus:
        menu.locator("summary").click()
        assert menu.locator(".sheet").is_visible()
        menu.locator("summary").click()


def test_faults_are_noticed(window: Callable[..., Window]) -> None:
    """A page without a name for its field, too wide, with a script of its own, is found out."""
    looking = window(width=PHONE)
    looking.go("/-/signin")
    looking.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<input id=nameless><div id=wide></div>"
        "<img src=x onerror=alert(1)><img src=//other.example/x.png>');"
        "document.getElementById('wide').style.cssText = 'width: 900px; height: 1px'"
    )
    looking.page.wait_for_load_state("networkidle")

    assert looking.wider() > 0
    assert chromium.why_no_axe() or any("label" in fault for fault in looking.inaccessible())
    assert any("Content Security Policy" in fault for fault in looking.faults)
    assert any("elsewhere" in fault for fault in looking.faults)
    looking.faults.clear()
