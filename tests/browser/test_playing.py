"""A video is played on its page, and begins anywhere without what lies before."""

from collections.abc import Callable

from playwright.sync_api import Response
from tests.support.gallery import Gallery
from tests.support.video import webm
from tests.support.window import Window

_SECONDS = 30
_SEEK = """(to) => new Promise((done, fail) => {
  const video = document.querySelector("video");
  const told = () => done([video.currentTime, video.videoWidth, video.readyState]);
  video.addEventListener("seeked", told, { once: true });
  video.addEventListener("error", () => fail(video.error.message), { once: true });
  video.currentTime = to;
})"""


def test_a_video_is_sought_by_its_parts(gallery: Gallery, window: Callable[..., Window]) -> None:
    """A jump to near the end asks the hub for bytes from there on, which it sends as a part."""
    video = webm(_SECONDS)
    gallery.push("films", {"owl.webm": video})
    looking = window(token=gallery.token)
    replies: list[Response] = []

    def note(reply: Response) -> None:
        replies.append(reply)

    looking.page.on("response", note)

    assert looking.go("/ada/films/file/main/owl.webm") == 200
    looking.page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert looking.page.evaluate("document.querySelector('video').duration") == _SECONDS
    replies.clear()
    to, wide, ready = looking.page.evaluate(_SEEK, _SECONDS - 2)

    assert (to, wide) == (_SECONDS - 2, 320)
    assert ready >= 2  # the picture of that moment is there
    parts = [reply.headers["content-range"] for reply in replies if reply.status == 206]
    assert all(part.endswith(f"/{len(video)}") for part in parts)
    assert max(int(part.removeprefix("bytes ").partition("-")[0]) for part in parts) > len(video) // 2
