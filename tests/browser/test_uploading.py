"""Five hundred pictures dropped on a page at once."""

import re
from collections.abc import Callable

from tests.support.gallery import Gallery
from tests.support.window import Window

_PICTURES = 500
_LONGEST_MS = 240_000
"""How long the upload may take on a machine that does much else."""
_DROP = """async (count) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2;
  const pen = canvas.getContext("2d"), held = new DataTransfer();
  for (let at = 0; at < count; at += 1) {
    pen.fillStyle = `rgb(${at >> 4}, ${(at & 15) * 16}, 128)`;
    pen.fillRect(0, 0, 2, 2);
    const data = await new Promise((done) => canvas.toBlob(done, "image/png"));
    held.items.add(new File([data], `${String(at).padStart(4, "0")}.png`, { type: "image/png" }));
  }
  const place = document.querySelector(".dropped");
  for (const name of ["dragenter", "dragover", "drop"]) {
    place.dispatchEvent(new DragEvent(name, { dataTransfer: held, bubbles: true, cancelable: true }));
  }
}"""


def test_five_hundred_pictures_are_dropped(gallery: Gallery, window: Callable[..., Window]) -> None:
    """Each is sent by a request of its own; the page counts them, and one commit has all."""
    gallery.push("heap", {"README.md": b"# A heap\n"})
    looking = window(token=gallery.token)
    page = looking.page
    looking.go("/ada/heap")
    page.locator("summary", has_text="Add").click()
    page.get_by_role("link", name="Upload files").click()
    page.get_by_role("button", name="Choose files").click()
    page.get_by_label("Into folder").fill("pictures")

    page.evaluate(_DROP, _PICTURES)
    page.get_by_text(f"+{_PICTURES}", exact=True).first.wait_for(timeout=_LONGEST_MS)
    page.get_by_label("Why").fill("Five hundred pictures")
    page.get_by_role("button", name="Commit", exact=True).click()
    page.wait_for_url(re.compile("/ada/heap/commit/"))

    gallery.ada.do("get", "-q", "-o", "heap", f"{gallery.url}/ada/heap@main:pictures")
    got = {place.name: place.read_bytes() for place in (gallery.ada.work / "heap/pictures").iterdir()}
    assert sorted(got) == [f"{number:04d}.png" for number in range(_PICTURES)]
    assert len(set(got.values())) == _PICTURES
    assert all(data.startswith(b"\x89PNG") for data in got.values())
