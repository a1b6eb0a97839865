"""`RemoteRepo` and `tether://`: files of a hub by ranges, from Python, pandas and Arrow."""

import io
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file
from tests.support.cutting import CuttingProxy
from tests.support.shelf import TEXT, WEIGHTS, Shelf

import tether
from tether.api.filesystem import TetherFileSystem
from tether.api.remotefile import BLOCK, RemoteFile
from tether.core.digest import hash_bytes
from tether.core.tree import EntryKind
from tether.errors import Corrupt, InvalidInput, NotFound, Unauthenticated, Unsupported
from tether.sync.remotefiles import Look, RemoteEntry, Take

COLUMNS = 12
ROWS = 200_000


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Return a hub that runs, with a table in Ada's repository."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    numbers = np.random.default_rng(1)
    table = pa.table({f"c{at:02}": numbers.standard_normal(ROWS) for at in range(COLUMNS)})
    pq.write_table(table, shelf.source / "table.parquet", compression="none", use_dictionary=False)
    save_file({"w": numbers.standard_normal(ROWS)}, shelf.source / "m.safetensors")
    for words in (["add", "-q", "-A"], ["commit", "-q", "-m", "table"], ["push", "-q"]):
        shelf.ada.do(*words, cwd=shelf.source)
    yield shelf
    shelf.hub.stop()


@pytest.fixture
def proxy(shelf: Shelf) -> Iterator[CuttingProxy]:
    """Return a proxy before the hub, which counts what the hub sends."""
    with CuttingProxy(shelf.hub.url) as proxy:
        yield proxy


@pytest.fixture
def system(shelf: Shelf, proxy: CuttingProxy) -> Iterator[TetherFileSystem]:
    """Return the file system of the hub, through the proxy."""
    system = fsspec.filesystem("tether", host=proxy.url.removeprefix("http://"), token=shelf.token)
    yield system
    system.close()
    TetherFileSystem.clear_instance_cache()


@pytest.fixture(params=["hub", "folder"])
def remote(shelf: Shelf, request: pytest.FixtureRequest) -> Iterator[tether.RemoteRepo]:
    """Return the repository on the hub, and the one in a folder."""
    url = shelf.url if request.param == "hub" else str(shelf.source)
    with tether.RemoteRepo(url, shelf.token, "main") as remote:
        yield remote


def test_it_is_listed_and_read(remote: tether.RemoteRepo, shelf: Shelf) -> None:
    """As a snapshot of a clone is."""
    with tether.Repo.open(shelf.source) as repo:
        snapshot = repo.at("main")
        assert remote.id == snapshot.id
        assert remote.ls() == snapshot.ls()
        assert remote.ls("images/") == snapshot.ls("images")
        assert list(remote.walk()) == list(snapshot.walk())
        assert remote.info("images") == snapshot.info("images")
    assert remote.read_bytes("README") == b"hello again\n"
    assert remote.read("weights.bin", 5_000_000, 1000) == WEIGHTS[5_000_000:5_001_000]
    assert remote.read("weights.bin", len(WEIGHTS) - 5, 50) == WEIGHTS[-5:]
    assert remote.read("weights.bin", len(WEIGHTS) + 5, 50) == remote.read("weights.bin", 5, 0) == b""
    assert remote.read_bytes("newest") == b"cat"
    assert (remote.exists("images/empty"), remote.exists("none")) == (True, False)


def test_what_is_not_there(remote: tether.RemoteRepo, shelf: Shelf) -> None:
    """Errors are those of the tree, and a hub tells nobody what is private."""
    with pytest.raises(NotFound):
        remote.open("none")
    with pytest.raises(InvalidInput):
        remote.open("images")
    with pytest.raises(InvalidInput):
        remote.read("README", -1)
    for url, token, revision in (
        (shelf.url, shelf.token, "none"),
        (shelf.url, None, "main"),
        (str(shelf.source / "images"), None, "main"),
    ):
        with pytest.raises(NotFound):
            tether.RemoteRepo(url, token, revision)
    with pytest.raises(Unauthenticated):
        tether.RemoteRepo(shelf.url, "tth_wrong", "main")


def test_a_version_stays(shelf: Shelf) -> None:
    """What comes to the branch later is not seen."""
    with tether.RemoteRepo(shelf.url, shelf.token, "feature/x") as remote:
        shelf.ada.ok("push", "-q", "origin", "main", cwd=shelf.source)
        shelf.ada.ok("branch", "-q", "-f", "feature/x", "main", cwd=shelf.source)
        shelf.ada.ok("push", "-q", "origin", "feature/x", cwd=shelf.source)
        assert remote.read_bytes("README") == TEXT["README"].encode()


