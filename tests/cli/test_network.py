"""Proxies, certificates of one's own, and limits of what a command may use of the network."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_hub_transfer import People
from tests.support.bucket import BucketPeople
from tests.support.cli import Room
from tests.support.relay import Certificates, make_certificates, proxy, tls_before
from tests.support.s3 import s3_server

DATA = random.Random(11).randbytes(2_000_000)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return Ada with a commit that is not pushed yet, Bob, and a hub; the repository is public."""
    people = People(tmp_path)
    ada = people.ada
    ada.do("repo", "create", f"{people.hub.url}/ada/open")
    people.url = f"{people.hub.url}/ada/open"
    ada.do("init", "-q")
    for number in range(4):
        ada.write(f"part{number}", DATA[number * 500_000 : (number + 1) * 500_000])
    ada.do("add", "-q", "-A")
    ada.do("commit", "-q", "-m", "first")
    ada.do("remote", "add", "-q", "origin", people.url)
    yield people
    people.hub.close()


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Return those of an office."""
    return make_certificates(tmp_path / "certificates")


def timed(room: Room, *arguments: str) -> float:
    """Run a command and return how many seconds it took."""
    begun = time.monotonic()
    room.ok(*arguments)
    return time.monotonic() - begun


def test_a_limit_of_the_rate_holds_in_both_directions(people: People) -> None:
    """2 MB at 1 MB a second take two seconds, by option and by setting, whatever runs at once."""
    ada, bob = people.ada, people.bob
    assert timed(ada, "push", "-q", "--limit-rate", "1MB", "--jobs", "8") > 1.7
    assert timed(bob, "clone", "-q", "--limit-rate", "1MB", "--jobs", "8", people.url, "one") > 1.7
    bob.ok("config", "-q", "--global", "transfer.rate", "1000k")
    bob.ok("config", "-q", "--global", "transfer.jobs", "3")
    assert timed(bob, "get", "-q", f"{people.url}:", "-o", "two") > 1.7
    assert (bob.work / "two/part1").read_bytes() == DATA[500_000:1_000_000]
    people.check_hub()


def test_a_slow_limit_is_kept_and_nothing_is_cut(people: People) -> None:
    """Far below what fits into the buffers of a connection."""
    people.ada.ok("push", "-q")
    people.bob.write("small", random.Random(13).randbytes(60_000))
    token = {"TETHER_TOKEN": people.tokens["ada"]}

    begun = time.monotonic()
    people.bob.ok(
        "put", "-q", "small", f"{people.url}:small", "-m", "slowly", "--limit-rate", "20k", environ=token
    )
    assert time.monotonic() - begun > 2.4
    people.check_hub()


def test_what_is_no_rate_is_refused(people: People) -> None:
    """As an option and as a setting, before anything is asked of the hub."""
    people.ada.transcript("""
        $ tether push --limit-rate fast
        error: not a rate: 'fast'
        hint: write bytes a second as 500kB, 5MB or 5MiB
        [2]
        $ tether config transfer.rate 10
        error: '10' is too slow to be kept up
        hint: give at least 1024 bytes a second
        [2]
    """)
    assert people.ada.run("push", "--jobs", "0").code == 2


def test_a_bucket_keeps_to_the_limit_too(tmp_path: Path) -> None:
    """Parts wait for their turn in both directions."""
    there = BucketPeople(tmp_path, s3_server())
    folder = there.begin({"weights": DATA})
    begun = time.monotonic()
    there.ada.ok("push", "-q", "--limit-rate", "1MB", cwd=folder)
    assert time.monotonic() - begun > 1.7
    assert timed(there.bob, "clone", "-q", "--limit-rate", "1MB", there.url, "copy") > 1.7
    assert (there.bob.work / "copy/weights").read_bytes() == DATA


def test_a_proxy_by_setting_and_by_the_environment(people: People) -> None:
    """All goes through it; NO_PROXY and an empty setting go around it."""
    ada, bob = people.ada, people.bob
    with proxy() as between:
        ada.ok("config", "-q", "http.proxy", between.url)
        ada.ok("push", "-q")
        assert between.asked
        assert {line.split()[1].partition("/api")[0] for line in between.asked} == {people.hub.url}

        between.asked.clear()
        bob.ok("clone", "-q", people.url, "one", environ={"http_proxy": between.url})
        assert between.asked
        between.asked.clear()
        around = {"http_proxy": between.url, "NO_PROXY": "example.org, 127.0.0.1"}
        bob.ok("clone", "-q", people.url, "two", environ=around)
        bob.ok("config", "-q", "--global", "http.proxy", "")
        bob.ok("clone", "-q", people.url, "three", environ={"ALL_PROXY": between.url})
        assert between.asked == []


def test_a_hub_with_a_certificate_of_an_own_authority(people: People, certificates: Certificates) -> None:
    """It is refused until the authority is named, by a setting or by SSL_CERT_FILE; also through a proxy."""
    ada, bob = people.ada, people.bob
    ada.ok("push", "-q")
    with tls_before(people.hub.url, certificates) as url, proxy("bob:p@ss") as between:
        refused = bob.run("clone", f"{url}/ada/open", "none")
        assert refused.code == 8
        assert "http.ca" in refused.err
        bob.ok("clone", "-q", f"{url}/ada/open", "one", environ={"SSL_CERT_FILE": str(certificates.ca)})
        bob.ok("config", "-q", "--global", "http.ca", str(certificates.ca))
        bob.ok("login", "-q", url, "--token-stdin", stdin=people.tokens["bob"].encode())
        named = {"HTTPS_PROXY": between.url.replace("//", "//bob:p%40ss@")}
        bob.ok("clone", "-q", f"{url}/ada/open", "two", environ=named)
        assert (bob.work / "two/part0").read_bytes() == DATA[:500_000]
        assert {line.rpartition(" ")[0] for line in between.asked} == {
            f"CONNECT {url.removeprefix('https://')}"
        }
        turned_away = bob.run("clone", f"{url}/ada/open", "three", environ={"HTTPS_PROXY": between.url})
        assert turned_away.code == 8
        assert "through the proxy" in turned_away.err


def test_certificates_that_are_none(people: People) -> None:
    """The file is named, and it does not look like a hub that cannot be reached; plain HTTP needs none."""
    bob = people.bob
    bob.write("not.pem", "nothing\n")
    bob.ok("config", "-q", "--global", "http.ca", str(bob.work / "not.pem"))
    refused = bob.run("clone", people.url.replace("http:", "https:"))
    assert (refused.code, "not.pem has no certificates" in refused.err) == (2, True)
    bob.ok("clone", "-q", people.url, "one")
