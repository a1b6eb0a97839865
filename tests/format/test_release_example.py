"""The example of docs/format/release.md is what the code writes, and the code reads it."""

import hashlib
import re

from blake3 import blake3
from tests.support.pages import page

from tether.core.identity import Time
from tether.releases.manifest import Creator, Data, Manifest, Source, Weights
from tether.runs.rundoc import stamp

COMMIT = "966008289c708ec776b8bbb302553925ae8f8a6985b3f84836f22fe862384d67"


def test_the_example_of_a_release() -> None:
    """The manifest is that on the page, byte for byte, and so is the id."""
    text = page("release")
    [example] = re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S)
    made = Manifest(
        name="animals",
        version="1.0",
        created=stamp(Time(1_767_225_600_000_000, 0)),
        creator=Creator(name="Ada", email="ada@example.org"),
        weights=(
            Weights(
                path="weights/weights.bin",
                kind="file",
                digest=blake3(b"weights\n").hexdigest(),
                files=1,
                bytes=8,
                sha256=hashlib.sha256(b"weights\n").hexdigest(),
            ),
        ),
        command=("sh", "train.sh"),
        parameters={"lr": 0.1},
        seeds={"seed": 17},
        data=(
            Data(
                path="data/train/images",
                kind="directory",
                digest="dee2170ee4509f9b3b4e7a2948a6b0886972d1fb7ff77762c455297870734fe3",
                files=1,
                bytes=6,
                role="train",
                name="train",
                included=False,
                source=Source(commit=COMMIT, path="images"),
            ),
        ),
        licences={"release": "MIT"},
        tolerance={"accuracy": 0.005},
    )

    assert made.encode() == example.encode()
    assert Manifest.decode(example.encode(), "animals@1.0") == made
    assert f"`{made.id.hex()}`" in text
