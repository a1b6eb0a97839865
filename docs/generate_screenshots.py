"""Pictures of every page into `docs/screenshots/`, at two widths and in both themes.

`make screenshots` runs it. All go below `docs/screenshots/all/`, which is not committed; those that the
README shows go beside that folder. Needs a Chromium.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import get_args

from tests.support import chromium
from tests.support.gallery import FAILING, PAGES, Gallery
from tests.support.window import Theme, Window

FOLDER = Path(__file__).parent / "screenshots"
WIDTHS = (1280, 390)
CHOSEN = {
    "/ada/birds": "repository",
    "/ada/birds/tree/main/images/day?view=grid": "pictures",
    "/ada/birds/diff/v1...main/tables/labels.csv": "rows",
    "/ada/birds/commit/main": "commit",
}
"""Addresses of pages that the README shows, and the names of their pictures."""


def main() -> int:
    """Take all pictures; return 1 where no browser can be had."""
    if reasons := [reason for reason in chromium.install() if "axe" not in reason]:
        sys.stderr.write(f"{reasons[0]}\n")
        return 1
    (FOLDER / "all").mkdir(parents=True, exist_ok=True)
    addresses = [address for of_route in PAGES.values() for address in of_route] + [FAILING]
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(Path(folder))
        try:
            with chromium.browsing() as browser:
                for address in addresses:
                    token = None if address.startswith("/-/sign") else gallery.token
                    _shoot(Window(browser, gallery.url, token=token), address, gallery)
        finally:
            gallery.close()
    return 0


def _shoot(window: Window, address: str, gallery: Gallery) -> None:
    name = re.sub(r"[^a-z0-9.]+", "-", address.lower()).strip("-") or "home"
    window.go(gallery.place(address))
    for width in WIDTHS:
        for theme in get_args(Theme):
            window.resize(width, theme)
            picture = window.shot()
            (FOLDER / "all" / f"{name}-{width}-{theme}.webp").write_bytes(picture)
            if address in CHOSEN and width == WIDTHS[0]:
                (FOLDER / f"{CHOSEN[address]}-{theme}.webp").write_bytes(picture)
    window.close()


if __name__ == "__main__":
    sys.exit(main())
