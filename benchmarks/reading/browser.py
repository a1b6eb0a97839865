"""Pages as a real browser loads them, by its own clock."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from tests.support.chromium import browsing

_TIMES = 3
_MEASURED = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const all = [page, ...performance.getEntriesByType("resource")];
  return {
    first_byte_ms: page.responseStart - page.startTime,
    dom_ms: page.domContentLoadedEventEnd - page.startTime,
    load_ms: page.loadEventEnd - page.startTime,
    bytes: all.reduce((sum, each) => sum + each.transferSize, 0),
    requests: all.length,
  };
}"""


def load_pages(pages: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Load each page some times with an empty cache; return medians of what the browser measured.

    Args:
        pages: Addresses by name.
    """
    found = {}
    with browsing() as browser:
        for name, address in pages.items():
            met: list[dict[str, Any]] = []
            for _ in range(_TIMES):
                context = browser.new_context()
                page = context.new_page()
                page.goto(address, wait_until="load", timeout=120_000)
                page.wait_for_function("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
                met.append(page.evaluate(_MEASURED))
                context.close()
            found[name] = {key: median(each[key] for each in met) for key in met[0]}
    return found
