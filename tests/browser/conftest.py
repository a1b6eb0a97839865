"""A browser and a hub for each process of tests, and a fresh window for each test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import chromium
from tests.support.gallery import Gallery
from tests.support.window import Window


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser that runs; skips where there is none.

    It ends with its module: while it runs, so does an event loop, beside which other tests can run none.
    """
    if reason := chromium.why_not():
        pytest.skip(reason)
    with chromium.browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def gallery(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Return a hub that runs, with ada's repositories."""
    assert browser  # no hub is started where there is nothing to look at it with
    gallery = Gallery(tmp_path_factory.mktemp("gallery"))
    yield gallery
    gallery.close()


@pytest.fixture
def window(browser: Any, gallery: Gallery) -> Iterator[Callable[..., Window]]:
    """Return what opens a window on the hub; at the end, whatever went wrong in one fails the test."""
    opened: list[Window] = []

    def open_window(**options: Any) -> Window:
        opened.append(Window(browser, gallery.url, **options))
        return opened[-1]

    yield open_window
    for each in opened:
        each.close()
    assert [fault for each in opened for fault in each.faults] == []
