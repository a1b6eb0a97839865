"""Single files in buckets without a clone: `put`, `RemoteRepo` and addresses for fsspec."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.bucket import BucketPeople
from tests.support.cli import TETHER
from tests.support.gcs import gcs_server
from tests.support.gcsserver import Stored
from tests.support.stores import SERVERS

from tether.api.remoterepo import RemoteRepo
from tether.core.identity import Person
from tether.errors import Corrupt, NotFound, Unsupported
from tether.storage.buckets import BucketAddress, open_bucket
from tether.storage.objectstore import ObjectBackend

WEIGHTS = random.Random(5).randbytes(6_000_000)
ADA = Person("Ada", "ada@example.org")


@pytest.fixture(params=["s3", "gs", "az"])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BucketPeople]:
    """Ada and Bob, and a prefix with a repository of two commits; it is sound in the end."""
    people = BucketPeople(tmp_path, SERVERS[request.param]())
    people.ada.inside = people.bob.inside = True
    folder = people.begin({"a": b"one", "images/cat.png": b"cat", "weights.bin": WEIGHTS})
    people.commit(people.ada, folder, "a", b"two")
    people.ada.do("push", "-q", cwd=folder)
    yield people
    assert people.check().problems == []


def test_files_are_put_without_a_clone(people: BucketPeople) -> None:
    """As one commit on top of the branch, of which only what is new is sent; folders and removals too."""
    bob = people.bob
    bob.write("labels.csv", "cat\n")
    bob.write("weights.bin", WEIGHTS[:4_000_000] + b"new" + WEIGHTS[4_000_000:])
    bob.write("set/deep/b.txt", "b")
    shown = bob.json("put", "labels.csv", "weights.bin", "set", f"{people.url}:", "-m", "m", "--remove", "a")
    assert shown["paths"] == ["a", "labels.csv", "set/deep/b.txt", "weights.bin"]
    assert shown["sent"] < 1_000_000
    assert bob.do("get", f"{people.url}:set/deep/b.txt", "-o", "-") == "b"

    folder = people.ada.work / "photos"
    people.ada.do("pull", "-q", cwd=folder)
    assert (folder / "weights.bin").read_bytes() == (bob.work / "weights.bin").read_bytes()
    assert not (folder / "a").exists()
    assert people.ada.do("log", "--oneline", cwd=folder).splitlines()[0].endswith(" m")
    assert bob.do("put", "labels.csv", f"{people.url}@main:", "-m", "again").startswith("nothing to put")
    assert bob.run("put", "labels.csv", f"{people.url}-not:", "-m", "m").code == 3
    assert bob.run("put", "labels.csv", f"{people.url}@none:", "-m", "m").code == 3


@pytest.mark.parametrize("people", ["az"], indirect=True)
def test_two_put_at_once(people: BucketPeople) -> None:
    """Everybody's file is there in the end, each by a commit of its own: the branch moves by comparison."""
    bob = people.bob
    processes = []
    for number in range(2):
        path = bob.write(f"{number}.txt", f"{number}\n")
        command = [str(TETHER), "put", "-q", str(path), f"{people.url}:many/", "-m", f"file {number}"]
        processes.append(subprocess.Popen(command, cwd=bob.work, env=bob.environ))
    assert [process.wait(120) for process in processes] == [0] * 2

    bob.do("clone", "-q", people.url, "copy")
    assert len(list((bob.work / "copy/many").iterdir())) == 2
    assert len(bob.do("log", "--oneline", cwd=bob.work / "copy").splitlines()) == 4


