"""Two people over a bucket, without a hub, by the real command against a real S3 server."""

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.bucket import BucketPeople
from tests.support.cli import TETHER
from tests.support.faultproxy import Call, Fault, before
from tests.support.s3 import s3_server

from tether.api.remoterepo import RemoteRepo
from tether.storage.buckets import BucketAddress, open_bucket
from tether.storage.objectstore import ObjectBackend

IMAGES = {f"images/{number:03}.jpg": random.Random(number).randbytes(4000) for number in range(400)}
WEIGHTS = random.Random(5).randbytes(20_000_000)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[BucketPeople]:
    """Ada and Bob, and an empty prefix; the repository there is sound in the end.

    Commands whose environment is not the subject run in this process.
    """
    people = BucketPeople(tmp_path, s3_server())
    people.ada.inside = people.bob.inside = True
    yield people
    report = people.check()
    assert report.problems == []


def test_push_makes_the_repository_and_clone_brings_it(people: BucketPeople) -> None:
    """What was pushed to an empty prefix is what a clone has; both are told what goes on."""
    people.ada.inside = people.bob.inside = False
    folder = people.begin({**IMAGES, "weights.bin": WEIGHTS})
    pushed = people.ada.json("push", cwd=folder)
    assert [ref["state"] for ref in pushed["refs"]] == ["new"]

    cloned = people.bob.json("clone", people.url, "copy")

    assert cloned["files"] == len(IMAGES) + 1
    copy = people.bob.work / "copy"
    assert (copy / "weights.bin").read_bytes() == WEIGHTS
    assert {name: (copy / name).read_bytes() for name in IMAGES} == IMAGES
    assert people.bob.json("fsck", "--full", cwd=copy)["problems"] == []
    assert people.bob.json("remote", cwd=copy) == [{"name": "origin", "url": people.url}]
    assert people.ada.ok("push", cwd=folder) == "to origin: up to date\n"


def test_both_push_and_the_second_is_told_to_pull(people: BucketPeople) -> None:
    """A push that would lose what somebody did is refused; after a pull both have all."""
    ada = people.begin({"a": b"one"})
    people.ada.ok("push", "-q", cwd=ada)
    people.bob.ok("clone", "-q", people.url, "copy")
    bob = people.bob.work / "copy"
    people.commit(people.bob, bob, "b", b"two")
    people.bob.ok("push", "-q", cwd=bob)
    people.commit(people.ada, ada, "c", b"three")

    refused = people.ada.run("push", cwd=ada)
    assert (refused.code, refused.out) == (5, "")
    assert "hint: run 'tether pull' first, then push again" in refused.err
    people.ada.ok("pull", "-q", cwd=ada)
    people.ada.ok("push", "-q", cwd=ada)
    people.bob.ok("pull", "-q", cwd=bob)

    assert sorted(path.name for path in bob.iterdir() if path.name != ".tether") == ["a", "b", "c"]


def test_of_pushes_at_once_one_wins_and_nothing_is_lost(people: BucketPeople) -> None:
    """Six processes push different commits to one branch: one is first, the others are told to pull."""
    people.ada.ok("push", "-q", cwd=people.begin({"a": b"one"}))
    for folder in people.push_at_once(6):
        people.bob.ok("pull", "-q", cwd=folder)
        people.bob.ok("push", "-q", cwd=folder)
    people.ada.ok("clone", "-q", people.url, "end")
    found = {path.name for path in (people.ada.work / "end").iterdir()} - {".tether"}
    assert found == {"a", *(f"file{number}" for number in range(6))}


