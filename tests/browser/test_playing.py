"""A video is played on its page, and begins anywhere without what lies before; a sound is drawn."""

import math
import re
from collections.abc import Callable

from playwright.sync_api import Request, Response
from tests.support.flac import RATE, flac
from tests.support.gallery import Gallery
from tests.support.video import webm
from tests.support.window import Window

_SECONDS = 30
_DURATION = """() => new Promise((done) => {
  const video = document.querySelector("video");
  if (video.readyState) done(video.duration);
  video.addEventListener("loadedmetadata", () => done(video.duration), { once: true });
})"""
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
    assert looking.page.evaluate(_DURATION) == _SECONDS
    replies.clear()
    to, wide, ready = looking.page.evaluate(_SEEK, _SECONDS - 2)

    assert (to, wide) == (_SECONDS - 2, 320)
    assert ready >= 2  # the picture of that moment is there
    parts = [reply.headers["content-range"] for reply in replies if reply.status == 206]
    assert all(part.endswith(f"/{len(video)}") for part in parts)
    assert max(int(part.removeprefix("bytes ").partition("-")[0]) for part in parts) > len(video) // 2


def test_a_sound_that_the_server_cannot_decode_is_drawn_by_the_browser(
    gallery: Gallery, window: Callable[..., Window]
) -> None:
    """Silence is a thin line, what follows is as high as it is loud; what is no sound is left alone."""
    tone = [int(20_000 * math.sin(at / 3)) for at in range(8 * 4096)]
    gallery.push("songs", {"owl.flac": flac([0] * len(tone) + tone), "cut.flac": flac(tone)[:60]})
    looking = window(token=gallery.token)

    assert looking.go("/ada/songs/file/main/owl.flac") == 200
    looking.page.locator("svg.wave").wait_for()
    path = looking.page.locator("svg.wave path").get_attribute("d")

    assert path is not None
    places = [(float(above), float(below)) for above, below in re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", path)]
    assert len(places) == 240
    assert {below - above for above, below in places[:119]} == {1.0}
    loud = [below - above for above, below in places[121:]]
    assert max(loud) < 65 < min(loud) + 7  # of 100, where 61 is 20,000 of 32,768
    assert looking.go("/ada/songs/file/main/cut.flac") == 200
    looking.page.wait_for_load_state("networkidle")
    assert not looking.page.locator("svg.wave").is_visible()
    looking.faults = [fault for fault in looking.faults if "exception" in fault]


def test_a_long_sound_is_not_decoded(gallery: Gallery, window: Callable[..., Window]) -> None:
    """Few bytes may be hours: what says so is played, but not fetched to be drawn."""
    tone = [int(20_000 * math.sin(at / 3)) for at in range(4 * 4096)]
    sounds = {"long.flac": flac(tone, 901 * RATE), "short.flac": flac(tone, 899 * RATE)}
    gallery.push("lengths", sounds)
    looking = window(token=gallery.token)
    fetched: list[str] = []

    def note(request: Request) -> None:
        if request.resource_type == "fetch":
            fetched.append(request.url.rpartition("/")[2])

    looking.page.on("request", note)
    for name in sounds:
        assert looking.go(f"/ada/lengths/file/main/{name}") == 200
        length = looking.page.evaluate(_DURATION.replace("video", "audio"))
        assert (length > 900) is (name == "long.flac")
        looking.page.wait_for_load_state("networkidle")

    assert fetched == ["short.flac"]
