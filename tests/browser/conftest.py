"""One browser and one hub for all tests of this folder, and windows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import chromium
from tests.support.gallery import Gallery
from tests.support.window import Window


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Return a hub that runs, with ada's repositories; skips where there is nothing to look at it with.

    Tests leave what is in it as it is, and make repositories of their own for what they change.
    """
    if reason := chromium.why_not():
        pytest.skip(reason)
    gallery = Gallery(tmp_path_factory.mktemp("gallery"))
    yield gallery
    gallery.close()


@pytest.fixture(scope="package")
def browser(gallery: Gallery) -> Iterator[Any]:
    """Return a browser that runs.

    It ends with the last test here: while it runs, so does an event loop, and other tests need their own.
    """
    assert gallery  # it is made first, by commands that may need a loop of their own
    with chromium.browsing() as browser:
        yield browser


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


@pytest.fixture(scope="module")
def kept(browser: Any, gallery: Gallery) -> Iterator[Callable[..., Window]]:
    """Return what opens a window as wide as a phone, or gives the one of the same sort opened before."""
    opened: dict[tuple[str | None, bool], Window] = {}

    def give(token: str | None, *, scripts: bool = True) -> Window:
        sort = (token, scripts)
        if sort not in opened:
            opened[sort] = Window(browser, gallery.url, token=token, width=390, scripts=scripts)
        return opened[sort]

    yield give
    for each in opened.values():
        each.close()