def test_two_who_push_to_an_empty_prefix_share_one_repository(people: BucketPeople) -> None:
    """Both find or make the same repository; different branches go together."""
    folder = people.begin({"a": b"one"})
    people.ada.ok("branch", "other", cwd=folder)
    processes = [
        subprocess.Popen([TETHER, "push", "-q", "origin", branch], cwd=folder, env=people.ada.environ)
        for branch in ("main", "other")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    people.bob.ok("clone", "-q", people.url, "copy")

    refs = people.bob.ok("branch", "-q", "mine", "origin/other", cwd=people.bob.work / "copy")
    assert refs == ""


def test_the_second_version_sends_what_changed(people: BucketPeople) -> None:
    """A change of a few bytes sends a few, to a bucket as to a hub."""
    folder = people.begin({**IMAGES, "weights.bin": WEIGHTS})
    people.ada.ok("push", "-q", cwd=folder)
    people.bob.ok("clone", "-q", people.url, "copy")
    changed = bytearray(WEIGHTS)
    changed[10_000_000:10_000_100] = bytes(100)
    people.commit(people.ada, folder, "weights.bin", bytes(changed))
    assert people.ada.json("push", cwd=folder)["bytes"] < 500_000
    people.bob.ok("pull", "-q", cwd=people.bob.work / "copy")
    assert (people.bob.work / "copy/weights.bin").read_bytes() == changed


def test_parts_are_cloned_as_from_a_hub(people: BucketPeople) -> None:
    """One path, one commit, or contents when they are first read; dropped contents come back."""
    folder = people.begin({"a/small": b"one", "b/large": WEIGHTS})
    people.commit(people.ada, folder, "c", b"two")
    people.ada.ok("push", "-q", cwd=folder)
    bob = people.bob

    bob.ok("clone", "-q", "--path", "a", "--depth", "1", people.url, "part")
    assert (bob.work / "part/a/small").read_bytes() == b"one"
    assert not (bob.work / "part/b").exists()
    assert len(bob.json("log", cwd=bob.work / "part")) == 1
    bob.ok("clone", "-q", "--lazy", "--path", "a", people.url, "lazy")
    read = bob.run("cat", "HEAD:c", cwd=bob.work / "lazy")
    assert (read.code, read.out) == (0, "two")
    people.ada.ok("drop", "-q", "b/large", cwd=folder)
    people.ada.ok("drop", "-q", "--fetch", "b/large", cwd=folder)
    assert (folder / "b/large").read_bytes() == WEIGHTS


def test_tags_and_deleted_branches_go_too(people: BucketPeople) -> None:
    """All that push and fetch can do with a hub they do with a bucket."""
    folder = people.begin({"a": b"one"})
    people.ada.ok("tag", "-m", "Version 1", "v1", cwd=folder)
    people.ada.ok("branch", "other", cwd=folder)
    people.ada.ok("push", "-q", "--tags", "origin", "main", "other", cwd=folder)
    people.ada.ok("push", "-q", "origin", "-d", "other", cwd=folder)
    people.bob.ok("clone", "-q", people.url, "copy")

    assert [tag["name"] for tag in people.bob.json("tag", cwd=people.bob.work / "copy")] == ["v1"]
    people.ada.ok("commit", "-q", "--amend", "-m", "Another first", cwd=folder)
    assert people.ada.run("push", cwd=folder).code == 5
    people.ada.ok("push", "-q", "--force-with-lease", cwd=folder)


def test_runs_travel_over_a_bucket(people: BucketPeople) -> None:
    """A run is pushed with its artefact; whoever clones has it, and runs of both come together."""
    ada = people.begin({"a": b"one"})
    command = ("run", "-q", "--artefact", "w", "--", "sh", "-c", "echo weights > w")
    people.ada.do(*command, cwd=ada)
    people.ada.do("push", "-q", cwd=ada)
    people.bob.do("clone", "-q", people.url, "copy")
    bob = people.bob.work / "copy"
    [run] = people.bob.json("runs", "list", cwd=bob)
    assert people.bob.do("cat", f"refs/runs/{run['id']}:artefacts/w", cwd=bob) == "weights\n"
    people.bob.do(*command, cwd=bob)
    people.bob.do("push", "-q", cwd=bob)
    people.ada.do("fetch", "-q", cwd=ada)
    assert len(people.ada.json("runs", "list", cwd=ada)) == 2


@pytest.mark.parametrize(
    ("environ", "code", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, 6, "refuses access (SignatureDoesNotMatch)"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_PROFILE": "x"}, 2, "no profile 'x'"),
        ({"AWS_ENDPOINT_URL": "not an address"}, 2, "the endpoint is no address"),
    ],
)
def test_wrong_keys_are_told_without_showing_them(
    people: BucketPeople, environ: dict[str, str | None], code: int, said: str
) -> None:
    """One line says what is wrong, a hint what to do, and no secret is in it."""
    people.ada.ok("push", "-q", cwd=people.begin({"a": b"one"}))
    result = people.bob.run("clone", people.url, "copy", environ=environ)

    assert result.code == code, result
    assert said in result.err
    assert "hint: " in result.err
    assert len(result.err.splitlines()) == 2
    assert not re.search("wrong|ada-secret|Signature=|X-Amz", result.err.replace("SignatureDoesNotMatch", ""))
    assert not (people.bob.work / "copy").exists()


def test_keys_of_a_profile_are_taken(people: BucketPeople) -> None:
    """The files that other tools read are read; the environment counts more."""
    people.ada.ok("push", "-q", cwd=people.begin({"a": b"one"}))
    people.bob.home.joinpath(".aws").mkdir()
    people.bob.home.joinpath(".aws/credentials").write_text(
        "[team]\naws_access_key_id = ada-key\naws_secret_access_key = ada-secret-secret\n"
    )
    people.bob.home.joinpath(".aws/config").write_text(
        f"[profile team]\nregion = us-east-1\nendpoint_url = {people.server.url}\n"
    )
    without = dict.fromkeys(people.server.environment())
    people.bob.ok("clone", "-q", people.url, "copy", environ={**without, "AWS_PROFILE": "team"})

    assert (people.bob.work / "copy/a").read_bytes() == b"one"


def test_who_may_only_read_clones_and_cannot_push(people: BucketPeople) -> None:
    """A reader gets all, and an error with exit code 6 when pushing."""
    people.ada.ok("push", "-q", cwd=people.begin(dict(IMAGES)))
    people.bob.environ |= people.server.environment("reader")
    people.bob.ok("clone", "-q", people.url, "copy")
    people.bob.ok("fetch", "-q", cwd=people.bob.work / "copy")
    people.commit(people.bob, people.bob.work / "copy", "b", b"two")

    refused = people.bob.run("push", cwd=people.bob.work / "copy")

    assert (refused.code, len(refused.err.splitlines())) == (6, 2), refused


def test_where_no_repository_is_nothing_is_cloned(people: BucketPeople) -> None:
    """An empty prefix, a missing bucket and a malformed address are told apart."""
    people.ada.ok("push", "-q", cwd=people.begin({"a": b"one"}))
    for url, code, said in (
        (f"{people.url}-not", 3, "no repository at s3://data/"),
        ("s3://no-such-bucket/x", 3, "there is no bucket s3://no-such-bucket"),
        ("s3://", 2, "not an address in a bucket"),
        ("s3://data/../x", 2, "not an address in a bucket"),
        ("s3://user:secret@data/x", 2, "not an address in a bucket"),
    ):
        result = people.bob.run("clone", url, "copy")
        assert (result.code, said in result.err) == (code, True), result
    refused = people.ada.run(
        "push", cwd=people.ada.work / "photos", environ={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )
    assert refused.code == 8


def test_push_does_not_make_a_repository_among_other_things(people: BucketPeople) -> None:
    """A prefix with other keys is left as it is."""
    import obstore
    from obstore.store import S3Store

    folder = people.begin({"a": b"one"})
    raw = S3Store(people.server.bucket, config=people.server.keys(), client_options={"allow_http": True})  # type: ignore[arg-type]
    place = people.url.removeprefix(f"s3://{people.server.bucket}/")
    obstore.put(raw, f"{place}/holiday.jpg", b"x")

    refused = people.ada.run("push", cwd=folder)
    assert (refused.code, "holds other things" in refused.err) == (4, True)

    obstore.delete(raw, f"{place}/holiday.jpg")
    people.ada.ok("push", "-q", cwd=folder)


def test_a_server_that_fails_all_the_time_loses_nothing(tmp_path: Path) -> None:
    """Two people push and pull in turn while every fourth request is refused, lost or cut."""
    server = s3_server()
    chance = random.Random(11)
    faults = [fault for fault in Fault if fault != Fault.STALLED]
    with before(server.url) as proxy:
        people = BucketPeople(tmp_path, server, endpoint=proxy.url)
        proxy.rule = lambda number, _call: chance.choice(faults) if number % 4 == 3 else None
        ada = people.begin({**IMAGES, "weights.bin": WEIGHTS})
        people.ada.ok("push", "-q", cwd=ada)
        people.bob.ok("clone", "-q", people.url, "copy")
        bob = people.bob.work / "copy"
        for number in range(2):
            people.commit(people.bob, bob, f"bob{number}", b"%d" % number)
            people.bob.ok("push", "-q", cwd=bob)
            people.commit(people.ada, ada, f"ada{number}", b"%d" % number)
            assert people.ada.run("push", "-q", cwd=ada).code == 5
            people.ada.ok("pull", "-q", cwd=ada)
            people.ada.ok("push", "-q", cwd=ada)
            people.bob.ok("pull", "-q", cwd=bob)
    assert people.check().problems == []
    names = {path.name for path in bob.iterdir() if path.is_file()}
    assert names == {"weights.bin", *(f"{who}{number}" for who in ("ada", "bob") for number in range(2))}
    log = people.bob.json("log", cwd=bob)
    assert len([entry for entry in log if len(entry["parents"]) < 2]) == 5


def test_a_killed_push_leaves_the_old_state_and_goes_on(tmp_path: Path) -> None:
    """What was sent whole is not sent again, and nobody sees the branch before all is there."""
    server = s3_server()
    with before(server.url) as proxy:
        people = BucketPeople(tmp_path, server, endpoint=proxy.url)
        folder = people.begin({"first": b"x"})
        people.ada.ok("push", "-q", cwd=folder)
        for number in range(4):
            people.commit(people.ada, folder, f"part{number}", random.Random(number).randbytes(12_000_000))
        push = subprocess.Popen([str(TETHER), "push"], cwd=folder, env=people.ada.environ)
        there = set(people.keys("packs"))

        def rule(_number: int, call: Call) -> Fault | None:
            sends = call.method == "PUT" and "/packs/" in call.path
            if sends and len(people.keys("packs")) >= len(there) + 2:
                push.kill()
                return Fault.CUT_BEFORE
            return None

        proxy.rule = rule
        push.wait()
        assert push.returncode == -9
        people.bob.ok("clone", "-q", people.url, "before")
        assert not (people.bob.work / "before/part0").exists()
        sent = set(people.keys("packs")) - there
        assert len(sent) >= 2

        proxy.rule = lambda _number, _call: None
        begun = len(proxy.calls)
        people.ada.ok("push", "-q", cwd=folder)
        puts = [call.path for call in proxy.calls[begun:] if call.method == "PUT"]
        again = {path.rpartition("/")[2].partition("?")[0] for path in puts}
        assert not again & {key.rpartition("/")[2] for key in sent}
        people.bob.ok("clone", "-q", people.url, "after")
    assert people.check().problems == []
    for number in range(4):
        assert (people.bob.work / f"after/part{number}").stat().st_size == 12_000_000


def test_a_clone_takes_few_requests(tmp_path: Path) -> None:
    """Packs come whole, in parts of 5 MiB; all else is a few questions, however many files there are."""
    server = s3_server()
    with before(server.url) as proxy:
        people = BucketPeople(tmp_path, server, endpoint=proxy.url)
        folder = people.begin({**IMAGES, "weights.bin": WEIGHTS})
        people.ada.ok("push", "-q", cwd=folder)
        pushed = len(proxy.calls)
        people.bob.ok("clone", "-q", people.url, "copy")
        cloned = len(proxy.calls) - pushed
        people.bob.ok("fetch", "-q", cwd=people.bob.work / "copy")
        fetched = len(proxy.calls) - pushed - cloned

    assert (pushed <= 50, cloned <= 25, fetched <= 4) == (True, True, True), (pushed, cloned, fetched)


def test_get_brings_files_out_of_a_bucket(people: BucketPeople) -> None:
    """A file, a folder of an older version and a file to the output, without a clone."""
    folder = people.begin({**IMAGES, "weights.bin": WEIGHTS})
    people.ada.ok("push", "-q", cwd=folder)
    people.commit(people.ada, folder, "images/000.jpg", b"another")
    people.ada.ok("push", "-q", cwd=folder)
    bob = people.bob

    one = bob.json("get", f"{people.url}:images/000.jpg")
    assert (bob.work / "000.jpg").read_bytes() == b"another"
    assert one[0]["bytes"] == 7
    bob.ok("get", "-q", f"{people.url}@main~1:images", "-o", "older")
    assert {f"images/{path.name}": path.read_bytes() for path in (bob.work / "older").iterdir()} == IMAGES
    assert bob.run("get", f"{people.url}:none").code == 3
    assert bob.run("get", f"{people.url}-elsewhere:none").code == 3


def test_a_part_of_a_file_in_a_bucket_is_read_by_ranges(people: BucketPeople) -> None:
    """Seeking in a large file brings what is read and little more, and what it says is true."""
    folder = people.begin({"weights.bin": WEIGHTS})
    people.ada.ok("push", "-q", cwd=folder)
    came: list[int] = []

    def counted(address: BucketAddress) -> ObjectBackend:
        return open_bucket(address, people.server.keys(), pace=came.append)

    with RemoteRepo(people.url, open_bucket=counted) as remote:
        assert remote.read("weights.bin", 15_000_000, 1000) == WEIGHTS[15_000_000:15_001_000]
        assert sum(came) < 2_000_000
        with remote.open("weights.bin") as file:
            file.seek(-10, 2)
            assert file.read() == WEIGHTS[-10:]
        assert [info.path for info in remote.ls()] == ["weights.bin"]
