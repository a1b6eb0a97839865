"""Every page in a real browser: both widths, both themes, faults of accessibility, scripts off."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Request
from starlette.routing import Route
from tests.support import chromium
from tests.support.gallery import FAILING, NO_PAGES, NOT_YET, PAGES, Gallery
from tests.support.window import Theme, Window

from tether.hub.pages.routes import routes

ADDRESSES = [address for addresses in PAGES.values() for address in addresses]
PHONE, DESK = 390, 1280
LOOKS: tuple[tuple[int, Theme, tuple[str, ...] | None], ...] = (
    (PHONE, "light", ()),
    (PHONE, "dark", None),
    (DESK, "dark", ("color-contrast",)),
    (DESK, "light", None),
)
"""Width and theme, and the rules of accessibility that are looked at: all, some, or None for none."""
MOST_BYTES = 100_000
"""What a page may weigh before its pictures."""


def test_every_route_of_pages_is_looked_at() -> None:
    """A route that is new has an address in the table, or a reason why not; none is left that is gone."""
    asked = {route.path for route in routes() if isinstance(route, Route) and "GET" in (route.methods or ())}

    assert asked == {*PAGES, *NO_PAGES, *NOT_YET}
    assert all(PAGES.values())


@pytest.mark.parametrize("address", [*ADDRESSES, FAILING])
def test_a_page_is_sound(address: str, gallery: Gallery, window: Callable[..., Window]) -> None:
    """No page is wider than the window, lacks a name, weighs much, or needs scripts to be read."""
    token = None if address.startswith("/-/sign") else gallery.token
    looking, without = window(token=token, width=PHONE), window(token=token, width=PHONE, scripts=False)
    weights: list[int] = []
    looking.page.on("requestfinished", lambda request: weights.append(_weight(request)))

    assert looking.go(address) == without.go(address) == (404 if address == FAILING else 200)

    assert without.read().strip()
    assert without.read() == looking.read()
    assert 0 < sum(weights) < MOST_BYTES
    assert looking.page.locator("h1").count() >= 1
    for width, theme, rules in LOOKS:
        looking.resize(width, theme)
        assert looking.wider() == 0, (width, theme)
        if rules is not None and not chromium.why_no_axe():
            assert looking.inaccessible(*rules) == [], (width, theme)


def _weight(request: Request) -> int:
    """Return the bytes of a reply as they came, of those that a page needs before its pictures."""
    kinds = {"document", "script", "stylesheet"}
    return request.sizes()["responseBodySize"] if request.resource_type in kinds else 0


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
