"""The example of docs/format/release-folder.md is what the code writes, and code and `sha256sum` read it."""

import hashlib
import re
import subprocess
from pathlib import Path

from tests.support.pages import page

from tether.releases.exports.packing import parse_sums, sums

FILES = {"data/train/a b.txt": b"hello\n", "data/train/c\\d": b""}


def test_the_example_of_sums(tmp_path: Path) -> None:
    """The list is the one on the page, byte for byte."""
    [example] = re.findall(r"^```text\n(.*?)^```$", page("release-folder"), re.M | re.S)
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}

    assert sums(digests) == example.encode()
    assert parse_sums(example.encode()) == {path.encode(): digest for path, digest in digests.items()}

    for path, data in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    (tmp_path / "SHA256SUMS").write_text(example)
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_names_with_line_ends_come_back() -> None:
    """A name cannot make a line of its own."""
    digests = {"a\nb\\n": "0" * 64, "c\rd": "1" * 64}

    assert parse_sums(sums(digests)) == {path.encode(): digest for path, digest in digests.items()}
