"""Two people over buckets of Google and Azure, without a hub, against the servers beside the tests."""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.bucket import BucketPeople
from tests.support.cli import Result, Room
from tests.support.stores import SERVERS

IMAGES = {f"images/{number:03}.jpg": random.Random(number).randbytes(4000) for number in range(20)}
WEIGHTS = random.Random(5).randbytes(6_000_000)


@pytest.fixture(params=["gs", "az"])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BucketPeople]:
    """Ada and Bob, and an empty prefix; the repository there is sound in the end."""
    people = BucketPeople(tmp_path, SERVERS[request.param]())
    people.ada.inside = people.bob.inside = True
    yield people
    assert people.check().problems == []


def told(room: Room, environ: Mapping[str, str | None], *arguments: str, cwd: Path | None = None) -> Result:
    """Run a command with other variables; None removes one."""
    before, changed = room.environ, {**room.environ, **environ}
    room.environ = {name: value for name, value in changed.items() if value is not None}
    try:
        return room.run(*arguments, cwd=cwd)
    finally:
        room.environ = before


def test_two_people_push_and_pull(people: BucketPeople) -> None:
    """A push makes the repository, a clone has all; the second is told to pull, and nothing is lost."""
    ada = people.begin({**IMAGES, "weights.bin": WEIGHTS})
    people.ada.do("push", "-q", cwd=ada)
    people.bob.do("clone", "-q", people.url, "copy")
    bob = people.bob.work / "copy"
    assert {name: (bob / name).read_bytes() for name in IMAGES} == IMAGES
    assert (bob / "weights.bin").read_bytes() == WEIGHTS
    people.commit(people.bob, bob, "b", b"two")
    people.bob.do("push", "-q", cwd=bob)
    people.commit(people.ada, ada, "c", b"three")

    refused = people.ada.run("push", cwd=ada)
    assert refused.code == 5
    assert "hint: run 'tether pull' first, then push again" in refused.err
    people.ada.do("fetch", "-q", cwd=ada)
    people.ada.do("pull", "-q", cwd=ada)
    people.ada.do("push", "-q", cwd=ada)
    people.bob.do("pull", "-q", cwd=bob)
    assert {"b", "c", "weights.bin"} <= {path.name for path in bob.iterdir()}
    assert people.ada.do("push", cwd=ada) == "to origin: up to date\n"


def test_of_pushes_at_once_one_wins_and_nothing_is_lost(people: BucketPeople) -> None:
    """Processes push different commits to one branch: one is first, the others are told to pull."""
    people.ada.do("push", "-q", cwd=people.begin({"a": b"one"}))
    _, late = people.push_at_once(2)
    people.bob.do("pull", "-q", cwd=late)
    people.bob.do("push", "-q", cwd=late)
    people.ada.do("clone", "-q", people.url, "end")
    found = {path.name for path in (people.ada.work / "end").iterdir()} - {".tether"}
    assert found == {"a", *(f"file{number}" for number in range(2))}


def test_who_may_only_read_clones_and_cannot_push(people: BucketPeople) -> None:
    """A reader gets all, and an error with exit code 6 when pushing; wrong keys are told, not shown."""
    people.ada.do("push", "-q", cwd=people.begin(dict(IMAGES)))
    people.bob.environ |= people.server.environment("reader")
    if people.server.scheme == "az":
        del people.bob.environ["AZURE_STORAGE_ACCOUNT_KEY"]
    people.bob.do("clone", "-q", people.url, "copy")
    people.commit(people.bob, people.bob.work / "copy", "b", b"two")
    refused = people.bob.run("push", cwd=people.bob.work / "copy")
    assert (refused.code, len(refused.err.splitlines())) == (6, 2), refused

    wrong: dict[str, str | None] = {
        "AZURE_STORAGE_SAS_TOKEN": "sp=rl&sig=wrong",
        "GOOGLE_APPLICATION_CREDENTIALS": "/none",
    }
    refused = told(people.bob, wrong, "fetch", cwd=people.bob.work / "copy")
    assert refused.code in (2, 6), refused
    assert len(refused.err.splitlines()) == 2
    assert not re.search("wrong|sig=|BEGIN", refused.err), refused


def test_what_is_not_there_is_told(people: BucketPeople) -> None:
    """An empty prefix, a missing bucket and missing keys are told apart."""
    people.ada.do("push", "-q", cwd=people.begin({"a": b"one"}))
    scheme = people.server.scheme
    none: dict[str, str | None] = dict.fromkeys(people.server.environment())
    cases: list[tuple[str, dict[str, str | None], int, str]] = [
        (f"{people.url}-not", {}, 3, f"no repository at {scheme}://data/"),
        (f"{scheme}://no-such-bucket/x", {}, 3, f"there is no bucket {scheme}://no-such-bucket"),
        (
            people.url,
            {"GOOGLE_BASE_URL": "x", "AZURE_STORAGE_ENDPOINT": "x"},
            2,
            "the endpoint is no address",
        ),
        *([(people.url, none, 2, "fit no client")] if scheme == "az" else []),
    ]
    for url, environ, code, said in cases:
        result = told(people.bob, environ, "clone", url, "copy")
        assert (result.code, said in result.err) == (code, True), result


def test_a_connection_string_is_enough(tmp_path: Path) -> None:
    """The one variable that Azure's portal shows has account, key and endpoint."""
    server = SERVERS["az"]()
    people = BucketPeople(tmp_path, server)
    people.ada.do("push", "-q", cwd=people.begin({"a": b"one"}))
    named = server.environment()
    for name in named:
        del people.bob.environ[name]
    people.bob.environ["AZURE_STORAGE_CONNECTION_STRING"] = (
        f"DefaultEndpointsProtocol=http;AccountName={named['AZURE_STORAGE_ACCOUNT_NAME']};"
        f"AccountKey={named['AZURE_STORAGE_ACCOUNT_KEY']};BlobEndpoint={named['AZURE_STORAGE_ENDPOINT']};"
    )
    people.bob.do("clone", "-q", people.url, "copy")
    assert (people.bob.work / "copy/a").read_bytes() == b"one"