def test_a_file_behaves_as_one(remote: tether.RemoteRepo) -> None:
    """Reads and seeks in any order give what they give of the bytes themselves."""
    dice = random.Random(1)
    with remote.open("weights.bin") as file, io.BytesIO(WEIGHTS) as expected:
        for _ in range(200):
            place = dice.choice([0, dice.randrange(len(WEIGHTS) + 10), len(WEIGHTS) - dice.randrange(9)])
            count = dice.choice([0, 1, 100, 70_000, 300_000, 5_000_000])
            if dice.random() < 0.6:
                assert file.seek(place) == expected.seek(place)
            assert file.read(count) == expected.read(count)
            assert file.tell() == expected.tell()
        assert file.seek(-7, io.SEEK_END) == len(WEIGHTS) - 7
        assert file.read() == WEIGHTS[-7:]
        file.seek(0)
        assert file.read() == WEIGHTS


def test_a_model_is_looked_into_by_ranges(shelf: Shelf, proxy: CuttingProxy) -> None:
    """The facts of a model on a hub cost its header, not the model; its digests are those of the clone."""
    with tether.RemoteRepo(f"{proxy.url}/ada/photos", shelf.token, "main") as remote:
        before = proxy.received
        with tether.Model.open(remote.open("m.safetensors")) as model:
            assert model.facts.parameters == ROWS
            assert proxy.received - before < 2 * BLOCK
            with tether.Model.open(shelf.source / "m.safetensors") as here:
                assert model.digest() == here.digest()


