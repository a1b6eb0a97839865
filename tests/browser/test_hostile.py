"""What strangers put into repositories and pages, tried in a real browser: no script of theirs ever runs."""

import io
import json
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.gallery import Gallery
from tests.support.window import Window

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
SVG = f"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(3)'>{SCRIPT}</svg>"
README = f"""# Traps {SCRIPT}

{IMAGE} <svg onload=alert(4)></svg> <a href="javascript:alert(5)">one</a> [two](javascript:alert(6))
[three](<java\tscript:alert(7)>) [four](data:text/html,{SCRIPT})
<iframe src="javascript:alert(8)"></iframe>
<form action="/-/signout" method="post"><button>Free birds</button></form> <base href="http://evil.example/">
<meta http-equiv="refresh" content="0;url=http://evil.example/"> <style>body{{display:none}}</style>
![far](http://evil.example/pixel.png) <img src="http://evil.example/pixel.gif">
<math><mtext><style>{IMAGE}</style>

```html
{SCRIPT}
```

<details ontoggle=alert(9) open><summary>x</summary></details>
<a id="main" name="find" style="position:fixed;inset:0">all</a>
"""


def huge_png(side: int) -> bytes:
    """Return a picture of `side` times `side` pixels of one bit in a few kB."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = bytes(side // 8 + 1)
    packed = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", packed) + part(b"IEND", b"")


def bomb() -> bytes:
    """Return an archive that holds a thousand times of its size, and names of evil."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"../../{IMAGE}", bytes(20_000_000))
        archive.writestr(SCRIPT, "x")
    return out.getvalue()


CELLS = [
    {"cell_type": "markdown", "source": README},
    {
        "cell_type": "code",
        "source": SCRIPT,
        "outputs": [
            {"output_type": "display_data", "data": {"text/html": SCRIPT, "image/svg+xml": SVG}},
            {"output_type": "display_data", "data": {"application/javascript": "alert(10)"}},
            {"output_type": "stream", "text": [IMAGE]},
        ],
    },
]
HEADER = json.dumps(
    {SCRIPT: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "__metadata__": {"a": IMAGE}}
)
TRAPS: dict[str, bytes] = {  # the empty ones are filled when they are needed: it takes long
    "README.md": README.encode(),
    "page.html": f"<!doctype html>{SCRIPT}{IMAGE}".encode(),
    "drawing.svg": SVG.encode(),
    "owl.png": f"<html>{SCRIPT}".encode(),
    "fake.jpg": b"\xff\xd8\xff\xe0" + SCRIPT.encode(),
    "gif.js": b"GIF89a=1;alert(11)",
    "huge.png": b"",
    "bomb.zip": b"",
    "book.ipynb": json.dumps({"cells": CELLS}).encode(),
    "deep.json": b"[" * 100_000,
    "keys.json": json.dumps({SCRIPT: IMAGE, "__proto__": {"a": SVG}}).encode(),
    "cells.csv": f"a,{SCRIPT}\n{IMAGE},=cmd()\n{SVG},2\n".encode(),
    "w.safetensors": struct.pack("<Q", len(HEADER)) + HEADER.encode() + bytes(4),
    "lies.safetensors": struct.pack("<Q", 1 << 62) + b"{}",
    "code.py": f'"""{SCRIPT}"""\nx = "{IMAGE}"\n'.encode(),
    "paper.pdf": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(12))>>>>endobj\n",
    f"{IMAGE}.txt": b"an odd name\n",
    '"><script>alert(13)<': b"an odd name\n",
}
HOSTILE = (
    ".prose form, iframe, main [style], base, main #main, main [onerror], main [onload],"
    " main script:not([src]),"
    " meta[http-equiv], main a[href^='javascript'], main a[href^='data'], main style"
)
"""What must not be on a page."""
CONTENTS = ("404: ", "400: ", "415: ")
"""Pictures that are none get such replies, which is no fault of the page."""


@pytest.fixture(scope="module")
def traps(gallery: Gallery) -> Gallery:
    """Return the hub with ada/traps."""
    filled = {"huge.png": huge_png(30_000), "bomb.zip": bomb()}
    gallery.push("traps", TRAPS | filled, f"{SCRIPT}\n\n{IMAGE}")
    return gallery


def test_no_file_runs_on_its_page(traps: Gallery, window: Callable[..., Window]) -> None:
    """Page and difference of each: nothing that the policy had to stop."""
    looking = window(token=traps.token)

    for name in TRAPS:
        for address in ("file/main", "diff/..main"):
            assert looking.go(f"/ada/traps/{address}/{quote(name)}") == 200, (address, name)
            assert looking.page.locator("main").is_visible()
            assert looking.page.locator(HOSTILE).count() == 0, (address, name)
    looking.faults = [fault for fault in looking.faults if not fault.startswith(CONTENTS)]


