"""`get`: files and folders of a hub or a folder, without a clone; cuts, damage, what is in the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.cutting import CuttingProxy
from tests.support.shelf import TEXT, WEIGHTS, Shelf


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Return the repository and a hub that runs."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    yield shelf
    shelf.hub.stop()


@pytest.fixture
def room(shelf: Shelf, tmp_path: Path) -> Room:
    """Return an empty room of Ada's."""
    room = Room(tmp_path)
    room.inside = True
    room.environ["TETHER_TOKEN"] = shelf.ada.environ["TETHER_TOKEN"]
    return room


@pytest.fixture(params=["hub", "folder", "file"])
def address(shelf: Shelf, request: pytest.FixtureRequest) -> str:
    """Return the address of the repository, of each kind."""
    folder = shelf.ada.work / "source"
    return {"hub": shelf.url, "folder": str(folder), "file": f"file://{folder}"}[request.param]


def leftovers(folder: Path) -> list[Path]:
    """Return files that have no name of their own yet."""
    return [path for path in folder.rglob("*") if path.name.startswith(".tether")]


def test_get_files(room: Room, address: str) -> None:
    """Files come under their last names, of the revision asked for; modes and links are kept."""
    shown = room.json("get", f"{address}:weights.bin", f"{address}@HEAD~1:README", f"{address}:run.sh")

    assert (room.work / "weights.bin").read_bytes() == WEIGHTS
    assert (room.work / "README").read_text() == "hello\n"
    assert (room.work / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (room.work / "README").stat().st_mode & 0o777 == 0o644
    assert [(each["path"], each["bytes"], each["received"]) for each in shown] == [
        (str(room.work / "weights.bin"), len(WEIGHTS), len(WEIGHTS)),
        (str(room.work / "README"), 6, 6),
        (str(room.work / "run.sh"), 10, 10),
    ]
    assert len(shown[0]["commit"]) == 64
    assert leftovers(room.work) == []


def test_get_a_folder(room: Room, address: str) -> None:
    """A folder comes with all that is below it; the whole tree under the name of the repository."""
    room.ok("get", "-q", f"{address}@feature%2Fx:images")
    room.ok("get", "-q", f"{address}@feature%2Fx:", "-o", "all")

    assert (room.work / "images/small/dog.png").read_text() == "dog"
    for name, text in TEXT.items():
        assert (room.work / "all" / name).read_text() == text
    assert (room.work / "all/weights.bin").read_bytes() == WEIGHTS
    assert str((room.work / "all/newest").readlink()) == "images/cat.png"
    assert sorted(path.name for path in (room.work / "images").iterdir()) == ["cat.png", "empty", "small"]


def test_get_into_and_as(room: Room, shelf: Shelf) -> None:
    """`-o` is the new name, a folder to put files into, or the output."""
    (room.work / "there").mkdir()
    room.ok("get", "-q", f"{shelf.url}:README", "-o", "READ.ME")
    room.ok("get", "-q", f"{shelf.url}:README", "-o", "there")
    room.ok("get", "-q", f"{shelf.url}:README", f"{shelf.url}:run.sh", "-o", "new/folder/")

    for path in ("READ.ME", "there/README", "new/folder/README"):
        assert (room.work / path).read_text() == "hello again\n"
    assert room.ok("get", f"{shelf.url}:README", "-o", "-") == "hello again\n"
    assert room.run("get", f"{shelf.url}:images", "-o", "-").code == 2
    assert room.run("get", f"{shelf.url}:README", f"{shelf.url}:run.sh", "-o", "READ.ME").code == 2


def test_what_is_in_the_way(room: Room, shelf: Shelf) -> None:
    """Another file stays, unless it is to be replaced; the same one is left alone; a folder always stays."""
    room.ok("get", "-q", f"{shelf.url}:images")
    again = room.json("get", f"{shelf.url}:images")
    assert [each["received"] for each in again] == [0]

    (room.work / "images/cat.png").write_text("mine")
    (room.work / "images/small/dog.png").unlink()
    room.transcript(f"""
        $ tether get {shelf.url}:images
        error: .../images/cat.png exists and is another file
        hint: choose another place with -o, or replace it with --force
        [4]
    """)
    assert (room.work / "images/cat.png").read_text() == "mine"
    assert not (room.work / "images/small/dog.png").exists()
    room.ok("get", "-q", "--force", f"{shelf.url}:images")
    assert (room.work / "images/cat.png").read_text() == "cat"
    (room.work / "README").mkdir()
    assert room.run("get", "--force", f"{shelf.url}:README").code == 4


def test_links_are_not_followed(room: Room, shelf: Shelf) -> None:
    """A link where a folder is to be leads nowhere; a link where a file is to be is replaced itself."""
    (room.work / "out/images").mkdir(parents=True)
    (room.work / "outside").mkdir()
    room.write("victim", "mine")
    (room.work / "out/images/small").symlink_to("../../outside")
    (room.work / "out/images/cat.png").symlink_to("../../victim")

    assert room.run("get", "--force", f"{shelf.url}:images", "-o", "out").code != 0
    assert list((room.work / "outside").iterdir()) == []
    (room.work / "out/images/small").unlink()
    room.ok("get", "-q", "--force", f"{shelf.url}:images", "-o", "out/")
    assert (room.work / "victim").read_text() == "mine"


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (":none", 3),
        ("@none:README", 3),
        ("@main", 2),
        ("", 2),
        ("@feature/x:README", 2),
        (":../README", 2),
        ("s:README", 3),
    ],
)
def test_what_is_not_there(room: Room, shelf: Shelf, place: str, code: int) -> None:
    """Nothing is written."""
    result = room.run("get", shelf.url + place)

    assert result.code == code, result
    assert list(room.work.iterdir()) == []