class Served:
    """Files of an end that counts and lies.

    Attributes:
        reads: The ranges that were asked for.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.reads = data, list[tuple[int, int]]()

    def read(self, commit: str, entry: RemoteEntry, start: int, stop: int, take: Take) -> None:
        """Give bytes."""
        self.reads.append((start, stop))
        take(self.data[start:stop])

    def look(self, rev: str, path: bytes, after: bytes = b"", limit: int = 0) -> Look:
        """Never asked."""
        raise AssertionError

    def small(self, entries: Any) -> Iterator[tuple[int, bytes]]:
        """Never asked."""
        raise AssertionError

    def close(self) -> None:
        """Never asked."""


def opened(end: Served, data: bytes) -> io.BufferedReader:
    """Return a file over the end whose digest is that of `data`."""
    entry = RemoteEntry(b"x", EntryKind.FILE, len(data), hash_bytes(data), 1)
    return io.BufferedReader(RemoteFile(end, "ab" * 32, entry), 65536)


def test_small_reads_in_order_are_few_requests() -> None:
    """Reading ahead grows; what was read ahead is not asked for again; jumping about reads little."""
    end = Served(WEIGHTS)
    with opened(end, WEIGHTS) as file:
        while file.read(10_000):
            pass
    assert len(end.reads) < 10
    assert sum(stop - start for start, stop in end.reads) == len(WEIGHTS)

    end.reads.clear()
    with opened(end, WEIGHTS) as file:
        for place in (7_000_000, 10, 3_000_000, 20, 7_000_010):
            file.seek(place)
            file.read(100)
    assert sum(stop - start for start, stop in end.reads) <= 3 * BLOCK


@pytest.mark.parametrize("count", [1000, 300_000, 6_000_000, -1])
def test_a_file_read_in_order_is_verified(count: int) -> None:
    """Its last byte does not come when one byte was another."""
    wrong = bytearray(WEIGHTS)
    wrong[4_000_000] ^= 1
    with opened(Served(bytes(wrong)), WEIGHTS) as file, pytest.raises(Corrupt):
        while file.read(count):
            pass


def test_a_column_of_a_table(system: TetherFileSystem, proxy: CuttingProxy, shelf: Shelf) -> None:
    """Arrow reads one column of many and its pages alone; the hub sends little more than that."""
    size = (shelf.source / "table.parquet").stat().st_size
    before = proxy.received
    table = pq.read_table("ada/photos@main/table.parquet", columns=["c07"], filesystem=system)

    expected = pq.read_table(shelf.source / "table.parquet", columns=["c07"])
    assert table.equals(expected)
    assert proxy.received - before < 8 * ROWS + 6 * BLOCK
    assert proxy.received - before < size / 5


def test_pandas_reads_by_address(shelf: Shelf, proxy: CuttingProxy) -> None:
    """An address is all that it needs, and the token."""
    address = f"tether://{proxy.url.removeprefix('http://')}/ada/photos@main"
    options = {"token": shelf.token}
    frame = pd.read_parquet(f"{address}/table.parquet", columns=["c00"], storage_options=options)
    assert frame.equals(pd.read_parquet(shelf.source / "table.parquet", columns=["c00"]))

    with fsspec.open(f"{address}/README", "rt", **options) as file:
        assert file.read() == "hello again\n"
    TetherFileSystem.clear_instance_cache()


def test_a_file_system(system: TetherFileSystem, shelf: Shelf) -> None:
    """Folders are listed, links led through, parts read; names have the repository before them."""
    assert system.ls("ada/photos@main/images", detail=False) == [
        f"ada/photos@main/images/{name}" for name in ("cat.png", "empty", "small")
    ]
    assert system.ls("ada/photos@main/README", detail=False) == ["ada/photos@main/README"]
    assert set(system.find("ada/photos@main/images")) == {
        f"ada/photos@main/{name}" for name in TEXT if name.startswith("images/")
    }
    info = system.info("ada/photos@main/newest")
    assert (info["type"], info["size"], info["islink"]) == ("file", 3, True)
    assert system.info("ada/photos")["type"] == "directory"
    assert system.cat_file("ada/photos/weights.bin", -100, -50) == WEIGHTS[-100:-50]
    assert system.cat_file("ada/photos@feature%2Fx/newest") == b"cat"
    assert system.cat_file("ada/photos/README", 5, 2) == b""
    assert system.ukey("ada/photos/newest") == hash_bytes(b"cat").hex()
    assert system.glob("ada/photos@main/images/*.png") == ["ada/photos@main/images/cat.png"]
    address = system.unstrip_protocol("ada/photos@main/README")
    assert fsspec.core.url_to_fs(address, token=shelf.token) == (system, "ada/photos@main/README")


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("", "no host of a hub is given"),
        ("https://hub.example.org", "not a host of a hub: https://hub.example.org"),
        ("hub.example.org/ada/photos", "not a host of a hub: hub.example.org/ada/photos"),
        ("hub.example.org:x", "not a host of a hub: hub.example.org:x"),
    ],
)
def test_a_file_system_without_a_host(host: str, says: str) -> None:
    """It says what is missing, and how to write it."""
    with pytest.raises(InvalidInput, match=f"^{re.escape(says)}$") as found:
        fsspec.filesystem("tether", **({"host": host} if host else {}))
    assert 'host="HOST:PORT"' in str(found.value.hint)
    TetherFileSystem.clear_instance_cache()


def test_errors_of_a_file_system(system: TetherFileSystem, shelf: Shelf) -> None:
    """They are those that fsspec knows, where it knows one."""
    for path in ("ada/photos/none", "ada/none/x", "ada", "", "ada/photos@none/README"):
        with pytest.raises(FileNotFoundError):
            system.info(path)
        assert not system.exists(path)
    with pytest.raises(IsADirectoryError):
        system.open("ada/photos/images")
    with pytest.raises(Unsupported):
        system.open("ada/photos/README", "wb")
    wrong = TetherFileSystem(shelf.hub.url.removeprefix("http://"), token="tth_wrong")
    with pytest.raises(PermissionError):
        wrong.info("ada/photos")
    wrong.close()


def test_other_machines_are_asked_with_tls() -> None:
    """Plain HTTP is for this machine, unless it is asked for."""
    bases = {}
    for host, plain in (
        ("localhost:8000", None),
        ("127.0.0.1", None),
        ("[::1]:80", None),
        ("hub.example.org", None),
    ):
        bases[host] = TetherFileSystem(host, plain_http=plain)._client.base
    bases["plain"] = TetherFileSystem("hub.example.org", plain_http=True)._client.base
    TetherFileSystem.clear_instance_cache()

    assert bases == {
        "localhost:8000": "http://localhost:8000",
        "127.0.0.1": "http://127.0.0.1",
        "[::1]:80": "http://[::1]",
        "hub.example.org": "https://hub.example.org",
        "plain": "http://hub.example.org",
    }


def test_cuts_do_not_show(shelf: Shelf, proxy: CuttingProxy) -> None:
    """A reader sees no cut connection."""
    proxy.cuts = [600_000] * 4
    with (
        tether.RemoteRepo(f"{proxy.url}/ada/photos", shelf.token) as remote,
        remote.open("weights.bin") as file,
    ):
        assert file.read() == WEIGHTS
    assert proxy.connections > 4


def test_a_file_outlives_nothing(tmp_path: Path) -> None:
    """A folder that is no repository is refused at once."""
    with pytest.raises(NotFound):
        tether.RemoteRepo(tmp_path)