def test_no_file_runs_alone(traps: Gallery, window: Callable[..., Window]) -> None:
    """The contents of each, opened as a page: nothing of them runs."""
    looking = window(token=traps.token)
    for name in TRAPS:
        looking.turn()  # the page before may still be on its way to the contents
        looking.go("/-/signup")
        with looking.page.expect_response(lambda reply: "/raw/" in reply.url):
            looking.page.evaluate("(url) => { location.href = url }", f"/ada/traps/raw/main/{quote(name)}")
        looking.page.wait_for_timeout(50)
    looking.faults = [fault for fault in looking.faults if fault.startswith("dialog")]


@pytest.mark.parametrize("address", ["", "/tree/main?view=grid", "/history/main", "/commit/main"])
def test_no_page_of_a_hostile_repository_runs_anything(
    traps: Gallery, window: Callable[..., Window], address: str
) -> None:
    """Names, messages and the README are words; the README covers nothing and leads nowhere else."""
    looking = window(token=traps.token)
    looking.page.goto(f"{traps.url}/ada/traps{address}")
    looking.page.wait_for_load_state("networkidle")

    assert looking.page.url == f"{traps.url}/ada/traps{address}"
    assert looking.page.locator(HOSTILE).count() == 0
    looking.faults = [fault for fault in looking.faults if not fault.startswith(CONTENTS)]


@contextmanager
def evil_site(body: str) -> Iterator[str]:
    """Serve one page on another port of the same address, which is the nearest that a stranger can be."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = body.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_page_of_a_stranger_changes_nothing(gallery: Gallery, window: Callable[..., Window]) -> None:
    """A form that sends itself, with the cookie, does not sign out; nor does a script reach the API."""
    looking = window(token=gallery.token)
    body = f"""<form method=post action="{gallery.url}/-/signout"></form>
    <script>
    fetch("{gallery.url}/api/v1/repos/ada/nothing",
      {{method: "DELETE", credentials: "include", mode: "no-cors"}})
      .catch(() => 0)
      .then(() => fetch("{gallery.url}/api/v1/repos/ada/nothing", {{method: "POST", body: "{{}}",
        credentials: "include", mode: "no-cors"}}))
      .catch(() => 0).then(() => document.forms[0].submit())
    </script>"""

    with evil_site(body) as url:
        looking.page.goto(url)
        looking.page.wait_for_url(f"{gallery.url}/-/signout")

    looking.faults.clear()
    assert looking.go("/ada/nothing") == 200
    assert looking.page.get_by_label("Your menu").count() == 1


def test_a_page_of_a_stranger_frames_nothing(gallery: Gallery, window: Callable[..., Window]) -> None:
    """No page of the hub is shown inside of another."""
    looking = window(token=gallery.token)
    frames = "".join(
        f'<iframe src="{gallery.url}{path}"></iframe>' for path in ("/", "/ada/birds", "/-/signin")
    )

    with evil_site(frames) as url:
        looking.page.goto(url)
        looking.page.wait_for_load_state()
        shown = [frame.content() for frame in looking.page.frames[1:]]

    assert len(shown) == 3
    assert not any("Tether" in each for each in shown)
    looking.faults.clear()


def test_contents_are_no_scripts_of_a_stranger(traps: Gallery, window: Callable[..., Window]) -> None:
    """A page that names contents as its script or style gets nothing of them, and cannot read them."""
    looking = window(token=traps.token)
    raw = f"{traps.url}/ada/traps/raw/main"
    body = f"""<script src="{raw}/gif.js"></script><script>
    fetch("{raw}/code.py", {{credentials: "include"}}).then((reply) => reply.text())
      .then(() => document.title = "read", () => document.title = "refused")
    </script>"""

    with evil_site(body) as url:
        looking.page.goto(url)
        looking.page.wait_for_function("document.title !== ''")
        assert looking.page.title() == "refused"

    assert not any(fault.startswith("dialog") for fault in looking.faults)
    looking.faults.clear()


def test_a_huge_picture_and_a_bomb_do_not_stop_the_hub(traps: Gallery, window: Callable[..., Window]) -> None:
    """Whoever asks for their pages again and again finds other pages, and little memory used."""
    looking = window(token=traps.token)
    for name in ("huge.png", "bomb.zip", "deep.json", "lies.safetensors"):
        for _ in range(3):
            looking.go(f"/ada/traps/file/main/{name}")

    assert looking.go("/ada/birds") == 200
    status = Path(f"/proc/{traps.hub.process.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 700_000  # kB
    looking.faults = [fault for fault in looking.faults if not fault.startswith(CONTENTS)]
