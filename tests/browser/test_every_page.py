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
def test_a_page_is_sound(address: str, gallery: Gallery, window: Callable[..., Window]) -> None:
    """No page is wider than the window, lacks a name or contrast, weighs much, or asks another host."""
    looking = window(token=gallery.token if not address.startswith("/-/sign") else None, width=PHONE)
    weights: list[int] = []
    looking.page.on(
        "requestfinished",
        lambda request: weights.append(request.sizes()["responseBodySize"])
        if request.resource_type in {"document", "script", "stylesheet"}
        else None,
    )

    assert looking.go(address) == (404 if address == FAILING else 200)

    for width, theme in ((PHONE, "light"), (PHONE, "dark"), (DESK, "dark"), (DESK, "light")):
        looking.page.set_viewport_size({"width": width, "height": 900})
        looking.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert looking.wider() == 0, (width, theme)
        if (width, theme) in {(PHONE, "light"), (DESK, "dark")} and not chromium.why_no_axe():
            assert looking.inaccessible(*(["color-contrast"] if theme == "dark" else [])) == []
    assert looking.page.locator("h1").count() == 1
    assert looking.page.title() not in {"", "Tether error"}
    assert 0 < sum(weights) < MOST_BYTES


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_is_read_without_scripts(
    address: str, gallery: Gallery, window: Callable[..., Window]
) -> None:
    """What is read is the same, and menus open."""
    token = gallery.token if not address.startswith("/-/sign") else None
    with_scripts, without = window(token=token), window(token=token, scripts=False)

    with_scripts.go(address)
    without.go(address)

    said = without.page.locator("main").inner_text()
    assert said.strip()
    assert with_scripts.page.locator("main").inner_text() == said
    for menu in without.page.locator("details.menu").all():
        menu.locator("summary").click()
        assert menu.locator("a").first.is_visible()
        menu.locator("summary").click()