@pytest.mark.parametrize("people", ["gs"], indirect=True)
def test_who_is_overtaken_at_the_same_path_is_told(
    people: BucketPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who comes later at the same path is told; at another path the commit goes on top."""
    from tether.sync.bucketend import BucketEnd

    put_pack, texts = BucketEnd.put_pack, iter(("first", "second"))

    def overtaken(end: BucketEnd, name: Any, data: Any) -> None:
        monkeypatch.undo()
        path = people.ada.write("x", next(texts))
        people.ada.do("put", "-q", str(path), f"{people.url}:a", "-m", "faster")
        put_pack(end, name, data)

    with _remote(people) as remote:
        monkeypatch.setattr(BucketEnd, "put_pack", overtaken)
        with pytest.raises(Exception, match="was changed there at the same paths meanwhile") as found:
            remote.upload(people.bob.write("x", "mine"), "a", "slower", ADA)
        assert getattr(found.value, "code", "") == "conflict"
        monkeypatch.setattr(BucketEnd, "put_pack", overtaken)
        remote.upload(people.bob.write("x", "mine"), "b", "slower", ADA)
    assert people.bob.do("get", f"{people.url}:a", "-o", "-") == "second"
    assert people.bob.do("get", f"{people.url}:b", "-o", "-") == "mine"


def test_parts_of_files_are_read_by_ranges(people: BucketPeople) -> None:
    """By `RemoteRepo` and by an address, of large files only what is read, each chunk verified."""
    came: list[int] = []
    with _remote(people, came) as remote:
        assert remote.read("weights.bin", 5_000_000, 1000) == WEIGHTS[5_000_000:5_001_000]
        assert sum(came) < 3_000_000
        assert remote.read_bytes("images/cat.png") == b"cat"
        with pytest.raises(NotFound):
            remote.read("none")
        with pytest.raises(Unsupported, match="only hubs have workspaces"):
            remote.workspace("main")
    server = people.server
    place = f"tether+{people.url}@main~1"
    with fsspec.open(f"{place}/weights.bin", keys=server.keys()) as file:
        file.seek(-10, 2)
        assert file.read() == WEIGHTS[-10:]
    system, path = fsspec.core.url_to_fs(place, keys=server.keys())
    assert system.cat(f"{path}/a") == b"one"
    assert system.cat(f"{path.partition('@')[0]}@/a") == b"two"
    assert sorted(system.find(path)) == [f"{path}/{name}" for name in ("a", "images/cat.png", "weights.bin")]
    assert system.unstrip_protocol(path) == place
    for wrong in (
        f"{path}/none",
        f"{path.partition('@')[0]}/a",
        "B@main/x",
        f"{path.partition('@')[0]}-not@/a",
    ):
        with pytest.raises(FileNotFoundError):
            system.cat(wrong)
    system.close()
    assert system.cat_file(f"{path}/weights.bin", 5, 8) == WEIGHTS[5:8]


def test_a_column_of_a_table_in_a_bucket(people: BucketPeople, tmp_path: Path) -> None:
    """Arrow and pandas read a table at an address as they do from a hub."""
    columns = {f"c{number:02}": random.Random(number).choices(range(1 << 30), k=5000) for number in range(6)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    people.ada.do("put", "-q", str(tmp_path / "t.parquet"), f"{people.url}:tables/t.parquet", "-m", "A table")
    place, keys = f"tether+{people.url}@main/tables/t.parquet", people.server.keys()
    system, path = fsspec.core.url_to_fs(place, keys=keys)
    read = pq.read_table(path, columns=["c04"], filesystem=system)
    assert read.to_pydict() == {"c04": columns["c04"]}
    frame = pd.read_parquet(place, columns=["c01"], storage_options={"keys": keys})
    assert frame["c01"].tolist() == columns["c01"]
    system.close()


def _remote(people: BucketPeople, came: list[int] | None = None) -> RemoteRepo:
    def opened(address: BucketAddress) -> ObjectBackend:
        return open_bucket(address, people.server.keys(), pace=None if came is None else came.append)

    return RemoteRepo(people.url, open_bucket=opened)


def test_what_was_changed_in_the_bucket_is_noticed(tmp_path: Path) -> None:
    """A part of a file is verified by chunk, whoever wrote over it: nothing wrong is given out."""
    server = gcs_server()
    people = BucketPeople(tmp_path, server)
    people.ada.do("push", "-q", cwd=people.begin({"weights.bin": WEIGHTS}))
    for key, found in list(server.kept.objects.items()):
        if key.startswith(f"{people.url.rpartition('/')[2]}/packs/") and len(found.data) > 1_000_000:
            data = bytearray(found.data)
            data[5_000_000] ^= 1
            server.kept.objects[key] = Stored(bytes(data), found.generation + 1)

    with _remote(people) as remote:
        with pytest.raises(Corrupt):
            remote.read("weights.bin", 4_999_000, 2_000)
        assert remote.read("weights.bin", 0, 100) == WEIGHTS[:100]