def test_private_files_are_not_there_for_others(room: Room, shelf: Shelf) -> None:
    """Without a token it is as if there were no repository."""
    del room.environ["TETHER_TOKEN"]

    room.transcript(f"""
        $ tether get {shelf.url}:README
        error: no repository ada/photos for you here
        hint: check the address; run 'tether login URL', or set TETHER_TOKEN
        [3]
    """)


def test_cut_connections(room: Room, shelf: Shelf) -> None:
    """After each cut only the rest is asked for, however often it happens."""
    with CuttingProxy(shelf.hub.url) as proxy:
        proxy.cuts = [900_000] * 7
        room.ok("get", "-q", f"{proxy.url}/ada/photos:weights.bin")

        assert (room.work / "weights.bin").read_bytes() == WEIGHTS
        assert proxy.connections >= 8
        assert proxy.received < len(WEIGHTS) + 8 * 65_536


def test_a_download_goes_on_in_another_process(room: Room, shelf: Shelf) -> None:
    """What came before the network went away is not asked for again, and damage in it is found."""
    part = room.work / f".tether-tmp-{hash_of(shelf)[:32]}"
    for left, received in ((WEIGHTS[:5_000_000], 3_000_000), (bytes(6_000_000), len(WEIGHTS)), (WEIGHTS, 0)):
        part.write_bytes(left)
        [shown] = room.json("get", "--force", f"{shelf.url}:weights.bin")

        assert shown["received"] == received
        assert (room.work / "weights.bin").read_bytes() == WEIGHTS
        (room.work / "weights.bin").unlink()
    assert leftovers(room.work) == []


def hash_of(shelf: Shelf) -> str:
    """Return the digest of the weights as the command line tells it."""
    [row] = [
        row for row in shelf.ada.json("ls", cwd=shelf.ada.work / "source") if row["path"] == "weights.bin"
    ]
    digest: str = row["digest"]
    return digest


def test_two_at_once(room: Room, shelf: Shelf) -> None:
    """A file that another process downloads is left to it."""
    import fcntl

    with (room.work / f".tether-tmp-{hash_of(shelf)[:32]}").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert room.run("get", f"{shelf.url}:weights.bin").code == 8
