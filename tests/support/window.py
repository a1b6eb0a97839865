"""A window of the browser that notices what goes wrong in it."""

import base64
from typing import Literal, TypeAlias, cast
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, Response
from tests.support import chromium

Theme: TypeAlias = Literal["light", "dark"]
_COOKIE = "tether-session"
_HEIGHT = 900
_NEEDED = frozenset({"document", "script", "stylesheet"})
_STEP_MS = 15_000
"""How long a page may take, on a machine that does much else."""
_READ = """() => {
  const forms = document.querySelectorAll("form[data-note], form[data-upload]");
  for (const form of forms) form.style.display = "none";
  const words = document.querySelector("main").innerText;
  for (const form of forms) form.style.display = "";
  return words;
}"""
_AXE = """async (rules) => {
  const options = {resultTypes: ["violations"], preload: false, elementRef: false, rules: {}};
  for (const rule of axe._audit.rules) {  // what they find would be left out below
    if (["minor", "moderate"].includes(rule.impact)) options.rules[rule.id] = {enabled: false};
  }
  if (rules) options.runOnly = {type: "rule", values: rules};
  const found = await axe.run(document, options);
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact)).map(
    (each) => each.id + ": " + each.nodes.slice(0, 4).map((node) => node.html.slice(0, 160)).join(" | "));
}"""


class Window:
    """A window with no past, on one hub.

    Args:
        browser: Has it.
        url: Of the hub.
        token: Of who is signed in.
        width: Pixels.
        scripts: Whether they run.

    Attributes:
        page: What is shown.
        faults: What went wrong so far: errors and warnings that the browser wrote (of the policy
            too), exceptions of scripts, requests to elsewhere, requests that failed, dialogs.
    """

    def __init__(
        self, browser: Browser, url: str, *, token: str | None = None, width: int = 1280, scripts: bool = True
    ) -> None:
        self.url, self.faults = url, list[str]()
        self._finished, self._sizes = list[Request](), dict[str, int]()
        self._context = browser.new_context(
            viewport={"width": width, "height": _HEIGHT}, java_script_enabled=scripts, reduced_motion="reduce"
        )
        self._context.set_default_timeout(_STEP_MS)
        if token is not None:
            self._context.add_cookies([{"name": _COOKIE, "value": token, "url": url}])
        self._context.on("request", self._request)
        self._context.on("response", self._response)
        self.page = self._new_page()

    def turn(self) -> None:
        """Show a new page, which takes less than a new window; the old one stays open behind it."""
        self.page = self._new_page()

    def _new_page(self) -> Page:
        page = self._context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("dialog", self._dialog)
        page.on("requestfinished", self._request_finished)
        return page

    def go(self, path: str) -> int:
        """Open a page of the hub; return the status."""
        self._finished.clear()
        reply = self.page.goto(self.url + path)
        assert reply is not None
        return reply.status

    def resize(self, width: int, theme: Theme) -> None:
        """Show the same page at another width and in a theme."""
        self.page.set_viewport_size({"width": width, "height": _HEIGHT})
        self.page.emulate_media(color_scheme=theme)

    def wider(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return cast(
            int,
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
        )

    def inaccessible(self, *rules: str) -> list[str]:
        """Return the serious faults of accessibility that axe-core finds, of some rules or all.

        Where there is no axe-core, nobody looks, and none are found.
        """
        if chromium.why_no_axe():
            return []
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(chromium.axe())
        return cast(list[str], self.page.evaluate(_AXE, list(rules) or None))

    def read(self) -> str:
        """Return the words of the page, as they are seen, without the forms that scripts make others of."""
        return cast(str, self.page.evaluate(_READ))

    def focused(self) -> str:
        """Return the text or name of what has the focus."""
        return cast(
            str,
            self.page.evaluate(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || "
                "document.activeElement.name || document.activeElement.tagName).trim()"
            ),
        )

    def weight(self) -> int:
        """Return the bytes, as they came, of what the page that was opened needs before its pictures.

        What the browser kept from an earlier page counts as much as it did there.
        """
        needed = [each for each in self._finished if each.resource_type in _NEEDED]
        for each in needed:
            size = each.sizes()["responseBodySize"]
            self._sizes[each.url] = max(self._sizes.get(each.url, 0), size)
        return sum(self._sizes[url] for url in {each.url for each in needed})

    def told(self) -> list[str]:
        """Return the faults so far, and begin anew."""
        faults, self.faults = self.faults, []
        return faults

    def cookie(self) -> str | None:
        """Return the token in the cookie."""
        found = [each["value"] for each in self._context.cookies() if each["name"] == _COOKIE]
        return found[0] if found else None

    def shot(self) -> bytes:
        """Return a picture of the whole page as WebP, with all that it loads when it is scrolled to."""
        self.page.evaluate("for (const image of document.images) image.loading = 'eager'")
        self.page.wait_for_load_state("networkidle")
        session = self._context.new_cdp_session(self.page)
        options = {"format": "webp", "quality": 72, "captureBeyondViewport": True}
        return base64.b64decode(session.send("Page.captureScreenshot", options)["data"])

    def close(self) -> None:
        """Close it."""
        self._context.close()

    def _console(self, message: ConsoleMessage) -> None:
        told = "status of 4" in message.text  # of a reply, which is looked at for itself
        if message.type in {"error", "warning"} and not told:
            self.faults.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request_finished(self, request: Request) -> None:
        self._finished.append(request)

    def _request(self, request: Request) -> None:
        asked = urlsplit(request.url)  # that the browser asks itself, for its viewer of PDFs, is no fault
        if asked.scheme in {"http", "https", "ws", "wss"} and asked.netloc != urlsplit(self.url).netloc:
            self.faults.append(f"elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.faults.append(f"{response.status}: {response.url}")
