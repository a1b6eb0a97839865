"""Several writers at once: one winner, no value lost or torn."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.places import Place
from tests.support.racing import WRITERS, race

from tether.errors import AlreadyExists, Conflict
from tether.storage.local import LocalBackend

COUNT = """
import sys
from pathlib import Path
from tether.errors import Conflict, NotFound
from tether.storage.local import LocalBackend

backend = LocalBackend(Path(sys.argv[1]))
sys.stdin.readline()
won = 0
while won < int(sys.argv[2]):
    try:
        old = backend.read("count")
    except NotFound:
        old = None
    try:
        backend.swap("count", old, str(int(old or 0) + 1).encode())
        won += 1
    except Conflict:
        pass
"""


@pytest.mark.every_bucket
def test_of_writers_that_expect_the_same_value_one_wins(place: Place) -> None:
    """One swap succeeds, and its value is the one stored."""
    place.backend.swap("root", None, b"start")
    winners = race(lambda number: place.backend.swap("root", b"start", b"%d" % number), Conflict)

    assert len(winners) == 1
    assert place.get("root") == b"%d" % winners[0]


@pytest.mark.every_bucket
def test_of_writers_of_a_new_key_one_wins(place: Place) -> None:
    """The same for a first value, by swap and by write_new."""
    swapped = race(lambda number: place.backend.swap("root", None, b"%d" % number), Conflict)
    written = race(lambda number: place.backend.write_new("new/key", b"%d" % number), AlreadyExists)

    assert len(swapped) == len(written) == 1
    assert place.get("root") == b"%d" % swapped[0]
    assert place.get("new/key") == b"%d" % written[0]


def test_uploads_of_one_value_at_once_all_succeed(place: Place) -> None:
    """Writers of the same content do not disturb each other."""
    value = b"x" * 100_000

    def act(_number: int) -> None:
        with place.backend.upload() as upload:
            upload.write(value)
            upload.finish("packs/one")

    assert race(act, Exception) == list(range(WRITERS))
    assert place.get("packs/one") == value
    assert place.keys() == {"packs/one"}


def test_readers_never_see_a_part_while_a_writer_swaps(place: Place) -> None:
    """Each read gives one whole value, and never an older one than before."""
    size = 20_000
    place.backend.swap("root", None, bytes(size))

    def act(number: int) -> None:
        if number == 0:
            for round_ in range(1, 30):
                place.backend.swap("root", bytes([round_ - 1]) * size, bytes([round_]) * size)
            return
        newest = 0
        while newest < 29:
            value = place.backend.read("root")
            assert value == value[:1] * size
            assert value[0] >= newest
            newest = value[0]

    assert race(act, Conflict) == list(range(WRITERS))


def test_processes_that_swap_lose_no_update(tmp_path: Path) -> None:
    """Four processes count to a total together by compare-and-swap."""
    command = [sys.executable, "-c", COUNT, str(tmp_path / "store"), "25"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()

    assert [process.wait() for process in processes] == [0] * 4
    assert LocalBackend(tmp_path / "store").read("count") == b"100"
