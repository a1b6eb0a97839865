"""What a reviewer does with the mouse: points at rows and regions, compares pictures, pastes one."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests.support.gallery import Gallery
from tests.support.window import Window

_PASTE = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 4;
  const data = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const held = new DataTransfer();
  held.items.add(new File([data], "pasted.png", { type: "image/png" }));
  document.querySelector("textarea").dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: held, bubbles: true, cancelable: true }));
}"""


def filled(page: Page, *names: str) -> list[str]:
    """Return what stands in fields of the form for a note."""
    return [page.locator(f"form[data-note] [name={name}]").input_value() for name in names]


def test_a_click_on_a_row_and_a_drag_over_a_picture_fill_the_form(
    gallery: Gallery, window: Callable[..., Window]
) -> None:
    """The key of the row; the region in pixels of the picture, however large it is shown."""
    looking = window(token=gallery.token)
    page = looking.page
    looking.go("/ada/birds/pulls/2/file?path=tables/labels.csv")
    page.locator("tr[id^='row-']", has_text="swift").click()
    assert filled(page, "kind", "key", "side") == ["row", "12", "head"]
    page.locator("tr[id^='row-']").evaluate("(row) => (row.className = 'removed')")
    page.locator("tr[id^='row-']").click()
    assert filled(page, "kind", "key", "side") == ["row", "12", "base"]  # where it still is

    looking.go("/ada/birds/pulls/2/file?path=images/dusk/0001.jpg")
    image = page.locator(".pictures img")
    image.scroll_into_view_if_needed()
    image.evaluate("(image) => image.decode()")
    scale = image.evaluate("(image) => image.naturalWidth / image.getBoundingClientRect().width")
    box = image.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100 / scale, box["y"] + 90 / scale)
    page.mouse.down()
    page.mouse.move(box["x"] + 60 / scale, box["y"] + 40 / scale, steps=3)
    page.mouse.up()

    assert filled(page, "kind", "side") == ["region", "head"]
    region = [int(value) for value in filled(page, "x", "y", "w", "h")]
    assert all(abs(found - wanted) <= 1 for found, wanted in zip(region, (60, 40, 40, 50), strict=True)), (
        region
    )
    assert page.url.endswith("0001.jpg")  # the drag opened nothing
    mark = page.locator(".pictures .marking > span").bounding_box()
    assert mark is not None
    assert abs(mark["x"] - box["x"] - 60 / scale) <= 2
    assert abs(mark["width"] - 40 / scale) <= 5  # with its edges


def test_two_pictures_are_compared_by_a_slider(gallery: Gallery, window: Callable[..., Window]) -> None:
    """It uncovers the later picture, by the keys too."""
    looking = window(token=gallery.token)
    looking.go("/ada/birds/diff/v1...main/images/day/0000.jpg")
    slider, upper = looking.page.locator("[data-swipe] input"), looking.page.locator("[data-swipe] .upper")

    slider.fill("0")
    assert upper.evaluate("(image) => image.style.clipPath") == "inset(0px 0px 0px 100%)"
    slider.press("End")
    assert upper.evaluate("(image) => image.style.clipPath") == "inset(0px 0px 0px 0%)"


def test_a_pasted_picture_is_kept_and_shown(gallery: Gallery, window: Callable[..., Window]) -> None:
    """Its line is put into the text, and the discussion shows it."""
    gallery.push("talks", {"README.md": b"# Talks\n"})
    looking = window(token=gallery.token)
    page = looking.page
    looking.go("/ada/talks/discussions/new")
    page.get_by_label("Title").fill("A picture")

    page.evaluate(_PASTE)
    expect(page.locator("textarea")).to_have_value(re.compile(r"^!\[picture\]\(/-/attachments/"))
    page.get_by_role("button", name="Begin").click()

    page.wait_for_url(re.compile("/ada/talks/discussions/1"))
    image = page.locator(".said img")
    image.evaluate("(image) => image.decode()")
    assert image.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [4, 4]
